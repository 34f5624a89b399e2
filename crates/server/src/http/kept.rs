//! Sessions that are kept in a store: what is served here is a copy.
//!
//! Each request asks the store for its session, and brings it to life if it is not here. What a client says that is to be kept is
//! in the store before it is answered. Streams are copied there as they grow; one that is resumed where it did not begin is
//! followed there.

mod hearing;

use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;
use turbomcp_protocol::McpError;
use turbomcp_protocol::types::LoggingLevel;
use turbomcp_transport::Identity;

use super::body::Body;
use super::endpoint::{Endpoint, Rejected, failure};
use super::head::{Head, SESSION_ID};
use super::legacy::{Opening, full};
use super::session::{LISTENING, Session, Sessions};
use super::stream::{Reader, Stream};
use crate::bus::FRAME_BYTES;
use crate::inner::Inner;
use crate::metrics::ErrorType;
use crate::peer::Agreed;
use crate::request::Response as Answer;
use crate::sessions::{EventBounds, NewEvents, Record, Said, SessionKey, SessionManager, StoredSession};
use crate::store::StoreError;
use crate::sync::lock;
use crate::{Limits, McpServer};

/// How long a stream that grows elsewhere is not looked after if nobody says that it has grown: where nobody would, and
/// with a bus, of which something may be lost.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The pause before a store is asked again that has failed, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often what a client has said is written anew because others have written at the same time.
const ATTEMPTS: usize = 16;

/// What a client is told that needs what the store does not give.
const OUT_OF_REACH: &str = "the sessions are out of reach";

/// How long the id of a session is.
const ID: usize = 32;

/// What leaves in the store what a client has said.
pub(super) type Leaving = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// What the store has of a session, and what is to come there.
pub(super) struct Kept {
    key: SessionKey,
    manager: SessionManager,
    bounds: EventBounds,
    /// What was read or written last.
    base: Mutex<(u64, Record)>,
    /// How many changes the store has.
    settled: AtomicU64,
    followed: Mutex<HashMap<u32, Followed>>,
    /// What belongs to no request, while it is copied.
    listening: Mutex<Option<Arc<Stream>>>,
    /// What was found that others have left, as long as it is there to be found again.
    fetched: Mutex<HashSet<u32>>,
}

/// A stream that is read here and grows in the store.
struct Followed {
    reader: u64,
    stream: Weak<Stream>,
    grown: Arc<Notify>,
}

impl Kept {
    fn new(key: SessionKey, manager: SessionManager, limits: &Limits, version: u64, record: Record) -> Box<Self> {
        Box::new(Self {
            key,
            bounds: manager.bounds(limits),
            manager,
            base: Mutex::new((version, record)),
            settled: AtomicU64::new(0),
            followed: Mutex::default(),
            listening: Mutex::default(),
            fetched: Mutex::default(),
        })
    }

    pub(super) fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Returns true if somebody reads a stream that grows in the store.
    pub(super) fn is_followed(&self) -> bool {
        let mut followed = lock(&self.followed);
        followed.retain(|_, followed| followed.stream.strong_count() > 0);
        !followed.is_empty()
    }

    /// Has the store have what comes in a stream, until its end.
    ///
    /// The store knows of it before anybody does who could come back to it elsewhere.
    pub(super) async fn copy(&self, server: &McpServer, stream: Arc<Stream>) {
        let mut copy = self.copy_of(stream);
        // Whoever waits for the end of the server waits until all of it is there.
        let serving = server.serving();
        if copy.step(Duration::ZERO).await {
            let server = server.clone();
            // It ends with the stream, and that with its request.
            tokio::spawn(async move {
                let _serving = serving;
                copy.finish_unless(server.shutdown_overdue()).await;
            });
        }
    }

    /// Has the store have what belongs to no request.
    pub(super) fn copy_listening(&self, server: &McpServer, stream: Arc<Stream>) {
        let mut copy = self.copy_of(stream);
        // Others add to it as well, and none of them begins it.
        copy.after = Some(0);
        copy.is_shared = true;
        let shutdown = server.shutdown();
        let (serving, limit) = (server.serving(), server.limits().shutdown);
        *lock(&self.listening) = Some(copy.stream.clone());
        // It ends with its stream.
        tokio::spawn(async move {
            copy.finish_unless(shutdown.started()).await;
            // It lasts as long as the session, but the server waits only for what was said before it was asked to end.
            let _ = tokio::time::timeout(limit, copy.catch_up()).await;
            drop(serving);
            copy.finish_unless(std::future::pending()).await;
        });
    }

    fn copy_of(&self, stream: Arc<Stream>) -> Copy {
        let (manager, key, bounds) = (self.manager.clone(), self.key.clone(), self.bounds);
        Copy { manager, key, bounds, stream, after: None, is_shared: false, once: None }
    }

    pub(super) fn end(&self) {
        for (_, followed) in lock(&self.followed).drain() {
            if let Some(stream) = followed.stream.upgrade() {
                stream.finish(None);
            }
        }
    }

    /// Another reader of a stream has come, or the first.
    fn is_read(&self, stream: u32, reader: u64) {
        let mut followed = lock(&self.followed);
        if followed.get(&stream).is_some_and(|followed| followed.reader != reader)
            && let Some(followed) = followed.remove(&stream)
            && let Some(stream) = followed.stream.upgrade()
        {
            stream.finish(None);
        }
    }

    fn has_grown(&self, stream: u32) {
        if let Some(followed) = lock(&self.followed).get(&stream) {
            followed.grown.notify_one();
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // What it has is copied still.
        if let Some(stream) = lock(&self.listening).take() {
            stream.finish(None);
        }
    }
}

/// Adds to the store what comes in a stream.
struct Copy {
    manager: SessionManager,
    key: SessionKey,
    bounds: EventBounds,
    stream: Arc<Stream>,
    /// The number of the last event that was added; none before the stream is there.
    after: Option<u64>,
    /// Others add to it, so that only the store knows its numbers.
    is_shared: bool,
    /// What is being added there, and by which number, so that it is added once.
    once: Option<(u64, u64)>,
}

impl Copy {
    /// Adds what there is, once there is something; false if there is nothing more to do.
    ///
    /// Without patience, what the store does not take now is left for the next step.
    async fn step(&mut self, patience: Duration) -> bool {
        let Self { manager, key, bounds, stream, is_shared, once, .. } = self;
        let mut copied = stream.copied(self.after).await;
        let mut events = NewEvents::new(None, &copied.events);
        if *is_shared {
            // Whoever gave up meanwhile may have added it: what is asked again is the same, and what came since waits.
            let (count, number) = once.take().unwrap_or_else(|| (copied.events.len() as u64, random()));
            *once = Some((count, number));
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(copied.events.len());
            copied.is_over &= count == copied.events.len();
            copied.events.truncate(count);
            events = NewEvents::new(None, &copied.events).once(number);
        } else {
            (events.first, events.is_over) = (Some(copied.first), copied.is_over);
        }
        if !(*is_shared && copied.events.is_empty()) {
            let appended = again(patience, || manager.store().append(key, stream.id(), events, *bounds)).await;
            match appended {
                Ok(true) => manager.say(key, Said::Appended { stream: stream.id() }),
                Ok(false) => return false,
                // It lasts as long as the session: what comes once the store is back is kept.
                Err(error) if *is_shared => {
                    tracing::warn!(%error, "messages of a session are not kept");
                    tokio::time::sleep(PAUSES.1).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "events of a session are not kept");
                    return patience.is_zero();
                }
            }
        }
        self.after = Some(copied.first + copied.events.len() as u64 - 1);
        self.once = None;
        !copied.is_over
    }

    /// Copies until the stream is over, unless something else happens before.
    async fn finish_unless(&mut self, other: impl Future<Output = ()>) {
        let (mut other, age) = (pin!(other), self.bounds.age);
        let mut copying = pin!(async { while self.step(age).await {} });
        poll_fn(|cx| match copying.as_mut().poll(cx) {
            Poll::Pending => other.as_mut().poll(cx),
            Poll::Ready(()) => Poll::Ready(()),
        })
        .await;
    }

    /// Copies what there is.
    async fn catch_up(&mut self) {
        while self.after.is_none_or(|after| after < self.stream.last()) && self.step(self.bounds.age).await {}
    }
}

/// Asks a store until it answers, for so long.
async fn again<T, F>(limit: Duration, ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let (started, mut pause) = (Instant::now(), PAUSES.0);
    loop {
        match ask().await {
            Err(error) if error.is_unavailable() && started.elapsed() < limit => {
                tracing::debug!(%error, "the store is asked again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            outcome => return outcome,
        }
    }
}

impl Session {
    /// Returns what the store is to have.
    fn describe(&self, kept: &Kept) -> Record {
        let mut record = lock(&kept.base).1.clone();
        self.peer.describe(&mut record);
        record
    }

    /// Takes over what others have made of the session.
    fn absorb(&self, server: &McpServer, stored: &StoredSession) -> Result<(), StoreError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if lock(&kept.base).0 >= stored.version {
            return Ok(());
        }
        let fresh = Record::read(&stored.record)?;
        let mut base = lock(&kept.base);
        // Somebody may have taken over a newer one meanwhile, which is not to be undone.
        if base.0 >= stored.version {
            return Ok(());
        }
        let mut ours = base.1.clone();
        self.peer.describe(&mut ours);
        let mut merged = fresh.clone();
        merged.follow(&base.1, &ours);
        self.peer.resemble(server, &ours, &merged);
        *base = (stored.version, fresh);
        Ok(())
    }

    /// Returns true if the client has said something that the store may not have.
    pub(super) fn is_unsettled(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.settled.load(Ordering::Acquire) < self.peer.changes())
    }

    /// Has the store have what the client has said.
    pub(super) async fn settle(&self, server: &McpServer) -> Result<(), StoreError> {
        let Some(kept) = self.kept.as_ref().filter(|_| self.is_unsettled()) else { return Ok(()) };
        // What is said from here on may or may not be written; whoever says it looks for itself.
        let changes = self.peer.changes();
        self.write(kept, server, |_| {}).await?;
        kept.settled.fetch_max(changes, Ordering::AcqRel);
        Ok(())
    }

    async fn write(&self, kept: &Kept, server: &McpServer, change: impl Fn(&mut Record)) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let version = lock(&kept.base).0;
            let mut record = self.describe(kept);
            change(&mut record);
            if record == lock(&kept.base).1 {
                return Ok(());
            }
            let store = kept.manager.store();
            if store.update(&kept.key, version, &record.write()).await? {
                let mut base = lock(&kept.base);
                if base.0 == version {
                    *base = (version + 1, record);
                }
                return Ok(());
            }
            // Somebody has written meanwhile, or the session is over.
            let Some(stored) = store.visit(&kept.key, kept.manager.config().ttl, 0).await? else { return Ok(()) };
            self.absorb(server, &stored)?;
        }
        Err(StoreError::unavailable("the session is written to by too many at once"))
    }

    /// Counts a request that has waited, and has the store have what it said before it is answered.
    pub(super) async fn closing(&self, inner: &Inner, answer: Option<Answer>) -> Option<Answer> {
        let answer = answer?;
        self.count(inner, answer.as_error().is_some());
        match self.settle(&inner.server).await {
            Ok(()) => Some(answer),
            Err(error) => {
                tracing::error!(%error, "what a client has said cannot be kept");
                Some(Answer::error(McpError::unavailable(OUT_OF_REACH)))
            }
        }
    }

    /// Tells those who serve the session elsewhere what is not about anything here. What is too long for that is in the store
    /// once what is returned has succeeded, and not to be acknowledged before.
    pub(super) fn pass_on(&self, server: &McpServer, frame: &Bytes) -> Option<Leaving> {
        let kept = self.kept.as_ref()?;
        let (manager, key) = (kept.manager.clone(), kept.key.clone());
        if frame.len() <= FRAME_BYTES || server.bus().is_none() {
            manager.say(&key, Said::Message(frame.clone()));
            return None;
        }
        let (frame, longest) = (frame.clone(), server.limits().message_bytes);
        Some(Box::pin(async move {
            // The first is the one that lasts as long as a session.
            let number = u32::try_from(random() >> 32).unwrap_or(1).max(1);
            manager.leave(&key, number, &frame, longest).await?;
            manager.say(&key, Said::Left { number });
            Ok(())
        }))
    }

    /// Counts a request that was answered.
    pub(super) fn count(&self, inner: &Inner, is_error: bool) {
        if let Some(tally) = self.peer.tally() {
            tally.answered(&inner.method, inner.started, is_error);
        }
    }

    /// Reads a stream that may grow elsewhere, from behind an event or from where a new reader begins; none if there is no such
    /// stream.
    pub(super) async fn follow(
        self: &Arc<Self>,
        server: &McpServer,
        id: u32,
        after: Option<u64>,
    ) -> Result<Option<Reader>, StoreError> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let has_listened = lock(&kept.base).1.listened;
        // Whoever comes back without saying where it was begins with what comes from now on.
        let wanted = after.unwrap_or(if has_listened { MOST } else { 0 });
        let found = kept.manager.store().events(&kept.key, id, wanted).await?;
        if found.is_none() && id != LISTENING {
            return Ok(None);
        }
        if id == LISTENING && !has_listened {
            self.write(kept, server, |record| record.listened = true).await?;
        }
        let last = found.as_ref().map_or(0, |found| found.last);
        let stream = Stream::behind(id, self.bounds(), wanted.min(last));
        let reader = stream.read(None);
        let name = random();
        let grown = Arc::new(Notify::new());
        let followed = Followed { reader: name, stream: Arc::downgrade(&stream), grown: grown.clone() };
        if let Some(before) = lock(&kept.followed).insert(id, followed)
            && let Some(stream) = before.stream.upgrade()
        {
            stream.finish(None);
        }
        self.release(id);
        kept.manager.say(&kept.key, Said::Read { stream: id, reader: name });
        if let Some(found) = found {
            let is_over = found.is_over;
            stream.feed(found.first(), found.events);
            if is_over {
                stream.finish(None);
                return Ok(Some(reader));
            }
        }
        // Once more now: what came between the read above and the entry of the reader was told to nobody.
        grown.notify_one();
        let look = if server.bus().is_some() { LOOKS.1 } else { LOOKS.0 };
        let feed =
            Feed { manager: kept.manager.clone(), key: kept.key.clone(), grown, look, patience: self.bounds().age() };
        let feeding = feed.run(Arc::downgrade(&stream));
        // It ends soon after its reader.
        tokio::spawn(feeding);
        Ok(Some(reader))
    }
}

/// The largest number that an event is asked for by: JSON, and what counts in it, knows no larger one.
const MOST: u64 = 1 << 53;

/// Has a stream grow here as it grows in the store.
struct Feed {
    manager: SessionManager,
    key: SessionKey,
    grown: Arc<Notify>,
    look: Duration,
    patience: Duration,
}

impl Feed {
    async fn run(self, stream: Weak<Stream>) {
        let Self { manager, key, grown, look, patience } = self;
        let mut news = Instant::now();
        loop {
            let _ = tokio::time::timeout(look, grown.notified()).await;
            let Some(stream) = stream.upgrade().filter(|stream| stream.is_read() && stream.finished_at().is_none())
            else {
                return;
            };
            match manager.store().events(&key, stream.id(), stream.last()).await {
                Ok(Some(found)) => {
                    if !found.events.is_empty() {
                        news = Instant::now();
                    }
                    let is_over = found.is_over;
                    stream.feed(found.first(), found.events);
                    // Of a request whose replica is gone nothing comes any more, not even an end.
                    if is_over || (stream.id() != LISTENING && news.elapsed() > patience) {
                        return stream.finish(None);
                    }
                }
                Ok(None) if stream.id() == LISTENING => {}
                Ok(None) => return stream.finish(None),
                Err(error) => tracing::debug!(%error, "the store is asked again"),
            }
        }
    }
}

impl Endpoint {
    /// Brings the session of a request to life, as it is in the store; or has it end here, if it has ended there.
    pub(super) async fn recall(&self, manager: &SessionManager, parts: &Parts) -> Result<(), Rejected> {
        let head = Head::read(&parts.headers);
        let Some(id) = head.session_id.text().filter(|id| id.len() == ID) else { return Ok(()) };
        let key = SessionKey::of(id);
        let stored = manager.visit(&key).await.map_err(|error| self.out_of_reach(&error))?;
        let Some(stored) = stored else {
            self.sessions.remove(id);
            return Ok(());
        };
        if let Some(session) = self.sessions.get(id) {
            return session.absorb(&self.server, &stored).map_err(|error| self.out_of_reach(&error));
        }
        let record = Record::read(&stored.record).map_err(|error| self.out_of_reach(&error))?;
        let session = Session::with_id(id.into(), self.server.limits());
        let agreed = Agreed {
            revision: record.revision,
            capabilities: record.capabilities.clone(),
            client_info: record.client_info.clone(),
            identity: record.identity.as_deref().map(Identity::new),
        };
        session.peer.agree(agreed);
        let mut ours = record.clone();
        session.peer.describe(&mut ours);
        session.peer.resemble(&self.server, &ours, &record);
        self.sessions.keep(&self.server, manager, session, key, stored.version, record);
        Ok(())
    }

    pub(super) fn out_of_reach(&self, error: &StoreError) -> Rejected {
        out_of_reach(&self.server, error)
    }
}

/// Answers whoever needs what the store does not give.
pub(super) fn out_of_reach(server: &McpServer, error: &StoreError) -> Rejected {
    let source = std::error::Error::source(error);
    tracing::error!(%error, source, "{OUT_OF_REACH}");
    server.metrics().error(ErrorType::Unavailable);
    Box::new(failure(StatusCode::SERVICE_UNAVAILABLE, None, &McpError::unavailable(OUT_OF_REACH)))
}

impl Opening {
    /// Opens the session in the store if `initialize` succeeded.
    pub(super) async fn keep(self, manager: SessionManager, inner: &Inner, answer: Answer) -> Response<Body> {
        let Some(agreed) = self.session.peer.agreed().filter(|_| answer.as_error().is_none()) else {
            return super::legacy::written(inner, answer).into_response();
        };
        let mut record = Record {
            revision: agreed.revision,
            capabilities: agreed.capabilities.clone(),
            client_info: agreed.client_info.clone(),
            identity: agreed.identity.as_ref().map(|identity| identity.as_str().into()),
            opened: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as u64),
            initialized: false,
            log_level: LoggingLevel::Info,
            subscribed: Default::default(),
            listened: false,
        };
        self.session.peer.describe(&mut record);
        let id = self.session.peer.session_id().unwrap_or_default();
        let (key, header) = (SessionKey::of(id), HeaderValue::from_str(id));
        match manager.create(&key, &record).await {
            Ok(true) => {}
            Ok(false) => return full(Some(inner.id())),
            Err(error) => return *out_of_reach(&self.server, &error),
        }
        let session = self.sessions.keep(&self.server, &manager, self.session, key, 1, record);
        session.count(inner, false);
        let mut response = super::legacy::written(inner, answer).into_response();
        if let Ok(header) = header {
            response.headers_mut().insert(SESSION_ID.clone(), header);
        }
        response
    }
}

impl Sessions {
    /// Serves a session that is in the store.
    fn keep(
        self: &Arc<Self>,
        server: &McpServer,
        manager: &SessionManager,
        mut session: Session,
        key: SessionKey,
        version: u64,
        record: Record,
    ) -> Arc<Session> {
        // So that no two replicas use the same numbers at the same time.
        session.number_streams_from((random() >> 32) as u32 | 1);
        session.peer.share(random() >> 16, manager.tally(&key, &record));
        session.kept = Some(Kept::new(key, manager.clone(), server.limits(), version, record));
        self.hear(server, manager);
        self.add_kept(server, session)
    }

    /// Keeps in the store what is used here without requests, ends here what has ended there, and has it removed there what has
    /// expired.
    pub(super) async fn renew(&self) {
        let Some(manager) = &self.manager else { return };
        for session in self.all_that(|session| session.is_busy()) {
            let Some(kept) = &session.kept else { continue };
            match manager.renew(&kept.key).await {
                Ok(true) => {}
                Ok(false) => _ = session.peer.session_id().map(|id| self.remove(id)),
                Err(error) => return tracing::warn!(%error, "the sessions are out of reach"),
            }
        }
        if let Err(error) = manager.sweep().await {
            tracing::warn!(%error, "sessions that have expired are not removed");
        }
    }
}

fn random() -> u64 {
    let mut bits = [0; 8];
    SystemRandom::new().fill(&mut bits).expect("the operating system has randomness");
    u64::from_le_bytes(bits)
}
