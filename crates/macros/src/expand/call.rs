//! What all handlers share: where each parameter comes from, and the call of the user's function.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

use super::{Roots, at, here};
use crate::model::{Function, Parameter, Passing, unraw};

/// A parameter with the names that it has in the emitted code.
pub(super) struct Bound<'a> {
    pub(super) parameter: &'a Parameter,
    /// The value that says where the parameter comes from.
    pub(super) source: Ident,
    /// The raw text found for it in the request.
    pub(super) raw: Ident,
    /// Its value.
    pub(super) value: Ident,
    /// The closure that makes its default.
    pub(super) default: Ident,
}

impl<'a> Bound<'a> {
    pub(super) fn all(function: &'a Function) -> Vec<Self> {
        function.parameters.iter().map(Self::new).collect()
    }

    fn new(parameter: &'a Parameter) -> Self {
        let name = unraw(&parameter.ident);
        let named = |prefix: &str| Ident::new(&format!("{prefix}_{name}"), at(parameter.ident.span()));
        Self { parameter, source: named("source"), raw: named("raw"), value: named("arg"), default: named("default") }
    }

    /// Emits the probe that asks the type where its value comes from.
    ///
    /// The more references stand before the probe, the more answers it tries, the best one first.
    pub(super) fn probe(&self, method: &str, answers: usize, roots: &Roots) -> TokenStream {
        let source = &self.source;
        let probe = probe(&self.parameter.ty, method, answers, roots);
        quote_spanned!(here()=> let #source = #probe;)
    }

    /// Emits the count of this parameter, if it is an argument, reported at its type if it is a second one.
    pub(super) fn count(&self) -> TokenStream {
        let source = &self.source;
        let count = Ident::new("count", at(self.parameter.ty.span()));
        quote_spanned!(here()=> let count = #source.#count(#count);)
    }

    /// Emits the expression that is passed to the user's function.
    fn pass(&self) -> TokenStream {
        let value = &self.value;
        match self.parameter.passing {
            Passing::Value => quote_spanned!(here()=> #value),
            Passing::Reference => quote_spanned!(here()=> &#value),
            Passing::OptionDeref => quote_spanned!(here()=> #value.as_deref()),
            Passing::OptionReference => quote_spanned!(here()=> #value.as_ref()),
        }
    }
}

/// Emits `(&&Probe::<T>::new()).method().fit()`.
///
/// Where no answer fits the type, `fit` is what does not compile, so it stands at the type.
fn probe(ty: &Type, method: &str, answers: usize, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let method = Ident::new(method, here());
    let fit = Ident::new("fit", at(ty.span()));
    let references = std::iter::repeat_n(quote_spanned!(here()=> &), answers);
    quote_spanned!(here()=> (#(#references)* #private::Probe::<#ty>::new()).#method().#fit())
}

/// Emits the probe of the returned type.
pub(super) fn output(function: &Function, answers: usize, roots: &Roots) -> TokenStream {
    let unit = syn::parse_quote!(());
    let probe = probe(function.output.as_ref().unwrap_or(&unit), "ask_output", answers, roots);
    quote_spanned!(here()=> let output = #probe;)
}

/// Emits the call of the user's function.
pub(super) fn invoke(function: &Function, parameters: &[Bound<'_>], in_impl: bool) -> TokenStream {
    let name = &function.ident;
    let path = if in_impl { quote_spanned!(here()=> Self::#name) } else { quote_spanned!(here()=> #name) };
    let receiver = function.receiver.then(|| quote_spanned!(here()=> &*this,));
    let values = parameters.iter().map(Bound::pass);
    let awaited = function.is_async.then(|| quote_spanned!(here()=> .await));
    quote_spanned!(here()=> #path(#receiver #(#values),*) #awaited)
}

/// Emits the call that makes a handler of a closure.
///
/// All of it has the span of the user's function, where rustc then reports a future that is not `Send`.
pub(super) fn from_request(handler: &str, function: &Function, closure: &TokenStream, roots: &Roots) -> TokenStream {
    let span = function.ident.span();
    let facade = roots.facade_at(span);
    let handler = Ident::new(handler, at(span));
    quote_spanned!(at(span)=> #facade::#handler::from_request(definition, #closure))
}

/// Emits the closure that serves one request; `body` is the inside of its future.
pub(super) fn closure(function: &Function, request: &str, body: &TokenStream, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let request = Ident::new(request, here());
    let share = keep(function);
    quote_spanned! {at(function.ident.span())=>
        move |request: #private::#request, context: #private::Context| {
            #share
            async move { #body }
        }
    }
}

/// Emits the clone of the server that a closure or its future keeps.
pub(super) fn keep(function: &Function) -> Option<TokenStream> {
    function.receiver.then(|| quote_spanned!(here()=> let this = ::std::sync::Arc::clone(&this);))
}

/// Emits the statements that make the values of the parameters from texts of the request.
pub(super) fn read_texts(
    parameters: &[Bound<'_>],
    roots: &Roots,
    text: impl Fn(&Bound<'_>) -> TokenStream,
) -> Option<TokenStream> {
    if parameters.is_empty() {
        return None;
    }
    let private = &roots.private;
    let values = parameters.iter().map(|bound| &bound.value);
    let takes = parameters.iter().map(|bound| {
        let Bound { source, default, parameter, .. } = bound;
        let (name, _) = parameter.wire_name();
        let text = text(bound);
        match parameter.argument.default {
            Some(_) => quote_spanned!(here()=> #source.take_or(&context, #private::Raw::new(#name, #text), #default)?),
            None => quote_spanned!(here()=> #source.take(&context, #private::Raw::new(#name, #text))?),
        }
    });
    Some(quote_spanned! {here()=>
        let (#(#values,)*) = #private::read(|| ::core::result::Result::Ok((#(#takes,)*)))?;
    })
}
