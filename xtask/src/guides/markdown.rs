//! What the checks want to know of a page.

use std::collections::BTreeSet;

/// What a page includes and links to, each with the line it stands in.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    /// `path` or `path:anchor`.
    pub(super) includes: Vec<(usize, String)>,
    /// Targets within the workspace, as they are written.
    pub(super) links: Vec<(usize, String)>,
    /// Headings, as links name them.
    pub(super) headings: BTreeSet<String>,
    /// The lines of fenced Rust that are no includes.
    pub(super) pasted: Vec<usize>,
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut fence: Option<&str> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let include = included(line);
            match (line.trim_start().strip_prefix("```"), fence) {
                (Some(language), None) => fence = Some(language),
                (Some(_), Some(_)) => fence = None,
                (None, Some(language)) => {
                    if language.starts_with("rust") && include.is_none() && !line.is_empty() {
                        page.pasted.push(number);
                    }
                }
                (None, None) => page.prose(number, line),
            }
            page.includes.extend(include.map(|target| (number, target.to_owned())));
        }
        page
    }

    fn prose(&mut self, number: usize, line: &str) {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            self.headings.insert(slug(heading));
        }
        let line = without_code(line);
        for part in line.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                self.links.push((number, target.to_owned()));
            }
        }
    }
}

/// Returns what the line includes.
fn included(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("{{#include ").or_else(|| line.split_once("{{#rustdoc_include "))?;
    rest.split_once("}}").map(|(target, _)| target.trim())
}

/// Returns the line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Returns the name by which links know a heading.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links_but_not_in_code() {
        let page =
            Page::parse("a [b](c.md#d) and [e](f)\n`[g](h)` [`i`](j.md)\n```text\n[k](l)\n```\n<https://m.example>");
        let targets: Vec<_> = page.links.iter().map(|(line, target)| (*line, &target[..])).collect();
        assert_eq!(targets, [(1, "c.md#d"), (1, "f"), (2, "j.md")]);
    }

    #[test]
    fn finds_rust_that_is_pasted() {
        let page = Page::parse("```rust\n{{#include a.rs:b}}\n\nlet c = 1;\n```\n```sh\nd\n```\n");
        assert_eq!(page.pasted, [4]);
        assert_eq!(page.includes, [(2, "a.rs:b".to_owned())]);
    }

    #[test]
    fn names_headings_as_links_do() {
        let page = Page::parse("# One request\n## What `Limits` holds, and why\n#notaheading");
        let headings: Vec<_> = page.headings.iter().collect();
        assert_eq!(headings, ["one-request", "what-limits-holds-and-why"]);
    }
}
