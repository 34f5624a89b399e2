//! Parameters and returned values of prompts.

use serde::de::DeserializeOwned;
use turbomcp_protocol::McpError;
use turbomcp_protocol::types::{GetPromptResult, PromptArgument};

use crate::private::Probe;
use crate::private::parameter::{FromRequest, FromText, answers, tags};
use crate::{FromContext, IntoGetPromptResult};

/// The traits with which probes answer.
pub mod probes {
    pub use super::{DirectOutput as _, NoOutput as _};
    pub use crate::private::parameter::{
        NamedText as _, NoParameter as _, NoText as _, RequestParameter as _, TextParameter as _,
    };
}

answers! {
    /// The type knows how to become messages.
    DirectOutput: [R: IntoGetPromptResult] &Probe<R> => ask_output -> Direct<R>;
    /// The type fits nothing.
    NoOutput: [T] Probe<T> => ask_output -> UnfitOutput<T>;
}

tags! {
    /// The returned type knows how to become messages.
    Direct<R>;
    /// The type cannot be returned.
    UnfitOutput<T>;
}

impl<T: FromContext> FromRequest<T> {
    /// Lists no argument.
    pub fn list(&self, _arguments: &mut Vec<PromptArgument>, _argument: PromptArgument) {}
}

impl<T: DeserializeOwned> FromText<T> {
    /// Lists the argument, as required unless its type may be absent.
    pub fn list(&self, arguments: &mut Vec<PromptArgument>, argument: PromptArgument) {
        arguments.push(if self.is_optional() { argument } else { argument.required() });
    }

    /// Lists the argument, which has a default.
    pub fn list_optional(&self, arguments: &mut Vec<PromptArgument>, argument: PromptArgument) {
        arguments.push(argument);
    }
}

/// Bounds what prompts return; no type meets it.
#[diagnostic::on_unimplemented(
    message = "a prompt cannot return `{Self}`",
    label = "not messages",
    note = "return a `String`, a `PromptMessage`, a `Vec<PromptMessage>`, a `GetPromptResult`, or a `Result` of these \
            whose error implements `std::error::Error`"
)]
pub trait PromptOutput {}

impl<R: IntoGetPromptResult> Direct<R> {
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
    pub fn reply(&self, value: R) -> Result<GetPromptResult, McpError> {
        value.into_get_prompt_result()
    }
}

impl<T> UnfitOutput<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: PromptOutput,
    {
        self
    }

    /// Stands for the result.
    ///
    /// # Errors
    ///
    /// Returns an error, if it runs.
    pub fn reply<R>(&self, _value: R) -> Result<GetPromptResult, McpError> {
        Err(McpError::internal_error())
    }
}
