//! The page `docs/coverage.md`.

use std::fmt::Write as _;

use super::{Coverage, requirements::Requirement};

const HEAD: &str = "\
# Requirements and tests

<!-- Written by `cargo xtask coverage --write`. -->

Every normative sentence of the MCP specification that this project knows of is a row of
[`tests/requirements.tsv`](../tests/requirements.tsv). A row is held by the tests whose name starts with it, such as
`base_06_…`, or whose doc comment names it. `cargo xtask coverage` fails if a row of level MUST or MUST NOT that binds a
server has neither a test nor a reason in [`tests/requirements-exempt.tsv`](../tests/requirements-exempt.tsv); such rows
are **bold**.

R1 to R5 are the revisions 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28; X- is an extension.
";

pub(super) fn render(requirements: &[Requirement], coverage: &Coverage) -> String {
    let mut page = format!("{HEAD}\n{}\n", summary(requirements, coverage));
    let mut group = "";
    for requirement in requirements {
        if requirement.group() != group {
            group = requirement.group();
            let _ = write!(page, "\n## {group}\n\n| row | role | level | revisions | requirement | held by |\n");
            page.push_str("| --- | --- | --- | --- | --- | --- |\n");
        }
        let Requirement { id, role, level, revisions, text } = requirement;
        let row = if requirement.is_wanted() { format!("**{id}**") } else { id.clone() };
        let text = text.replace('|', "\\|");
        let _ = writeln!(page, "| {row} | {role} | {level} | {revisions} | {text} | {} |", held_by(id, coverage));
    }
    page
}

pub(super) fn summary(requirements: &[Requirement], coverage: &Coverage) -> String {
    let wanted: Vec<_> = requirements.iter().filter(|requirement| requirement.is_wanted()).collect();
    let tested = wanted.iter().filter(|requirement| coverage.tests.contains_key(&requirement.id)).count();
    let excused = wanted.iter().filter(|requirement| coverage.reasons.contains_key(&requirement.id)).count();
    let all = requirements.iter().filter(|requirement| coverage.tests.contains_key(&requirement.id)).count();
    format!(
        "Of {} mandatory rows for a server, {tested} have a test and {excused} a reason; of all {} rows, {all} have a test.",
        wanted.len(),
        requirements.len(),
    )
}

fn held_by(id: &str, coverage: &Coverage) -> String {
    if let Some(tests) = coverage.tests.get(id) {
        let links = tests.iter().map(|test| format!("[`{}`](../{})", test.name, test.file));
        return links.collect::<Vec<_>>().join("<br>");
    }
    coverage.reasons.get(id).map_or(String::new(), |reason| format!("*{}*", reason.replace('|', "\\|")))
}
