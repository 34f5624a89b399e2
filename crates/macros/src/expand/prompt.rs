//! The registration of a prompt.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;

use super::call::{self, Bound};
use super::{Roots, access, argument, here, naming, setter, tags};
use crate::model::{Handler, Prompt};

/// Emits the statements of a block whose value is the builder with the prompt in it.
pub(super) fn registration(prompt: &Prompt, handler: &Handler, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let function = &handler.function;
    let parameters = Bound::all(function);
    let (name, _) = prompt.naming.wire_name(function);
    let keep = call::keep(function);

    let output = call::output(function, 2, roots);
    let declarations = parameters.iter().map(|bound| {
        let argument = &bound.parameter.argument;
        // An attribute says that this is an argument; without one, the type is asked.
        let probe = match argument.keys.is_empty() {
            true => bound.probe("ask_parameter", 3, roots),
            false => bound.probe("ask_text", 2, roots),
        };
        let (wire, _) = bound.parameter.wire_name();
        let description = setter("with_description", bound.parameter.description());
        let title = setter("with_title", argument.title.as_ref());
        let source = &bound.source;
        let list = Ident::new(if argument.default.is_some() { "list_optional" } else { "list" }, here());
        let default = argument::default_value(bound);
        quote_spanned! {here()=>
            #probe
            #default
            #source.#list(&mut arguments, #private::PromptArgument::new(#wire) #title #description);
        }
    });
    let naming = naming(&prompt.naming, handler.docs.as_ref(), roots);
    let tags = tags(prompt.tags.as_ref());
    let access = access(&prompt.needs, roots);
    let read = call::read_texts(&parameters, roots, |bound| {
        let (name, _) = bound.parameter.wire_name();
        quote_spanned!(here()=> request.argument(#name))
    });
    let invoke = call::invoke(function, &parameters, true);
    let body = quote_spanned!(here()=> #read output.reply(#invoke));
    let closure = call::closure(function, "GetPromptRequest", &body, roots);
    let from_request = call::from_request("FnPrompt", function, &closure, roots);
    quote_spanned! {here()=>
        use #private::prompt::probes::*;
        #keep
        #output
        let mut arguments = ::std::vec::Vec::new();
        #(#declarations)*
        let definition = #private::Prompt::new(#name).with_arguments(arguments) #naming;
        let prompt = #from_request #tags #access;
        #private::registered(builder.prompt(#name, prompt))
    }
}
