//! Legacy sessions over HTTP.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::AbortHandle;
use turbomcp_transport::Identity;

use super::kept::Kept;
use super::stream::{Bounds, Reader, Stream};
use crate::outlet::Outlet;
use crate::peer::Peer;
use crate::sessions::{SessionKey, SessionManager};
use crate::sync::{lock, read, write};
use crate::{Limits, McpServer};

/// How many streams that are over a session keeps for a client that reconnects.
const FINISHED_STREAMS: usize = 16;

/// The stream of messages that belong to no request.
pub(super) const LISTENING: u32 = 0;

/// One legacy client and the streams it may resume.
pub(crate) struct Session {
    pub(crate) peer: Arc<Peer>,
    listening: Arc<Stream>,
    streams: Mutex<Vec<Arc<Stream>>>,
    next_stream: AtomicU32,
    bounds: Bounds,
    born: Instant,
    /// Milliseconds after birth.
    last_used: AtomicU64,
    /// What the store has of it, if there is one.
    pub(super) kept: Option<Box<Kept>>,
}

impl Session {
    fn new(limits: &Limits) -> Self {
        Self::with_id(new_id(), limits)
    }

    /// Creates what serves the session with this id.
    pub(super) fn with_id(id: Box<str>, limits: &Limits) -> Self {
        let bounds = Bounds::from(limits);
        let listening = Stream::new(LISTENING, bounds);
        let peer = Peer::new(Some(id), Outlet::Stream(listening.clone()), Arc::default());
        Self {
            kept: None,
            peer: Arc::new(peer),
            listening,
            streams: Mutex::default(),
            next_stream: AtomicU32::new(LISTENING + 1),
            bounds,
            born: Instant::now(),
            last_used: AtomicU64::new(0),
        }
    }

    /// Returns who opened the session, if that is known.
    pub(crate) fn owner(&self) -> Option<&Identity> {
        self.peer.agreed()?.identity.as_ref()
    }

    /// Creates the stream of one request, and its first reader.
    pub(crate) fn stream(&self) -> Reader {
        Stream::new(self.next_stream.fetch_add(1, Ordering::Relaxed), self.bounds).read(None)
    }

    /// Has its streams be numbered from here on.
    pub(super) fn number_streams_from(&self, first: u32) {
        self.next_stream.store(first, Ordering::Relaxed);
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Reads the messages that belong to no request.
    pub(crate) fn listen(&self) -> Reader {
        self.listening.read(None)
    }

    /// Keeps a stream for a client that may come back to it.
    pub(crate) fn keep(&self, stream: &Arc<Stream>) {
        self.forget();
        lock(&self.streams).push(stream.clone());
    }

    /// Has whoever reads a stream here find its end.
    pub(super) fn release(&self, id: u32) {
        if let Some(stream) = lock(&self.streams).iter().find(|stream| stream.id() == id) {
            stream.release();
        }
    }

    /// Gives up what is too old for a client to come back to, or more than is kept for it.
    fn forget(&self) {
        let now = Instant::now();
        self.listening.forget(now);
        let mut streams = lock(&self.streams);
        streams.retain(|stream| {
            stream.forget(now);
            stream.is_read() || stream.finished_at().is_none_or(|at| now.duration_since(at) < self.bounds.age())
        });
        let is_over = |stream: &Stream| stream.finished_at().is_some() && !stream.is_read();
        let (mut count, mut bytes) = (0, 0);
        for index in (0..streams.len()).rev().filter(|index| is_over(&streams[*index])).collect::<Vec<_>>() {
            count += 1;
            bytes += streams[index].bytes();
            if count > FINISHED_STREAMS || (count > 1 && bytes > self.bounds.bytes()) {
                streams.remove(index);
            }
        }
    }

    /// Goes on reading behind an event, named as `stream-number`; none if the stream is not there any more.
    pub(crate) fn resume(&self, event: &str) -> Option<Reader> {
        let (id, number) = event_of(event)?;
        self.forget();
        if id == LISTENING {
            return Some(self.listening.read(Some(number)));
        }
        lock(&self.streams).iter().find(|stream| stream.id() == id).map(|stream| stream.read(Some(number)))
    }

    fn touch(&self) {
        let age = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used.store(age, Ordering::Relaxed);
    }

    fn is_idle(&self, limit: Duration) -> bool {
        let last_used = Duration::from_millis(self.last_used.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(last_used) > limit && !self.is_busy()
    }

    /// Returns true if somebody reads one of its streams, or waits for an answer.
    pub(super) fn is_busy(&self) -> bool {
        !self.peer.in_flight.is_empty()
            || self.listening.is_read()
            || lock(&self.streams).iter().any(|stream| stream.is_read())
            || self.kept.as_ref().is_some_and(|kept| kept.is_followed())
    }

    fn end(&self) {
        self.peer.close();
        self.listening.finish(None);
        if let Some(kept) = &self.kept {
            kept.end();
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// All legacy sessions of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    table: RwLock<HashMap<Box<str>, Arc<Session>>>,
    reaper: Mutex<Option<AbortHandle>>,
    /// Where they are kept, and what hears of them elsewhere.
    pub(super) manager: Option<SessionManager>,
    pub(super) keys: RwLock<HashMap<SessionKey, Weak<Session>>>,
    pub(super) listener: Mutex<Option<AbortHandle>>,
    /// What looks for answers that were not heard of.
    pub(super) looking: Mutex<Option<AbortHandle>>,
}

impl Sessions {
    /// Creates a table of sessions that are kept elsewhere, if there is such a place.
    pub(crate) fn new(manager: Option<SessionManager>) -> Self {
        let mut sessions = Self::default();
        sessions.manager = manager;
        sessions
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        let session = read(&self.table).get(id).cloned()?;
        session.touch();
        Some(session)
    }

    /// Creates a session that is not in the table yet; none if there are too many.
    pub(crate) fn create(&self, limits: &Limits) -> Option<Session> {
        // Where they are kept somewhere, it is counted there.
        if self.manager.is_some() {
            return Some(Session::new(limits));
        }
        (read(&self.table).len() < limits.sessions).then(|| Session::new(limits))
    }

    /// Adds a session; false if there are too many by now.
    pub(crate) fn add(self: &Arc<Self>, server: &McpServer, session: Session) -> bool {
        let Some(id) = session.peer.session_id().map(Box::from) else { return false };
        let mut table = write(&self.table);
        if table.len() >= server.limits().sessions {
            return false;
        }
        table.insert(id, Arc::new(session));
        self.reap(server);
        true
    }

    /// Adds a session that is kept elsewhere; returns the one that is there, if somebody was faster.
    pub(super) fn add_kept(self: &Arc<Self>, server: &McpServer, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        let id: Box<str> = session.peer.session_id().unwrap_or_default().into();
        let mut table = write(&self.table);
        let there = table.entry(id).or_insert_with(|| session.clone()).clone();
        if Arc::ptr_eq(&there, &session)
            && let Some(kept) = &session.kept
        {
            write(&self.keys).insert(kept.key().clone(), Arc::downgrade(&session));
            kept.copy_listening(server, session.listening.clone());
        }
        self.reap(server);
        there
    }

    /// Returns the sessions that are there and are so.
    pub(super) fn all_that(&self, are_so: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        read(&self.table).values().filter(|session| are_so(session)).cloned().collect()
    }

    /// Ends a session; false if there is none.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let removed = write(&self.table).remove(id);
        removed.inspect(|session| self.over(session)).is_some()
    }

    fn over(&self, session: &Session) {
        if let Some(kept) = &session.kept {
            write(&self.keys).remove(kept.key());
        }
        session.end();
    }

    /// Has idle sessions ended from now on, as long as there are any.
    fn reap(self: &Arc<Self>, server: &McpServer) {
        let mut reaper = lock(&self.reaper);
        if reaper.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let (idle, pause) = match &self.manager {
            Some(manager) => {
                let (ttl, interval) = (manager.config().ttl, manager.config().cleanup_interval);
                (ttl, interval.min(ttl / 4).max(Duration::from_millis(10)))
            }
            None => {
                let idle = server.limits().session_idle;
                (idle, (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(30)))
            }
        };
        let sessions = Arc::downgrade(self);
        *reaper = Some(tokio::spawn(sweep(sessions, idle, pause)).abort_handle());
    }

    /// Ends the sessions nobody uses; true if others are left.
    fn sweep(&self, idle: Duration) -> bool {
        let mut table = write(&self.table);
        let stale: Vec<_> =
            table.iter().filter(|(_, session)| session.is_idle(idle)).map(|(id, _)| id.clone()).collect();
        let ended: Vec<_> = stale.iter().filter_map(|id| table.remove(id)).collect();
        table.values().for_each(|session| session.forget());
        let left = !table.is_empty();
        if !left {
            // Under the lock of the table: a session that is added next must find that nobody sweeps.
            *lock(&self.reaper) = None;
        }
        drop(table);
        ended.iter().for_each(|session| self.over(session));
        left
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        for task in [&self.reaper, &self.listener, &self.looking].into_iter().filter_map(|task| lock(task).take()) {
            task.abort();
        }
        for session in read(&self.table).values() {
            session.end();
        }
    }
}

/// Returns the stream and the number of an event.
pub(super) fn event_of(event: &str) -> Option<(u32, u64)> {
    let (stream, number) = event.split_once('-')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

async fn sweep(sessions: Weak<Sessions>, idle: Duration, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(sessions) = sessions.upgrade() else { return };
        if sessions.manager.is_some() {
            sessions.renew().await;
        }
        if !sessions.sweep(idle) {
            return;
        }
    }
}

/// Returns an id that nobody guesses: 192 random bits.
pub(super) fn new_id() -> Box<str> {
    let mut bits = [0; 24];
    SystemRandom::new().fill(&mut bits).expect("the operating system has randomness");
    URL_SAFE_NO_PAD.encode(bits).into()
}
