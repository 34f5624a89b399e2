//! The page `docs/coverage.md`.

use std::fmt::Write as _;

use super::{
    Coverage,
    requirements::{Requirement, Side},
};

const HEAD: &str = "\
# Requirements and tests

<!-- Written by `cargo xtask coverage --write`. -->

Every normative sentence of the MCP specification that this project knows of is a row of
[`tests/requirements.tsv`](../tests/requirements.tsv). A row is held by the tests whose name starts with it, such as
`base_06_…`, or whose doc comment names it. `cargo xtask coverage` fails if a row of level MUST or MUST NOT has, for a side
that it binds, neither a test nor a reason in [`tests/requirements-exempt.tsv`](../tests/requirements-exempt.tsv); such
rows are **bold**. The tests of `crates/client`, `crates/auth`, `tests/client` and `tests/oauth` look at clients, those of
`crates/protocol` and `crates/transport` at what both sides are made of, and all others at servers.

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
    let of_side = |side: Side| {
        let wanted: Vec<_> = requirements.iter().filter(|requirement| requirement.is_wanted_of(side)).collect();
        let tested = wanted.iter().filter(|requirement| coverage.has_test(&requirement.id, side)).count();
        let excused = wanted.iter().filter(|requirement| coverage.has_reason(&requirement.id, side)).count();
        let (name, all) = (side.name(), wanted.len());
        format!("Of {all} mandatory rows for a {name}, {tested} have a test and {excused} a reason.\n")
    };
    let all = requirements.iter().filter(|requirement| coverage.tests.contains_key(&requirement.id)).count();
    let sides: String = Side::ALL.into_iter().map(of_side).collect();
    format!("{sides}Of all {} rows, {all} have a test.", requirements.len())
}

fn held_by(id: &str, coverage: &Coverage) -> String {
    let tests = coverage.tests.get(id).into_iter().flatten();
    let mut held: Vec<_> = tests.map(|test| format!("[`{}`](../{})", test.name, test.file)).collect();
    let reason = |side| coverage.reasons.get(&(id.to_owned(), side)).map(|reason| reason.replace('|', "\\|"));
    match (reason(Side::Server), reason(Side::Client)) {
        (Some(server), Some(client)) if server == client => held.push(format!("*{server}*")),
        (server, client) => {
            held.extend(server.map(|reason| format!("server: *{reason}*")));
            held.extend(client.map(|reason| format!("client: *{reason}*")));
        }
    }
    held.join("<br>")
}
