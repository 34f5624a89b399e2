//! Legacy sessions over HTTP: where they are kept, how long they last, and what is known of them.
//!
//! Unless something else is set, a server keeps its sessions itself and they end with the process. With a
//! [`SessionManager`] they are kept in a store: they outlive the process, and any replica that has the same store serves
//! them. The modern era has no sessions.
//!
//! ```
//! use std::time::Duration;
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::sessions::{self, SessionConfig, SessionManager};
//!
//! let config = SessionConfig::new().ttl(Duration::from_secs(3600)).max_sessions(10_000);
//! let sessions = SessionManager::new(config, sessions::memory())?;
//! let server = ServerBuilder::new().with_session_management(sessions.clone()).build();
//! # drop(server);
//! # Ok::<(), turbomcp_server::Error>(())
//! ```

mod analytics;
mod config;
mod elsewhere;
mod file;
mod journal;
mod left;
mod manager;
mod memory;
#[cfg(feature = "session-postgres")]
mod postgres;
mod record;
#[cfg(feature = "session-redis")]
mod redis;
mod store;
mod table;

use std::path::PathBuf;

pub(crate) use analytics::Tally;
pub use analytics::{MethodAnalytics, RecentRequest, SessionAnalytics, SessionInfo};
pub use config::SessionConfig;
pub(crate) use elsewhere::{Announcement, Listener, Said, Told};
pub use file::FileSessions;
pub(crate) use left::FETCHED_FOR;
pub use manager::SessionManager;
pub use memory::MemorySessions;
#[cfg(feature = "session-postgres")]
pub use postgres::PostgresSessions;
pub(crate) use record::Record;
#[cfg(feature = "session-redis")]
pub use redis::RedisSessions;
pub use store::{EventBounds, NewEvents, SessionKey, SessionStore, StoredEvents, StoredSession};

use crate::store::StoreError;

/// Keeps sessions in the memory of this process.
#[must_use]
pub fn memory() -> MemorySessions {
    MemorySessions::default()
}

/// Keeps sessions in memory and in a folder, which is created if there is none and belongs to this process while it runs.
///
/// # Errors
///
/// If the folder cannot be used, belongs to another process ([`StoreError::is_configuration`]), or what is in it cannot be
/// read ([`StoreError::is_corrupt`]); then it is left as it is.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
/// use turbomcp_server::sessions;
///
/// let store = sessions::memory_with_persistence("/var/lib/sessions").await?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
pub async fn memory_with_persistence(folder: impl Into<PathBuf>) -> Result<FileSessions, StoreError> {
    FileSessions::open(folder.into()).await
}

/// Keeps sessions in Redis. For more than sessions, or another prefix, there is [`RedisSessions::new`].
///
/// # Errors
///
/// If the URL is not usable, or the server cannot be reached.
#[cfg(feature = "session-redis")]
pub async fn redis(url: &str) -> Result<RedisSessions, StoreError> {
    Ok(RedisSessions::new(crate::store::Redis::connect(url).await?))
}

/// Keeps sessions in PostgreSQL, whose tables are created or brought up to date. For more than sessions there is
/// [`PostgresSessions::new`].
///
/// # Errors
///
/// If the URL is not usable, or the database cannot be reached or does not let its user create tables.
#[cfg(feature = "session-postgres")]
pub async fn postgres(url: &str) -> Result<PostgresSessions, StoreError> {
    PostgresSessions::new(crate::store::Postgres::connect(url).await?).await
}
