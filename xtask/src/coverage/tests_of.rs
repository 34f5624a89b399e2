//! Finds the tests that name rows.

use std::{collections::BTreeMap, fs, path::Path};

use crate::Outcome;

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Test {
    pub(crate) file: String,
    pub(crate) name: String,
}

/// Adds the tests of every Rust file below `folder`, by row.
pub(crate) fn collect(root: &Path, folder: &str, tests: &mut BTreeMap<String, Vec<Test>>) -> Outcome {
    for entry in fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(root, &path, tests)?;
        } else if path.ends_with(".rs") {
            for (name, rows) in tests_in(&fs::read_to_string(entry.path())?) {
                for row in rows {
                    let held = tests.entry(row).or_default();
                    held.push(Test { file: path.clone(), name: name.clone() });
                    held.sort();
                }
            }
        }
    }
    Ok(())
}

/// Returns the functions of a file that name rows, each with them.
fn tests_in(source: &str) -> Vec<(String, Vec<String>)> {
    let mut tests = Vec::new();
    let mut documented = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// Holds ") {
            documented.extend(text.split([',', '.', ' ']).filter_map(row_of_doc));
        } else if let Some(name) = function(line) {
            let mut rows: Vec<String> = row_of_name(name).into_iter().collect();
            rows.append(&mut documented);
            if !rows.is_empty() {
                tests.push((name.to_owned(), rows));
            }
        } else if line.is_empty() || line.ends_with('}') {
            // The comment did not belong to a function.
            documented.clear();
        }
    }
    tests
}

/// Returns the name of the function that a line begins.
pub(crate) fn function(line: &str) -> Option<&str> {
    let words = line.strip_prefix("pub ").or(line.strip_prefix("pub(crate) ")).unwrap_or(line);
    let name = words.strip_prefix("async ").unwrap_or(words).strip_prefix("fn ")?;
    name.split(|character: char| !character.is_alphanumeric() && character != '_').next()
}

fn row_of_doc(word: &str) -> Option<String> {
    let (group, number) = word.split_once('-')?;
    let is_row = !group.is_empty()
        && group.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        && is_number(number);
    is_row.then(|| word.to_owned())
}

fn row_of_name(name: &str) -> Option<String> {
    let (group, rest) = name.split_once('_')?;
    let (number, _) = rest.split_once('_')?;
    is_number(number).then(|| format!("{}-{number}", group.to_ascii_uppercase()))
}

// Every row has two digits, so a name such as `log_2_of_n` is not one.
fn is_number(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[(&str, &[&str])]) {
        let found = tests_in(source);
        let found: Vec<(&str, Vec<&str>)> =
            found.iter().map(|(name, rows)| (name.as_str(), rows.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(name, rows)| (*name, rows.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn reads_the_row_from_the_name() {
        check("#[test]\nfn base_06_rejects_null() {}", &[("base_06_rejects_null", &["BASE-06"])]);
        check("    async fn sse24_01_works() {}", &[("sse24_01_works", &["SSE24-01"])]);
        check("fn rejects_null() {}\nfn log_2_of() {}", &[]);
    }

    #[test]
    fn reads_further_rows_from_the_doc_comment() {
        let source = "/// Holds BASE-07, BASE-14.\n#[tokio::test]\nasync fn base_06_rejects() {}";
        check(source, &[("base_06_rejects", &["BASE-06", "BASE-07", "BASE-14"])]);
        check("/// Holds TOOL-01.\n#[test]\nfn lists() {}", &[("lists", &["TOOL-01"])]);
    }

    #[test]
    fn does_not_give_a_comment_to_the_function_after_next() {
        check("/// Holds TOOL-01.\nstruct A {}\n\nfn lists() {}", &[]);
    }
}
