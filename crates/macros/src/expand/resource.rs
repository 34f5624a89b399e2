//! The registration of a resource or resource template.

use proc_macro2::TokenStream;
use quote::quote_spanned;

use super::call::{self, Bound};
use super::{Roots, access, argument, here, naming, setter, tags};
use crate::model::{Handler, Resource};

/// Emits the statements of a block whose value is the builder with the resource in it.
pub(super) fn registration(resource: &Resource, handler: &Handler, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let function = &handler.function;
    let parameters = Bound::all(function);
    let uri = &resource.uri;
    let (name, _) = resource.naming.wire_name(function);
    let keep = call::keep(function);

    let output = call::output(function, 6, roots);
    let probes = parameters.iter().map(|bound| {
        let variable = resource.variables.contains(&bound.parameter.wire_name().0);
        let probe = bound.probe(if variable { "ask_text" } else { "ask_request" }, 2, roots);
        let default = argument::default_value(bound);
        quote_spanned!(here()=> #probe #default)
    });
    let naming = naming(&resource.naming, handler.docs.as_ref(), roots);
    let mime_type = match &resource.mime_type {
        Some(mime_type) => quote_spanned!(here()=> ::core::option::Option::Some(#mime_type)),
        None => quote_spanned!(here()=> ::core::option::Option::None),
    };
    let with_mime_type =
        resource.mime_type.as_ref().map(|_| quote_spanned!(here()=> .with_mime_type_option(mime_type)));
    let size = setter("with_size", resource.size.as_ref());
    let tags = tags(resource.tags.as_ref());
    let access = access(&resource.needs, roots);
    let read = call::read_texts(&parameters, roots, |bound| {
        let (name, _) = bound.parameter.wire_name();
        quote_spanned!(here()=> request.variable(#name))
    });
    let invoke = call::invoke(function, &parameters, true);
    let body = quote_spanned!(here()=> #read output.reply(#invoke, request.uri(), mime_type));
    let closure = call::closure(function, "ReadResourceRequest", &body, roots);
    let from_request = call::from_request("FnResource", function, &closure, roots);
    quote_spanned! {here()=>
        use #private::resource::probes::*;
        #keep
        #output
        #(#probes)*
        let mime_type: ::core::option::Option<&'static str> = #mime_type;
        let definition = #private::ResourceDefinition::new(#name) #naming #with_mime_type #size;
        let resource = #from_request #tags #access;
        #private::registered(builder.resource(#uri, resource))
    }
}
