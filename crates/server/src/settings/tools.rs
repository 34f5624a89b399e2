//! Names of tools in settings.

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use super::apply::distance;
use crate::layers::Which;
use crate::registry::HandlerRegistry;

/// A name that no tool has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown<'a> {
    pub(super) key: &'static str,
    pub(super) name: &'a str,
    /// A tool whose name is nearly this.
    pub(super) near: Option<&'a str>,
}

impl Settings {
    /// Logs the names that no tool has: what is hidden by such a name is not.
    pub(crate) fn warn_of_unknown_tools(&self, registry: &HandlerRegistry) {
        if self.tool_names().next().is_none() {
            return;
        }
        let known: Vec<_> = registry.tool_definitions().map(|tool| tool.name).collect();
        let known: Vec<&str> = known.iter().map(|name| &**name).collect();
        for Unknown { key, name, near } in self.unknown_tools(&known) {
            tracing::warn!(key, name, near, "no tool has this name");
        }
    }

    /// Returns each name once that is none of those that are known.
    pub(super) fn unknown_tools<'a>(&'a self, known: &[&'a str]) -> Vec<Unknown<'a>> {
        let are: BTreeSet<_> = known.iter().copied().collect();
        let mut unknown = BTreeMap::new();
        for (key, name) in self.tool_names().filter(|(_, name)| !are.contains(name)) {
            unknown.entry(name).or_insert(key);
        }
        let near = |name: &str| {
            let (far, near) = known.iter().map(|known| (distance(known, name), *known)).min()?;
            (far <= 1 + name.chars().count() / 4).then_some(near)
        };
        unknown.into_iter().map(|(name, key)| Unknown { key, name, near: near(name) }).collect()
    }

    /// Returns the names of tools that are there, each with its key.
    fn tool_names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        fn each<'a>(
            key: &'static str,
            names: impl IntoIterator<Item = &'a String>,
        ) -> impl Iterator<Item = (&'static str, &'a str)> {
            names.into_iter().map(move |name| (key, name.as_str()))
        }
        fn named(which: Option<&Which>) -> &[String] {
            match which {
                Some(Which::Named(names)) => names,
                _ => &[],
            }
        }
        let stack = &self.middleware;
        #[cfg(feature = "cache")]
        let cached = named(stack.cache.as_ref().map(|cache| &cache.tools));
        #[cfg(not(feature = "cache"))]
        let cached: &[String] = &[];
        each("tools.hidden", &self.tools.hidden)
            .chain(each("tools.only", self.tools.only.iter().flatten()))
            .chain(each("timeout.tools.*", stack.timeout.iter().flat_map(|timeout| timeout.tools.keys())))
            .chain(each(
                "concurrency.max_per_tool.*",
                stack.concurrency.iter().flat_map(|concurrency| concurrency.max_per_tool.keys()),
            ))
            .chain(each("cache.tools", cached))
            .chain(each("single_flight.tools", named(stack.single_flight.as_ref().map(|config| &config.tools))))
    }
}
