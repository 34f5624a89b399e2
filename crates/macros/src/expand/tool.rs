//! The registration of a tool.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::ItemFn;

use super::call::{self, Bound};
use super::{Roots, access, argument, conditions, here, naming, setter, tags};
use crate::model::{Handler, Task, Tool, unraw};
use crate::parse::hint_method;

/// Emits the statements of a block whose value is the builder with the tool in it.
pub(super) fn registration(tool: &Tool, handler: &Handler, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let (name, _) = tool.naming.wire_name(&handler.function);
    let fn_tool = fn_tool(tool, handler, true, roots);
    quote_spanned! {here()=>
        #fn_tool
        #private::registered(builder.tool(#name, tool))
    }
}

/// Emits a free function as it is and, beside it, one that returns it as a tool.
pub(crate) fn free_tool(item: &ItemFn, tool: &Tool, handler: &Handler) -> TokenStream {
    let roots = Roots::new(tool.root.as_ref());
    let facade = &roots.facade;
    let visibility = &item.vis;
    let cfg = conditions(&handler.cfg);
    let ident = Ident::new(&format!("{}_tool", unraw(&item.sig.ident)), item.sig.ident.span());
    let docs = format!("Returns the tool that calls [`{}`].", unraw(&item.sig.ident));
    let import = roots.import();
    let body = fn_tool(tool, handler, false, &roots);
    quote_spanned! {here()=>
        #item
        #cfg
        #[doc = #docs]
        #[must_use]
        #visibility fn #ident() -> #facade::FnTool {
            #import
            #body
            tool
        }
    }
}

/// Emits the statements that make a variable `tool` of type `FnTool`.
fn fn_tool(tool: &Tool, handler: &Handler, in_impl: bool, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let function = &handler.function;
    let parameters = Bound::all(function);
    let keep = call::keep(function);
    let (name, _) = tool.naming.wire_name(function);

    let output = call::output(function, 7, roots);
    let output_schema = match &tool.output_schema {
        Some(schema) => quote_spanned!(here()=> ::core::option::Option::Some(#schema)),
        None => quote_spanned!(here()=> output.schema()),
    };
    let settings = settings(tool, handler, roots);
    let input = input(tool, &parameters, roots);
    let read = read(&parameters, roots);
    let invoke = call::invoke(function, &parameters, in_impl);
    let body = quote_spanned!(here()=> #read output.reply(#invoke));
    let closure = call::closure(function, "CallToolRequest", &body, roots);
    let from_request = call::from_request("FnTool", function, &closure, roots);
    let typed = match &tool.output_schema {
        Some(_) => quote_spanned!(here()=> .typed_arguments()),
        None => quote_spanned!(here()=> .typed()),
    };
    let timeout = setter("timeout", tool.timeout.as_ref());
    let tags = tags(tool.tags.as_ref());
    let access = access(&tool.needs, roots);
    let task = task(tool.task.as_deref(), roots);
    quote_spanned! {here()=>
        use #private::tool::probes::*;
        #keep
        #output
        #input
        let definition = #private::tool::definition(#name, schema, #output_schema) #settings;
        let tool = #from_request #typed #timeout #task #tags #access;
    }
}

/// Emits how calls become tasks, if they do.
fn task(task: Option<&Task>, roots: &Roots) -> Option<TokenStream> {
    let (task, facade) = (task?, &roots.facade);
    let support = Ident::new(if task.required.is_some() { "required" } else { "optional" }, here());
    let deferred = task.deferred.map(|_| quote_spanned!(here()=> .deferred()));
    let retry = setter("retry", task.retry.as_ref().map(|(_, times)| times));
    let ttl = setter("ttl", task.ttl.as_ref());
    let poll_interval = setter("poll_interval", task.poll_interval.as_ref());
    Some(quote_spanned! {here()=>
        .task(#facade::tasks::ToolTask::#support() #deferred #retry #ttl #poll_interval)
    })
}

fn settings(tool: &Tool, handler: &Handler, roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let naming = naming(&tool.naming, handler.docs.as_ref(), roots);
    let hints = tool.hints.iter().map(|(key, switch)| {
        let method = hint_method(key);
        quote_spanned!(here()=> .#method(#switch))
    });
    let annotations = (!tool.hints.is_empty())
        .then(|| quote_spanned!(here()=> .with_annotations(#private::ToolAnnotations::new() #(#hints)*)));
    quote_spanned!(here()=> #naming #annotations)
}

/// Emits the probes of the parameters, the layout of the arguments and their schema.
fn input(tool: &Tool, parameters: &[Bound<'_>], roots: &Roots) -> TokenStream {
    let private = &roots.private;
    let some_whole = parameters.iter().any(|bound| bound.parameter.argument.whole.is_some());
    let probes = parameters.iter().map(|bound| {
        if bound.parameter.argument.keys.is_empty() {
            // Where another parameter takes all arguments, this one can only come from the request.
            if some_whole { bound.probe("ask_request", 2, roots) } else { bound.probe("ask_parameter", 3, roots) }
        } else {
            bound.probe("ask_argument", 2, roots)
        }
    });
    let defaults = parameters.iter().map(argument::default_value);
    let counts = tool.whole.map(|_| {
        let counts = parameters.iter().map(Bound::count);
        quote_spanned!(here()=> let count = #private::Nothing; #(#counts)*)
    });
    let shapes = parameters.iter().map(|bound| {
        let source = &bound.source;
        if bound.parameter.argument.whole.is_some() {
            quote_spanned!(here()=> #private::tool::Shape::Whole)
        } else if bound.parameter.argument.names_a_member() {
            quote_spanned!(here()=> #private::tool::Shape::Member)
        } else if tool.whole.is_some() {
            quote_spanned!(here()=> #source.shape().whole())
        } else {
            quote_spanned!(here()=> #source.shape())
        }
    });
    let declarations = parameters.iter().map(|bound| {
        let (name, _) = bound.parameter.wire_name();
        let Bound { source, .. } = bound;
        let settings = argument::settings(bound, roots);
        quote_spanned!(here()=> let input = #source.declare(input, #name, #settings);)
    });
    quote_spanned! {here()=>
        #(#probes)*
        #(#defaults)*
        #counts
        let input = #private::tool::Input::new(&[#(#shapes),*]);
        #(#declarations)*
        let (layout, schema) = input.finish();
    }
}

/// Emits the statements that make the values of the parameters.
fn read(parameters: &[Bound<'_>], roots: &Roots) -> Option<TokenStream> {
    if parameters.is_empty() {
        return None;
    }
    let private = &roots.private;
    let names = parameters.iter().map(|bound| bound.parameter.wire_name().0);
    let raws = parameters.iter().map(|bound| &bound.raw);
    let values = parameters.iter().map(|bound| &bound.value);
    let takes = parameters.iter().map(|bound| {
        let Bound { source, raw, default, .. } = bound;
        match bound.parameter.argument.default {
            Some(_) => quote_spanned!(here()=> #source.take_or(&context, #raw, #default)?),
            None => quote_spanned!(here()=> #source.take(&context, #raw)?),
        }
    });
    Some(quote_spanned! {here()=>
        let (#(#values,)*) = match #private::tool::read(|| {
            let [#(#raws),*] = layout.read(request.arguments(), [#(#names),*])?;
            ::core::result::Result::Ok((#(#takes,)*))
        }) {
            ::core::result::Result::Ok(values) => values,
            ::core::result::Result::Err(refusal) => return refusal,
        };
    })
}
