//! What a caller may do, and what it may know of.

mod caller;
mod needs;
mod visibility;

pub use caller::Claims;
pub(crate) use caller::identity;
pub use needs::Access;
pub(crate) use visibility::{Guard, Guarded, Known, Seen, View, Who};
pub use visibility::{Primitive, PrimitiveKind, Visibility};
