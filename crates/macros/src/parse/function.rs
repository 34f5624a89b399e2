//! A handler's signature, and what about it cannot work.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    FnArg, GenericArgument, Pat, PatType, PathArguments, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type,
    TypeReference, parse_quote,
};

use crate::errors::Errors;
use crate::model::{Function, Parameter, Passing};
use crate::parse::{argument, docs};

/// Reads a signature and takes our attributes off its parameters.
pub(super) fn function(signature: &mut Signature, errors: &Errors) -> Function {
    qualifiers(signature, errors);
    let mut has_receiver = false;
    let mut parameters = Vec::new();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(found) => {
                receiver(found, errors);
                has_receiver = true;
            }
            FnArg::Typed(typed) => parameters.extend(parameter(typed, errors)),
        }
    }
    Function {
        ident: signature.ident.clone(),
        receiver: has_receiver,
        is_async: signature.asyncness.is_some(),
        parameters,
        output: output(&signature.output, errors),
    }
}

fn qualifiers(signature: &Signature, errors: &Errors) {
    if let Safety::Unsafe(token) = &signature.safety {
        errors.on(token, "a handler is called by whoever sends a request: it cannot be `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, "a handler is a plain `fn` or `async fn`");
    }
    if !signature.generics.params.is_empty() {
        let message = "a handler has no generic parameters: its arguments are read from JSON, so write their types out";
        errors.on(&signature.generics, message);
    }
    if let Some(variadic) = &signature.variadic {
        errors.on(variadic, "a handler has a fixed number of parameters");
    }
}

fn receiver(receiver: &Receiver, errors: &Errors) {
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => {}
        ReceiverKind::Reference(_, _, Some(_)) => {
            errors.on(receiver, "write `&self`: requests share the server; keep what changes in a `Mutex` or an atomic")
        }
        ReceiverKind::Reference(_, Some(lifetime), None) => {
            errors.on(lifetime, "write `&self`: the server outlives every request");
        }
        _ => errors.on(receiver, "write `&self`: requests share the server, so a handler cannot consume it"),
    }
}

fn parameter(typed: &mut PatType, errors: &Errors) -> Option<Parameter> {
    let docs = docs(&typed.attrs);
    let argument = argument::take(&mut typed.attrs, errors);
    if let Some(cfg) = typed.attrs.iter().find(|attribute| attribute.path().is_ident("cfg")) {
        errors.on(cfg, "a parameter of a handler cannot be conditional: write `#[cfg(..)]` on two functions");
    }
    let ident = match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(pattern.ident.clone()),
        Pat::Wild(wild) => {
            errors.on(wild, "give this parameter a name: it is the argument's name in the schema");
            None
        }
        pattern => {
            errors.on(pattern, "write a name here and take the value apart in the body: the name is the argument's");
            None
        }
    };
    let (ty, passing) = owned(&typed.ty, errors)?;
    Some(Parameter { ident: ident?, ty, passing, docs, argument })
}

/// Returns the type whose value is made from the request, and how the function wants to be given it.
fn owned(ty: &Type, errors: &Errors) -> Option<(Type, Passing)> {
    match ty {
        Type::Group(group) => return owned(&group.elem, errors),
        Type::Paren(paren) => return owned(&paren.elem, errors),
        _ => {}
    }
    if let Some(reference) = referenced_option(ty) {
        let passing = if is_unsized(&reference.elem) { Passing::OptionDeref } else { Passing::OptionReference };
        let inner = pointee(reference, errors)?;
        return Some((parse_quote!(::core::option::Option<#inner>), passing));
    }
    if let Type::Reference(reference) = ty {
        return Some((pointee(reference, errors)?, Passing::Reference));
    }
    has_no_borrow(ty, errors).then(|| (ty.clone(), Passing::Value))
}

/// Returns the owned type behind a reference.
fn pointee(reference: &TypeReference, errors: &Errors) -> Option<Type> {
    if let Some(mutability) = &reference.mutability {
        errors.on(mutability, "a handler takes its parameters by value or by `&`; write `mut` before the name instead");
        return None;
    }
    if let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident != "_") {
        errors.on(lifetime, "leave the lifetime out: the value lives as long as the call");
        return None;
    }
    match &*reference.elem {
        Type::Path(path) if path.qself.is_none() && path.path.is_ident("str") => {
            let span = path.span();
            Some(Type::Verbatim(quote::quote_spanned!(span=> ::std::string::String)))
        }
        Type::Slice(slice) => {
            let element = &slice.elem;
            has_no_borrow(element, errors).then(|| parse_quote!(::std::vec::Vec<#element>))
        }
        Type::TraitObject(object) => {
            errors.on(object, "a handler's parameter needs a concrete type");
            None
        }
        element => has_no_borrow(element, errors).then(|| element.clone()),
    }
}

fn is_unsized(ty: &Type) -> bool {
    matches!(ty, Type::Slice(_)) || matches!(ty, Type::Path(path) if path.path.is_ident("str"))
}

/// Returns the reference in `Option<&T>`.
fn referenced_option(ty: &Type) -> Option<&TypeReference> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(Type::Reference(reference)) if arguments.args.len() == 1 => Some(reference),
        _ => None,
    }
}

/// Reports a type of which no owned value can be made.
fn has_no_borrow(ty: &Type, errors: &Errors) -> bool {
    let found = scan(ty.to_token_stream());
    if found.opaque {
        errors.on(ty, "write the type out: a handler's arguments are read from JSON");
    } else if found.borrow {
        errors.on(ty, "nothing can be borrowed inside this type: write owned types, such as `String` for `&str`");
    }
    !found.opaque && !found.borrow
}

fn output(output: &ReturnType, errors: &Errors) -> Option<Type> {
    let ReturnType::Type(_, ty) = output else { return None };
    let found = scan(ty.to_token_stream());
    if found.opaque {
        errors.on(ty, "write the returned type out: the tool's output schema is made from it");
        return None;
    }
    if found.borrow {
        errors.on(ty, "a result outlives the call: return owned values, such as `String` for `&str`");
        return None;
    }
    Some((**ty).clone())
}

/// What a type contains at any depth.
#[derive(Default)]
struct Found {
    /// `impl Trait`
    opaque: bool,
    /// `&T`, unless it is `&'static T`
    borrow: bool,
}

fn scan(tokens: TokenStream) -> Found {
    let mut found = Found::default();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => found.opaque |= ident == "impl",
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let mut rest = tokens.clone();
                let quote = matches!(rest.next(), Some(TokenTree::Punct(punct))
                    if punct.as_char() == '\'' && punct.spacing() == Spacing::Joint);
                let is_static = quote && matches!(rest.next(), Some(TokenTree::Ident(name)) if name == "static");
                found.borrow |= !is_static;
            }
            TokenTree::Group(group) => {
                let inner = scan(group.stream());
                found.opaque |= inner.opaque;
                found.borrow |= inner.borrow;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    found
}
