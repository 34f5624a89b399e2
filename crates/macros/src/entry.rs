//! What each attribute does: parse → model → validate → expand.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Item, ItemFn};

use crate::errors::Errors;
use crate::model::Kind;
use crate::{expand, parse, validate};

/// `#[server]`
pub(crate) fn server(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let Some(block) = parse::impl_block(item.clone(), &errors) else {
        let errors = errors.into_tokens();
        return quote!(#item #errors);
    };
    let mut server = parse::server(attribute, block, &errors);
    validate::server(&mut server, &errors);
    if errors.is_empty() {
        return expand::server(&server);
    }
    let errors = errors.into_tokens();
    let item = if server.item.trait_.is_some() { server.item.to_token_stream() } else { expand::stub(&server) };
    quote!(#item #errors)
}

/// `#[tool]` on a free function.
pub(crate) fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    let Some(mut item) = free_function("tool", item.clone(), &errors) else {
        let errors = errors.into_tokens();
        return quote!(#item #errors);
    };
    let read = parse::Entries::parse(attribute, &errors);
    let handler = parse::free_function("tool", read, &mut item, &errors);
    if let Some(handler) = &handler {
        validate::handler(handler, &errors);
        if let Kind::Tool(tool) = &handler.kind
            && errors.is_empty()
        {
            return expand::free_tool(&item, tool, handler);
        }
    }
    let errors = errors.into_tokens();
    quote!(#item #errors)
}

/// An attribute that only means something inside `#[server]`.
pub(crate) fn only_in_a_server(name: &str, item: TokenStream) -> TokenStream {
    let errors = Errors::default();
    errors.at(
        Span::call_site(),
        format_args!("`#[{name}]` belongs on a function in an impl block with `#[server]` on it"),
    );
    let errors = errors.into_tokens();
    // A parameter's attributes would be further errors, so they go.
    let item = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(mut item) => {
            parse::free_function("tool", parse::Entries::default(), &mut item, &Errors::default());
            item.into_token_stream()
        }
        Err(_) => item,
    };
    quote!(#item #errors)
}

/// Returns the function in the tokens, or says what else they are.
fn free_function(name: &str, tokens: TokenStream, errors: &Errors) -> Option<ItemFn> {
    match syn::parse2::<Item>(tokens) {
        Ok(Item::Fn(item)) => {
            if item.sig.receiver().is_some() {
                let message =
                    format!("`#[{name}]` on a method is read by `#[server]`: write `#[server]` on the impl block");
                errors.at(Span::call_site(), message);
            }
            Some(item)
        }
        Ok(Item::Impl(_)) => {
            errors.at(
                Span::call_site(),
                format_args!("write `#[server]` on the impl block, and `#[{name}]` on its functions"),
            );
            None
        }
        _ => {
            errors.at(Span::call_site(), format_args!("`#[{name}]` goes on a function"));
            None
        }
    }
}
