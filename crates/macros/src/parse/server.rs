//! `#[server]` and the impl block below it.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{GenericArgument, ImplItem, Item, ItemImpl, Lifetime, PathArguments, Type};

use crate::errors::Errors;
use crate::model::{Server, ServerSettings};
use crate::parse::entries::{Entries, keys, once};
use crate::parse::handler;

/// Reads an impl block and takes our attributes off its functions.
pub(crate) fn server(attribute: TokenStream, mut item: ItemImpl, errors: &Errors) -> Server {
    let settings = settings(Entries::parse(attribute, errors), errors);
    if let Some((path, _)) = &item.trait_ {
        errors.on(path, "`#[server]` goes on an inherent impl: write `impl` and the type, without a trait");
    }
    for lifetime in item.generics.lifetimes() {
        errors.on(&lifetime.lifetime, BORROWS);
    }
    if let Some(elided) = elided_lifetime(&item.self_ty) {
        errors.on(elided, BORROWS);
    }
    let mut handlers = Vec::new();
    for item in &mut item.items {
        if let ImplItem::Fn(function) = item {
            let root = settings.root.as_ref();
            handlers.extend(handler::method(&mut function.attrs, &mut function.sig, root, errors));
        }
    }
    Server { item, settings, handlers }
}

const BORROWS: &str =
    "a server outlives whoever made it, so it cannot borrow: let it own the value, or share it in an `Arc`";

/// Returns a `'_` among the arguments of the type.
fn elided_lifetime(server: &Type) -> Option<&Lifetime> {
    let Type::Path(server) = server else { return None };
    let PathArguments::AngleBracketed(arguments) = &server.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Lifetime(lifetime) if lifetime.ident == "_" => Some(lifetime),
        _ => None,
    })
}

/// Returns the impl block in the tokens, or says what else they are.
pub(crate) fn impl_block(tokens: TokenStream, errors: &Errors) -> Option<ItemImpl> {
    match errors.ok(syn::parse2::<Item>(tokens))? {
        Item::Impl(item) => Some(item),
        Item::Struct(item) => {
            let message =
                format!("`#[server]` goes on the impl block with the handlers: write `impl {} {{ … }}`", item.ident);
            errors.on(item.ident, message);
            None
        }
        other => {
            let start = other.to_token_stream().into_iter().next();
            errors.on(start, "`#[server]` goes on an impl block");
            None
        }
    }
}

fn settings(read: Entries, errors: &Errors) -> ServerSettings {
    let mut settings = ServerSettings::default();
    if let Some(text) = &read.text {
        errors.on(text, format_args!("write `name = {}`", text.to_token_stream()));
    }
    for entry in &read.entries {
        keys!(entry, "#[server]", errors;
            "name" => once(&mut settings.name, entry.string(errors), entry, errors),
            "version" => once(&mut settings.version, entry.expr(errors), entry, errors),
            "title" => once(&mut settings.title, entry.expr(errors), entry, errors),
            "description" => once(&mut settings.description, entry.expr(errors), entry, errors),
            "instructions" => once(&mut settings.instructions, entry.expr(errors), entry, errors),
            "website_url" => once(&mut settings.website_url, entry.expr(errors), entry, errors),
            "icons" => once(&mut settings.icons, entry.exprs(errors), entry, errors),
            "crate" => once(&mut settings.root, entry.path(errors), entry, errors),
        );
    }
    settings
}
