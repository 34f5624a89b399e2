//! The registration of a completion.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use super::call::{self, Bound};
use super::{Roots, here};
use crate::model::{Completion, Handler, Target};

/// Emits the statements of a block whose value is the builder with the completion in it.
pub(super) fn registration(completion: &Completion, handler: &Handler, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let function = &handler.function;
    let parameters = Bound::all(function);
    let argument = &completion.argument;
    let keep = call::keep(function);
    let reference = match &completion.target {
        Target::Prompt(name) => quote_spanned!(here()=> #private::CompletionReference::prompt(#name)),
        Target::Resource(uri) => quote_spanned!(here()=> #private::CompletionReference::resource_template(#uri)),
    };

    let output = call::output(function, 2, roots);
    let is_sibling = |bound: &Bound<'_>| completion.siblings.contains(&bound.parameter.wire_name().0);
    let probes = parameters.iter().map(|bound| bound.probe("ask_parameter", 3, roots));
    let counts = parameters.iter().filter(|bound| !is_sibling(bound)).map(Bound::count);
    let read = call::read_texts(&parameters, roots, |bound| {
        if is_sibling(bound) {
            let (name, _) = bound.parameter.wire_name();
            quote_spanned!(here()=> request.context(#name))
        } else {
            quote_spanned!(here()=> ::core::option::Option::Some(request.value()))
        }
    });
    let invoke = call::invoke(function, &parameters, true);
    let body = quote_spanned!(here()=> #read output.reply(#invoke));
    let closure = call::closure(function, "CompleteRequest", &body, roots);
    quote_spanned! {here()=>
        use #private::completion::probes::*;
        #keep
        #output
        #(#probes)*
        let count = #private::Nothing;
        #(#counts)*
        #private::registered(builder.completion(#reference, #argument, #closure))
    }
}
