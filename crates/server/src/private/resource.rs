//! Parameters and returned values of resources.

use serde::Serialize;
use turbomcp_protocol::McpError;
use turbomcp_protocol::types::ReadResourceResult;

use crate::private::parameter::{FromRequest, answers, tags, unfit};
use crate::private::{BoxError, Probe};
use crate::{FromContext, IntoReadResourceResult, Json};

/// The traits with which probes answer.
pub mod probes {
    pub use super::{
        DirectOutput as _, FailingMessage as _, FailingOutput as _, FallibleValue as _, NoOutput as _,
        NotInRequest as _, OnlyInRequest as _, ValueOutput as _,
    };
    pub use crate::private::parameter::{NamedText as _, NoText as _};
}

answers! {
    /// The type comes from the request, as it must without a variable of the parameter's name.
    OnlyInRequest: [T: FromContext] &Probe<T> => ask_request -> FromRequest<T>;
    /// The type does not come from the request, though it must.
    NotInRequest: [T] Probe<T> => ask_request -> UnfitWithoutVariable<T>;

    /// The type knows how to become contents.
    DirectOutput: [R: IntoReadResourceResult] &&&&&Probe<R> => ask_output -> Direct<R>;
    /// The type is a value to serialize, or an error.
    FallibleValue: [T: Serialize, E: Into<BoxError>] &&&&Probe<Result<T, E>> => ask_output -> Fallible<T, E>;
    /// Only the error does not fit.
    FailingMessage: [T: Serialize, E] &&&Probe<Result<T, E>> => ask_output -> UnfitError<E>;
    /// The value does not fit.
    FailingOutput: [T, E] &&Probe<Result<T, E>> => ask_output -> UnfitOutput<T>;
    /// The type is a value to serialize.
    ValueOutput: [T: Serialize] &Probe<T> => ask_output -> Serialized<T>;
    /// The type fits nothing.
    NoOutput: [T] Probe<T> => ask_output -> UnfitOutput<T>;
}

tags! {
    /// The type is not part of the request.
    UnfitWithoutVariable<T>;
    /// The returned type knows how to become contents.
    Direct<R>;
    /// The returned type is a `Result` of a value to serialize.
    Fallible<T, E>;
    /// The returned type is a value to serialize.
    Serialized<T>;
    /// The type cannot be returned.
    UnfitOutput<T>;
    /// The type cannot be the error of a returned `Result`.
    UnfitError<E>;
}

unfit!(UnfitWithoutVariable);

impl<T> UnfitWithoutVariable<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: ResourceParameter,
    {
        self
    }
}

/// Bounds parameters that no variable has the name of; no type meets it.
#[diagnostic::on_unimplemented(
    message = "the URI template has no variable of this parameter's name, and `{Self}` is not part of the request",
    label = "nothing to make this from",
    note = "write the name in braces into the URI template",
    note = "or implement `FromContext` for the type to take it from the request"
)]
pub trait ResourceParameter {}

/// Bounds what resources return; no type meets it.
#[diagnostic::on_unimplemented(
    message = "a resource cannot return `{Self}`",
    label = "neither contents nor a value to serialize",
    note = "derive `serde::Serialize` for it to return it as JSON",
    note = "or return a `String`, a `Vec<u8>` or `ResourceContents`"
)]
pub trait ResourceOutput {}

/// Bounds the errors of resources; no type meets it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a resource",
    label = "not an error",
    note = "implement `std::error::Error` for it, or return another error, such as `McpError`",
    note = "a boxed error is `Box<dyn std::error::Error + Send + Sync>`, because handlers move between threads"
)]
pub trait ResourceFailure {}

impl<R: IntoReadResourceResult> Direct<R> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Turns the returned value into a result.
    ///
    /// # Errors
    ///
    /// Returns the error that the value is.
    pub fn reply(&self, value: R, uri: &str, mime_type: Option<&str>) -> Result<ReadResourceResult, McpError> {
        value.into_read_resource_result(uri, mime_type)
    }
}

impl<T: Serialize, E: Into<BoxError>> Fallible<T, E> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Turns the returned value into a result.
    ///
    /// # Errors
    ///
    /// Returns the error that the value is.
    pub fn reply(
        &self,
        value: Result<T, E>,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<ReadResourceResult, McpError> {
        value.map(Json).into_read_resource_result(uri, mime_type)
    }
}

impl<T: Serialize> Serialized<T> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Turns the returned value into a result.
    ///
    /// # Errors
    ///
    /// Returns an internal error if the value cannot be serialized.
    pub fn reply(&self, value: T, uri: &str, mime_type: Option<&str>) -> Result<ReadResourceResult, McpError> {
        Json(value).into_read_resource_result(uri, mime_type)
    }
}

impl<T> UnfitOutput<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: ResourceOutput,
    {
        self
    }

    /// Stands for the result.
    ///
    /// # Errors
    ///
    /// Returns an error, if it runs.
    pub fn reply<R>(&self, _value: R, _uri: &str, _mime_type: Option<&str>) -> Result<ReadResourceResult, McpError> {
        Err(McpError::internal_error())
    }
}

impl<E> UnfitError<E> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        E: ResourceFailure,
    {
        self
    }

    /// Stands for the result.
    ///
    /// # Errors
    ///
    /// Returns an error, if it runs.
    pub fn reply<R>(&self, _value: R, _uri: &str, _mime_type: Option<&str>) -> Result<ReadResourceResult, McpError> {
        Err(McpError::internal_error())
    }
}
