//! What a caller needs: `scopes("…")` and its siblings.

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, Token};

use super::entries::{Entry, once, string_literal, ungroup};
use crate::errors::Errors;
use crate::model::Needs;

/// Reads one of the keys.
pub(super) fn read(needs: &mut Needs, entry: &Entry, errors: &Errors) {
    let (slot, what): (_, &str) = match entry.key.to_string().as_str() {
        "scopes" => (&mut needs.scopes, "scope"),
        "roles" => (&mut needs.roles, "role"),
        "permissions" => (&mut needs.permissions, "permission"),
        _ => (&mut needs.visible_to_roles, "role"),
    };
    once(slot, names(entry, what, errors), entry, errors);
}

/// Reads `key("name", "name")`; a name may be any expression, of which only literals are checked here.
fn names(entry: &Entry, what: &str, errors: &Errors) -> Option<Vec<Expr>> {
    let key = &entry.key;
    let Some(tokens) = entry.tokens() else {
        errors.on(key, format_args!("`{key}` takes names: write `{key}(\"…\")`"));
        return None;
    };
    let names = errors.ok(syn::parse::Parser::parse2(Punctuated::<Expr, Token![,]>::parse_terminated, tokens))?;
    if names.is_empty() {
        errors.on(
            key,
            format_args!("`{key}` names none, so nobody could be meant: write `{key}(\"…\")`, or leave it out"),
        );
        return None;
    }
    let mut seen: Vec<String> = Vec::new();
    for name in &names {
        let Some(literal) = string_literal(name) else {
            if let Expr::Lit(ExprLit { lit, .. }) = ungroup(name) {
                not_a_text(lit, what, errors);
            }
            continue;
        };
        let text = literal.value();
        if let Some(problem) = problem(&text, what) {
            errors.on(literal, problem);
        } else if seen.contains(&text) {
            errors.on(literal, format_args!("the {what} `{text}` is given twice"));
        }
        seen.push(text);
    }
    Some(names.into_iter().collect())
}

fn not_a_text(literal: &Lit, what: &str, errors: &Errors) {
    errors.on(literal, format_args!("the name of a {what} is a text: write `\"{}\"`", literal.to_token_stream()));
}

/// Says what is wrong with a name, if anything is.
fn problem(name: &str, what: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some(format!("the name of a {what} has at least one character"));
    }
    if what == "scope" {
        if name.contains(' ') {
            let apart = name.split_whitespace().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(", ");
            return Some(format!("a space stands between scopes: write `scopes({apart})`"));
        }
        let legal = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\');
        return name.chars().find(|letter| !legal(*letter)).map(|letter| {
            format!("{letter:?} cannot be in a scope: use printable ASCII without quotes and backslashes")
        });
    }
    name.contains(char::is_control).then(|| format!("the name of a {what} stands in one line"))
}
