//! Parameters and returned values of tools.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use turbomcp_protocol::McpError;
use turbomcp_protocol::types::{CallToolResult, Tool};

use crate::private::parameter::{FromRequest, NoArgumentYet, OneArgument, Raw, answers, tags, unfit};
use crate::private::{BoxError, Probe};
use crate::schema::{Argument, InputSchema};
use crate::{ArgumentError, Arguments, Context, FromContext, IntoCallToolResult, Json};

/// The traits with which probes answer.
pub mod probes {
    pub use super::{
        ArgumentParameter as _, DirectOutput as _, FailingMessage as _, FailingOutput as _, FailingValue as _,
        FallibleValue as _, NamedArgument as _, NoArgument as _, NoOutput as _, NoParameter as _, NotInRequest as _,
        OnlyInRequest as _, RequestParameter as _, ValueOutput as _,
    };
    pub use crate::private::{HiddenDefault as _, ShownDefault as _};
}

answers! {
    /// The type comes from the request.
    RequestParameter: [T: FromContext] &&Probe<T> => ask_parameter -> FromRequest<T>;
    /// The type comes from the arguments.
    ArgumentParameter: [T: DeserializeOwned + JsonSchema] &Probe<T> => ask_parameter -> FromArguments<T>;
    /// The type cannot be a parameter.
    NoParameter: [T] Probe<T> => ask_parameter -> UnfitParameter<T>;

    /// The type comes from the arguments, as the parameter's attribute says.
    NamedArgument: [T: DeserializeOwned + JsonSchema] &Probe<T> => ask_argument -> FromArguments<T>;
    /// The type does not come from the arguments, though the parameter's attribute says so.
    NoArgument: [T] Probe<T> => ask_argument -> UnfitArgument<T>;

    /// The type comes from the request, as it must beside a parameter that takes all arguments.
    OnlyInRequest: [T: FromContext] &Probe<T> => ask_request -> FromRequest<T>;
    /// The type does not come from the request, though it must.
    NotInRequest: [T] Probe<T> => ask_request -> UnfitBesideWhole<T>;

    /// The type knows how to become a result.
    DirectOutput: [R: IntoCallToolResult] &&&&&&Probe<R> => ask_output -> Direct<R>;
    /// The type is a value to serialize, or an error.
    FallibleValue: [T: Serialize + JsonSchema, E: Into<BoxError>] &&&&&Probe<Result<T, E>> => ask_output -> Fallible<T, E>;
    /// Only the error does not fit, beside what knows how to become a result.
    FailingMessage: [T: IntoCallToolResult, E] &&&&Probe<Result<T, E>> => ask_output -> UnfitError<E>;
    /// Only the error does not fit, beside a value to serialize.
    FailingValue: [T: Serialize + JsonSchema, E] &&&Probe<Result<T, E>> => ask_output -> UnfitError<E>;
    /// The value does not fit.
    FailingOutput: [T, E] &&Probe<Result<T, E>> => ask_output -> UnfitOutput<T>;
    /// The type is a value to serialize.
    ValueOutput: [T: Serialize + JsonSchema] &Probe<T> => ask_output -> Structured<T>;
    /// The type fits nothing.
    NoOutput: [T] Probe<T> => ask_output -> UnfitOutput<T>;
}

tags! {
    /// The value comes from the arguments.
    FromArguments<T>;
    /// The type is neither an argument nor part of the request.
    UnfitParameter<T>;
    /// The type is not an argument.
    UnfitArgument<T>;
    /// The type is not part of the request.
    UnfitBesideWhole<T>;
    /// The returned type knows how to become a result.
    Direct<R>;
    /// The returned type is a `Result` of a value to serialize.
    Fallible<T, E>;
    /// The returned type is a value to serialize.
    Structured<T>;
    /// The type cannot be returned.
    UnfitOutput<T>;
    /// The type cannot be the error of a returned `Result`.
    UnfitError<E>;
}

/// What a parameter is, seen from the arguments.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Shape {
    /// It comes from the request.
    Request,
    /// It is a member of the arguments.
    Member,
    /// It is a member, unless it is the only argument and its schema is an object with declared properties.
    Argument(fn() -> bool),
    /// It is made from all arguments.
    Whole,
}

impl Shape {
    /// Makes an argument the whole of the arguments.
    #[must_use]
    pub fn whole(self) -> Self {
        if let Self::Request = self { self } else { Self::Whole }
    }
}

/// The schema of a tool's arguments while its parameters are declared.
#[derive(Debug)]
pub struct Input {
    schema: InputSchema,
    layout: Layout,
}

impl Input {
    /// Decides whether one of the parameters takes all arguments.
    #[must_use]
    pub fn new(parameters: &[Shape]) -> Self {
        let mut arguments = parameters.iter().filter(|shape| !matches!(shape, Shape::Request));
        let whole = match (arguments.next(), arguments.next()) {
            (Some(Shape::Whole), None) => true,
            (Some(Shape::Argument(is_object)), None) => is_object(),
            _ => false,
        };
        Self { schema: InputSchema::new(), layout: Layout { whole } }
    }

    /// Returns how to read the arguments, and their schema.
    #[must_use]
    pub fn finish(self) -> (Layout, Map<String, Value>) {
        (self.layout, self.schema.build())
    }
}

/// How to read a tool's arguments.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    whole: bool,
}

impl Layout {
    /// Finds the JSON text of each named parameter; of all arguments, if one parameter takes them all.
    ///
    /// # Errors
    ///
    /// Returns an error if the arguments are not an object.
    pub fn read<'a, const N: usize>(
        self,
        arguments: &'a Arguments,
        names: [&'a str; N],
    ) -> Result<[Raw<'a>; N], ArgumentError> {
        if self.whole {
            return Ok(names.map(|_| Raw::whole(arguments.raw())));
        }
        let mut texts = arguments.members(names)?.into_iter();
        Ok(names.map(|name| Raw::new(name, texts.next().flatten())))
    }
}

impl<T: FromContext> FromRequest<T> {
    /// Says that the value comes from the request.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape::Request
    }

    /// Adds nothing to the schema.
    #[must_use]
    pub fn declare(&self, input: Input, _name: &str, _settings: Argument) -> Input {
        input
    }
}

impl<T: DeserializeOwned + JsonSchema> FromArguments<T> {
    /// Says that the value comes from the arguments.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape::Argument(|| {
            let schema = InputSchema::new().whole::<T>().build();
            schema.get("properties").and_then(Value::as_object).is_some_and(|properties| !properties.is_empty())
        })
    }

    /// Adds the argument to the schema.
    #[must_use]
    pub fn declare(&self, mut input: Input, name: &str, settings: Argument) -> Input {
        input.schema = match input.layout.whole {
            true => input.schema.whole::<T>(),
            false => input.schema.argument::<T>(name, settings),
        };
        input
    }

    /// Reads the value; an absent one is `None` for an `Option`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the argument if it is missing or does not fit the type.
    pub fn take(&self, _context: &Context, raw: Raw<'_>) -> Result<T, ArgumentError> {
        raw.decode_json()
    }

    /// Reads the value, or makes the default if it is absent.
    ///
    /// # Errors
    ///
    /// Returns an error that names the argument if it does not fit the type.
    pub fn take_or(&self, _context: &Context, raw: Raw<'_>, default: impl FnOnce() -> T) -> Result<T, ArgumentError> {
        if raw.is_absent() { Ok(default()) } else { raw.decode_json() }
    }

    /// Counts this argument, if it is the first.
    pub fn count<C: NoArgumentYet>(&self, _count: C) -> OneArgument {
        OneArgument
    }

    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }
}

unfit!(UnfitParameter, UnfitArgument, UnfitBesideWhole);

impl<T> UnfitParameter<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: ToolParameter,
    {
        self
    }
}

impl<T> UnfitArgument<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: ToolArgument,
    {
        self
    }
}

impl<T> UnfitBesideWhole<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: RequestParameterBesideWhole,
    {
        self
    }
}

/// Bounds the parameters of tools; no type meets it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an argument nor part of the request",
    label = "cannot be a tool's parameter",
    note = "derive `serde::Deserialize` and `schemars::JsonSchema` for it to take it from the arguments",
    note = "implement `FromContext` for it to take it from the request"
)]
pub trait ToolParameter {}

/// Bounds the arguments of tools; no type meets it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool's argument",
    label = "the attribute makes this an argument",
    note = "derive `serde::Deserialize` and `schemars::JsonSchema` for it to take it from the arguments",
    note = "leave the attribute out to take it from the request"
)]
pub trait ToolArgument {}

/// Bounds the parameters beside one that takes all arguments; no type meets it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not part of the request, and another parameter takes all arguments",
    label = "nothing is left to make this from",
    note = "make it a field of the parameter under `aggr`"
)]
pub trait RequestParameterBesideWhole {}

/// Reads the parameters of one call.
///
/// # Errors
///
/// Returns what the tool answers if a parameter cannot be read: a failed result that names the argument, or the
/// protocol error of the context.
pub fn read<T>(read: impl FnOnce() -> Result<T, BoxError>) -> Result<T, Result<CallToolResult, McpError>> {
    read().map_err(|error| Err::<CallToolResult, _>(error).into_call_tool_result())
}

/// Creates a tool's definition.
#[must_use]
pub fn definition(name: &str, input: Map<String, Value>, output: Option<Value>) -> Tool {
    let mut tool = Tool::new(name).with_input_schema(input);
    if let Some(Value::Object(schema)) = output {
        tool.output_schema = Some(schema);
    }
    tool
}

impl<R: IntoCallToolResult> Direct<R> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Returns the schema of the structured content, if there is any.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        R::output_schema()
    }

    /// Turns the returned value into a result.
    ///
    /// # Errors
    ///
    /// Returns the protocol error that the value is.
    pub fn reply(&self, value: R) -> Result<CallToolResult, McpError> {
        value.into_call_tool_result()
    }
}

impl<T: Serialize + JsonSchema, E: Into<BoxError>> Fallible<T, E> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Returns the schema of the structured content.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        Json::<T>::output_schema()
    }

    /// Turns the returned value into structured content, and the error into a failed result.
    ///
    /// # Errors
    ///
    /// Returns the protocol error that the value is.
    pub fn reply(&self, value: Result<T, E>) -> Result<CallToolResult, McpError> {
        value.map(Json).into_call_tool_result()
    }
}

impl<T: Serialize + JsonSchema> Structured<T> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Returns the schema of the structured content.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        Json::<T>::output_schema()
    }

    /// Turns the returned value into structured content.
    ///
    /// # Errors
    ///
    /// Returns an internal error if the value cannot be serialized.
    pub fn reply(&self, value: T) -> Result<CallToolResult, McpError> {
        Json(value).into_call_tool_result()
    }
}

impl<T> UnfitOutput<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: ToolOutput,
    {
        self
    }

    /// Stands for the schema.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        None
    }

    /// Stands for the result.
    ///
    /// # Errors
    ///
    /// Returns an error, if it runs.
    pub fn reply<R>(&self, _value: R) -> Result<CallToolResult, McpError> {
        Err(McpError::internal_error())
    }
}

impl<E> UnfitError<E> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        E: ToolFailure,
    {
        self
    }

    /// Stands for the schema.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        None
    }

    /// Stands for the result.
    ///
    /// # Errors
    ///
    /// Returns an error, if it runs.
    pub fn reply<R>(&self, _value: R) -> Result<CallToolResult, McpError> {
        Err(McpError::internal_error())
    }
}

/// Bounds what tools return; no type meets it.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    label = "not a result, and not a value with a schema",
    note = "derive `serde::Serialize` and `schemars::JsonSchema` for it to return it as structured content",
    note = "or return a text, a number, content blocks or a `CallToolResult`"
)]
pub trait ToolOutput {}

/// Bounds the errors of tools; no type meets it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool",
    label = "not an error",
    note = "implement `std::error::Error` for it, or return another error, such as `McpError`",
    note = "a boxed error is `Box<dyn std::error::Error + Send + Sync>`, because handlers move between threads"
)]
pub trait ToolFailure {}
