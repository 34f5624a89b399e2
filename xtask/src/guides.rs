//! The guides in `docs/`: what they include and link to exists, and every page is in the table of contents.
//!
//! A guide shows no Rust of its own: what a fence of Rust holds is copied from a file that is compiled.

mod code;
mod markdown;

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{Outcome, workspace::Workspace};
use markdown::Page;

/// The folder that `docs/book.toml` names.
const BOOK: &str = "docs/src";
const SUMMARY: &str = "docs/src/SUMMARY.md";

/// Folders whose pages are checked for links, beside the book's.
const OTHERS: [&str; 2] = ["", "docs"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Check,
    Write,
}

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Outcome {
    let mut complaints = Vec::new();
    let pages = pages_in(&workspace.root, BOOK)?;
    let mut excerpts = 0;
    for path in &pages {
        let text = workspace.read(path)?;
        let page = Page::parse(&text);
        match code::renewed(&text, |file| read(&workspace.root, "", file)) {
            Ok((renewed, count)) => {
                excerpts += count;
                if renewed != text && mode == Mode::Write {
                    fs::write(workspace.root.join(path), renewed)?;
                } else if renewed != text {
                    complaints
                        .push(format!("{path}: its code is not that of the files: run `cargo xtask guides --write`"));
                }
            }
            Err(wrong) => {
                complaints.extend(wrong.iter().map(|(line, complaint)| format!("{path}:{line}: {complaint}")));
            }
        }
        complaints.extend(check_includes(&workspace.root, path, &page));
        complaints.extend(check_links(&workspace.root, path, &page));
        complaints.extend(check_bounds(path, &page));
        complaints.extend(page.pasted.iter().map(|line| format!("{path}:{line}: Rust that is not copied from a file")));
    }
    for folder in OTHERS {
        for path in pages_in(&workspace.root, folder)? {
            complaints.extend(check_links(&workspace.root, &path, &Page::parse(&workspace.read(&path)?)));
        }
    }
    complaints.extend(check_summary(&pages, &Page::parse(&workspace.read(SUMMARY)?)));
    println!("{} pages, {excerpts} excerpts", pages.len());
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// Returns the pages of one folder, relative to the root.
fn pages_in(root: &Path, folder: &str) -> Outcome<BTreeSet<String>> {
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            pages.insert(if folder.is_empty() { name } else { format!("{folder}/{name}") });
        }
    }
    Ok(pages)
}

fn check_includes(root: &Path, page: &str, parsed: &Page) -> Vec<String> {
    let check = |(line, target): &(usize, String)| {
        let complaint = read(root, page, target).err();
        complaint.map(|complaint| format!("{page}:{line}: {target}: {complaint}"))
    };
    parsed.includes.iter().filter_map(check).collect()
}

fn check_links(root: &Path, page: &str, parsed: &Page) -> Vec<String> {
    let check = |(line, target): &(usize, String)| {
        let (file, heading) = target.split_once('#').map_or((&target[..], None), |(file, name)| (file, Some(name)));
        let exists = if file.is_empty() { Ok(()) } else { resolve(root, page, file).map(drop) };
        let headings = || match file {
            "" => Ok(parsed.headings.clone()),
            _ => read(root, page, file).map(|text| Page::parse(&text).headings),
        };
        let found = exists.and_then(|()| match heading {
            Some(heading) if !headings()?.contains(heading) => Err("no such heading".to_owned()),
            _ => Ok(()),
        });
        found.err().map(|complaint| format!("{page}:{line}: {target}: {complaint}"))
    };
    parsed.links.iter().filter_map(check).collect()
}

/// A link out of the book leads nowhere once the book is rendered.
fn check_bounds(page: &str, parsed: &Page) -> Vec<String> {
    let leaves = parsed.links.iter().filter(|(_, target)| target.starts_with("..") || target.starts_with('/'));
    leaves.map(|(line, target)| format!("{page}:{line}: {target}: leads out of the book")).collect()
}

fn check_summary(pages: &BTreeSet<String>, summary: &Page) -> Vec<String> {
    let listed: BTreeSet<_> = summary.links.iter().map(|(_, target)| format!("{BOOK}/{target}")).collect();
    let missing = pages.iter().filter(|page| *page != SUMMARY && !listed.contains(*page));
    missing.map(|page| format!("{page} is not in {SUMMARY}")).collect()
}

/// Returns where a link of a page leads, relative to the root.
fn resolve(root: &Path, page: &str, target: &str) -> Result<String, String> {
    let mut path = PathBuf::from(page);
    path.pop();
    for component in Path::new(target).components() {
        let known = match component {
            Component::Normal(name) => {
                path.push(name);
                true
            }
            Component::ParentDir => path.pop(),
            Component::CurDir => true,
            _ => false,
        };
        if !known {
            return Err("leads out of the workspace".to_owned());
        }
    }
    if root.join(&path).exists() { Ok(path.to_string_lossy().into_owned()) } else { Err("does not exist".to_owned()) }
}

fn read(root: &Path, page: &str, target: &str) -> Result<String, String> {
    let path = resolve(root, page, target)?;
    fs::read_to_string(root.join(path)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[track_caller]
    fn check(markdown: &str, expected: &[&str]) {
        let page = Page::parse(markdown);
        let mut complaints = check_includes(&root(), "xtask/page.md", &page);
        complaints.extend(check_links(&root(), "xtask/page.md", &page));
        assert_eq!(complaints, expected);
    }

    #[test]
    fn wants_included_files_to_exist() {
        check("{{#include src/main.rs}}", &[]);
        check("\n{{#include src/no.rs}}", &["xtask/page.md:2: src/no.rs: does not exist"]);
    }

    #[test]
    fn wants_local_links_to_lead_somewhere() {
        check("[a](../README.md) [b](https://example.com/none) [c](#top)\n# Top", &[]);
        check("[a](none.md)", &["xtask/page.md:1: none.md: does not exist"]);
        check("[a](../../../x)", &["xtask/page.md:1: ../../../x: leads out of the workspace"]);
        check("[a](../ARCHITECTURE.md#one-request)", &[]);
        check("[a](../ARCHITECTURE.md#none)", &["xtask/page.md:1: ../ARCHITECTURE.md#none: no such heading"]);
    }

    #[test]
    fn wants_links_to_stay_in_the_book() {
        let page = Page::parse("[a](b.md) [c](../d.md)");
        assert_eq!(check_bounds("p.md", &page), ["p.md:1: ../d.md: leads out of the book"]);
    }

    #[test]
    fn wants_every_page_in_the_summary() {
        let pages = ["docs/src/SUMMARY.md", "docs/src/a.md", "docs/src/b.md"].map(str::to_owned).into();
        assert_eq!(check_summary(&pages, &Page::parse("- [A](a.md)")), ["docs/src/b.md is not in docs/src/SUMMARY.md"]);
    }
}
