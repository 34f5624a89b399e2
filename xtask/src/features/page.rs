//! The page `docs/features.md`.

use std::fmt::Write as _;

use super::{Evidence, Shown, entries::Section};

const HEAD: &str = "\
# What users write, and its tests

<!-- Written by `cargo xtask features --write` from `docs/features.txt` and the names of tests. -->

Each row is a shape that the contract of this SDK promises for a server and for its client, and the test that shows it, or
the reason why it is not offered. Rows F are promises, D decides where two of them collide, and B goes beyond.
`cargo xtask features` fails if a row is missing, a test that is named does not exist, or this page is not up to date.
";

pub(super) fn render(sections: &[Section], shown: &[Shown<'_>]) -> String {
    let mut page = format!("{HEAD}\n{}\n", summary(shown));
    let mut shown = shown.iter();
    for Section { title, entries } in sections {
        let _ = write!(page, "\n## {title}\n\n| row | what is written | shown by |\n| --- | --- | --- |\n");
        for Shown { entry, tests } in shown.by_ref().take(entries.len()) {
            let tests: Vec<_> = tests.iter().map(|test| format!("[`{}`](../{})", test.name, test.file)).collect();
            let cell = [tests.join(", "), entry.note.clone()].into_iter().filter(|part| !part.is_empty());
            let cell = cell.collect::<Vec<_>>().join(". ");
            let (label, what, cell) = (entry.label.replace('-', "–"), escaped(&entry.title), escaped(&cell));
            let _ = writeln!(page, "| {label} | {what} | {cell} |");
        }
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

pub(super) fn summary(shown: &[Shown<'_>]) -> String {
    let count = |evidence| shown.iter().filter(|entry| entry.evidence() == Some(evidence)).count();
    let [tests, documents, not_offered] = [Evidence::Tests, Evidence::Document, Evidence::NotOffered].map(count);
    format!(
        "Of {} entries, {tests} are shown by tests, {documents} by a document or another check, and {not_offered} are \
         not offered.",
        shown.len()
    )
}
