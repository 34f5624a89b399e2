//! A verdict on one scenario from its `checks.json`.

use std::path::Path;

use serde_json::Value;

use super::suite::{Role, Scored};
use crate::Outcome;

// Folders are named `server-<scenario>-<time>` or `<scenario>-<time>`, the time as in `2026-11-21T05-10-22-834Z`. A slash in
// the name of a scenario is one of its path.
const TIME_LENGTH: usize = 24;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    successes: usize,
    failures: usize,
    warnings: usize,
    /// The failures and warnings in words.
    pub(crate) complaints: Vec<String>,
}

impl Verdict {
    /// Says whether the scenario may count as held. A scenario without a success has looked at nothing.
    pub(crate) fn holds(&self, scored: Scored) -> bool {
        match scored {
            Scored::Required => self.failures == 0 && self.warnings == 0 && self.successes > 0,
            Scored::Reported | Scored::Aside => self.failures == 0,
        }
    }

    /// Counts a failure that the checks do not tell of.
    pub(crate) fn fail(&mut self, complaint: String) {
        self.failures += 1;
        self.complaints.push(complaint);
    }

    pub(crate) fn counts(&self) -> String {
        format!("{} ok {} fail {} warn", self.successes, self.failures, self.warnings)
    }

    fn from_checks(checks: &Value) -> Outcome<Self> {
        let mut verdict = Self::default();
        for check in checks.as_array().ok_or("checks.json is not an array")? {
            let status = check["status"].as_str().unwrap_or_default();
            match status {
                "SUCCESS" => verdict.successes += 1,
                "FAILURE" => verdict.failures += 1,
                "WARNING" => verdict.warnings += 1,
                "SKIPPED" | "INFO" => {}
                other => return Err(format!("unknown status {other:?} in checks.json").into()),
            }
            if matches!(status, "FAILURE" | "WARNING") {
                let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
                let details = if check["details"].is_null() { String::new() } else { check["details"].to_string() };
                verdict.complaints.push(format!("{status} {}: {} {details}", text("id"), text("errorMessage")));
            }
        }
        Ok(verdict)
    }
}

/// Returns the verdict on one scenario, or nothing if it left no result.
pub(crate) fn read(results: &Path, role: Role, scenario: &str) -> Outcome<Option<Verdict>> {
    let (group, name) = scenario.rsplit_once('/').unwrap_or(("", scenario));
    let folder = results.join(group);
    if !folder.exists() {
        return Ok(None);
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let checks = entry.path().join("checks.json");
        if scenario_of(role, &entry.file_name().to_string_lossy()) == Some(name) && checks.exists() {
            let checks = serde_json::from_slice(&std::fs::read(checks)?)?;
            return Verdict::from_checks(&checks).map(Some);
        }
    }
    Ok(None)
}

fn scenario_of(role: Role, folder: &str) -> Option<&str> {
    let name = match role {
        Role::Server => folder.strip_prefix("server-")?,
        Role::Client => folder,
    };
    let name = name.get(..name.len().checked_sub(TIME_LENGTH)?)?;
    name.strip_suffix('-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(statuses: &[&str], scored: Scored, expected: bool) {
        let checks: Vec<_> = statuses.iter().map(|status| json!({"id": "a", "status": status})).collect();
        assert_eq!(Verdict::from_checks(&checks.into()).unwrap().holds(scored), expected);
    }

    #[test]
    fn wants_success_and_nothing_else_of_what_is_scored() {
        check(&["SUCCESS", "INFO", "SKIPPED"], Scored::Required, true);
        check(&["SUCCESS", "FAILURE"], Scored::Required, false);
        check(&["SUCCESS", "WARNING"], Scored::Required, false);
        check(&["SKIPPED", "INFO"], Scored::Required, false);
        check(&[], Scored::Required, false);
    }

    #[test]
    fn lets_what_is_not_scored_warn_but_not_fail() {
        check(&["WARNING"], Scored::Reported, true);
        check(&["SUCCESS", "FAILURE"], Scored::Reported, false);
    }

    #[test]
    fn refuses_a_status_it_does_not_know() {
        assert!(Verdict::from_checks(&json!([{"status": "PASSED"}])).is_err());
        assert!(Verdict::from_checks(&json!({})).is_err());
    }

    #[test]
    fn says_what_went_wrong() {
        let checks = json!([{"id": "a-b", "status": "FAILURE", "errorMessage": "no name", "details": {"x": 1}}]);
        let verdict = Verdict::from_checks(&checks).unwrap();
        assert_eq!(verdict.complaints, [r#"FAILURE a-b: no name {"x":1}"#]);
    }

    #[test]
    fn finds_the_scenario_in_the_name_of_a_folder() {
        let of_server = |folder| scenario_of(Role::Server, folder);
        assert_eq!(of_server("server-tools-list-2026-11-21T05-10-21-855Z"), Some("tools-list"));
        assert_eq!(of_server("server-server-initialize-2026-11-21T05-10-21-681Z"), Some("server-initialize"));
        assert_eq!(of_server("output.txt"), None);
        assert_eq!(scenario_of(Role::Client, "dpop-nonce-2026-11-21T05-10-21-855Z"), Some("dpop-nonce"));
    }

    #[test]
    fn finds_a_result_by_the_whole_name_of_its_scenario() {
        let results = std::env::temp_dir().join(format!("xtask-judge-{}", std::process::id()));
        let folder = results.join("auth/dpop-2026-11-21T05-10-21-855Z");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("checks.json"), r#"[{"id": "a", "status": "SUCCESS"}]"#).unwrap();
        let found = |scenario| read(&results, Role::Client, scenario).unwrap().is_some();
        assert!(found("auth/dpop"));
        assert!(!found("auth/dpop-nonce") && !found("dpop") && !found("other/dpop"));
        assert_eq!(read(&results, Role::Server, "ping").unwrap(), None);
        std::fs::remove_dir_all(&results).unwrap();
    }
}
