//! What a tool's schema says about one argument, and what an absent argument is read as.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::Expr;

use super::call::Bound;
use super::{Roots, here, setter};
use crate::model::{self, DefaultValue};
use crate::parse::string_literal;

/// Emits the closure that makes the default, if there is one.
pub(super) fn default_value(bound: &Bound<'_>) -> Option<TokenStream> {
    let ty = &bound.parameter.ty;
    let name = &bound.default;
    let value = match bound.parameter.argument.default.as_ref()? {
        DefaultValue::OfType => quote_spanned!(here()=> <#ty as ::core::default::Default>::default()),
        DefaultValue::Is(value) if string_literal(value).is_some() => {
            quote_spanned!(here()=> <#ty as ::core::convert::From<_>>::from(#value))
        }
        DefaultValue::Is(value) => value.to_token_stream(),
    };
    Some(quote_spanned!(here()=> let #name = || -> #ty { #value };))
}

/// Emits the settings of one argument.
pub(super) fn settings(bound: &Bound<'_>, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let model::Argument { title, default, minimum, maximum, min_length, max_length, pattern, examples, header, .. } =
        &bound.parameter.argument;
    let description = setter("description", bound.parameter.description());
    let title = setter("title", title.as_ref());
    let minimum = limit("minimum", "exclusive_minimum", minimum.as_ref());
    let maximum = limit("maximum", "exclusive_maximum", maximum.as_ref());
    let min_length = setter("min_length", min_length.as_ref());
    let max_length = setter("max_length", max_length.as_ref());
    let pattern = setter("pattern", pattern.as_ref());
    let examples = (!examples.is_empty()).then(|| quote_spanned!(here()=> .examples([#(#private::json(#examples)),*])));
    let header = header.as_ref().map(|header| quote_spanned!(here()=> .header(#header)));
    let settings = quote_spanned! {here()=>
        #private::Argument::new() #title #description #minimum #maximum #min_length #max_length #pattern #examples #header
    };
    if default.is_none() {
        return settings;
    }
    let name = &bound.default;
    quote_spanned!(here()=> (&&#private::DefaultValue(#name())).describe(#settings))
}

fn limit(inclusive: &str, exclusive: &str, bound: Option<&model::Bound>) -> Option<TokenStream> {
    let bound = bound?;
    let value: &Expr = &bound.value;
    setter(if bound.exclusive { exclusive } else { inclusive }, Some(value))
}
