//! Which scenarios a run of the suite has, and which of them count.

use std::path::Path;

use crate::Outcome;

pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) folder: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// What a single scenario is run with instead; without `--force`, extensions are skipped.
    pub(crate) single: &'static [&'static str],
    required: Required,
    /// What is required beyond that: of an extension that no list scores.
    extensions: &'static [&'static str],
}

/// Whom a suite judges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    Server,
    Client,
}

enum Required {
    /// The list of the role in a file of the package.
    Listed(&'static str),
    /// Everything that ran; that many at least.
    Everything { at_least: usize },
}

/// All scenarios of the tasks extension but `tasks-status-notifications`, which looks at nothing so far.
const TASKS: &[&str] = &[
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
    "tasks-required-task-error",
    "tasks-mrtr-composition",
];

const V0_1: &str = "tests/conformance/v0.1";
const V0_2: &str = "tests/conformance/v0.2";

/// Returns the suites that judge a role.
pub(crate) fn of(role: Role) -> impl Iterator<Item = &'static Suite> {
    ALL.iter().filter(move |suite| suite.role == role)
}

const ALL: &[Suite] = &[
    Suite {
        name: "2025-11-25",
        role: Role::Server,
        folder: V0_2,
        arguments: &["--requirements", "2025-11-25"],
        single: &[],
        required: Required::Listed("requirements/2025-11-25.yaml"),
        extensions: &[],
    },
    Suite {
        name: "2026-07-28",
        role: Role::Server,
        folder: V0_2,
        arguments: &["--requirements", "2026-07-28"],
        single: &[],
        required: Required::Listed("requirements/2026-07-28.yaml"),
        extensions: TASKS,
    },
    Suite {
        name: "0.1.16",
        role: Role::Server,
        folder: V0_1,
        arguments: &["--suite", "active"],
        single: &[],
        required: Required::Everything { at_least: 30 },
        extensions: &[],
    },
    Suite {
        name: "client-2025-11-25",
        role: Role::Client,
        folder: V0_2,
        arguments: &["--requirements", "2025-11-25"],
        single: &["--force", "--spec-version", "2025-11-25"],
        required: Required::Listed("requirements/2025-11-25.yaml"),
        extensions: &[],
    },
    Suite {
        name: "client-2026-07-28",
        role: Role::Client,
        folder: V0_2,
        arguments: &["--requirements", "2026-07-28"],
        single: &["--force", "--spec-version", "2026-07-28"],
        required: Required::Listed("requirements/2026-07-28.yaml"),
        extensions: &[],
    },
    Suite {
        name: "client-backcompat",
        role: Role::Client,
        folder: V0_2,
        arguments: &["--suite", "backcompat"],
        single: &[],
        required: Required::Everything { at_least: 2 },
        extensions: &[],
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
            Required::Listed(file) => listed(&std::fs::read_to_string(package.join(file))?, self.role),
            Required::Everything { .. } => ran.clone(),
        };
        let least = if let Required::Everything { at_least } = self.required { at_least } else { 1 };
        if required.len() < least {
            return Err(format!("{}: {} scenarios ran, not {least}:\n{printed}", self.name, required.len()).into());
        }
        let extensions = self.extensions.iter().map(|name| (*name).to_owned());
        let required: Vec<_> = required.into_iter().chain(extensions).collect();
        let others: Vec<_> = ran.into_iter().filter(|name| !required.contains(name)).collect();
        let required = required.into_iter().map(|name| Scenario { name, scored: Scored::Required });
        let others = others.into_iter().map(|name| Scenario { scored: unscored(self.role, &name), name });
        Ok(required.chain(others).collect())
    }
}

fn unscored(role: Role, name: &str) -> Scored {
    match role {
        _ if name.starts_with("sep-2640-") => Scored::Aside,
        Role::Server => Scored::Reported,
        Role::Client => Scored::Required,
    }
}

/// Returns the scenarios that the harness says it runs, in order.
fn announced(printed: &str) -> Vec<String> {
    let names = printed.lines().filter_map(|line| {
        if let Some(name) = line.strip_prefix("Starting scenario: ") {
            return Some(name.trim());
        }
        let line = line.split("=== Running scenario: ").nth(1)?;
        line.split(" ===").next()
    });
    names.map(str::to_owned).collect()
}

/// Returns the items of the top-level key of a role.
fn listed(yaml: &str, role: Role) -> Vec<String> {
    let key = match role {
        Role::Server => "server:",
        Role::Client => "client:",
    };
    let lines = yaml.lines().skip_while(|line| line.trim_end() != key).skip(1);
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
    fn reads_the_list_of_a_role_in_a_requirement_file() {
        let yaml = "\
# A comment.
server:
  - ping
  # Another comment.
  - tools-list # and why

  - dns-rebinding-protection
client:
  - initialize

not_scored:
  - scenario: auth/dpop
";
        assert_eq!(listed(yaml, Role::Server), ["ping", "tools-list", "dns-rebinding-protection"]);
        assert_eq!(listed(yaml, Role::Client), ["initialize"]);
    }

    #[test]
    fn reads_the_names_of_the_scenarios_that_ran() {
        let printed =
            "Running 2\n\n=== Running scenario: ping ===\nRunning…\n\u{1b}[1m=== Running scenario: tools-list ===\n";
        assert_eq!(announced(printed), ["ping", "tools-list"]);
        assert_eq!(announced("Starting scenario: auth/dpop\nStarting\n"), ["auth/dpop"]);
    }

    #[test]
    fn sets_extensions_aside() {
        assert_eq!(unscored(Role::Server, "sep-2640-skills-manifest"), Scored::Aside);
        assert_eq!(unscored(Role::Client, "sep-2640-client-no-prefetch"), Scored::Aside);
        assert_eq!(unscored(Role::Server, "server-sse-polling"), Scored::Reported);
        assert_eq!(unscored(Role::Server, "tasks-status-notifications"), Scored::Reported);
        assert_eq!(unscored(Role::Client, "auth/dpop"), Scored::Required);
    }

    #[test]
    fn requires_the_tasks_whether_they_ran_or_not() {
        let suite = ALL.iter().find(|suite| suite.role == Role::Server && suite.name == "2026-07-28").unwrap();
        let package = std::env::temp_dir().join(format!("xtask-suite-{}", std::process::id()));
        std::fs::create_dir_all(package.join("requirements")).unwrap();
        std::fs::write(package.join("requirements/2026-07-28.yaml"), "server:\n  - tools-list\n").unwrap();
        let scenarios = suite.scenarios(&package, "=== Running scenario: tasks-status-notifications ===\n").unwrap();
        let required = scenarios.iter().filter(|scenario| scenario.scored == Scored::Required);
        assert_eq!((scenarios.len(), required.count()), (11, 10));
        std::fs::remove_dir_all(&package).unwrap();
    }

    #[test]
    fn wants_the_number_of_scenarios_that_the_old_suite_has() {
        let old = ALL.iter().find(|suite| suite.name == "0.1.16").unwrap();
        assert!(old.scenarios(Path::new("."), "=== Running scenario: ping ===\n").is_err());
    }
}
