//! What `cargo metadata` says about this workspace.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::Outcome;

pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) is_published: bool,
    pub(crate) features: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Outcome<Self> {
        let output = Command::new(cargo()).args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        Self::from_metadata(&metadata).ok_or_else(|| "cargo metadata: an unexpected shape".into())
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"].as_array()?.iter().map(Package::from_metadata).collect::<Option<_>>()?;
        Some(Self {
            root: metadata["workspace_root"].as_str()?.into(),
            target: metadata["target_directory"].as_str()?.into(),
            packages,
        })
    }

    /// Returns a `cargo` command that runs at the root. It keeps nothing for compiling again after a change, which would
    /// take gigabytes.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(&self.root).env("CARGO_INCREMENTAL", "0");
        command
    }

    /// Returns the folder that holds what the checks install.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Outcome<String> {
        let path = path.as_ref();
        std::fs::read_to_string(self.root.join(path)).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}

impl Package {
    fn from_metadata(package: &Value) -> Option<Self> {
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            // `publish = false` is an empty list of registries.
            is_published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            features: package["features"].as_object()?.keys().cloned().collect(),
        })
    }
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_published_packages_from_the_others() {
        let metadata = json!({
            "workspace_root": "/w", "target_directory": "/w/target",
            "packages": [
                {"name": "a", "publish": null, "features": {"default": ["x"], "x": []}},
                {"name": "b", "publish": [], "features": {}},
            ],
        });
        let workspace = Workspace::from_metadata(&metadata).unwrap();
        let published: Vec<_> = workspace.packages.iter().filter(|package| package.is_published).collect();
        assert_eq!(published.len(), 1);
        assert_eq!(published[0].features, ["default", "x"]);
    }
}
