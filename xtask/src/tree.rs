//! The number of crates that a user's build pulls in.

use std::collections::BTreeSet;

use crate::{Outcome, process, workspace::Workspace};

const BOUNDS: [(&str, usize); 2] = [("stdio,macros", 90), ("stdio,macros,http", 130)];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut failures = Vec::new();
    for (features, bound) in BOUNDS {
        let mut command = workspace.cargo(&["tree", "--package", "turbomcp", "--edges", "normal", "--prefix", "none"]);
        command.args(["--no-default-features", "--features", features]);
        let count = crates(&process::read(&mut command)?).len();
        println!("{count} crates with {features} (at most {bound})");
        if count > bound {
            failures.push(format!("{features}: {count} crates, more than {bound}"));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Returns the distinct packages, each as its name and version.
fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_package_once_and_two_versions_twice() {
        let tree = "\
turbomcp v0.1.0 (/w/crates/turbomcp)
serde v1.0.228
syn v2.0.100 (proc-macro)
serde v1.0.228 (*)

syn v3.0.0
";
        assert_eq!(crates(tree).len(), 4);
    }
}
