//! A page with every key.

use std::fmt::Write as _;

use super::Settings;
use super::keys::sections;

const HEAD: &str = "# Keys of the configuration

This page is written by `Settings::reference`; a test holds it against the keys. [Configuration](configuration.md) says how
files and variables are read.

A key of the section `limits` is `limits.page_size` in TOML and YAML, and `TURBOMCP_LIMITS__PAGE_SIZE` as a variable. `*`
stands for a name of your own, such as that of a tool. The last column says when a server with `hot-reload` takes a change:
with the next request, the next connection (or legacy session), or when it is started again. A secret can stand in a file of
its own, which the same key with `_file` behind it names.
";

pub(super) fn page() -> String {
    let mut out = HEAD.to_owned();
    let defaults = Settings::default();
    for section in sections().filter(|section| !section.keys.is_empty()) {
        let feature = section.feature.map(|feature| format!(" Needs the feature `{feature}`.")).unwrap_or_default();
        let _ = write!(
            out,
            "\n## {}\n\n{}{feature}\n\n| key | takes | unless set | meaning | changes with the next |\n|---|---|---|---|---|\n",
            section.name, section.about
        );
        for key in section.keys {
            let default = match (key.show)(&mut defaults.clone()) {
                _ if key.is_secret => String::new(),
                // It is another with each release.
                _ if key.path == "server.version" => "that of this crate".to_owned(),
                // Whether a part is on is asked of what has not been looked at.
                _ if key.path.ends_with(".enabled") => "`false`".to_owned(),
                default if ["", "none", "[]"].contains(&default.as_str()) => String::new(),
                default => format!("`{default}`"),
            };
            let secret = if key.is_secret { "secret: " } else { "" };
            let (path, meaning, takes) = (key.path, key.meaning, key.takes.as_str());
            let _ = writeln!(out, "| `{path}` | {secret}{} | {default} | {meaning} | {takes} |", (key.allowed)());
        }
    }
    out
}
