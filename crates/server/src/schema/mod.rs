//! JSON Schemas of tools: derived from Rust types, checked against values, read for header annotations.
//!
//! [`InputSchema`] collects the arguments of a tool into one object schema, [`output_schema_of`] describes what a tool
//! returns, [`Validator`] checks a value and says what is wrong with it in words a model can act on,
//! [`needs_validation`] tells whether decoding into the Rust types leaves anything to check, and [`x_mcp_headers`]
//! finds the arguments that Streamable HTTP mirrors in headers.

mod header;
mod input;
mod needs;
mod plain;

pub use header::{HeaderAnnotationError, HeaderKind, HeaderParam, x_mcp_headers};
pub use input::{Argument, InputSchema, output_schema_of};
pub use needs::needs_validation;
pub use plain::SchemaStyle;
pub(crate) use plain::{plain_input, plain_output};
pub use turbomcp_schema::{SchemaError, Validator};
