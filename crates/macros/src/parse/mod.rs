//! From syntax to the model. Each file reads one kind of place where a user writes to us.

mod argument;
mod entries;
mod function;
mod handler;
mod needs;
mod server;

pub(crate) use entries::{Entries, string_literal};
pub(crate) use handler::{free_function, hint_method};
pub(crate) use server::{impl_block, server};

use proc_macro2::TokenTree;
use syn::{Attribute, Expr, Meta};

use crate::errors::Errors;

/// Returns the text of the doc comments among the attributes.
fn docs(attributes: &[Attribute]) -> Option<Expr> {
    let lines: Vec<&Expr> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(&pair.value),
            _ => None,
        })
        .collect();
    let literals: Option<Vec<String>> = lines.iter().map(|line| string_literal(line).map(syn::LitStr::value)).collect();
    match literals {
        Some(lines) => {
            let text = unindent(&lines);
            if text.is_empty() { None } else { Some(syn::parse_quote!(#text)) }
        }
        // Something like `#[doc = include_str!("add.md")]`, which only the compiler can read.
        None => Some(syn::parse_quote!(::core::concat!(#(#lines, "\n"),*).trim())),
    }
}

/// Joins the lines of a doc comment without the margin that all of them have.
fn unindent(lines: &[String]) -> String {
    let lines: Vec<&str> = lines.iter().flat_map(|line| line.split('\n')).map(str::trim_end).collect();
    let margin = |line: &&str| line.len() - line.trim_start().len();
    let margin = lines.iter().filter(|line| !line.is_empty()).map(margin).min().unwrap_or(0);
    let lines: Vec<&str> = lines.iter().map(|line| line.get(margin..).unwrap_or("")).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// The handler attributes.
const HANDLERS: [&str; 4] = ["tool", "resource", "prompt", "completion"];

/// Returns which handler attribute this is, if it is one of ours.
fn handler_name(attribute: &Attribute, root: Option<&syn::Path>) -> Option<&'static str> {
    let mut segments = attribute.path().segments.iter().rev();
    let name = segments.next()?.ident.to_string();
    let name = HANDLERS.into_iter().find(|handler| *handler == name)?;
    match segments.next() {
        None => Some(name),
        Some(krate) if krate.ident == "turbomcp" => Some(name),
        Some(krate) => (krate.ident == root?.segments.last()?.ident).then_some(name),
    }
}

/// Reports a handler attribute that hides in a `#[cfg_attr]`, where it is not seen.
fn reject_conditional_handlers(attributes: &mut Vec<Attribute>, errors: &Errors) {
    attributes.retain(|attribute| {
        let Meta::List(list) = &attribute.meta else { return true };
        if !list.path.is_ident("cfg_attr") {
            return true;
        }
        let mut idents = list.tokens.clone().into_iter().filter_map(|token| match token {
            TokenTree::Ident(ident) => Some(ident),
            _ => None,
        });
        let Some(hidden) = idents.find(|ident| HANDLERS.iter().any(|handler| ident == handler)) else { return true };
        let message = "a handler attribute is not seen inside `#[cfg_attr]`: \
                       write `#[cfg(..)]` and the attribute below each other";
        errors.on(hidden, message);
        false
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], text: &str) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(unindent(&lines), text);
    }

    #[test]
    fn reads_doc_comments_without_their_margin() {
        check(&[" Adds."], "Adds.");
        check(&[" Adds.", "", "   Twice. "], "Adds.\n\n  Twice.");
        check(&["", " Adds.", ""], "Adds.");
        check(&["\n     Adds.\n     More.\n "], "Adds.\nMore.");
        check(&[], "");
    }
}
