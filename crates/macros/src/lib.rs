//! The attribute macros of [turbomcp](https://docs.rs/turbomcp): [`macro@server`], [`macro@tool`],
//! [`macro@resource`], [`macro@prompt`] and [`macro@completion`].
//!
//! They are sugar over the public functions of the server: an impl block stays as it is written, and beside it stands
//! an implementation of `IntoServer` that a person could have written. What is wrong with an attribute or a signature
//! is reported where it is written, all of it at once.
//!
//! # Parameters
//!
//! The functions take their parameters in any order, by value or by `&`. Where a value comes from is decided by its
//! type, not by its name or its spelling:
//!
//! - A type that implements `FromContext`, such as `Context`, comes from the request.
//! - Any other type is an argument of the tool, a variable of the resource's URI template, or an argument of the
//!   prompt. A tool's argument implements `serde::Deserialize` and `schemars::JsonSchema`, the others
//!   `serde::Deserialize`. An `Option` may be absent.
//! - If a tool has one argument alone and its type is a struct, the struct's fields are the arguments.
//!
//! Doc comments are descriptions, on functions and on parameters. `#[arg(..)]` on a parameter says more:
//!
//! | key | what it says |
//! |---|---|
//! | `name = "…"` | the name on the wire, by default the parameter's; the parameter is a named argument in any case |
//! | `description = …`, `title = …` | what a client shows |
//! | `default`, `default = …` | the value of an absent argument: the type's default, or this one |
//! | `range = 1..=10`, `min = 1`, `max = 10` | the least and the greatest number |
//! | `length = 1..=100`, `min_length = 1`, `max_length = 100` | the least and the greatest length of a text |
//! | `pattern = "…"` | a regular expression that a text matches |
//! | `example = …`, `examples = [..]` | values to imitate |
//! | `header = "Region"` | the HTTP header `Mcp-Param-Region` that mirrors the argument |
//! | `aggr` | this one value is made from all arguments, whatever its type |
//!
//! `#[validate(range(min = 1, max = 10), length(min = 1, max = 100))]`, `#[schemars(description = "…")]` and
//! `#[tool(aggr)]` on a parameter mean the same. Of these keys, `name` and `default` also apply to the variables of a
//! resource, and `name`, `title`, `description` and `default` to the arguments of a prompt.
//!
//! # Returned values
//!
//! A function under `#[tool]` returns a text, a number, content blocks, a `CallToolResult`, or any type that implements
//! `serde::Serialize` and `schemars::JsonSchema`, which becomes structured content with an output schema; or a `Result`
//! of these, whose error any error type can be. Resources return texts, bytes, contents, or a type that implements
//! `serde::Serialize`; prompts return a text or messages; completions return a list of texts.

mod entry;
mod errors;
mod expand;
mod model;
mod parse;
#[cfg(test)]
mod snapshots;
mod template;
mod validate;

use proc_macro::TokenStream;

/// Makes a server of an impl block: its functions under `#[tool]`, `#[resource]`, `#[prompt]` and `#[completion]`
/// become handlers.
///
/// The type implements `IntoServer`, so that it can be run or built into an `McpServer`. It is shared by all requests,
/// so it has to be `Send + Sync + 'static`, and its methods take `&self`.
///
/// | key | what it says |
/// |---|---|
/// | `name = "…"` | the server's name, by default that of the type in kebab-case |
/// | `version = …` | its version, by default that of the package |
/// | `title = …`, `description = …`, `website_url = …`, `icons = [..]` | what a client shows |
/// | `instructions = …` | what a model is told about the server |
/// | `crate = path` | where `turbomcp` is found, by default at `::turbomcp` |
///
/// # Examples
///
/// ```
/// use turbomcp::prelude::*;
///
/// #[derive(Clone)]
/// struct Calculator;
///
/// #[server(name = "calculator", version = "1.0.0")]
/// impl Calculator {
///     /// Adds two numbers.
///     #[tool]
///     async fn add(&self, a: i64, b: i64) -> i64 {
///         a + b
///     }
/// }
///
/// let server = Calculator.into_server();
/// ```
#[proc_macro_attribute]
pub fn server(attribute: TokenStream, item: TokenStream) -> TokenStream {
    entry::server(attribute.into(), item.into()).into()
}

/// Makes a tool of a function.
///
/// Inside an impl block under `#[server]`, the tool is a part of that server. On a free function `add`, a second
/// function `add_tool` is written beside it, which returns the tool for `ServerBuilder::tool`.
///
/// | key | what it says |
/// |---|---|
/// | `"…"`, `description = …` | what the tool does, by default the doc comment |
/// | `name = "…"` | its name, by default the function's |
/// | `title = …`, `icons = [..]` | what a client shows; an icon is a URL or an `Icon` |
/// | `read_only`, `destructive = false`, `idempotent`, `open_world = false` | hints about its effects |
/// | `tags = [..]` | words to filter tools by |
/// | `scopes("…", "…")` | what a caller needs to call it: all of these scopes |
/// | `roles("…")`, `permissions("…")` | what else it needs: any one of the roles, all of the permissions |
/// | `visible_to_roles("…")` | for whom it exists: whoever has any one of the roles |
/// | `timeout = "30s"` | the longest time that a call may take; an expression of type `Duration` will do |
/// | `task` | its calls may become tasks; `task(required)`: they have to |
/// | `task(deferred)` | they become tasks when the function says so, by `ctx.task().start().await` |
/// | `task(retry = 3)` | a task whose worker is lost begins again, three times in all; for `idempotent` or `read_only` tools |
/// | `task(ttl = "10m", poll_interval = "2s")` | how long its tasks are kept, and when to ask again |
/// | `output_schema = …` | the JSON Schema of the structured content, where the returned type does not say it |
/// | `aggr` | the one argument is made from all arguments, whatever its type |
///
/// # Examples
///
/// ```
/// use turbomcp::prelude::*;
///
/// /// Adds two numbers.
/// #[tool(read_only, timeout = "1s")]
/// async fn add(a: i64, #[arg(description = "The second addend", range = 0..=100)] b: i64) -> i64 {
///     a + b
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ServerBuilder::new().name("calculator").version("1.0.0").tool("add", add_tool())?.build();
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    entry::tool(attribute.into(), item.into()).into()
}

/// Makes a resource of a method, or a resource template if the URI has variables.
///
/// Each variable of the RFC 6570 template goes to the parameter of its name. Other parameters come from the request.
///
/// | key | what it says |
/// |---|---|
/// | `"…"` | the URI or URI template; comes first |
/// | `name = "…"` | the resource's name, by default the method's |
/// | `title = …`, `description = …`, `icons = [..]` | what a client shows; the doc comment is the default description |
/// | `mime_type = …`, `size = …` | the media type, and the size in bytes |
/// | `tags = [..]` | words to filter resources by |
/// | `scopes("…", "…")` | what a caller needs to read it, or to subscribe to it: all of these scopes |
/// | `roles("…")`, `permissions("…")` | what else it needs: any one of the roles, all of the permissions |
/// | `visible_to_roles("…")` | for whom it exists: whoever has any one of the roles |
///
/// # Examples
///
/// ```
/// use turbomcp::prelude::*;
///
/// struct Logs;
///
/// #[server]
/// impl Logs {
///     /// The log of one day.
///     #[resource("logs://{service}/{day}", mime_type = "text/plain")]
///     async fn log(&self, service: String, day: u32) -> McpResult<String> {
///         Ok(format!("{service} on day {day}"))
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn resource(_attribute: TokenStream, item: TokenStream) -> TokenStream {
    entry::only_in_a_server("resource", item.into()).into()
}

/// Makes a prompt of a method.
///
/// Its parameters are the prompt's arguments: texts on the wire, read into numbers, `bool`, `char`, enums without
/// fields and what wraps one of these. An `Option` is not required.
///
/// | key | what it says |
/// |---|---|
/// | `"…"`, `description = …` | what the prompt is for, by default the doc comment |
/// | `name = "…"` | its name, by default the method's |
/// | `title = …`, `icons = [..]` | what a client shows |
/// | `tags = [..]` | words to filter prompts by |
/// | `scopes("…", "…")` | what a caller needs to get it: all of these scopes |
/// | `roles("…")`, `permissions("…")` | what else it needs: any one of the roles, all of the permissions |
/// | `visible_to_roles("…")` | for whom it exists: whoever has any one of the roles |
///
/// # Examples
///
/// ```
/// use turbomcp::prelude::*;
///
/// struct Reviews;
///
/// #[server]
/// impl Reviews {
///     /// Asks for a review.
///     #[prompt]
///     fn review(&self, #[arg(description = "The code to read")] code: String, strictness: Option<u8>) -> String {
///         format!("Review this code, strictness {} of 10:\n{code}", strictness.unwrap_or(5))
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn prompt(_attribute: TokenStream, item: TokenStream) -> TokenStream {
    entry::only_in_a_server("prompt", item.into()).into()
}

/// Makes a method complete an argument of a prompt, or a variable of a resource template, of the same impl block.
///
/// Its one argument is the text typed so far. A parameter with the name of another argument of the same prompt or
/// template is given what the user chose for that one, and should be an `Option`.
///
/// | key | what it says |
/// |---|---|
/// | `prompt = "…"` | the prompt whose argument is completed |
/// | `resource = "…"` | or the URI template whose variable is completed |
/// | `argument = "…"` | the argument or variable |
///
/// # Examples
///
/// ```
/// use turbomcp::prelude::*;
///
/// struct Reviews;
///
/// #[server]
/// impl Reviews {
///     #[prompt("Asks for a review")]
///     fn review(&self, language: String) -> String {
///         format!("Review my {language}")
///     }
///
///     #[completion(prompt = "review", argument = "language")]
///     fn languages(&self, typed: &str) -> Vec<&'static str> {
///         ["c", "c++", "rust"].into_iter().filter(|language| language.starts_with(typed)).collect()
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn completion(_attribute: TokenStream, item: TokenStream) -> TokenStream {
    entry::only_in_a_server("completion", item.into()).into()
}
