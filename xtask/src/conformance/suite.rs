//! Which scenarios a run of the suite has, and which of them count.

use std::path::Path;

use crate::Outcome;

pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) arguments: &'static [&'static str],
    required: Required,
}

enum Required {
    /// The `server` list of a file of the package.
    Listed(&'static str),
    /// Everything that ran; that many at least.
    Everything { at_least: usize },
}

pub(crate) const ALL: &[Suite] = &[
    Suite {
        name: "2025-11-25",
        folder: "tests/conformance/v0.2",
        arguments: &["--requirements", "2025-11-25"],
        required: Required::Listed("requirements/2025-11-25.yaml"),
    },
    Suite {
        name: "2026-07-28",
        folder: "tests/conformance/v0.2",
        arguments: &["--requirements", "2026-07-28"],
        required: Required::Listed("requirements/2026-07-28.yaml"),
    },
    Suite {
        name: "0.1.16",
        folder: "tests/conformance/v0.1",
        arguments: &["--suite", "active"],
        required: Required::Everything { at_least: 30 },
    },
];

#[derive(Debug, PartialEq)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) scored: Scored,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scored {
    /// Has to succeed, without a warning.
    Required,
    /// Must not fail.
    Reported,
    /// An extension that this SDK does not offer: shown, never judged.
    Aside,
}

impl Suite {
    /// Returns the required scenarios, then the others that the run announced.
    pub(crate) fn scenarios(&self, package: &Path, printed: &str) -> Outcome<Vec<Scenario>> {
        let ran = announced(printed);
        let required = match self.required {
            Required::Listed(file) => server_list(&std::fs::read_to_string(package.join(file))?),
            Required::Everything { .. } => ran.clone(),
        };
        let least = if let Required::Everything { at_least } = self.required { at_least } else { 1 };
        if required.len() < least {
            return Err(format!("{}: {} scenarios ran, not {least}:\n{printed}", self.name, required.len()).into());
        }
        let others: Vec<_> = ran.into_iter().filter(|name| !required.contains(name)).collect();
        let required = required.into_iter().map(|name| Scenario { name, scored: Scored::Required });
        let others = others.into_iter().map(|name| Scenario { scored: unscored(&name), name });
        Ok(required.chain(others).collect())
    }
}

fn unscored(name: &str) -> Scored {
    let aside = ["tasks-", "sep-2640-"].iter().any(|prefix| name.starts_with(prefix));
    if aside { Scored::Aside } else { Scored::Reported }
}

/// Returns the scenarios that the harness says it runs, in order.
fn announced(printed: &str) -> Vec<String> {
    let names = printed.lines().filter_map(|line| {
        let line = line.split("=== Running scenario: ").nth(1)?;
        line.split(" ===").next()
    });
    names.map(str::to_owned).collect()
}

/// Returns the items of the top-level key `server`.
fn server_list(yaml: &str) -> Vec<String> {
    let lines = yaml.lines().skip_while(|line| line.trim_end() != "server:").skip(1);
    let items = lines.take_while(|line| line.starts_with([' ', '#', '-']) || line.trim().is_empty());
    items
        .filter_map(|line| line.trim().strip_prefix("- "))
        .map(|item| item.split(" #").next().unwrap_or(item).trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_server_list_of_a_requirement_file() {
        let yaml = "\
# A comment.
server:
  - ping
  # Another comment.
  - tools-list # and why

  - dns-rebinding-protection
client:
  - initialize
";
        assert_eq!(server_list(yaml), ["ping", "tools-list", "dns-rebinding-protection"]);
    }

    #[test]
    fn reads_the_names_of_the_scenarios_that_ran() {
        let printed =
            "Running 2\n\n=== Running scenario: ping ===\nRunning…\n\u{1b}[1m=== Running scenario: tools-list ===\n";
        assert_eq!(announced(printed), ["ping", "tools-list"]);
    }

    #[test]
    fn sets_extensions_aside() {
        assert_eq!(unscored("tasks-lifecycle"), Scored::Aside);
        assert_eq!(unscored("sep-2640-skills-manifest"), Scored::Aside);
        assert_eq!(unscored("server-sse-polling"), Scored::Reported);
    }

    #[test]
    fn wants_the_number_of_scenarios_that_the_old_suite_has() {
        let old = ALL.last().unwrap();
        assert!(old.scenarios(Path::new("."), "=== Running scenario: ping ===\n").is_err());
    }
}
