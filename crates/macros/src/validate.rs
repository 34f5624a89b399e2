//! What is wrong between the parts of a model, where each part alone is fine.

use proc_macro2::{Ident, Span};

use crate::errors::{Errors, closest};
use crate::model::{Argument, Completion, Handler, Kind, Parameter, Resource, Server, Target, Task, Tool};

/// Checks the handlers of an impl block, each alone and all together.
pub(crate) fn server(server: &mut Server, errors: &Errors) {
    if server.handlers.is_empty() && errors.is_empty() {
        let message = "no handler in this impl: write `#[tool]`, `#[resource(\"…\")]` or `#[prompt]` on a function";
        errors.on(server.item.impl_token, message);
    }
    for handler in &server.handlers {
        self::handler(handler, errors);
    }
    duplicates(&server.handlers, errors);
    completions(&mut server.handlers, errors);
}

/// Checks one handler.
pub(crate) fn handler(handler: &Handler, errors: &Errors) {
    let parameters = &handler.function.parameters;
    match &handler.kind {
        Kind::Tool(settings) => tool(settings, handler, errors),
        Kind::Resource(settings) => resource(settings, parameters, errors),
        Kind::Prompt(settings) => {
            let (name, span) = settings.naming.wire_name(&handler.function);
            not_empty(&name, span, "prompt", errors);
            allow(parameters, &["name", "description", "title", "default"], "a prompt's argument is a text", errors);
        }
        Kind::Completion(_) => allow(parameters, &[], "a completion takes the text typed so far", errors),
    }
    wire_names(handler, errors);
}

fn tool(tool: &Tool, handler: &Handler, errors: &Errors) {
    let (name, span) = tool.naming.wire_name(&handler.function);
    tool_name(&name, span, errors);
    if let Some(task) = &tool.task {
        self::task(task, tool, errors);
    }
    for parameter in &handler.function.parameters {
        let argument = &parameter.argument;
        if let Some(header) = &argument.header {
            header_name(&header.value(), header.span(), errors);
        }
        if argument.whole.is_some()
            && let Some(key) = argument.keys.iter().find(|key| *key != "aggr")
        {
            errors.on(key, format_args!("`aggr` takes all arguments as one value, which has no `{key}` of its own"));
        }
    }
    let wholes: Vec<Span> =
        handler.function.parameters.iter().filter_map(|parameter| parameter.argument.whole).collect();
    if let Some(second) = wholes.get(1) {
        errors.at(*second, "one parameter can take all arguments, and another does already");
    }
    if let Some(whole) = tool.whole {
        if !wholes.is_empty() {
            errors.at(whole, "`aggr` stands on a parameter already: write it once");
        } else if handler.function.parameters.is_empty() {
            errors.at(whole, "`aggr` needs a parameter that takes the arguments");
        }
        for parameter in &handler.function.parameters {
            if let Some(key) = parameter.argument.keys.first() {
                errors
                    .on(key, format_args!("`aggr` takes all arguments as one value, which has no `{key}` of its own"));
            }
        }
    }
}

fn task(task: &Task, tool: &Tool, errors: &Errors) {
    if let (Some(_), Some(optional)) = (task.required, task.optional) {
        errors.at(optional, "a task is `required` or `optional`, not both");
    }
    let is_repeatable = tool.hints.iter().any(|(key, switch)| *switch && (key == "idempotent" || key == "read_only"));
    if let Some((retry, _)) = &task.retry
        && !is_repeatable
    {
        errors.at(*retry, "a task that begins again may do its work twice: write `idempotent` or `read_only` as well");
    }
}

/// Reports a tool name outside of `[A-Za-z0-9_.-]{1,128}`.
fn tool_name(name: &str, span: Span, errors: &Errors) {
    let legal = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if let Some(letter) = name.chars().find(|letter| !legal(letter)) {
        let message = format!(
            "{letter:?} cannot be in a tool's name: use letters A–Z and a–z, digits, `_`, `-` and `.`, as in `name = \"{}\"`",
            name.chars().map(|letter| if legal(&letter) { letter } else { '_' }).collect::<String>()
        );
        errors.at(span, message);
    } else if name.is_empty() || name.len() > 128 {
        errors.at(span, format_args!("a tool's name has 1 to 128 characters, this one has {}", name.len()));
    }
}

fn not_empty(name: &str, span: Span, what: &str, errors: &Errors) {
    if name.is_empty() {
        errors.at(span, format_args!("a {what}'s name has at least one character"));
    }
}

/// Reports what cannot be a part of an HTTP header's name.
fn header_name(name: &str, span: Span, errors: &Errors) {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if name.is_empty() || !name.chars().all(legal) {
        errors.at(span, "not the name of an HTTP header: use letters, digits and `-`, as in `header = \"Region\"`");
    }
}

fn resource(resource: &Resource, parameters: &[Parameter], errors: &Errors) {
    if let Some(name) = &resource.naming.name {
        not_empty(&name.value(), name.span(), "resource", errors);
    }
    if let (Some(size), false) = (&resource.size, resource.variables.is_empty()) {
        errors.on(size, "the resources of a template differ in size: leave `size` out");
    }
    for variable in &resource.variables {
        if parameters.iter().all(|parameter| parameter.wire_name().0 != *variable) {
            let message =
                format!("nothing takes the variable `{{{variable}}}`: write a parameter `{variable}: String`");
            errors.on(&resource.uri, message);
        }
    }
    for parameter in parameters {
        let (name, span) = parameter.wire_name();
        if parameter.argument.keys.is_empty() || resource.variables.contains(&name) {
            continue;
        }
        let hint = match closest(&name, resource.variables.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write `{{{name}}}` in it"),
        };
        errors.at(span, format_args!("the URI template has no variable `{name}`; {hint}"));
    }
    allow(parameters, &["name", "default"], "a resource's variable is a part of its URI", errors);
}

/// Reports the keys that make no sense on this kind of handler.
fn allow(parameters: &[Parameter], allowed: &[&str], because: &str, errors: &Errors) {
    for Parameter { argument: Argument { keys, .. }, .. } in parameters {
        for key in keys.iter().filter(|key| !allowed.iter().any(|allowed| *key == allowed)) {
            errors.on(key, format_args!("`{key}` describes an argument of a tool; {because}"));
        }
    }
}

/// Reports two parameters of one function that would have the same name on the wire.
fn wire_names(handler: &Handler, errors: &Errors) {
    let mut seen: Vec<String> = Vec::new();
    for parameter in &handler.function.parameters {
        let (name, span) = parameter.wire_name();
        not_empty(&name, span, "argument", errors);
        if seen.contains(&name) {
            errors.at(span, format_args!("this function has two arguments named `{name}`"));
        }
        seen.push(name);
    }
}

/// Reports handlers that would be registered as the same thing.
fn duplicates(handlers: &[Handler], errors: &Errors) {
    let mut seen: Vec<(String, bool, &Ident)> = Vec::new();
    for handler in handlers {
        let (what, span) = registered_as(handler);
        // Two functions under `#[cfg]` are usually two versions of one.
        let conditional = !handler.cfg.is_empty();
        if let Some((.., first)) = seen.iter().find(|other| other.0 == what && !(other.1 && conditional)) {
            errors.at(span, format_args!("{what} is defined by `{first}` already"));
        }
        seen.push((what, conditional, &handler.function.ident));
    }
}

/// Returns what a handler is to a client, and the token that says so.
fn registered_as(handler: &Handler) -> (String, Span) {
    match &handler.kind {
        Kind::Tool(tool) => {
            let (name, span) = tool.naming.wire_name(&handler.function);
            (format!("the tool `{name}`"), span)
        }
        Kind::Prompt(prompt) => {
            let (name, span) = prompt.naming.wire_name(&handler.function);
            (format!("the prompt `{name}`"), span)
        }
        Kind::Resource(resource) => (format!("the resource `{}`", resource.uri.value()), resource.uri.span()),
        Kind::Completion(Completion { target, argument, .. }) => {
            let target = match target {
                Target::Prompt(prompt) => format!("the prompt `{}`", prompt.value()),
                Target::Resource(uri) => format!("the resource `{}`", uri.value()),
            };
            (format!("the completion of `{}` in {target}", argument.value()), argument.span())
        }
    }
}

/// Binds completions to the prompts and resources of the same impl.
fn completions(handlers: &mut [Handler], errors: &Errors) {
    let targets: Vec<(bool, String, Vec<String>)> = handlers
        .iter()
        .filter_map(|handler| match &handler.kind {
            Kind::Prompt(prompt) => {
                let arguments = handler.function.parameters.iter().map(|parameter| parameter.wire_name().0).collect();
                Some((true, prompt.naming.wire_name(&handler.function).0, arguments))
            }
            Kind::Resource(resource) => Some((false, resource.uri.value(), resource.variables.clone())),
            Kind::Tool(_) | Kind::Completion(_) => None,
        })
        .collect();
    for handler in handlers {
        if let Kind::Completion(completion) = &mut handler.kind {
            self::completion(completion, &targets, errors);
        }
    }
}

fn completion(completion: &mut Completion, targets: &[(bool, String, Vec<String>)], errors: &Errors) {
    let (is_prompt, target) = match &completion.target {
        Target::Prompt(prompt) => (true, prompt),
        Target::Resource(uri) => (false, uri),
    };
    let what = if is_prompt { "prompt" } else { "resource" };
    let mut of_kind = targets.iter().filter(|other| other.0 == is_prompt);
    let Some((.., arguments)) = of_kind.clone().find(|other| other.1 == target.value()) else {
        let hint = match closest(&target.value(), of_kind.by_ref().map(|other| other.1.as_str())) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "complete one registered elsewhere with `ServerBuilder::completion`".to_owned(),
        };
        errors.on(target, format_args!("no {what} `{}` in this impl; {hint}", target.value()));
        return;
    };
    let argument = completion.argument.value();
    if !arguments.contains(&argument) {
        let hint = match closest(&argument, arguments.iter().map(String::as_str)) {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None => String::new(),
        };
        let message = format!("the {what} `{}` has no argument `{argument}`{hint}", target.value());
        errors.on(&completion.argument, message);
    }
    completion.siblings = arguments.iter().filter(|other| **other != argument).cloned().collect();
}
