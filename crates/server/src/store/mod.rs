//! The engines in which a server keeps what outlives a process, and what replicas share.
//!
//! Each is connected to once; what keeps something there is given a clone of the handle.

mod error;
#[cfg(feature = "session-postgres")]
mod postgres;
#[cfg(feature = "session-redis")]
mod redis;

pub use error::StoreError;
#[cfg(feature = "session-postgres")]
pub use postgres::Postgres;
#[cfg(feature = "session-postgres")]
pub(crate) use postgres::{Migrations, PostgresDriver, STATEMENT};
#[cfg(feature = "session-redis")]
pub use redis::Redis;
