//! What is done in sessions, as far as this process has seen it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime};

use turbomcp_protocol::types::Implementation;
use turbomcp_protocol::{Method, Revision};

use super::store::SessionKey;
use crate::metrics::label;
use crate::sync::lock;

/// What was done in sessions that this process has served, since it began.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SessionAnalytics {
    /// How many sessions were opened.
    pub opened: u64,
    /// How many were ended by their clients, by an operator, or because of the number of their requests.
    pub ended: u64,
    /// How many had expired when they were removed.
    pub expired: u64,
    /// How many were not opened because there were too many.
    pub refused: u64,
    /// What was requested, by method; the most frequent first.
    pub methods: Vec<MethodAnalytics>,
    /// The last requests, the newest last; as many as
    /// [`SessionConfig::max_request_history`](super::SessionConfig::max_request_history) says.
    pub recent: Vec<RecentRequest>,
}

/// What became of the requests of one method.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MethodAnalytics {
    /// The method; `other` for all that is not in the specification.
    pub method: &'static str,
    /// How many were made.
    pub requests: u64,
    /// How many of them were answered by an error.
    pub errors: u64,
    /// How long they took in all.
    pub took: Duration,
}

/// One request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecentRequest {
    /// The session it was made in.
    pub session: SessionKey,
    /// The method; `other` for all that is not in the specification.
    pub method: &'static str,
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// It was answered by an error.
    pub is_error: bool,
}

/// A session that this process serves, and how its client behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionInfo {
    /// What the session is kept under.
    pub key: SessionKey,
    /// What the client says it is.
    pub client: Implementation,
    /// What was negotiated.
    pub revision: Revision,
    /// When the session was opened, on whichever replica.
    pub opened: SystemTime,
    /// How many requests were answered here.
    pub requests: u64,
    /// How many of them were answered by an error.
    pub errors: u64,
    /// How often completions were asked for.
    pub completions: u64,
    /// How often the client was asked for input of its user.
    pub elicitations: u64,
    /// How often it has answered that.
    pub elicitations_answered: u64,
}

/// What was done in all sessions.
#[derive(Debug, Default)]
pub(crate) struct Analytics {
    history: usize,
    state: Mutex<State>,
    sessions: Mutex<HashMap<SessionKey, Weak<Tally>>>,
}

#[derive(Debug, Default)]
struct State {
    methods: HashMap<&'static str, MethodAnalytics>,
    recent: VecDeque<RecentRequest>,
}

/// What was done in one session.
#[derive(Debug)]
pub(crate) struct Tally {
    analytics: Arc<Analytics>,
    key: SessionKey,
    client: Implementation,
    revision: Revision,
    opened: u64,
    requests: AtomicU64,
    errors: AtomicU64,
    completions: AtomicU64,
    elicitations: AtomicU64,
    elicitations_answered: AtomicU64,
}

impl Analytics {
    pub(super) fn new(history: usize) -> Arc<Self> {
        Arc::new(Self { history, ..Self::default() })
    }

    /// Returns what counts for a session: one value, however many in this process serve it.
    pub(super) fn tally(
        self: &Arc<Self>,
        key: &SessionKey,
        client: &Implementation,
        revision: Revision,
        opened: u64,
    ) -> Arc<Tally> {
        let mut sessions = lock(&self.sessions);
        if let Some(tally) = sessions.get(key).and_then(Weak::upgrade) {
            return tally;
        }
        let tally = Arc::new(Tally {
            analytics: self.clone(),
            key: key.clone(),
            client: client.clone(),
            revision,
            opened,
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            completions: AtomicU64::new(0),
            elicitations: AtomicU64::new(0),
            elicitations_answered: AtomicU64::new(0),
        });
        sessions.insert(key.clone(), Arc::downgrade(&tally));
        tally
    }

    pub(super) fn sessions(&self) -> Vec<SessionInfo> {
        let known: Vec<_> = lock(&self.sessions).values().filter_map(Weak::upgrade).collect();
        let mut sessions: Vec<_> = known.iter().map(|tally| tally.info()).collect();
        sessions.sort_by(|one, other| (one.opened, &one.key).cmp(&(other.opened, &other.key)));
        sessions
    }

    /// Writes what was requested into what is returned to users.
    pub(super) fn fill(&self, into: &mut SessionAnalytics) {
        let state = lock(&self.state);
        into.methods = state.methods.values().cloned().collect();
        into.methods.sort_by(|one, other| (other.requests, one.method).cmp(&(one.requests, other.method)));
        into.recent = state.recent.iter().cloned().collect();
    }
}

impl Tally {
    /// Counts a request that was answered.
    pub(crate) fn answered(&self, method: &Method, started: Instant, is_error: bool) {
        let (name, took) = (label(method), started.elapsed());
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(is_error), Ordering::Relaxed);
        if *method == Method::COMPLETION_COMPLETE {
            self.completions.fetch_add(1, Ordering::Relaxed);
        }
        let mut state = lock(&self.analytics.state);
        let counted = state.methods.entry(name).or_insert_with(|| MethodAnalytics {
            method: name,
            requests: 0,
            errors: 0,
            took: Duration::ZERO,
        });
        counted.requests += 1;
        counted.errors += u64::from(is_error);
        counted.took += took;
        if self.analytics.history > 0 {
            if state.recent.len() >= self.analytics.history {
                state.recent.pop_front();
            }
            let at = SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH);
            let session = self.key.clone();
            state.recent.push_back(RecentRequest { session, method: name, at, took, is_error });
        }
    }

    /// Counts a request that the client is sent.
    pub(crate) fn asks(&self, method: &Method) {
        self.elicitations.fetch_add(u64::from(*method == Method::ELICITATION_CREATE), Ordering::Relaxed);
    }

    /// Counts that the client has answered one.
    pub(crate) fn is_answered(&self, method: &Method) {
        self.elicitations_answered.fetch_add(u64::from(*method == Method::ELICITATION_CREATE), Ordering::Relaxed);
    }

    fn info(&self) -> SessionInfo {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SessionInfo {
            key: self.key.clone(),
            client: self.client.clone(),
            revision: self.revision,
            opened: SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.opened)).unwrap_or(SystemTime::now()),
            requests: count(&self.requests),
            errors: count(&self.errors),
            completions: count(&self.completions),
            elicitations: count(&self.elicitations),
            elicitations_answered: count(&self.elicitations_answered),
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let mut sessions = lock(&self.analytics.sessions);
        // Another may have begun in the meantime.
        if sessions.get(&self.key).is_some_and(|tally| tally.strong_count() == 0) {
            sessions.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let analytics = Analytics::new(2);
        let key = SessionKey::of("session");
        let tally = analytics.tally(&key, &Implementation::new("client", "1"), Revision::LATEST_LEGACY, 0);
        for number in 0..100 {
            tally.answered(&Method::from_name(&format!("made/up{number}")), Instant::now(), false);
        }
        tally.answered(&Method::PING, Instant::now(), true);
        let mut found = SessionAnalytics::default();
        analytics.fill(&mut found);
        let methods: Vec<_> = found.methods.iter().map(|it| (it.method, it.requests, it.errors)).collect();
        assert_eq!(methods, [("other", 100, 0), ("ping", 1, 1)]);
        assert_eq!(found.recent.iter().map(|it| it.method).collect::<Vec<_>>(), ["other", "ping"]);
        assert_eq!(analytics.sessions().len(), 1);
        drop(tally);
        assert!(lock(&analytics.sessions).is_empty());
    }
}
