//! Parameters and returned values of completions.

use turbomcp_protocol::McpError;
use turbomcp_protocol::types::Completion;

use crate::IntoCompletion;
use crate::private::Probe;
use crate::private::parameter::{answers, tags};

/// The traits with which probes answer.
pub mod probes {
    pub use super::{DirectOutput as _, NoOutput as _};
    pub use crate::private::parameter::{NoParameter as _, RequestParameter as _, TextParameter as _};
}

answers! {
    /// The type knows how to become a completion.
    DirectOutput: [R: IntoCompletion] &Probe<R> => ask_output -> Direct<R>;
    /// The type fits nothing.
    NoOutput: [T] Probe<T> => ask_output -> UnfitOutput<T>;
}

tags! {
    /// The returned type knows how to become a completion.
    Direct<R>;
    /// The type cannot be returned.
    UnfitOutput<T>;
}

/// Bounds what completions return; no type meets it.
#[diagnostic::on_unimplemented(
    message = "a completion cannot return `{Self}`",
    label = "not a list of texts",
    note = "return a `Vec<String>`, a `Vec<&'static str>`, a `Completion`, or a `Result` of these whose error \
            implements `std::error::Error`"
)]
pub trait CompletionOutput {}

impl<R: IntoCompletion> Direct<R> {
    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }

    /// Turns the returned value into a completion.
    ///
    /// # Errors
    ///
    /// Returns the error that the value is.
    pub fn reply(&self, value: R) -> Result<Completion, McpError> {
        value.into_completion()
    }
}

impl<T> UnfitOutput<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: CompletionOutput,
    {
        self
    }

    /// Stands for the result.
    ///
    /// # Errors
    ///
    /// Returns an error, if it runs.
    pub fn reply<R>(&self, _value: R) -> Result<Completion, McpError> {
        Err(McpError::internal_error())
    }
}
