//! The rows of `tests/requirements.tsv` and the reasons of `tests/requirements-exempt.tsv`.

use std::collections::BTreeMap;

use crate::Outcome;

/// The groups whose mandatory rows a server of this SDK has to hold.
const GROUPS: [&str; 23] = [
    "BASE", "VER", "LIFE", "STDIO", "HTTP", "HDR", "LHTTP", "SESS", "RESUM", "TOOL", "RES", "PROMPT", "COMP", "LOG",
    "PAGE", "PROG", "CANC", "CACHE", "MRTR", "SUB", "ELIC", "SAMP", "ROOT",
];

#[derive(Debug)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) role: String,
    pub(crate) level: String,
    pub(crate) revisions: String,
    pub(crate) text: String,
}

impl Requirement {
    /// Returns the letters of the id.
    pub(crate) fn group(&self) -> &str {
        self.id.split_once('-').map_or(self.id.as_str(), |(group, _)| group)
    }

    /// Says whether a test or a reason has to exist.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.level.as_str(), "MUST" | "MUST NOT")
            && matches!(self.role.as_str(), "server" | "both")
            && GROUPS.contains(&self.group())
    }
}

pub(crate) fn parse(tsv: &str) -> Outcome<Vec<Requirement>> {
    rows(tsv)
        .map(|row| {
            let [id, role, level, revisions, text] = fields(row)?;
            Ok(Requirement { id, role, level, revisions, text })
        })
        .collect()
}

pub(crate) fn reasons(tsv: &str) -> Outcome<BTreeMap<String, String>> {
    let mut reasons = BTreeMap::new();
    for row in rows(tsv) {
        let [id, reason] = fields(row)?;
        if reason.trim().is_empty() || reasons.insert(id, reason).is_some() {
            return Err(format!("a row twice or without a reason: {row}").into());
        }
    }
    Ok(reasons)
}

/// Returns the lines below the heading.
fn rows(tsv: &str) -> impl Iterator<Item = &str> {
    tsv.lines().skip(1).filter(|line| !line.is_empty())
}

fn fields<const N: usize>(row: &str) -> Outcome<[String; N]> {
    let fields: Vec<_> = row.split('\t').map(str::to_owned).collect();
    fields.try_into().map_err(|_| format!("not {N} columns: {row}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_rows_of_another_shape() {
        assert!(parse("heading\nBASE-01\tboth\tMUST\n").is_err());
        assert!(reasons("heading\nBASE-01\t\n").is_err());
        assert!(reasons("heading\nBASE-01\ta\nBASE-01\tb\n").is_err());
    }
}
