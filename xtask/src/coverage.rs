//! Which test holds which requirement of the specification.
//!
//! A test holds the row that its name starts with, `base_06_rejects_a_request_whose_id_is_null`, and those that a line of
//! its doc comment names, `/// Holds BASE-07, BASE-14.` Where a test lies tells whether it looks at servers or clients; a
//! row that binds both needs a test of each.

mod page;
mod requirements;
mod tests_of;

use std::{collections::BTreeMap, fs};

use crate::{Outcome, workspace::Workspace};
use requirements::{Requirement, Side};
use tests_of::Test;
pub(crate) use tests_of::function;

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
    reasons: BTreeMap<(String, Side), String>,
}

impl Coverage {
    fn has_test(&self, id: &str, side: Side) -> bool {
        let tests = self.tests.get(id).into_iter().flatten();
        tests.flat_map(|test| Side::of_file(&test.file)).any(|looked_at| *looked_at == side)
    }

    fn has_reason(&self, id: &str, side: Side) -> bool {
        self.reasons.contains_key(&(id.to_owned(), side))
    }
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
        for side in Side::ALL {
            let name = side.name();
            match (coverage.has_test(id, side), coverage.has_reason(id, side)) {
                (true, true) => complaints.push(format!("{id} has a test of a {name}: remove it from {EXEMPT}")),
                (false, false) if requirement.is_wanted_of(side) => {
                    let Requirement { level, text, .. } = requirement;
                    complaints.push(format!("{id} {level}, {name}: no test, no exemption: {text}"));
                }
                _ => {}
            }
        }
    }
    let known = |id: &&String| requirements.iter().any(|requirement| requirement.id == **id);
    for (id, _) in coverage.reasons.keys().filter(|(id, _)| !known(&id)) {
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
BASE-03\tserver\tSHOULD\tR5\tA wish.
APPS-01\tboth\tMUST\tR5\tA group that is not asked for.
";
    const OF_SERVER: &str = "BASE-01 MUST, server: no test, no exemption: Every message is an object.";
    const OF_CLIENT: &str = "BASE-01 MUST, client: no test, no exemption: Every message is an object.";

    #[track_caller]
    fn check(test: Option<(&str, &str)>, exempt: Option<(&str, Side)>, expected: &[&str]) {
        let mut coverage = Coverage::default();
        if let Some((id, file)) = test {
            let test = Test { name: "a_test".to_owned(), file: file.to_owned() };
            coverage.tests.insert(id.to_owned(), vec![test]);
        }
        if let Some((id, side)) = exempt {
            coverage.reasons.insert((id.to_owned(), side), "because".to_owned());
        }
        assert_eq!(complaints(&requirements::parse(ROWS).unwrap(), &coverage), expected);
    }

    #[test]
    fn wants_a_test_or_a_reason_for_what_each_side_must_do() {
        check(None, None, &[OF_SERVER, OF_CLIENT]);
        check(Some(("BASE-01", "tests/a.rs")), None, &[OF_CLIENT]);
        check(Some(("BASE-01", "tests/client/a.rs")), None, &[OF_SERVER]);
        check(Some(("BASE-01", "crates/protocol/a.rs")), None, &[]);
        check(None, Some(("BASE-01", Side::Server)), &[OF_CLIENT]);
        check(Some(("BASE-01", "tests/a.rs")), Some(("BASE-01", Side::Client)), &[]);
    }

    #[test]
    fn refuses_a_reason_that_is_no_longer_needed() {
        let tested = "BASE-01 has a test of a server: remove it from tests/requirements-exempt.tsv";
        check(Some(("BASE-01", "tests/a.rs")), Some(("BASE-01", Side::Server)), &[tested, OF_CLIENT]);
        check(None, Some(("BASE-03", Side::Server)), &[OF_SERVER, OF_CLIENT]);
    }

    #[test]
    fn refuses_rows_that_do_not_exist() {
        check(Some(("DEFENCE-17", "tests/a.rs")), None, &[OF_SERVER, OF_CLIENT]);
        let named = "a_test names BASE-99, which is no row of tests/requirements.tsv";
        check(Some(("BASE-99", "tests/a.rs")), None, &[OF_SERVER, OF_CLIENT, named]);
        let named = "tests/requirements-exempt.tsv names BASE-99, which is no row of tests/requirements.tsv";
        check(None, Some(("BASE-99", Side::Server)), &[OF_SERVER, OF_CLIENT, named]);
    }
}
