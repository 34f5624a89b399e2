//! Setting what was said.

use std::collections::BTreeSet;

use super::Settings;
use super::keys::{Key, keys, sections};
use super::kind::Wrong;
use super::node::{Node, Origin, Table, Value};
use crate::Error;

/// Makes settings of all that was said beside sections of the program's own, which have these names.
pub(super) fn apply(root: &Table, own: &[String]) -> Result<Settings, Error> {
    let mut found = Vec::new();
    walk(root, own, &mut Vec::new(), &mut found)?;
    // In the order of the keys, so that what begins with something, or is turned off, does not depend on who says it first.
    found.sort_by_key(|found| found.at);
    let mut settings = Settings::default();
    for Found { key, path, name, node, .. } in found {
        let read;
        let value = match path.strip_suffix("_file").filter(|_| key.is_secret && path != key.path) {
            Some(_) => {
                read = secret(&path, &node)?;
                &read
            }
            None => &node.value,
        };
        (key.set)(&mut settings, &name, value).map_err(|wrong| refuse(&path, &node, key.is_secret, wrong))?;
        settings
            .said
            .insert(if path == format!("{}_file", key.path) { key.path.to_owned() } else { path }, node.origin);
    }
    Ok(settings)
}

/// Something that was said, and the key it is of.
struct Found {
    at: usize,
    key: &'static Key,
    path: String,
    /// What stands for `*`.
    name: String,
    node: Node,
}

fn walk(table: &Table, own: &[String], above: &mut Vec<String>, found: &mut Vec<Found>) -> Result<(), Error> {
    for (part, node) in table {
        above.push(part.clone());
        let path = above.join(".");
        let beneath: Vec<_> = keys().enumerate().filter(|(_, key)| begins(key, above)).collect();
        let is_file = |key: &Key| key.is_secret && path == format!("{}_file", key.path);
        let exact = keys().enumerate().find(|(_, key)| is_exactly(key, above) || is_file(key));
        match (exact, &node.value) {
            (Some((at, key)), _) => {
                let star = key.path.split('.').position(|part| part == "*");
                let name = star.map(|star| above[star].clone()).unwrap_or_default();
                found.push(Found { at, key, path, name, node: node.clone() });
            }
            (None, Value::Table(inner)) if !beneath.is_empty() => walk(inner, own, above, found)?,
            // A section with nothing in it, which YAML has where everything is commented out.
            (None, Value::Nothing) if !beneath.is_empty() => {}
            (None, value) if !beneath.is_empty() => {
                // Somebody may have meant the secret itself.
                let found = match beneath.iter().any(|(_, key)| key.is_secret) {
                    true => value.kind().to_owned(),
                    false => value.to_string(),
                };
                return Err(at(&node.origin, format!("`{path}` is {found}; it takes a table of keys")));
            }
            (None, _) => return Err(at(&node.origin, unknown(above, own) + of_kubernetes(&node.origin, above))),
        }
        above.pop();
    }
    Ok(())
}

fn is_exactly(key: &Key, path: &[String]) -> bool {
    key.path.split('.').count() == path.len() && begins_with(key, path)
}

/// Returns true if there is more of the key than the path.
fn begins(key: &Key, path: &[String]) -> bool {
    key.path.split('.').count() > path.len() && begins_with(key, path)
}

fn begins_with(key: &Key, path: &[String]) -> bool {
    key.path.split('.').zip(path).all(|(known, part)| known == "*" || known == part)
}

/// Reads the file that a secret is in, without the end of its last line.
pub(super) fn secret(path: &str, node: &Node) -> Result<Value, Error> {
    let (Value::Text(file) | Value::Variable(file)) = &node.value else {
        return Err(at(&node.origin, format!("`{path}` is {}; it takes the name of a file", node.value.kind())));
    };
    let text = std::fs::read_to_string(file)
        // Without its name: that may be the secret itself.
        .map_err(|error| at(&node.origin, format!("`{path}` names a file that cannot be read: {error}")))?;
    Ok(Value::Variable(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn refuse(path: &str, node: &Node, is_secret: bool, wrong: Wrong) -> Error {
    let found = if is_secret { "not as it has to be".to_owned() } else { node.value.to_string() };
    let because = wrong.because.map(|why| format!(" ({why})")).unwrap_or_default();
    at(&node.origin, format!("`{path}` is {found}{because}; it takes {}", wrong.allowed))
}

pub(super) fn at(origin: &Origin, what: String) -> Error {
    Error::configuration(format!("{origin}: {what}"))
}

/// Says that a key is not known, and which is; at the top also sections of the program's own.
fn unknown(path: &[String], own: &[String]) -> String {
    if let Some(section) = sections().find(|section| section.name == path[0] && section.keys.is_empty()) {
        let (name, feature) = (path.join("."), section.feature.unwrap_or_default());
        return format!("`{name}` needs the feature `{feature}`, which this program was built without");
    }
    let (last, above) = path.split_last().expect("a path has parts");
    let beside = keys().filter(|key| begins(key, above)).filter_map(|key| key.path.split('.').nth(above.len()));
    let own = own.iter().map(String::as_str).filter(|_| above.is_empty());
    not_known(&above.join("."), last, &beside.chain(own).collect())
}

/// Says that something is not known beneath a path, where these are.
pub(super) fn not_known(above: &str, last: &str, beside: &BTreeSet<&str>) -> String {
    let prefix = if above.is_empty() { String::new() } else { format!("{above}.") };
    let near = beside.iter().map(|known| (distance(known, last), known)).min();
    match near {
        Some((far, known)) if far <= 1 + last.chars().count() / 4 => {
            format!("`{prefix}{last}` is not known; did you mean `{prefix}{known}`?")
        }
        _ => {
            let all: Vec<_> = beside.iter().map(|known| format!("`{known}`")).collect();
            let place = if above.is_empty() { "at the top".to_owned() } else { format!("in `{above}`") };
            format!("`{prefix}{last}` is not known; {place} there are {}", all.join(", "))
        }
    }
}

/// Says more of variables that Kubernetes sets in every pod for each service, by the name of that.
fn of_kubernetes(origin: &Origin, path: &[String]) -> &'static str {
    let (Origin::Variable(_), [name]) = (origin, path) else { return "" };
    let is_host_or_port = ["service_host", "service_port", "port"].contains(&name.as_str());
    match is_host_or_port || ["service_port_", "port_"].iter().any(|start| name.starts_with(start)) {
        true => {
            ". Kubernetes sets such a variable for a service of this name: `enableServiceLinks: false` in the \
             specification of the pod keeps it away, and so does another prefix"
        }
        false => "",
    }
}

/// Returns how many letters have to be changed, added or removed.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<_> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, expected) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *expected);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
