//! JSON Schemas that nobody vouches for: compiled within bounds, and explained in words a model can act on.
//!
//! [`Validator`] checks a value, on both sides of a connection: a server holds arguments against the input schemas of
//! its tools, a client holds results against the output schemas that a server has sent. [`each_subschema`] and its
//! siblings walk a schema without taking data for schemas.
//!
//! Everything that depends on the validating library is compiled once, here.

mod bounds;
mod effort;
mod explain;
mod formats;
mod keywords;
mod validate;

pub use formats::Formats;
pub use keywords::{each_optional_property, each_subschema, each_subschema_mut};
pub use validate::{SchemaError, Validator};
