//! The rows of `tests/requirements.tsv` and the reasons of `tests/requirements-exempt.tsv`.

use std::collections::BTreeMap;

use crate::Outcome;

/// The groups whose mandatory rows both sides of this SDK have to hold.
const GROUPS: [&str; 25] = [
    "BASE", "VER", "LIFE", "STDIO", "HTTP", "HDR", "LHTTP", "SESS", "RESUM", "TOOL", "RES", "PROMPT", "COMP", "LOG",
    "PAGE", "PROG", "CANC", "CACHE", "MRTR", "SUB", "ELIC", "SAMP", "ROOT", "TASK", "LTASK",
];

/// The groups that its client has to hold besides.
const CLIENT_GROUPS: [&str; 6] = ["AUTHC", "AUTHCC", "AUTHEMA", "SEC", "SSE24", "DIFF"];

/// The groups that its server has to hold besides.
const SERVER_GROUPS: [&str; 1] = ["AUTHS"];

/// Whom a row binds, and whom a test looks at.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Side {
    pub(crate) const ALL: [Self; 2] = [Self::Server, Self::Client];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    /// Returns whom a test of this file looks at. What both sides are made of counts for both.
    pub(crate) fn of_file(path: &str) -> &'static [Self] {
        let is_in = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        if is_in(&["crates/protocol/", "crates/transport/"]) {
            &Self::ALL
        } else if is_in(&["crates/auth/src/server/"]) {
            &[Self::Server]
        } else if is_in(&["crates/client/", "crates/auth/", "tests/client/", "tests/oauth/"]) {
            &[Self::Client]
        } else {
            &[Self::Server]
        }
    }
}

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

    /// Says whether a test or a reason has to exist for one side.
    pub(crate) fn is_wanted_of(&self, side: Side) -> bool {
        let group = &self.group();
        matches!(self.level.as_str(), "MUST" | "MUST NOT")
            && (self.role == side.name() || self.role == "both")
            && (GROUPS.contains(group)
                || match side {
                    Side::Client => CLIENT_GROUPS.contains(group),
                    Side::Server => SERVER_GROUPS.contains(group),
                })
    }

    pub(crate) fn is_wanted(&self) -> bool {
        Side::ALL.iter().any(|side| self.is_wanted_of(*side))
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

/// Returns why a row has no test, by row and side.
pub(crate) fn reasons(tsv: &str) -> Outcome<BTreeMap<(String, Side), String>> {
    let mut reasons = BTreeMap::new();
    for row in rows(tsv) {
        let [id, role, reason] = fields(row)?;
        let sides: Vec<_> = Side::ALL.into_iter().filter(|side| role == side.name() || role == "both").collect();
        if sides.is_empty() {
            return Err(format!("neither server nor client nor both: {row}").into());
        }
        for side in sides {
            if reason.trim().is_empty() || reasons.insert((id.clone(), side), reason.clone()).is_some() {
                return Err(format!("a row twice or without a reason: {row}").into());
            }
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
        assert!(reasons("heading\nBASE-01\tboth\t\n").is_err());
        assert!(reasons("heading\nBASE-01\thost\ta\n").is_err());
        assert!(reasons("heading\nBASE-01\tboth\ta\nBASE-01\tclient\tb\n").is_err());
        assert!(reasons("heading\nBASE-01\tserver\ta\nBASE-01\tclient\tb\n").is_ok());
    }

    #[test]
    fn knows_whom_a_test_looks_at() {
        assert_eq!(Side::of_file("crates/protocol/src/message.rs"), Side::ALL);
        assert_eq!(Side::of_file("tests/client/web.rs"), [Side::Client]);
        assert_eq!(Side::of_file("tests/requirements/base.rs"), [Side::Server]);
    }
}
