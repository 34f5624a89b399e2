//! What the output of the macros calls beside the public functions: probes, which ask the type system where a
//! parameter's value comes from and what becomes of a returned value.
//!
//! A probe is asked with as many references before it as there are answers, `(&&Probe::<T>::new()).ask_parameter()`.
//! Method resolution takes the references off one by one and stops at the first answer whose bounds `T` meets, so the
//! answer for the most references is the best one. The last answer fits every type; what it returns has a bound that
//! no type meets, and the diagnostic of that bound says what to write.
//!
//! Nothing here is meant to be called by hand: where a person knows the answer, there is a public function for it.

pub mod parameter;

pub mod completion;
pub mod prompt;
pub mod resource;
pub mod tool;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use turbomcp_protocol::McpError;
pub use turbomcp_protocol::types::{CompletionReference, Icon, Prompt, PromptArgument, ToolAnnotations};

pub use crate::private::parameter::{Nothing, Raw};
pub use crate::schema::Argument;
pub use crate::{CallToolRequest, CompleteRequest, Context, GetPromptRequest, ReadResourceRequest, ResourceDefinition};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Stands for a type while it is asked what it can do.
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// Creates the probe of a type.
    #[expect(clippy::new_without_default, reason = "only macros create probes, and they name the type")]
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// Shares a server among its handlers.
pub fn shared<T: Send + Sync + 'static>(server: T) -> Arc<T> {
    Arc::new(server)
}

/// Turns an example into JSON.
///
/// # Panics
///
/// Panics if the value cannot be written as JSON.
#[must_use]
pub fn json(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("an example can be written as JSON")
}

/// Reads the parameters of one request.
///
/// # Errors
///
/// Returns the error of a parameter.
pub fn read<T>(read: impl FnOnce() -> Result<T, McpError>) -> Result<T, McpError> {
    read()
}

/// Takes the builder out of the result of a registration.
///
/// # Panics
///
/// Panics if the registration failed, which the macro has ruled out as far as it sees.
#[must_use]
pub fn registered<T>(result: Result<T, crate::Error>) -> T {
    match result {
        Ok(builder) => builder,
        Err(error) => panic!("a handler under #[server] cannot be registered: {error}"),
    }
}

/// The default of an argument, shown in the schema if it can be.
#[derive(Debug)]
pub struct DefaultValue<T>(pub T);

/// The default can be shown.
pub trait ShownDefault {
    /// Adds the default to the argument's settings.
    fn describe(&self, settings: Argument) -> Argument;
}

/// The default cannot be shown.
pub trait HiddenDefault {
    /// Makes the argument optional.
    fn describe(&self, settings: Argument) -> Argument;
}

impl<T: serde::Serialize> ShownDefault for &DefaultValue<T> {
    fn describe(&self, settings: Argument) -> Argument {
        match serde_json::to_value(&self.0) {
            Ok(value) => settings.default(value),
            Err(_) => settings.optional(),
        }
    }
}

impl<T> HiddenDefault for DefaultValue<T> {
    fn describe(&self, settings: Argument) -> Argument {
        settings.optional()
    }
}

#[cfg(test)]
mod tests;
