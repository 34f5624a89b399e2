//! Errors, collected so that one compilation reports all of them, each at the token that caused it.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;

/// The errors found so far.
#[derive(Default)]
pub(crate) struct Errors {
    found: RefCell<Vec<syn::Error>>,
}

impl Errors {
    /// Reports an error at a span.
    pub(crate) fn at(&self, span: Span, message: impl Display) {
        self.found.borrow_mut().push(syn::Error::new(span, message));
    }

    /// Reports an error at all of these tokens.
    pub(crate) fn on(&self, tokens: impl ToTokens, message: impl Display) {
        self.found.borrow_mut().push(syn::Error::new_spanned(tokens, message));
    }

    /// Keeps an error of the parser and returns what was read, if anything.
    pub(crate) fn ok<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.found.borrow_mut().push(error)).ok()
    }

    /// Reports a key that an attribute does not know, with the known key that it resembles.
    pub(crate) fn unknown_key(&self, key: &Ident, attribute: &str, known: &[&str]) {
        let written = key.to_string();
        match closest(&written, known.iter().copied()) {
            Some(meant) => self.on(key, format_args!("unknown key `{written}`; did you mean `{meant}`?")),
            None => {
                let known = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                self.on(key, format_args!("unknown key `{written}`; `{attribute}` knows {known}"));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Returns the errors as `compile_error!` calls.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.found.into_inner().iter().map(syn::Error::to_compile_error).collect()
    }
}

/// Words that people write for a key, where no typing error explains them.
const SYNONYMS: &[(&str, &str)] = &[
    ("aggregate", "aggr"),
    ("desc", "description"),
    ("doc", "description"),
    ("destructive_hint", "destructive"),
    ("idempotent_hint", "idempotent"),
    ("icon", "icons"),
    ("mime", "mime_type"),
    ("maximum", "max"),
    ("minimum", "min"),
    ("mimetype", "mime_type"),
    ("open_world_hint", "open_world"),
    ("read_only_hint", "read_only"),
    ("readonly", "read_only"),
    ("regex", "pattern"),
    ("rename", "name"),
    ("template", "resource"),
    ("uri", "resource"),
    ("url", "website_url"),
    ("website", "website_url"),
];

/// Returns the candidate that was probably meant by `written`.
pub(crate) fn closest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    for candidate in candidates {
        // The beginning of a word is no typing error, but says which word was meant.
        if written.len() >= 3 && candidate.starts_with(written) {
            return Some(candidate);
        }
        if SYNONYMS.contains(&(written, candidate)) {
            return Some(candidate);
        }
        let distance = edits(written, candidate);
        let allowed = (written.chars().count().max(candidate.chars().count()) / 3).max(1);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Counts the characters to insert, delete, replace or swap with a neighbour to make `a` into `b`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, meant: Option<&str>) {
        let known = ["name", "title", "description", "read_only", "timeout"];
        assert_eq!(closest(written, known.into_iter()), meant);
    }

    #[test]
    fn suggests_the_key_that_was_probably_meant() {
        check("nmae", Some("name"));
        check("names", Some("name"));
        check("tilte", Some("title"));
        check("desc", Some("description"));
        check("descr", Some("description"));
        check("descripton", Some("description"));
        check("readonly", Some("read_only"));
        check("time_out", Some("timeout"));
    }

    #[test]
    fn suggests_nothing_for_a_word_unlike_any_key() {
        check("colour", None);
        check("x", None);
    }
}
