//! The table of what was promised to users, `docs/features.md`.
//!
//! `docs/features.txt` has the rows. A test shows the rows that its name starts with, `f14_…`, `f15_and_f20_…` or
//! `f113_to_f115_…`; others are named by the row. So the table cannot name what is not there.

mod entries;
mod functions;
mod page;

use std::fs;

use crate::{Outcome, workspace::Workspace};
use entries::{Entry, Row, Section};
use functions::Function;
pub(crate) use functions::Functions;

const SOURCE: &str = "docs/features.txt";
const PAGE: &str = "docs/features.md";

/// How many rows of each letter there are: promises, decisions between them, and what goes beyond.
const ROWS: [(char, u16); 3] = [('F', 201), ('D', 18), ('B', 19)];

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Check,
    Write,
}

/// An entry with the tests that show it.
struct Shown<'a> {
    entry: &'a Entry,
    tests: Vec<&'a Function>,
}

/// By what an entry is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Evidence {
    Tests,
    /// A document, or a check that is no test of Rust.
    Document,
    NotOffered,
}

impl Shown<'_> {
    fn evidence(&self) -> Option<Evidence> {
        let note = &self.entry.note;
        match () {
            () if note.starts_with("Not offered: ") => Some(Evidence::NotOffered),
            () if !self.tests.is_empty() => Some(Evidence::Tests),
            () if note.contains("](") => Some(Evidence::Document),
            () => None,
        }
    }
}

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Outcome {
    let sections = entries::parse(&workspace.read(SOURCE)?)?;
    let functions = Functions::of(&workspace.root)?;
    let mut complaints = Vec::new();
    let shown = shown(&sections, &functions, &mut complaints);
    complaints.extend(missing(&sections));
    let page = page::render(&sections, &shown);
    if mode == Mode::Write {
        fs::write(workspace.root.join(PAGE), &page)?;
    } else if workspace.read(PAGE).ok().as_deref() != Some(&page) {
        complaints.push(format!("{PAGE} is not what {SOURCE} and the tests say: run `cargo xtask features --write`"));
    }
    println!("{}", page::summary(&shown));
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// Finds the tests of each entry, in their order; what is wrong with an entry is a complaint.
fn shown<'a>(sections: &'a [Section], functions: &'a Functions, complaints: &mut Vec<String>) -> Vec<Shown<'a>> {
    let mut shown = Vec::new();
    let mut seen: Vec<Row> = Vec::new();
    for entry in sections.iter().flat_map(|section| &section.entries) {
        let mut tests = Vec::new();
        // A row may stand in several sections; what is named after it is shown at the first.
        for row in entry.rows.iter().filter(|row| !seen.contains(row)) {
            tests.extend(functions.of_row(*row));
        }
        seen.extend(&entry.rows);
        for name in &entry.tests {
            match functions.find(name) {
                Ok(test) => tests.push(test),
                Err(complaint) => complaints.push(format!("{SOURCE}:{}: {name}: {complaint}", entry.line)),
            }
        }
        let mut unique: Vec<&Function> = Vec::new();
        for test in tests {
            if !unique.contains(&test) {
                unique.push(test);
            }
        }
        let linked = functions.missing_in_links(&entry.note);
        complaints.extend(linked.map(|(name, file)| format!("{SOURCE}:{}: {name} is not in {file}", entry.line)));
        let entry = Shown { entry, tests: unique };
        if entry.evidence().is_none() {
            let Entry { line, label, .. } = entry.entry;
            complaints.push(format!("{SOURCE}:{line}: {label} has no test, no link, and no reason `Not offered: …`"));
        }
        shown.push(entry);
    }
    for (name, row) in functions.rows().filter(|(_, row)| !seen.contains(row)) {
        complaints.push(format!("the test {name} shows {row}, which is not in {SOURCE}"));
    }
    shown
}

/// Says which rows there are none of, and which ones there cannot be.
fn missing(sections: &[Section]) -> Vec<String> {
    let all = || ROWS.iter().flat_map(|(letter, last)| (1..=*last).map(|number| Row { letter: *letter, number }));
    let found: Vec<Row> =
        sections.iter().flat_map(|section| &section.entries).flat_map(|entry| &entry.rows).copied().collect();
    let missing = all().filter(|row| !found.contains(row)).map(|row| format!("{SOURCE}: there is no row {row}"));
    let unknown = found.iter().filter(|row| all().all(|known| known != **row));
    missing.chain(unknown.map(|row| format!("{SOURCE}: {row} was never promised"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: [(&str, &str); 3] = [
        ("tests/a.rs", "#[test]\nfn f1_works() {}\n#[test]\nfn b2_to_b3_work() {}\nfn helper() {}"),
        ("tests/c.rs", "#[tokio::test]\nasync fn works() {}\n#[test]\nfn common() {}"),
        ("crates/x/src/d.rs", "#[test]\nfn common() {}"),
    ];

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let sections = entries::parse(&format!("## A\n\n{source}\n")).unwrap();
        let functions = Functions::of_sources(TESTS);
        let mut complaints = Vec::new();
        shown(&sections, &functions, &mut complaints);
        complaints.retain(|complaint| !complaint.starts_with("the test "));
        assert_eq!(complaints, expected);
    }

    #[test]
    fn wants_evidence_of_each_entry() {
        check("F1: a\n\nB2-B3: b\n\nF7: c\n  works", &[]);
        check("F7: c\n  [Guide](src/guide.md)\n\nF8: d\n  Not offered: nobody wants it.", &[]);
        check("F7: c", &["docs/features.txt:3: F7 has no test, no link, and no reason `Not offered: …`"]);
        check(
            "F7: c\n  It is there.",
            &["docs/features.txt:3: F7 has no test, no link, and no reason `Not offered: …`"],
        );
    }

    #[test]
    fn wants_named_tests_to_exist() {
        let gone = "docs/features.txt:3: gone: there is no such test";
        check("F7: c\n  works\n  gone", &[gone]);
        check("F7: c\n  works\n  helper", &["docs/features.txt:3: helper: there is no such test"]);
        let common = "docs/features.txt:3: common: in tests/c.rs and crates/x/src/d.rs; write it as `file.rs::name`";
        check("F7: c\n  works\n  common", &[common]);
        check("F7: c\n  d.rs::common", &[]);
        check("F7: c\n  [`works`](../tests/c.rs)", &[]);
        check("F7: c\n  [`gone`](../tests/c.rs)", &["docs/features.txt:3: gone is not in tests/c.rs"]);
    }

    #[test]
    fn wants_every_row_and_no_other() {
        let all = "## A\n\nF1-F201: a\n\nD1-D18: b\n\nB1-B19: c\n";
        assert_eq!(missing(&entries::parse(all).unwrap()), [""; 0]);
        let most = "## A\n\nF1-F67, F69-F202: a\n\nD1-D18: b\n\nB1-B19: c\n";
        let expected = ["docs/features.txt: there is no row F68", "docs/features.txt: F202 was never promised"];
        assert_eq!(missing(&entries::parse(most).unwrap()), expected);
    }

    #[test]
    fn wants_the_rows_that_tests_are_named_after() {
        let sections = entries::parse("## A\n\nF1: a\n").unwrap();
        let mut complaints = Vec::new();
        shown(&sections, &Functions::of_sources(TESTS), &mut complaints);
        let expected = ["B2", "B3"].map(|row| format!("the test b2_to_b3_work shows {row}, which is not in {SOURCE}"));
        assert_eq!(complaints, expected);
    }
}
