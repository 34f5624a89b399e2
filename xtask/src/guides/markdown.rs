//! What the checks want to know of a page.

use std::collections::BTreeSet;

/// What a page includes and links to, each with the line it stands in.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    /// Whole pages that stand in the place of this one.
    pub(super) includes: Vec<(usize, String)>,
    /// Targets within the workspace, as they are written.
    pub(super) links: Vec<(usize, String)>,
    /// Headings, as links name them.
    pub(super) headings: BTreeSet<String>,
    /// The lines of fences with Rust of which nothing says where it is from.
    pub(super) pasted: Vec<usize>,
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let (mut is_fenced, mut is_named) = (false, false);
        for (number, line) in (1..).zip(text.lines()) {
            match (line.trim_start().strip_prefix("```"), is_fenced) {
                (Some(language), false) => {
                    is_fenced = true;
                    if language.starts_with("rust") && !is_named {
                        page.pasted.push(number);
                    }
                }
                (Some(_), true) => is_fenced = false,
                (None, true) => {}
                (None, false) => page.prose(number, line),
            }
            is_named = super::code::included(line).is_some();
            page.includes.extend(included(line).map(|target| (number, target.to_owned())));
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

/// Returns the page that the line includes.
fn included(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("{{#include ")?;
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
        let page =
            Page::parse("<!-- include a.rs:b -->\n```rust\nlet a = 1;\n```\n```rust\nlet c = 1;\n```\n```sh\nd\n```\n");
        assert_eq!(page.pasted, [5]);
    }

    #[test]
    fn names_headings_as_links_do() {
        let page = Page::parse("# One request\n## What `Limits` holds, and why\n#notaheading");
        let headings: Vec<_> = page.headings.iter().collect();
        assert_eq!(headings, ["one-request", "what-limits-holds-and-why"]);
    }
}
