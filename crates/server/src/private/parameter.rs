//! Where the value of a parameter comes from, for all kinds of handlers.

use serde::de::DeserializeOwned;
use turbomcp_protocol::McpError;

use crate::private::Probe;
use crate::text::{self, absent};
use crate::{ArgumentError, Context, FromContext};

/// Defines types that stand for what is known about other types.
macro_rules! tags {
    ($($(#[$attribute:meta])* $name:ident<$($param:ident),*>;)*) => {$(
        $(#[$attribute])*
        pub struct $name<$($param),*>(std::marker::PhantomData<fn() -> ($($param,)*)>);

        impl<$($param),*> $name<$($param),*> {
            pub(in $crate::private) fn new() -> Self {
                Self(std::marker::PhantomData)
            }
        }

        impl<$($param),*> Clone for $name<$($param),*> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($param),*> Copy for $name<$($param),*> {}

        impl<$($param),*> std::fmt::Debug for $name<$($param),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

/// Defines the traits with which probes answer, from the best answer of a question to the worst.
macro_rules! answers {
    ($($(#[$attribute:meta])* $trait:ident: [$($generics:tt)*] $probe:ty => $method:ident -> $tag:ty;)*) => {$(
        $(#[$attribute])*
        pub trait $trait {
            /// What is known about the type.
            type Answer;

            /// Answers the question.
            fn $method(&self) -> Self::Answer;
        }

        impl<$($generics)*> $trait for $probe {
            type Answer = $tag;

            fn $method(&self) -> Self::Answer {
                <$tag>::new()
            }
        }
    )*};
}
pub(super) use {answers, tags};

tags! {
    /// The value comes from the request.
    FromRequest<T>;
    /// The value is read from a text: a prompt's argument, a variable of a URI, or what a user typed.
    FromText<T>;
}

/// What the request says of one parameter: a text, or the JSON text of an argument.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    name: Option<&'a str>,
    text: Option<&'a str>,
}

impl<'a> Raw<'a> {
    /// Names a text.
    #[must_use]
    pub fn new(name: &'a str, text: Option<&'a str>) -> Self {
        Self { name: Some(name), text }
    }

    /// Takes all arguments at once.
    pub(super) fn whole(text: &'a str) -> Self {
        Self { name: None, text: Some(text) }
    }

    pub(super) fn is_absent(self) -> bool {
        self.text.is_none()
    }

    /// Reads JSON; what is absent is `None` for an `Option`.
    pub(super) fn decode_json<T: DeserializeOwned>(self) -> Result<T, ArgumentError> {
        match (self.text, self.name) {
            (Some(text), Some(name)) => serde_json::from_str(text).map_err(|error| ArgumentError::new(name, error)),
            (Some(text), None) => serde_json::from_str(text).map_err(|error| ArgumentError::new("", error)),
            (None, name) => absent().ok_or_else(|| ArgumentError::missing(name.unwrap_or_default())),
        }
    }
}

impl<T: FromContext> FromRequest<T> {
    /// Asks the context for the value, whatever text there is.
    ///
    /// # Errors
    ///
    /// Returns the context's error if the request has no such value.
    pub fn take(&self, context: &Context, _raw: Raw<'_>) -> Result<T, McpError> {
        T::from_context(context)
    }

    /// Counts nothing.
    pub fn count<C>(&self, count: C) -> C {
        count
    }

    /// Compiles, because the type fits.
    #[must_use]
    pub fn fit(self) -> Self {
        self
    }
}

impl<T: DeserializeOwned> FromText<T> {
    /// Reads the value from a text; an absent one is `None` for an `Option`.
    ///
    /// # Errors
    ///
    /// Returns an error for invalid params if the text is missing or does not fit the type.
    pub fn take(&self, _context: &Context, raw: Raw<'_>) -> Result<T, McpError> {
        text::argument(raw.name.unwrap_or_default(), raw.text)
    }

    /// Reads the value from a text, or makes the default if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error for invalid params if the text does not fit the type.
    pub fn take_or(&self, context: &Context, raw: Raw<'_>, default: impl FnOnce() -> T) -> Result<T, McpError> {
        if raw.is_absent() { Ok(default()) } else { self.take(context, raw) }
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

    /// Returns true if the text may be absent.
    pub(super) fn is_optional(&self) -> bool {
        absent::<T>().is_some()
    }
}

/// Gives parameters that fit nothing the methods of the others, so that only their bound is reported.
macro_rules! unfit {
    ($($name:ident),*) => {$(
        impl<T> $name<T> {
            /// Stands for the shape that the parameter would have.
            #[must_use]
            pub fn shape(&self) -> $crate::private::tool::Shape {
                $crate::private::tool::Shape::Request
            }

            /// Declares nothing.
            #[must_use]
            pub fn declare(
                &self,
                input: $crate::private::tool::Input,
                _name: &str,
                _settings: $crate::schema::Argument,
            ) -> $crate::private::tool::Input {
                input
            }

            /// Lists nothing.
            pub fn list(
                &self,
                _arguments: &mut Vec<$crate::private::PromptArgument>,
                _argument: $crate::private::PromptArgument,
            ) {
            }

            /// Lists nothing.
            pub fn list_optional(
                &self,
                _arguments: &mut Vec<$crate::private::PromptArgument>,
                _argument: $crate::private::PromptArgument,
            ) {
            }

            /// Counts nothing.
            pub fn count<C>(&self, count: C) -> C {
                count
            }

            /// Stands for the value that the parameter would have.
            ///
            /// # Errors
            ///
            /// Returns an error, if it runs.
            pub fn take(
                &self,
                _context: &$crate::Context,
                _raw: $crate::private::Raw<'_>,
            ) -> Result<T, turbomcp_protocol::McpError> {
                Err(turbomcp_protocol::McpError::internal_error())
            }

            /// Stands for the value that the parameter would have.
            ///
            /// # Errors
            ///
            /// Returns an error, if it runs.
            pub fn take_or(
                &self,
                _context: &$crate::Context,
                _raw: $crate::private::Raw<'_>,
                _default: impl FnOnce() -> T,
            ) -> Result<T, turbomcp_protocol::McpError> {
                Err(turbomcp_protocol::McpError::internal_error())
            }
        }
    )*};
}
pub(super) use unfit;

answers! {
    /// The type comes from the request.
    RequestParameter: [T: FromContext] &&Probe<T> => ask_parameter -> FromRequest<T>;
    /// The type is read from a text.
    TextParameter: [T: DeserializeOwned] &Probe<T> => ask_parameter -> FromText<T>;
    /// The type cannot be a parameter.
    NoParameter: [T] Probe<T> => ask_parameter -> UnfitText<T>;

    /// The type is read from a text, as its name or its attribute say.
    NamedText: [T: DeserializeOwned] &Probe<T> => ask_text -> FromText<T>;
    /// The type is not read from a text, though its name or its attribute say so.
    NoText: [T] Probe<T> => ask_text -> UnfitText<T>;
}

tags! {
    /// The type cannot be read from a text.
    UnfitText<T>;
}

unfit!(UnfitText);

impl<T> UnfitText<T> {
    /// Does not compile.
    #[must_use]
    pub fn fit(self) -> Self
    where
        T: ReadFromText,
    {
        self
    }
}

/// Bounds parameters that are read from a text; no type meets it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a text",
    label = "takes no text",
    note = "derive `serde::Deserialize` for it to read it from a text",
    note = "implement `FromContext` for it to take it from the request"
)]
pub trait ReadFromText {}

/// No parameter has been an argument.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

/// One parameter has been an argument.
#[derive(Debug, Clone, Copy)]
pub struct OneArgument;

/// Bounds the count before an argument, where there may be one.
#[diagnostic::on_unimplemented(
    message = "this handler takes one argument, and two of its parameters are arguments",
    label = "a second argument",
    note = "parameters whose type implements `FromContext`, such as `Context`, come from the request"
)]
pub trait NoArgumentYet {}

impl NoArgumentYet for Nothing {}
