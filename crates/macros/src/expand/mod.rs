//! From the model to code that a person could have written.
//!
//! Names of our own have the span [`here`], so that they can neither hide a user's name nor be hidden by one; a
//! user's types and expressions keep theirs. A call whose trait bounds a user can fail to meet has the span [`at`]
//! the type or function that has to meet them.

mod argument;
mod call;
mod completion;
mod prompt;
mod resource;
mod server;
mod tool;

pub(crate) use server::{server, stub};
pub(crate) use tool::free_tool;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Attribute, Expr, Path};

use crate::model::{Naming, Needs};
use crate::parse::string_literal;

/// The span of code that no user wrote.
fn here() -> Span {
    Span::mixed_site()
}

/// The span of code that no user wrote, but that is reported at `place` if it does not compile.
fn at(place: Span) -> Span {
    here().located_at(place)
}

/// Where the emitted code finds the facade crate and, in it, what is not meant for users.
pub(crate) struct Roots {
    facade: TokenStream,
    /// A name for the module, in the scope that [`Roots::import`] stands in.
    private: TokenStream,
}

impl Roots {
    /// Returns the paths below the given crate, by default `::turbomcp`.
    pub(crate) fn new(root: Option<&Path>) -> Self {
        let facade = match root {
            Some(path) => path.to_token_stream(),
            None => quote_spanned!(here()=> ::turbomcp),
        };
        Self { facade, private: quote_spanned!(here()=> __private) }
    }

    /// Returns the path of the facade at another place, where what is called there is reported.
    fn facade_at(&self, span: Span) -> TokenStream {
        self.facade
            .clone()
            .into_iter()
            .map(|mut token| {
                token.set_span(at(span));
                token
            })
            .collect()
    }

    /// Emits the import of the private module.
    fn import(&self) -> TokenStream {
        let facade = &self.facade;
        quote_spanned!(here()=> use #facade::__private;)
    }
}

/// Returns the `#[cfg]` attributes as tokens.
fn conditions(cfg: &[Attribute]) -> TokenStream {
    cfg.iter().map(ToTokens::to_token_stream).collect()
}

/// Emits a builder call for a setting that is given.
fn setter(method: &str, value: Option<&Expr>) -> Option<TokenStream> {
    let method = proc_macro2::Ident::new(method, here());
    value.map(|value| quote_spanned!(here()=> .#method(#value)))
}

/// Emits the icons: an expression of type `Icon`, or a string that is its source.
fn icons(method: &str, icons: Option<&Vec<Expr>>, roots: &Roots) -> Option<TokenStream> {
    let method = proc_macro2::Ident::new(method, here());
    let private = &roots.private;
    let icons = icons?.iter().map(|icon| match string_literal(icon) {
        Some(source) => quote_spanned!(here()=> #private::Icon::new(#source)),
        None => icon.to_token_stream(),
    });
    Some(quote_spanned!(here()=> .#method(::std::vec![#(#icons),*])))
}

/// Emits what all primitives have: title, description, icons.
fn naming(naming: &Naming, docs: Option<&Expr>, roots: &Roots) -> TokenStream {
    let title = setter("with_title", naming.title.as_ref());
    let description = setter("with_description", naming.description.as_ref().or(docs));
    let icons = icons("with_icons", naming.icons.as_ref(), roots);
    quote_spanned!(here()=> #title #description #icons)
}

/// Emits what a caller needs, if anything.
fn access(needs: &Needs, roots: &Roots) -> Option<TokenStream> {
    let facade = &roots.facade;
    let named = [
        ("scopes", &needs.scopes),
        ("roles", &needs.roles),
        ("permissions", &needs.permissions),
        ("visible_to_roles", &needs.visible_to_roles),
    ];
    let mut calls = named
        .into_iter()
        .filter_map(|(key, names)| {
            let (method, names) = (proc_macro2::Ident::new(key, here()), names.as_ref()?);
            Some(quote_spanned!(here()=> .#method([#(#names),*])))
        })
        .peekable();
    calls.peek()?;
    Some(quote_spanned!(here()=> .access(#facade::Access::new() #(#calls)*)))
}

/// Emits a call for each tag.
fn tags(tags: Option<&Vec<Expr>>) -> TokenStream {
    tags.into_iter().flatten().map(|tag| quote_spanned!(here()=> .tag(#tag))).collect()
}
