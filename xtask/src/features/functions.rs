//! The tests of the workspace, by name.

use std::{fs, path::Path};

use super::entries::Row;
use crate::{Outcome, coverage::function};

const FOLDERS: [&str; 4] = ["crates", "examples", "tests", "xtask"];

/// Where tests have harnesses of their own, which run functions without an attribute.
const UNMARKED: [&str; 3] = ["tests/bindings/conversations/", "tests/oauth/", "tests/stores/"];

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Function {
    pub(super) file: String,
    pub(super) name: String,
    is_marked: bool,
}

impl Function {
    fn is_test(&self) -> bool {
        self.is_marked || UNMARKED.iter().any(|folder| self.file.starts_with(folder))
    }
}

pub(crate) struct Functions(Vec<Function>);

impl Functions {
    pub(crate) fn of(root: &Path) -> Outcome<Self> {
        let mut functions = Vec::new();
        for folder in FOLDERS {
            collect(root, folder, &mut functions)?;
        }
        functions.sort();
        Ok(Self(functions))
    }

    #[cfg(test)]
    pub(crate) fn of_sources<const N: usize>(sources: [(&str, &str); N]) -> Self {
        Self(sources.into_iter().flat_map(|(file, source)| functions_in(file, source)).collect())
    }

    /// Finds the one test of a name, which may be preceded by that of its file.
    pub(crate) fn find(&self, named: &str) -> Result<&Function, String> {
        let (file, name) = named.rsplit_once("::").unwrap_or(("", named));
        let is_meant = |function: &&Function| {
            function.name == name && (file.is_empty() || function.file.ends_with(&format!("/{file}")))
        };
        let found: Vec<&Function> = self.0.iter().filter(is_meant).filter(|function| function.is_test()).collect();
        let marked: Vec<&Function> = found.iter().filter(|function| function.is_marked).copied().collect();
        let found = if marked.is_empty() { found } else { marked };
        match &found[..] {
            [] => Err("there is no such test".to_owned()),
            [test] => Ok(test),
            // What several tests of a file have in common, each with a module of its own.
            [first, rest @ ..] if rest.iter().all(|other| other.file == first.file) => Ok(first),
            [first, .., last] => Err(format!("in {} and {}; write it as `file.rs::name`", first.file, last.file)),
        }
    }

    pub(super) fn of_row(&self, row: Row) -> impl Iterator<Item = &Function> {
        self.0.iter().filter(move |function| function.is_test() && rows_of(&function.name).contains(&row))
    }

    /// Returns every row that a test is named after.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, Row)> {
        let tests = self.0.iter().filter(|function| function.is_test());
        tests.flat_map(|function| rows_of(&function.name).into_iter().map(|row| (&function.name[..], row)))
    }

    /// Returns what links of a note name in a file of Rust that has neither that name nor a function of it.
    pub(super) fn missing_in_links<'a>(&'a self, note: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        links(note).filter(|(name, file)| {
            let is_file = file.strip_suffix(".rs").is_some_and(|path| path.ends_with(name));
            !is_file && !self.0.iter().any(|function| function.name == *name && function.file == *file)
        })
    }
}

fn collect(root: &Path, folder: &str, functions: &mut Vec<Function>) -> Outcome {
    for entry in fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(root, &path, functions)?;
        } else if path.ends_with(".rs") {
            functions.extend(functions_in(&path, &fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

fn functions_in(file: &str, source: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut is_marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_marked = true;
        } else if let Some(name) = function(line) {
            functions.push(Function { file: file.to_owned(), name: name.to_owned(), is_marked });
            is_marked = false;
        }
    }
    functions
}

/// Reads the rows that a name starts with.
fn rows_of(name: &str) -> Vec<Row> {
    let row = |word: &str| {
        let is_row = word.starts_with(['f', 'd', 'b']);
        is_row.then(|| Row::parse(&word.to_ascii_uppercase())).flatten()
    };
    let words: Vec<&str> = name.split('_').collect();
    let mut rows: Vec<Row> = words.first().and_then(|word| row(word)).into_iter().collect();
    let mut rest = words.get(1..).unwrap_or_default();
    while let ([joint, word, ..], Some(last)) = (rest, rows.last().copied()) {
        match (*joint, row(word)) {
            ("and", Some(next)) => rows.push(next),
            ("to", Some(next)) => rows.extend(last.up_to(next).skip(1)),
            _ => break,
        }
        rest = &rest[2..];
    }
    rows
}

/// Returns the names and files of the links that look like those of functions.
fn links(note: &str) -> impl Iterator<Item = (&str, &str)> {
    note.split("[`").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("`](../")?;
        let (file, _) = rest.split_once(')')?;
        file.ends_with(".rs").then_some((name, file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rows_of_names() {
        let read = |name: &str| rows_of(name).iter().map(Row::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(read("f14_the_struct"), "F14");
        assert_eq!(read("f15_and_f20_a_description"), "F15 F20");
        assert_eq!(read("f113_to_f115_and_b2_what"), "F113 F114 F115 B2");
        assert_eq!(read("f1_and_others"), "F1");
        for name in ["base_06_rejects", "feature", "x1_works", "f_works"] {
            assert_eq!(read(name), "", "{name}");
        }
    }

    #[test]
    fn knows_what_is_marked() {
        let source = "#[tokio::test(start_paused = true)]\n#[cfg(unix)]\nasync fn a() {}\nfn b() {}";
        let marked: Vec<_> = functions_in("x.rs", source).into_iter().map(|f| (f.name, f.is_marked)).collect();
        assert_eq!(marked, [("a".to_owned(), true), ("b".to_owned(), false)]);
    }
}
