//! The expansion of typical inputs, kept as formatted files so that a change is seen in full.
//!
//! `BLESS=1 cargo test -p turbomcp-macros` writes the files anew.

use std::path::Path;
use std::{env, fs};

use quote::ToTokens;
use syn::{Attribute, Item, Meta};

use crate::entry;

/// Compares the expansion of `tests/expand/NAME.rs` to `tests/expand/NAME.expanded.rs`.
#[track_caller]
fn check(name: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expand");
    let input = fs::read_to_string(directory.join(format!("{name}.rs"))).unwrap();
    let expanded = expand(&input);
    let kept = directory.join(format!("{name}.expanded.rs"));
    if env::var_os("BLESS").is_some() {
        fs::write(kept, expanded).unwrap();
        return;
    }
    let expected = fs::read_to_string(&kept).unwrap_or_default();
    let changed = expected.lines().zip(expanded.lines()).find(|(expected, expanded)| expected != expanded);
    assert!(expected == expanded, "{name} expands to something new, first {changed:?}; run with BLESS=1 and read it");
}

/// Expands our attributes in a file, as the compiler would.
fn expand(input: &str) -> String {
    let mut file = syn::parse_file(input).unwrap();
    let mut items = Vec::new();
    for mut item in file.items {
        let attributes = match &mut item {
            Item::Impl(item) => &mut item.attrs,
            Item::Fn(item) => &mut item.attrs,
            _ => &mut Vec::new(),
        };
        let ours = attributes
            .iter()
            .position(|attribute| ["server", "tool"].iter().any(|name| attribute.path().is_ident(name)));
        let Some(ours) = ours.map(|ours| attributes.remove(ours)) else {
            items.push(item);
            continue;
        };
        let arguments = arguments(&ours);
        let expanded = match ours.path().is_ident("server") {
            true => entry::server(arguments, item.to_token_stream()),
            false => entry::tool(arguments, item.to_token_stream()),
        };
        items.extend(syn::parse2::<syn::File>(expanded).unwrap().items);
    }
    file.items = items;
    prettyplease::unparse(&file)
}

fn arguments(attribute: &Attribute) -> proc_macro2::TokenStream {
    match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => proc_macro2::TokenStream::new(),
    }
}

#[test]
fn a_tool_becomes_one_registration() {
    check("tool");
}

#[test]
fn every_key_of_a_tool_becomes_one_call() {
    check("tool_with_every_key");
}

#[test]
fn a_tool_takes_all_arguments_in_one_parameter() {
    check("aggregated");
}

#[test]
fn a_free_function_stays_beside_the_tool() {
    check("free_function");
}

#[test]
fn a_resource_binds_its_variables_to_parameters() {
    check("resource");
}

#[test]
fn a_prompt_lists_its_arguments_and_completes_them() {
    check("prompt");
}
