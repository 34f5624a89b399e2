//! How long sessions last, and how many there are.

use std::time::Duration;

use crate::Error;

/// How long sessions last, how many there are, and what is remembered of them.
///
/// In its place, [`Limits::sessions`](crate::Limits::sessions) and [`Limits::session_idle`](crate::Limits::session_idle)
/// count for a server without a [`SessionManager`](super::SessionManager). There are no cookies to set up: a client of MCP
/// says which session it is in by a header that browsers do not add by themselves.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::sessions::SessionConfig;
///
/// let config = SessionConfig::new().ttl(Duration::from_secs(24 * 60 * 60)).max_requests_per_session(None);
/// assert_eq!(config.max_sessions, 10_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a session lasts that nobody uses. An hour.
    pub ttl: Duration,
    /// How many sessions there are at once, over all replicas; further ones are refused. 10,000.
    pub max_sessions: usize,
    /// How often sessions that have expired are removed, and each replica finds out which of those it serves have ended
    /// elsewhere. 5 minutes.
    pub cleanup_interval: Duration,
    /// How many of the last requests are remembered for [analytics](super::SessionAnalytics::recent), over all sessions.
    /// 1000.
    pub max_request_history: usize,
    /// After how many requests a session is over, and its client has to begin another; none for no bound. 10,000.
    pub max_requests_per_session: Option<u64>,
    /// Whether it is counted what is done in sessions. Yes.
    pub enable_analytics: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60 * 60),
            max_sessions: 10_000,
            cleanup_interval: Duration::from_secs(5 * 60),
            max_request_history: 1000,
            max_requests_per_session: Some(10_000),
            enable_analytics: true,
        }
    }
}

impl SessionConfig {
    /// Starts with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a session lasts that nobody uses.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how many sessions there are at once.
    #[must_use]
    pub fn max_sessions(mut self, max_sessions: usize) -> Self {
        self.max_sessions = max_sessions;
        self
    }

    /// Sets how often sessions that have ended are removed.
    #[must_use]
    pub fn cleanup_interval(mut self, cleanup_interval: Duration) -> Self {
        self.cleanup_interval = cleanup_interval;
        self
    }

    /// Sets how many of the last requests are remembered.
    #[must_use]
    pub fn max_request_history(mut self, max_request_history: usize) -> Self {
        self.max_request_history = max_request_history;
        self
    }

    /// Sets after how many requests a session is over.
    #[must_use]
    pub fn max_requests_per_session(mut self, max_requests_per_session: Option<u64>) -> Self {
        self.max_requests_per_session = max_requests_per_session;
        self
    }

    /// Sets whether it is counted what is done in sessions.
    #[must_use]
    pub fn enable_analytics(mut self, enable_analytics: bool) -> Self {
        self.enable_analytics = enable_analytics;
        self
    }

    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        /// Longer histories are for a database.
        const HISTORY: usize = 1_000_000;

        let wrong = if self.ttl < Duration::from_millis(1) {
            "`ttl` is to be at least a millisecond"
        } else if self.max_sessions == 0 {
            "`max_sessions` is to be at least 1"
        } else if self.cleanup_interval < Duration::from_millis(1) {
            "`cleanup_interval` is to be at least a millisecond"
        } else if self.max_request_history > HISTORY {
            "`max_request_history` is to be at most 1,000,000"
        } else if self.max_requests_per_session == Some(0) {
            "`max_requests_per_session` is to be at least 1, or none"
        } else {
            return Ok(());
        };
        Err(Error::configuration(format!("sessions: {wrong}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: SessionConfig, named: &str) {
        let error = config.check().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(named), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        SessionConfig::new().check().unwrap();
        check(SessionConfig::new().ttl(Duration::ZERO), "`ttl`");
        check(SessionConfig::new().max_sessions(0), "`max_sessions`");
        check(SessionConfig::new().cleanup_interval(Duration::ZERO), "`cleanup_interval`");
        check(SessionConfig::new().max_request_history(usize::MAX), "`max_request_history`");
        check(SessionConfig::new().max_requests_per_session(Some(0)), "`max_requests_per_session`");
    }
}
