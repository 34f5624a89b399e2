//! What the attributes and signatures say, free of their grammar.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Expr, ItemImpl, LitStr, Path, Type};

/// An impl block under `#[server]`.
pub(crate) struct Server {
    /// The block without our attributes.
    pub(crate) item: ItemImpl,
    pub(crate) settings: ServerSettings,
    pub(crate) handlers: Vec<Handler>,
}

/// The keys of `#[server]`.
#[derive(Default)]
pub(crate) struct ServerSettings {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<Expr>,
    pub(crate) title: Option<Expr>,
    pub(crate) description: Option<Expr>,
    pub(crate) instructions: Option<Expr>,
    pub(crate) website_url: Option<Expr>,
    pub(crate) icons: Option<Vec<Expr>>,
    /// Where the facade crate is, if not at `::turbomcp`.
    pub(crate) root: Option<Path>,
}

/// One function with a handler attribute.
pub(crate) struct Handler {
    /// The `#[cfg]` attributes, which the registration repeats.
    pub(crate) cfg: Vec<Attribute>,
    pub(crate) docs: Option<Expr>,
    pub(crate) function: Function,
    pub(crate) kind: Kind,
}

/// What a handler's attribute makes of the function.
pub(crate) enum Kind {
    Tool(Tool),
    Resource(Resource),
    Prompt(Prompt),
    Completion(Completion),
}

/// The keys that every primitive has.
#[derive(Default)]
pub(crate) struct Naming {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<Expr>,
    pub(crate) description: Option<Expr>,
    pub(crate) icons: Option<Vec<Expr>>,
}

/// What a caller needs, and needs to know of it.
#[derive(Default)]
pub(crate) struct Needs {
    pub(crate) scopes: Option<Vec<Expr>>,
    pub(crate) roles: Option<Vec<Expr>>,
    pub(crate) permissions: Option<Vec<Expr>>,
    pub(crate) visible_to_roles: Option<Vec<Expr>>,
}

/// The keys of `#[tool]`.
#[derive(Default)]
pub(crate) struct Tool {
    pub(crate) naming: Naming,
    /// The hints given, by the name of the builder method that sets them.
    pub(crate) hints: Vec<(Ident, bool)>,
    pub(crate) tags: Option<Vec<Expr>>,
    pub(crate) needs: Needs,
    pub(crate) timeout: Option<Expr>,
    pub(crate) task: Option<Box<Task>>,
    pub(crate) output_schema: Option<Expr>,
    /// Where `aggr` stands on the function.
    pub(crate) whole: Option<Span>,
    /// Where the facade crate is; only read on free functions.
    pub(crate) root: Option<Path>,
}

/// The keys of `task(..)`.
#[derive(Default)]
pub(crate) struct Task {
    /// Where `required` stands.
    pub(crate) required: Option<Span>,
    /// Where `optional` stands.
    pub(crate) optional: Option<Span>,
    /// Where `deferred` stands.
    pub(crate) deferred: Option<Span>,
    /// Where `retry` stands, and how often.
    pub(crate) retry: Option<(Span, Expr)>,
    pub(crate) ttl: Option<Expr>,
    pub(crate) poll_interval: Option<Expr>,
}

/// The keys of `#[resource]`.
pub(crate) struct Resource {
    pub(crate) uri: LitStr,
    /// The variables of the URI template, none for a plain URI.
    pub(crate) variables: Vec<String>,
    pub(crate) naming: Naming,
    pub(crate) mime_type: Option<Expr>,
    pub(crate) size: Option<Expr>,
    pub(crate) tags: Option<Vec<Expr>>,
    pub(crate) needs: Needs,
}

/// The keys of `#[prompt]`.
#[derive(Default)]
pub(crate) struct Prompt {
    pub(crate) naming: Naming,
    pub(crate) tags: Option<Vec<Expr>>,
    pub(crate) needs: Needs,
}

/// The keys of `#[completion]`.
pub(crate) struct Completion {
    pub(crate) target: Target,
    pub(crate) argument: LitStr,
    /// The other arguments of the target, known once all handlers are read.
    pub(crate) siblings: Vec<String>,
}

/// Whose argument a completion completes.
pub(crate) enum Target {
    Prompt(LitStr),
    Resource(LitStr),
}

/// The signature of a handler.
pub(crate) struct Function {
    pub(crate) ident: Ident,
    pub(crate) receiver: bool,
    pub(crate) is_async: bool,
    pub(crate) parameters: Vec<Parameter>,
    /// The written return type, none for `()`.
    pub(crate) output: Option<Type>,
}

/// One parameter after `self`.
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    /// The type whose value is made from the request; owned, also where the function takes a borrow.
    pub(crate) ty: Type,
    pub(crate) passing: Passing,
    pub(crate) docs: Option<Expr>,
    pub(crate) argument: Argument,
}

/// How the owned value is handed to the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// `T`
    Value,
    /// `&T`
    Reference,
    /// `Option<&str>` and `Option<&[T]>`
    OptionDeref,
    /// `Option<&T>`
    OptionReference,
}

/// What the attributes of a parameter say about the argument.
#[derive(Default)]
pub(crate) struct Argument {
    /// The keys as written, in order.
    pub(crate) keys: Vec<Ident>,
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<Expr>,
    pub(crate) title: Option<Expr>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) min_length: Option<Expr>,
    pub(crate) max_length: Option<Expr>,
    pub(crate) pattern: Option<Expr>,
    pub(crate) examples: Vec<Expr>,
    pub(crate) header: Option<LitStr>,
    /// Where `aggr` stands on the parameter.
    pub(crate) whole: Option<Span>,
}

/// What an absent argument is read as.
pub(crate) enum DefaultValue {
    /// Bare `default`: the type's own.
    OfType,
    Is(Expr),
}

/// One end of a range of numbers.
pub(crate) struct Bound {
    pub(crate) value: Expr,
    pub(crate) exclusive: bool,
}

impl Server {
    /// Returns the name that clients see: the given one, or the type's in kebab-case.
    pub(crate) fn name(&self) -> String {
        match (&self.settings.name, type_ident(&self.item.self_ty)) {
            (Some(name), _) => name.value(),
            (None, Some(ident)) => kebab_case(&unraw(&ident)),
            (None, None) => "server".to_owned(),
        }
    }
}

impl Naming {
    /// Returns the name on the wire and the token to blame for it.
    pub(crate) fn wire_name(&self, function: &Function) -> (String, Span) {
        match &self.name {
            Some(name) => (name.value(), name.span()),
            None => (unraw(&function.ident), function.ident.span()),
        }
    }
}

impl Parameter {
    /// Returns the argument's name on the wire and the token to blame for it.
    pub(crate) fn wire_name(&self) -> (String, Span) {
        match &self.argument.name {
            Some(name) => (name.value(), name.span()),
            None => (unraw(&self.ident), self.ident.span()),
        }
    }

    /// Returns the description given by attribute or, failing that, by doc comment.
    pub(crate) fn description(&self) -> Option<&Expr> {
        self.argument.description.as_ref().or(self.docs.as_ref())
    }
}

impl Argument {
    /// Returns true if something was said that only a named member of the arguments can have.
    pub(crate) fn names_a_member(&self) -> bool {
        self.keys.iter().any(|key| key != "aggr")
    }
}

/// Returns an identifier without `r#`.
pub(crate) fn unraw(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

/// Returns the last identifier of a type's path.
fn type_ident(ty: &Type) -> Option<Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
        Type::Group(group) => type_ident(&group.elem),
        Type::Paren(paren) => type_ident(&paren.elem),
        _ => None,
    }
}

/// Turns `HttpServer` and `HTTPServer` into `http-server`.
fn kebab_case(camel: &str) -> String {
    let letters: Vec<char> = camel.chars().collect();
    let mut kebab = String::with_capacity(camel.len() + 4);
    for (i, letter) in letters.iter().enumerate() {
        let starts_a_word = letter.is_uppercase()
            && i > 0
            && (!letters[i - 1].is_uppercase() || letters.get(i + 1).is_some_and(|next| next.is_lowercase()));
        if (starts_a_word || *letter == '_') && !kebab.ends_with('-') && !kebab.is_empty() {
            kebab.push('-');
        }
        if *letter != '_' {
            kebab.extend(letter.to_lowercase());
        }
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_server_after_its_type_in_kebab_case() {
        for (camel, kebab) in [
            ("Calculator", "calculator"),
            ("GitHubServer", "git-hub-server"),
            ("HTTPServer", "http-server"),
            ("Sqlite3Server", "sqlite3-server"),
            ("My_Server", "my-server"),
            ("S", "s"),
        ] {
            assert_eq!(kebab_case(camel), kebab);
        }
    }
}
