//! What was said, where, and what holds where several have said it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::apply::at;
use super::keys::keys;
use crate::Error;

/// Where something was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a line of a file.
    File { path: Arc<PathBuf>, line: usize, rank: usize },
    /// By an environment variable.
    Variable(Arc<str>),
}

impl Origin {
    /// Returns a number that is larger the more it holds, and the same for all that one source says.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::File { rank, .. } => *rank,
            Self::Variable(_) => usize::MAX,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, .. } => write!(f, "{}, line {line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// A value, and where it was said. Two are equal that have the same value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A value as a file or a variable has it.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Nothing,
    Switch(bool),
    Number(i128),
    Decimal(f64),
    Text(String),
    /// Of a variable, whose text may stand for anything.
    Variable(String),
    List(Vec<Node>),
    Table(Table),
    /// What TOML has and no setting of the server takes.
    Moment(String),
}

pub(super) type Table = BTreeMap<String, Node>;

/// Says what kind of value it is, never the value: it may be a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl Value {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Switch(_) => "a switch",
            Self::Number(_) | Self::Decimal(_) => "a number",
            Self::Text(_) | Self::Variable(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Moment(_) => "a date or time",
        }
    }
}

/// For errors: what was found, cut off where it is long.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        match self {
            Self::Switch(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "the number {value}"),
            Self::Decimal(value) => write!(f, "the number {value}"),
            Self::Text(text) | Self::Variable(text) if text.chars().count() > LONGEST => {
                write!(f, "{:?}…", text.chars().take(LONGEST).collect::<String>())
            }
            Self::Text(text) | Self::Variable(text) => write!(f, "{text:?}"),
            other => f.write_str(other.kind()),
        }
    }
}

/// Puts what holds more over what there is. A secret and the file that has it take each other's place.
pub(super) fn lay_over(below: &mut Table, above: Table) {
    lay_over_at("", below, above);
}

fn lay_over_at(section: &str, below: &mut Table, above: Table) {
    for (key, node) in above {
        let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        if is_secret(&path) {
            below.remove(&format!("{key}_file"));
        } else if let Some(secret) = secret_in(&path) {
            below.remove(&key[..key.len() - (path.len() - secret.len())]);
        }
        match (below.get_mut(&key), node) {
            (Some(Node { value: Value::Table(below), .. }), Node { value: Value::Table(above), .. }) => {
                lay_over_at(&path, below, above);
            }
            // A section in which everything is commented out.
            (Some(Node { value: Value::Table(_), .. }), Node { value: Value::Nothing, .. }) => {}
            (_, node) => _ = below.insert(key, node),
        }
    }
}

/// Refuses a secret beside the file that has it, as only one of them can hold.
pub(super) fn check_secrets(source: &Table) -> Result<(), Error> {
    for key in keys().filter(|key| key.is_secret) {
        let (section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        let table = section.split('.').filter(|part| !part.is_empty()).try_fold(source, |table, part| {
            match &table.get(part)?.value {
                Value::Table(inner) => Some(inner),
                _ => None,
            }
        });
        if let Some(table) = table
            && let (Some(_), Some(file)) = (table.get(name), table.get(&format!("{name}_file")))
        {
            return Err(at(&file.origin, format!("`{0}_file` is there beside `{0}`: set one of them", key.path)));
        }
    }
    Ok(())
}

fn is_secret(path: &str) -> bool {
    keys().any(|key| key.is_secret && key.path == path)
}

/// Returns the secret that is in the file which a key names.
fn secret_in(path: &str) -> Option<&str> {
    path.strip_suffix("_file").filter(|path| is_secret(path))
}
