//! The sessions of a server, wherever they are kept.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::analytics::{Analytics, SessionAnalytics, SessionInfo, Tally};
use super::config::SessionConfig;
use super::elsewhere::{Elsewhere, Said};
use super::record::Record;
use super::store::{ErasedStore, EventBounds, SessionKey, SessionStore, StoredSession};
use crate::store::StoreError;
use crate::{Error, Limits};

/// How many streams of a session are kept for a client that comes back to them.
const STREAMS: usize = 16;

/// The sessions of a server in a store: cheap to clone, and every clone is the same.
///
/// Given to [`ServerBuilder::with_session_management`](crate::ServerBuilder::with_session_management). Servers with the same
/// store serve the same sessions.
#[derive(Clone)]
pub struct SessionManager {
    shared: Arc<Shared>,
}

struct Shared {
    config: SessionConfig,
    store: Box<dyn ErasedStore>,
    elsewhere: Elsewhere,
    analytics: Option<Arc<Analytics>>,
    opened: AtomicU64,
    ended: AtomicU64,
    expired: AtomicU64,
    refused: AtomicU64,
}

impl SessionManager {
    /// Keeps sessions in a store.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense ([`Error::is_configuration`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_server::sessions::{self, SessionConfig, SessionManager};
    ///
    /// let sessions = SessionManager::new(SessionConfig::new().max_sessions(1000), sessions::memory())?;
    /// assert!(SessionManager::new(SessionConfig::new().max_sessions(0), sessions::memory()).is_err());
    /// # drop(sessions);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    pub fn new(config: SessionConfig, store: impl SessionStore) -> Result<Self, Error> {
        config.check()?;
        let analytics = config.enable_analytics.then(|| Analytics::new(config.max_request_history));
        let shared = Shared {
            config,
            store: Box::new(store),
            elsewhere: Elsewhere::default(),
            analytics,
            opened: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.shared.config
    }

    /// Returns how many sessions there are, over all replicas. Where there is a bus, one of which the client has said
    /// something long to another replica than it was for counts twice for two minutes.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn count(&self) -> Result<usize, StoreError> {
        self.shared.store.count().await
    }

    /// Ends a session, wherever it is served; false if there is none.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    pub async fn end(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let was_there = self.shared.store.remove(key).await?;
        self.say(key, Said::Ended);
        self.shared.ended.fetch_add(u64::from(was_there), Ordering::Relaxed);
        Ok(was_there)
    }

    /// Returns the sessions that this process serves, the oldest first; none without
    /// [analytics](SessionConfig::enable_analytics).
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.shared.analytics.as_ref().map(|analytics| analytics.sessions()).unwrap_or_default()
    }

    /// Returns what was done in sessions here; without [analytics](SessionConfig::enable_analytics) only how many there were.
    #[must_use]
    pub fn analytics(&self) -> SessionAnalytics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &self.shared;
        let mut found = SessionAnalytics {
            opened: count(&shared.opened),
            ended: count(&shared.ended),
            expired: count(&shared.expired),
            refused: count(&shared.refused),
            ..SessionAnalytics::default()
        };
        if let Some(analytics) = &shared.analytics {
            analytics.fill(&mut found);
        }
        found
    }

    pub(crate) fn store(&self) -> &dyn ErasedStore {
        &*self.shared.store
    }

    /// Returns how much is kept for a client that reconnects.
    pub(crate) fn bounds(&self, limits: &Limits) -> EventBounds {
        EventBounds {
            events: limits.replay_events,
            bytes: limits.replay_bytes,
            age: limits.replay_age,
            streams: STREAMS,
        }
    }

    /// Keeps a new session; false if there are too many.
    pub(crate) async fn create(&self, key: &SessionKey, record: &Record) -> Result<bool, StoreError> {
        let config = &self.shared.config;
        let created = self.store().create(key, &record.write(), config.ttl, config.max_sessions).await?;
        let counter = if created { &self.shared.opened } else { &self.shared.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(created)
    }

    /// Finds a session for a request; none if there is none, or it has had as many as it may.
    pub(crate) async fn visit(&self, key: &SessionKey) -> Result<Option<StoredSession>, StoreError> {
        let Some(session) = self.store().visit(key, self.shared.config.ttl, 1).await? else { return Ok(None) };
        if self.shared.config.max_requests_per_session.is_some_and(|most| session.requests > most) {
            self.end(key).await?;
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// Keeps a session that somebody uses without a request; false if it has ended.
    pub(crate) async fn renew(&self, key: &SessionKey) -> Result<bool, StoreError> {
        Ok(self.store().visit(key, self.shared.config.ttl, 0).await?.is_some())
    }

    /// Removes what has expired.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        let expired = self.store().sweep().await?;
        self.shared.expired.fetch_add(expired as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Returns what counts for a session, if something does.
    pub(crate) fn tally(&self, key: &SessionKey, record: &Record) -> Option<Arc<Tally>> {
        let analytics = self.shared.analytics.as_ref()?;
        Some(analytics.tally(key, &record.client_info, record.revision, record.opened))
    }

    /// Tells whoever serves the session, here or elsewhere.
    pub(crate) fn say(&self, key: &SessionKey, said: Said) {
        self.shared.elsewhere.say(key, said);
    }

    /// Where it is heard what is said about sessions.
    pub(crate) fn elsewhere(&self) -> &Elsewhere {
        &self.shared.elsewhere
    }
}

impl fmt::Debug for SessionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
