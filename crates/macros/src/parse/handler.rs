//! The handler attributes: `#[tool]`, `#[resource]`, `#[prompt]` and `#[completion]`.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, ItemFn, LitStr, Path, Signature};

use crate::errors::Errors;
use crate::model::{Completion, Handler, Kind, Naming, Needs, Prompt, Resource, Target, Task, Tool};
use crate::parse::entries::{Entries, Entry, keys, once, string_literal};
use crate::parse::{docs, function, handler_name, needs, reject_conditional_handlers};
use crate::template;

/// Takes the handler attribute off a function, if it has one, and reads both.
pub(super) fn method(
    attributes: &mut Vec<Attribute>,
    signature: &mut Signature,
    root: Option<&Path>,
    errors: &Errors,
) -> Option<Handler> {
    reject_conditional_handlers(attributes, errors);
    let mut found: Option<(&str, Attribute)> = None;
    attributes.retain(|attribute| {
        let Some(name) = handler_name(attribute, root) else { return true };
        match &found {
            None => found = Some((name, attribute.clone())),
            Some((first, _)) => {
                errors.on(attribute, format_args!("this function is a {first} already: write a second function"));
            }
        }
        false
    });
    let (name, attribute) = found?;
    let path = attribute.path().span();
    let kind = kind(name, Entries::of(&attribute, errors), path, errors);
    let function = function::function(signature, errors);
    Some(Handler { cfg: cfg(attributes), docs: docs(attributes), function, kind: kind? })
}

/// Reads a free function under `#[tool]`.
pub(crate) fn free_function(name: &str, read: Entries, item: &mut ItemFn, errors: &Errors) -> Option<Handler> {
    for attribute in &item.attrs {
        if handler_name(attribute, None).is_some() {
            errors.on(attribute, format_args!("this function is a {name} already: write a second function"));
        }
    }
    item.attrs.retain(|attribute| handler_name(attribute, None).is_none());
    let kind = kind(name, read, Span::call_site(), errors);
    let function = function::function(&mut item.sig, errors);
    Some(Handler { cfg: cfg(&item.attrs), docs: docs(&item.attrs), function, kind: kind? })
}

fn cfg(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect()
}

fn kind(name: &str, read: Entries, span: Span, errors: &Errors) -> Option<Kind> {
    match name {
        "tool" => Some(Kind::Tool(tool(read, errors))),
        "resource" => resource(read, span, errors).map(Kind::Resource),
        "prompt" => Some(Kind::Prompt(prompt(read, errors))),
        _ => completion(&read, span, errors).map(Kind::Completion),
    }
}

fn tool(read: Entries, errors: &Errors) -> Tool {
    let mut tool = Tool::default();
    positional_description(&mut tool.naming, read.text);
    for entry in &read.entries {
        keys!(entry, "#[tool]", errors;
            "name" => once(&mut tool.naming.name, entry.string(errors), entry, errors),
            "title" => once(&mut tool.naming.title, entry.expr(errors), entry, errors),
            "description" => once(&mut tool.naming.description, entry.expr(errors), entry, errors),
            "icons" => once(&mut tool.naming.icons, entry.exprs(errors), entry, errors),
            "read_only" => hint(&mut tool, entry, errors),
            "destructive" => hint(&mut tool, entry, errors),
            "idempotent" => hint(&mut tool, entry, errors),
            "open_world" => hint(&mut tool, entry, errors),
            "tags" => once(&mut tool.tags, entry.exprs(errors), entry, errors),
            "scopes" => needs::read(&mut tool.needs, entry, errors),
            "roles" => needs::read(&mut tool.needs, entry, errors),
            "permissions" => needs::read(&mut tool.needs, entry, errors),
            "visible_to_roles" => needs::read(&mut tool.needs, entry, errors),
            "timeout" => once(&mut tool.timeout, timeout(entry, errors), entry, errors),
            "task" => once(&mut tool.task, task(entry, errors).map(Box::new), entry, errors),
            "output_schema" => once(&mut tool.output_schema, entry.expr(errors), entry, errors),
            "aggr" => once(&mut tool.whole, entry.marker(errors), entry, errors),
            "crate" => once(&mut tool.root, entry.path(errors), entry, errors),
        );
    }
    tool
}

/// A string literal in first place is the description.
fn positional_description(naming: &mut Naming, text: Option<LitStr>) {
    naming.description = text.map(|text| syn::parse_quote!(#text));
}

fn hint(tool: &mut Tool, entry: &Entry, errors: &Errors) {
    if tool.hints.iter().any(|(key, _)| *key == entry.key) {
        errors.on(&entry.key, format_args!("`{}` is given twice", entry.key));
    } else if let Some(switch) = entry.switch(errors) {
        tool.hints.push((entry.key.clone(), switch));
    }
}

/// Reads `task`, or `task(required, retry = 3, ..)`.
fn task(entry: &Entry, errors: &Errors) -> Option<Task> {
    let mut task = Task::default();
    if entry.tokens().is_none() {
        return entry.marker(errors).map(|_| task);
    }
    let read = entry.list(errors)?;
    if let Some(text) = &read.text {
        errors.on(text, "a task has no text: write `task`, or `task(required)`");
    }
    for entry in &read.entries {
        keys!(entry, "task(..)", errors;
            "optional" => once(&mut task.optional, entry.marker(errors), entry, errors),
            "required" => once(&mut task.required, entry.marker(errors), entry, errors),
            "deferred" => once(&mut task.deferred, entry.marker(errors), entry, errors),
            "retry" => once(&mut task.retry, entry.expr(errors).map(|times| (entry.key.span(), times)), entry, errors),
            "ttl" => once(&mut task.ttl, timeout(entry, errors), entry, errors),
            "poll_interval" => once(&mut task.poll_interval, timeout(entry, errors), entry, errors),
        );
    }
    Some(task)
}

/// Reads `timeout = "30s"` into an expression of type `Duration`; any other expression stands as it is.
fn timeout(entry: &Entry, errors: &Errors) -> Option<Expr> {
    let value = entry.expr(errors)?;
    let Some(text) = string_literal(&value) else {
        if let Expr::Lit(literal) = &value {
            let key = &entry.key;
            errors.on(
                literal,
                format_args!("a time has a unit: write `{key} = \"30s\"` or an expression of type `Duration`"),
            );
            return None;
        }
        return Some(value);
    };
    match milliseconds(&text.value()) {
        Some(milliseconds) => Some(syn::parse_quote!(::core::time::Duration::from_millis(#milliseconds))),
        None => {
            errors.on(text, "not a time: write a whole number and `ms`, `s`, `m` or `h`, such as \"30s\"");
            None
        }
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|milliseconds| *milliseconds > 0)
}

fn resource(read: Entries, span: Span, errors: &Errors) -> Option<Resource> {
    let mut naming = Naming::default();
    let (mut mime_type, mut size, mut tags, mut needs) = (None, None, None, Needs::default());
    for entry in &read.entries {
        keys!(entry, "#[resource]", errors;
            "name" => once(&mut naming.name, entry.string(errors), entry, errors),
            "title" => once(&mut naming.title, entry.expr(errors), entry, errors),
            "description" => once(&mut naming.description, entry.expr(errors), entry, errors),
            "mime_type" => once(&mut mime_type, entry.expr(errors), entry, errors),
            "icons" => once(&mut naming.icons, entry.exprs(errors), entry, errors),
            "size" => once(&mut size, entry.expr(errors), entry, errors),
            "tags" => once(&mut tags, entry.exprs(errors), entry, errors),
            "scopes" => needs::read(&mut needs, entry, errors),
            "roles" => needs::read(&mut needs, entry, errors),
            "permissions" => needs::read(&mut needs, entry, errors),
            "visible_to_roles" => needs::read(&mut needs, entry, errors),
        );
    }
    let Some(uri) = read.text else {
        errors.at(span, "write the resource's URI or URI template first: `#[resource(\"file:///logs/{name}\")]`");
        return None;
    };
    let variables = match template::variables(&uri.value()) {
        Ok(variables) => variables,
        Err(problem) => {
            errors.on(uri, problem);
            return None;
        }
    };
    Some(Resource { uri, variables, naming, mime_type, size, tags, needs })
}

fn prompt(read: Entries, errors: &Errors) -> Prompt {
    let mut prompt = Prompt::default();
    positional_description(&mut prompt.naming, read.text);
    for entry in &read.entries {
        keys!(entry, "#[prompt]", errors;
            "name" => once(&mut prompt.naming.name, entry.string(errors), entry, errors),
            "title" => once(&mut prompt.naming.title, entry.expr(errors), entry, errors),
            "description" => once(&mut prompt.naming.description, entry.expr(errors), entry, errors),
            "icons" => once(&mut prompt.naming.icons, entry.exprs(errors), entry, errors),
            "tags" => once(&mut prompt.tags, entry.exprs(errors), entry, errors),
            "scopes" => needs::read(&mut prompt.needs, entry, errors),
            "roles" => needs::read(&mut prompt.needs, entry, errors),
            "permissions" => needs::read(&mut prompt.needs, entry, errors),
            "visible_to_roles" => needs::read(&mut prompt.needs, entry, errors),
        );
    }
    prompt
}

fn completion(read: &Entries, span: Span, errors: &Errors) -> Option<Completion> {
    if let Some(text) = &read.text {
        errors.on(text, "say what is completed: write `#[completion(prompt = \"…\", argument = \"…\")]`");
        return None;
    }
    let (mut prompt, mut resource, mut argument) = (None, None, None);
    for entry in &read.entries {
        keys!(entry, "#[completion]", errors;
            "prompt" => once(&mut prompt, entry.string(errors), entry, errors),
            "resource" => once(&mut resource, entry.string(errors), entry, errors),
            "argument" => once(&mut argument, entry.string(errors), entry, errors),
        );
    }
    let target = match (prompt, resource) {
        (Some(prompt), None) => Some(Target::Prompt(prompt)),
        (None, Some(resource)) => Some(Target::Resource(resource)),
        (Some(_), Some(resource)) => {
            errors.on(resource, "a completion belongs to a prompt or to a resource, not to both");
            None
        }
        (None, None) => {
            errors.at(span, "say what is completed: write `prompt = \"…\"` or `resource = \"…\"`");
            None
        }
    };
    if argument.is_none() {
        errors.at(span, "say which argument is completed: write `argument = \"…\"`");
    }
    Some(Completion { target: target?, argument: argument?, siblings: Vec::new() })
}

/// Returns the builder method of a hint, at the place of its key.
pub(crate) fn hint_method(key: &Ident) -> Ident {
    Ident::new(&format!("with_{key}_hint"), key.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_with_a_unit() {
        for (text, expected) in [
            ("30s", Some(30_000)),
            ("250ms", Some(250)),
            ("5 m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30", None),
            ("s", None),
            ("1.5s", None),
            ("0s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
