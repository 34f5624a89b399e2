//! Which test holds which requirement of the specification.
//!
//! A test holds the row that its name starts with, `base_06_rejects_a_request_whose_id_is_null`, and those that a line of
//! its doc comment names, `/// Holds BASE-07, BASE-14.`

mod page;
mod requirements;
mod tests_of;

use std::{collections::BTreeMap, fs};

use crate::{Outcome, workspace::Workspace};
use requirements::Requirement;
use tests_of::Test;

const PAGE: &str = "docs/coverage.md";
const REQUIREMENTS: &str = "tests/requirements.tsv";
const EXEMPT: &str = "tests/requirements-exempt.tsv";

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Check,
    Write,
}

/// The tests and reasons by the id of the row.
#[derive(Debug, Default)]
struct Coverage {
    tests: BTreeMap<String, Vec<Test>>,
    reasons: BTreeMap<String, String>,
}

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Outcome {
    let requirements = requirements::parse(&workspace.read(REQUIREMENTS)?)?;
    let mut coverage = Coverage { reasons: requirements::reasons(&workspace.read(EXEMPT)?)?, ..Coverage::default() };
    for folder in ["crates", "examples", "tests"] {
        tests_of::collect(&workspace.root, folder, &mut coverage.tests)?;
    }
    let page = page::render(&requirements, &coverage);
    let mut complaints = complaints(&requirements, &coverage);
    if mode == Mode::Write {
        fs::write(workspace.root.join(PAGE), &page)?;
    } else if workspace.read(PAGE).ok().as_deref() != Some(&page) {
        complaints.push(format!("{PAGE} is not what the tests say: run `cargo xtask coverage --write`"));
    }
    println!("{}", page::summary(&requirements, &coverage));
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

fn complaints(requirements: &[Requirement], coverage: &Coverage) -> Vec<String> {
    let mut complaints = Vec::new();
    for requirement in requirements {
        let id = &requirement.id;
        match (coverage.tests.contains_key(id), coverage.reasons.contains_key(id)) {
            (true, true) => complaints.push(format!("{id} has a test: remove it from {EXEMPT}")),
            (false, false) if requirement.is_wanted() => {
                complaints.push(format!("{id} {}: no test, no exemption: {}", requirement.level, requirement.text));
            }
            _ => {}
        }
    }
    let known = |id: &&String| requirements.iter().any(|requirement| requirement.id == **id);
    for id in coverage.reasons.keys().filter(|id| !known(id)) {
        complaints.push(format!("{EXEMPT} names {id}, which is no row of {REQUIREMENTS}"));
    }
    for (id, tests) in coverage.tests.iter().filter(|(id, _)| !known(id)) {
        // Names such as `defence_17_…` are numbered too, by another list.
        if requirements.iter().any(|requirement| id.starts_with(&format!("{}-", requirement.group()))) {
            complaints.push(format!("{} names {id}, which is no row of {REQUIREMENTS}", tests[0].name));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "\
id\trole\tlevel\trevisions\trequirement
BASE-01\tboth\tMUST\tR1-R5\tEvery message is an object.
BASE-02\tclient\tMUST\tR5\tFor clients only.
BASE-03\tserver\tSHOULD\tR5\tA wish.
AUTHC-01\tboth\tMUST\tR5\tA group that is not asked for.
";

    #[track_caller]
    fn check(test: Option<&str>, exempt: Option<&str>, expected: &[&str]) {
        let mut coverage = Coverage::default();
        if let Some(id) = test {
            let test = Test { name: "a_test".to_owned(), file: "tests/a.rs".to_owned() };
            coverage.tests.insert(id.to_owned(), vec![test]);
        }
        if let Some(id) = exempt {
            coverage.reasons.insert(id.to_owned(), "because".to_owned());
        }
        assert_eq!(complaints(&requirements::parse(ROWS).unwrap(), &coverage), expected);
    }

    #[test]
    fn wants_a_test_or_a_reason_for_what_a_server_must_do() {
        check(None, None, &["BASE-01 MUST: no test, no exemption: Every message is an object."]);
        check(Some("BASE-01"), None, &[]);
        check(None, Some("BASE-01"), &[]);
    }

    #[test]
    fn refuses_a_reason_that_is_no_longer_needed() {
        check(Some("BASE-01"), Some("BASE-01"), &["BASE-01 has a test: remove it from tests/requirements-exempt.tsv"]);
    }

    #[test]
    fn refuses_rows_that_do_not_exist() {
        let missing = "BASE-01 MUST: no test, no exemption: Every message is an object.";
        check(Some("DEFENCE-17"), None, &[missing]);
        check(Some("BASE-99"), None, &[missing, "a_test names BASE-99, which is no row of tests/requirements.tsv"]);
        let named = "tests/requirements-exempt.tsv names BASE-99, which is no row of tests/requirements.tsv";
        check(None, Some("BASE-99"), &[missing, named]);
    }
}
