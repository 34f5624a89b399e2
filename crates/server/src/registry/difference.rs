//! In what two registries differ.

use std::sync::Arc;

use super::{HandlerRegistry, Primitive, Table};
use crate::access::{Guard, Guarded, PrimitiveKind};

impl HandlerRegistry {
    /// Returns what stands before the primitives on some lists that only one of two registries has, or that are others there.
    pub(crate) fn difference<'a>(&'a self, other: &'a Self, lists: &[Primitive]) -> Vec<&'a Guard> {
        let mut guards = Vec::new();
        for (one, other) in [(self, other), (other, self)] {
            for list in lists {
                match list {
                    Primitive::Tools => one.tools.beyond(&other.tools, &mut guards),
                    Primitive::Prompts => one.prompts.beyond(&other.prompts, &mut guards),
                    Primitive::Resources => one.resources.beyond(&other.resources, &mut guards),
                    Primitive::Templates => one.templates.beyond(&other.templates, &mut guards),
                }
            }
        }
        guards
    }

    /// Returns what stands here before the primitive of the same kind and name.
    pub(crate) fn guard_like(&self, guard: &Guard) -> Option<&Guard> {
        match guard.kind() {
            PrimitiveKind::Tool => self.tools.get(&guard.name).map(|entry| entry.guard()),
            PrimitiveKind::Prompt => self.prompts.get(&guard.name).map(|entry| entry.guard()),
            PrimitiveKind::Resource => self.resources.get(&guard.name).map(|entry| entry.guard()),
            PrimitiveKind::ResourceTemplate => self.templates.get(&guard.name).map(|entry| entry.guard()),
        }
    }
}

impl<T: Guarded> Table<T> {
    /// Adds the guards of those entries that another table does not have.
    fn beyond<'a>(&'a self, other: &Self, guards: &mut Vec<&'a Guard>) {
        let is_there = |entry: &Arc<T>| other.get(&entry.guard().name).is_some_and(|found| Arc::ptr_eq(found, entry));
        guards.extend(self.entries.iter().filter(|entry| !is_there(entry)).map(|entry| entry.guard()));
    }
}
