//! The engines in which a server keeps what outlives a process, and what replicas share.
//!
//! Each is connected to once; what keeps something there is given a clone of the handle.

mod error;
#[cfg(feature = "session-redis")]
mod line;
#[cfg(all(not(feature = "tls"), any(feature = "session-postgres", feature = "session-redis")))]
mod plain;
#[cfg(feature = "session-postgres")]
mod postgres;
#[cfg(feature = "session-redis")]
mod proofs;
#[cfg(feature = "session-redis")]
mod redis;
#[cfg(feature = "session-postgres")]
mod sslmode;
#[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
mod tls;

#[cfg(all(not(feature = "tls"), any(feature = "session-postgres", feature = "session-redis")))]
use plain as secure;
#[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
use tls as secure;

pub use error::StoreError;
#[cfg(feature = "session-redis")]
pub(crate) use line::Connection;
#[cfg(feature = "session-postgres")]
pub use postgres::Postgres;
#[cfg(feature = "session-postgres")]
pub(crate) use postgres::{Migrations, PostgresDriver, STATEMENT};
#[cfg(feature = "session-redis")]
pub use proofs::RedisProofs;
#[cfg(feature = "session-redis")]
pub use redis::Redis;
