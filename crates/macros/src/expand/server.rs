//! The `IntoServer` implementation beside the impl block.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::ItemImpl;
use syn::spanned::Spanned;

use super::{Roots, at, completion, conditions, here, icons, prompt, resource, setter, tool};
use crate::model::{Handler, Kind, Server};

/// Emits the impl block and the implementation of `IntoServer`.
pub(crate) fn server(server: &Server) -> TokenStream {
    let roots = Roots::new(server.settings.root.as_ref());
    let Roots { facade, private } = &roots;
    let settings = &server.settings;
    let name = server.name();
    let version = match &settings.version {
        Some(version) => version.to_token_stream(),
        None => quote_spanned!(here()=> ::core::env!("CARGO_PKG_VERSION")),
    };
    let title = setter("title", settings.title.as_ref());
    let description = setter("description", settings.description.as_ref());
    let instructions = setter("instructions", settings.instructions.as_ref());
    let website_url = setter("website_url", settings.website_url.as_ref());
    let icons = icons("icons", settings.icons.as_ref(), &roots);
    let shared = server.handlers.iter().any(|handler| handler.function.receiver);
    let span = at(server.item.self_ty.span());
    let this = shared.then(|| quote_spanned!(span=> let this = #private::shared(self);));
    let registrations = server.handlers.iter().map(|handler| registration(handler, &roots));
    let body = quote_spanned! {here()=>
        #this
        let builder = #facade::ServerBuilder::new().name(#name).version(#version)
            #title #description #instructions #website_url #icons;
        #(#registrations)*
        builder
    };
    let implementation = into_server(&server.item, &body, &roots);
    let item = &server.item;
    quote_spanned!(here()=> #item #implementation)
}

/// Emits the impl block with an `IntoServer` that only type-checks, beside which errors are reported.
///
/// Without it, every use of the server would be a further error.
pub(crate) fn stub(server: &Server) -> TokenStream {
    let item = &server.item;
    let roots = Roots::new(server.settings.root.as_ref());
    let implementation = into_server(item, &quote_spanned!(here()=> ::core::unreachable!()), &roots);
    quote_spanned!(here()=> #item #implementation)
}

fn into_server(item: &ItemImpl, body: &TokenStream, roots: &Roots) -> TokenStream {
    let facade = &roots.facade;
    let import = roots.import();
    let self_ty = &item.self_ty;
    let (generics, _, where_clause) = item.generics.split_for_impl();
    let cfg = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    quote_spanned! {here()=>
        #(#cfg)*
        const _: () = {
            #import

            #[automatically_derived]
            impl #generics #facade::IntoServer for #self_ty #where_clause {
                fn into_builder(self) -> #facade::ServerBuilder {
                    #body
                }
            }
        };
    }
}

fn registration(handler: &Handler, roots: &Roots) -> TokenStream {
    let cfg = conditions(&handler.cfg);
    let block = match &handler.kind {
        Kind::Tool(tool) => tool::registration(tool, handler, roots),
        Kind::Resource(resource) => resource::registration(resource, handler, roots),
        Kind::Prompt(prompt) => prompt::registration(prompt, handler, roots),
        Kind::Completion(completion) => completion::registration(completion, handler, roots),
    };
    quote_spanned!(here()=> #cfg let builder = { #block };)
}
