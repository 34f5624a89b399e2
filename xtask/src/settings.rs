//! Which test observes which setting.
//!
//! `tests/settings.txt` has each structure that users set something by, with its fields and a test that fails if the field
//! is read no more. The fields are those of the sources, so that none can be added without a test.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{Outcome, features::Functions, workspace::Workspace};

const SOURCE: &str = "tests/settings.txt";

/// Structures of settings whose name does not say so.
const OTHERS: [&str; 8] = [
    "ContentSecurityPolicy",
    "Hsts",
    "Limits",
    "MiddlewareStack",
    "RateLimits",
    "SecurityHeaders",
    "SharedRateLimits",
    "TrustedProxies",
];

/// A structure of settings: where it is, its name, and its fields.
type Structures = BTreeMap<(String, String), Vec<String>>;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut found = Structures::new();
    for package in fs::read_dir(workspace.root.join("crates"))? {
        let folder = format!("crates/{}/src", package?.file_name().to_string_lossy());
        collect(&workspace.root, &folder, &mut found)?;
    }
    let functions = Functions::of(&workspace.root)?;
    let complaints = complaints(&workspace.read(SOURCE)?, &found, &functions);
    println!("{} settings in {} structures", found.values().map(Vec::len).sum::<usize>(), found.len());
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

fn collect(root: &Path, folder: &str, found: &mut Structures) -> Outcome {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(root, &path, found)?;
        } else if path.ends_with(".rs") {
            for (name, fields) in structures(&fs::read_to_string(entry.path())?) {
                found.insert((path.clone(), name), fields);
            }
        }
    }
    Ok(())
}

/// Returns the structures of settings in a file, with their fields.
fn structures(source: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_inside = false;
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            let name = rest.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
            is_inside = rest.ends_with('{') && is_of_settings(name);
            if is_inside {
                found.push((name.to_owned(), Vec::new()));
            }
        } else if line == "}" {
            is_inside = false;
        } else if is_inside && let (Some(field), Some((_, fields))) = (field(line), found.last_mut()) {
            fields.push(field.to_owned());
        }
    }
    found
}

fn is_of_settings(name: &str) -> bool {
    name.ends_with("Config") || OTHERS.contains(&name)
}

/// Returns the name of the field that a line declares.
fn field(line: &str) -> Option<&str> {
    let line = line.strip_prefix("    ")?;
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ').unwrap_or(line),
        None => line,
    };
    let (name, _) = line.split_once(": ")?;
    let is_name = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

fn complaints(listed: &str, found: &Structures, functions: &Functions) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut tests: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    let mut current = None;
    for (number, line) in (1..).zip(listed.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let complain = |what: &str| format!("{SOURCE}:{number}: {what}");
        if let Some(header) = line.strip_prefix("## ") {
            current = header.split_once(' ').map(|(file, name)| (file.to_owned(), name.to_owned()));
            match &current {
                Some(key) if found.contains_key(key) => drop(tests.entry(key.clone()).or_default()),
                _ => complaints.push(complain("there is no such structure")),
            }
            continue;
        }
        let (Some((field, test)), Some(key)) = (line.split_once(": "), &current) else {
            complaints.push(complain("no structure, and no `field: test`"));
            continue;
        };
        if found.get(key).is_some_and(|fields| !fields.iter().any(|known| known == field)) {
            complaints.push(complain(&format!("there is no field {field}")));
        }
        if let Err(complaint) = functions.find(test) {
            complaints.push(complain(&format!("{test}: {complaint}")));
        }
        tests.entry(key.clone()).or_default().push(field);
    }
    for ((file, name), fields) in found {
        let tested = tests.get(&(file.clone(), name.clone()));
        let missing = fields.iter().filter(|field| !tested.is_some_and(|tested| tested.contains(&field.as_str())));
        complaints.extend(missing.map(|field| format!("{SOURCE}: no test observes {field} of {name} in {file}")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "\
/// Settings.
#[derive(Debug)]
pub struct CupConfig {
    /// How much.
    pub size: usize,
    #[cfg(feature = \"tea\")]
    pub(crate) sugar: Option<usize>,
    colour: &'static str,
}

pub struct Cup {
    config: CupConfig,
}
";

    #[track_caller]
    fn check(listed: &str, expected: &[&str]) {
        let found = structures(CODE).into_iter().map(|(name, fields)| (("a.rs".to_owned(), name), fields)).collect();
        let functions = Functions::of_sources([("tests/t.rs", "#[test]\nfn tastes() {}\nfn helper() {}")]);
        assert_eq!(complaints(listed, &found, &functions), expected);
    }

    #[test]
    fn finds_structures_and_fields() {
        let fields = ["size", "sugar", "colour"].map(str::to_owned).to_vec();
        assert_eq!(structures(CODE), [("CupConfig".to_owned(), fields)]);
    }

    #[test]
    fn wants_a_test_of_each_field() {
        check("## a.rs CupConfig\n\nsize: tastes\nsugar: tastes\ncolour: tastes\n", &[]);
        let missing = "tests/settings.txt: no test observes colour of CupConfig in a.rs";
        check("## a.rs CupConfig\nsize: tastes\nsugar: tastes", &[missing]);
        let gone = "tests/settings.txt:4: helper: there is no such test";
        check("## a.rs CupConfig\nsize: tastes\nsugar: tastes\ncolour: helper", &[gone]);
    }

    #[test]
    fn refuses_what_is_not_there() {
        let field = "tests/settings.txt:5: there is no field milk";
        check("## a.rs CupConfig\nsize: tastes\nsugar: tastes\ncolour: tastes\nmilk: tastes", &[field]);
        let structure = "tests/settings.txt:5: there is no such structure";
        check("## a.rs CupConfig\nsize: tastes\nsugar: tastes\ncolour: tastes\n## b.rs PotConfig", &[structure]);
    }
}
