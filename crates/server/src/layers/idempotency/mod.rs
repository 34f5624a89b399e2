//! Calls that are run once, however often they are sent.

mod held;
mod memory;
#[cfg(feature = "session-postgres")]
mod postgres;
mod record;
#[cfg(feature = "session-redis")]
mod redis;
mod store;

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest::{Context as Hash, SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;
use turbomcp_protocol::scan::{member, text_of};
use turbomcp_protocol::types::Meta;
use turbomcp_protocol::{McpError, Method};

use super::chain::{Answer, Layer};
use super::rate_limit::retry_after;
use super::sharing::{canonical, is_allowed, write_identity, write_part, write_rights};
use crate::Error;
use crate::access::Guarded;
use crate::request::{Request, Response};
use crate::store::StoreError;
use held::Held;
pub use memory::MemoryIdempotency;
#[cfg(feature = "session-postgres")]
pub use postgres::PostgresIdempotency;
#[cfg(feature = "session-redis")]
pub use redis::RedisIdempotency;
use store::Erased;
pub use store::{Begun, IdempotencyStore, OnceBounds, OnceCall};

/// The longest key that a client may give to a call, in bytes.
const LONGEST: usize = 255;

/// The pauses between looks at a call that is being run, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Has a call that carries a key be run once, however often it is sent, and wherever.
///
/// A client gives a call of a tool a key by the member `io.github.turbomcp/idempotency-key` of `_meta`
/// ([`Meta::IDEMPOTENCY_KEY`]), or over HTTP by the header `Idempotency-Key`, as a text in quotes or a bare one: 1 to
/// 255 visible characters of ASCII. The first call with a key is run, and its answer is kept; whoever sends it again is
/// answered the same. While it runs they wait for it, for a while, and are told to come back later with the code 409.
/// The same key with other arguments or rights, or to have a task where a result was asked for, is refused.
///
/// Keys of different callers, tenants and tools have nothing to do with each other. Callers of whom nobody knows who
/// they are count as one, so they had better use keys that nobody guesses.
///
/// What a tool answers is kept, failures included, and so is what it has become a task by; but not that the client
/// lacks a capability or a right, which it may have the next time. A call that was refused before its tool was reached,
/// or whose tool has asked for input, is forgotten: the next with its key is run.
///
/// Of a call that was cancelled, lost its connection or ran out of time while its tool ran, nobody knows what it has
/// done: who sends it again is told so, by an error that clients do not take for a passing one. Only a tool that is
/// annotated as idempotent or as only reading is run again. So is any, once its lease is over, if its server is lost.
/// While the store cannot be asked, calls with keys are refused with the code 503.
///
/// Servers that have this say so: by the extension `io.github.turbomcp/idempotency`, and in the legacy era by an
/// experimental capability of that name. The client of this library then gives a key to each call that its policy may
/// repeat.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::layers::{IdempotencyConfig, MiddlewareStack};
///
/// let config = IdempotencyConfig { ttl: Duration::from_secs(3600), ..IdempotencyConfig::default() };
/// let stack = MiddlewareStack::new().with_idempotency(config);
/// let server = ServerBuilder::new().with_middleware_stack(stack)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct IdempotencyConfig {
    /// How long an answer is kept. A day.
    pub ttl: Duration,
    /// After how long a call whose server is lost may be run again. 30 seconds.
    pub lease: Duration,
    /// How long whoever sends a call again waits for the one that runs. 10 seconds.
    pub wait: Duration,
    /// How many answers are kept, of all callers; the oldest make room. 10,000.
    ///
    /// Of a call whose answer has made room nothing is known: if it is sent again, it is run again.
    pub max_entries: usize,
    /// How many answers are kept of one caller, of whose own the oldest make room. 1,000.
    ///
    /// Whoever sends more calls with keys than that within [`ttl`](Self::ttl) pushes out what they were answered
    /// themselves, and no answer of anybody else. Callers of whom nobody knows who they are share these.
    pub max_entries_per_caller: usize,
    /// How many bytes of JSON the answers take that are kept of one caller, of whose own the oldest make room; the newest
    /// is always kept. 4 MiB.
    pub max_bytes_per_caller: usize,
    /// How long an answer may be as JSON, in bytes. Of a longer one it is kept only that the call was run: who sends it
    /// again is told so. 64 KiB.
    pub max_answer_bytes: usize,
    /// Where it is kept: in the memory of the process unless set.
    pub store: OnceStore,
}

/// Any [`IdempotencyStore`].
#[derive(Clone)]
pub struct OnceStore(Arc<dyn Erased>);

impl OnceStore {
    /// Takes a store.
    pub fn new(store: impl IdempotencyStore) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for OnceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceStore").finish_non_exhaustive()
    }
}

impl fmt::Debug for IdempotencyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyConfig")
            .field("ttl", &self.ttl)
            .field("lease", &self.lease)
            .field("wait", &self.wait)
            .field("max_entries", &self.max_entries)
            .field("max_entries_per_caller", &self.max_entries_per_caller)
            .field("max_bytes_per_caller", &self.max_bytes_per_caller)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .finish_non_exhaustive()
    }
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(24 * 60 * 60),
            lease: Duration::from_secs(30),
            wait: Duration::from_secs(10),
            max_entries: 10_000,
            max_entries_per_caller: 1_000,
            max_bytes_per_caller: 4 << 20,
            max_answer_bytes: 64 << 10,
            store: OnceStore::new(MemoryIdempotency::new()),
        }
    }
}

impl IdempotencyConfig {
    /// Keeps answers in a store.
    #[must_use]
    pub fn new(store: impl IdempotencyStore) -> Self {
        Self { store: OnceStore::new(store), ..Self::default() }
    }

    pub(super) fn ready(&self) -> Result<Idempotency, Error> {
        let fail = |field: &str, why: &str| Err(Error::configuration(format!("`{field}` must not be {why}")));
        if self.ttl.is_zero() {
            return fail("ttl", "zero");
        }
        if self.lease < Duration::from_millis(100) {
            return fail("lease", "shorter than 100 ms");
        }
        let counts = [
            ("max_entries", self.max_entries),
            ("max_entries_per_caller", self.max_entries_per_caller),
            ("max_bytes_per_caller", self.max_bytes_per_caller),
            ("max_answer_bytes", self.max_answer_bytes),
        ];
        match counts.iter().find(|(_, count)| *count == 0) {
            Some((field, _)) => fail(field, "zero"),
            None => Ok(Idempotency(self.clone())),
        }
    }

    fn bounds(&self) -> OnceBounds {
        OnceBounds::new(self.max_entries, self.max_entries_per_caller, self.max_bytes_per_caller)
    }
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Idempotency(IdempotencyConfig);

/// A call with a key, as it is kept.
struct Keyed {
    key: String,
    fingerprint: String,
    owner: String,
    /// A hash of who calls.
    whose: String,
    /// Who calls, so that it is noticed if that was found out only later.
    caller: Box<[u8]>,
    /// Whether its tool may be run again when nobody knows how far it came.
    may_begin_again: bool,
}

impl Keyed {
    fn call(&self) -> OnceCall<'_> {
        OnceCall::new(&self.key, &self.fingerprint, &self.owner).of(&self.whose)
    }
}

impl Layer for Idempotency {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        match keyed(&request) {
            Ok(None) => rest.answer(request).await,
            // In a box: most calls have no key.
            Ok(Some(keyed)) => Box::pin(self.once(keyed, request, rest)).await,
            Err(error) => Response::error(error),
        }
    }
}

impl Idempotency {
    async fn once(&self, keyed: Keyed, request: Request, rest: &impl Answer) -> Response {
        let (config, store) = (&self.0, &self.0.store.0);
        let until = Instant::now() + config.wait.min(Duration::from_secs(60 * 60 * 24));
        let mut pause = PAUSES.0;
        loop {
            let begun = match store.begin(keyed.call(), config.lease).await {
                Ok(begun) => begun,
                Err(error) => return out_of_reach(&error),
            };
            let (fingerprint, answer) = match begun {
                Begun::Mine => return self.run(keyed, request, rest).await,
                Begun::Running(fingerprint) => (fingerprint, None),
                Begun::Done(fingerprint, answer) => (fingerprint, Some(answer)),
            };
            if fingerprint != keyed.fingerprint {
                return Response::error(McpError::invalid_params("the idempotency key was used for another call"));
            }
            if let Some(answer) = answer {
                return record::read(&answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let error = McpError::conflict("a call with this idempotency key is being run");
                return Response::error(error.with_data(retry_after(PAUSES.1)));
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn run(&self, keyed: Keyed, request: Request, rest: &impl Answer) -> Response {
        let (config, store) = (&self.0, &self.0.store.0);
        let held = Held::new(config, keyed, request.inner());
        let response = {
            let mut answering = pin!(rest.answer(request));
            let call = held.call();
            let mut renewing = pin!(async {
                let Some(call) = call else { return };
                loop {
                    tokio::time::sleep(config.lease / 3).await;
                    match store.renew(call, config.lease).await {
                        Ok(true) => {}
                        // It was taken for lost, and another runs it.
                        Ok(false) => return tracing::warn!("a call with an idempotency key was begun again elsewhere"),
                        Err(error) => tracing::warn!(%error, "the lease of a call cannot be kept just now"),
                    }
                }
            });
            let mut is_renewing = true;
            poll_fn(|cx| {
                if let Poll::Ready(response) = answering.as_mut().poll(cx) {
                    return Poll::Ready(response);
                }
                is_renewing = is_renewing && renewing.as_mut().poll(cx).is_pending();
                Poll::Pending
            })
            .await
        };
        held.answered(&response).await;
        response
    }
}

fn out_of_reach(error: &StoreError) -> Response {
    let source = std::error::Error::source(error);
    tracing::error!(%error, source, "the store of idempotency keys is out of reach");
    let error = McpError::unavailable("calls with idempotency keys cannot be taken at the moment");
    Response::error(error.with_data(retry_after(Duration::from_secs(1))))
}

/// Returns what a call is kept under; none if it has no key, or the router will refuse it.
fn keyed(request: &Request) -> Result<Option<Keyed>, McpError> {
    let inner = request.inner();
    if inner.method != Method::TOOLS_CALL {
        return Ok(None);
    }
    let Some(key) = key_of(request)? else { return Ok(None) };
    let snapshot = inner.server.snapshot();
    let entry = request.name().and_then(|name| snapshot.registry.tool(&name).cloned());
    let Some(entry) = entry.filter(|entry| is_allowed(request, &snapshot, entry.guard())) else { return Ok(None) };
    let arguments = match inner.message.known.arguments {
        Some(span) => inner.slice(span),
        None => Bytes::from_static(b"{}"),
    };
    if inner.outlet.check_mirrored(&entry.mirrored, request.extensions(), &arguments).is_err() {
        return Ok(None);
    }
    let mut caller = Vec::with_capacity(64);
    write_identity(request.extensions(), &mut caller);
    let mut what = caller.clone();
    write_part(entry.name().as_bytes(), &mut what);
    write_part(key.as_bytes(), &mut what);
    // What cannot be written in one way is told apart by how it is written.
    let mut asked = canonical(&arguments).unwrap_or_else(|| arguments.to_vec());
    // A handler may answer by the rights of whoever calls, and a task is another answer than a result.
    write_rights(request.extensions(), &mut asked);
    let is_task = inner.message.params.is_some_and(|span| member(inner.raw(span), "task").is_some());
    asked.push(is_task.into());
    let mut owner = [0; 16];
    SystemRandom::new().fill(&mut owner).map_err(|_| McpError::internal_error())?;
    Ok(Some(Keyed {
        key: hash(&what),
        fingerprint: hash(&asked),
        owner: URL_SAFE_NO_PAD.encode(owner),
        whose: hash(&caller),
        caller: caller.into(),
        may_begin_again: entry.may_begin_again,
    }))
}

fn hash(bytes: &[u8]) -> String {
    let mut hash = Hash::new(&SHA256);
    hash.update(bytes);
    URL_SAFE_NO_PAD.encode(hash.finish())
}

/// Returns the key of a call, if it has one.
fn key_of(request: &Request) -> Result<Option<Cow<'_, str>>, McpError> {
    let inner = request.inner();
    let meta = inner.message.params.and_then(|params| member(inner.raw(params), "_meta"));
    let in_meta = match meta.and_then(|meta| member(meta, Meta::IDEMPOTENCY_KEY)) {
        Some(raw) => Some(text_of(raw).ok_or_else(|| McpError::invalid_params("an idempotency key is a text"))?),
        None => None,
    };
    let in_head = head_key(request)?;
    let key = match (in_meta, in_head) {
        (Some(one), Some(other)) if one != other => {
            return Err(McpError::invalid_params("the call has two idempotency keys"));
        }
        (one, other) => one.or(other.map(Cow::Owned)),
    };
    match key {
        Some(key) if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            let message = format!("an idempotency key is 1 to {LONGEST} visible characters of ASCII");
            Err(McpError::invalid_params(message))
        }
        key => Ok(key),
    }
}

/// Returns the key that the head of an HTTP request has, if that is the head of this call alone.
#[cfg(feature = "http")]
fn head_key(request: &Request) -> Result<Option<String>, McpError> {
    use crate::outlet::Outlet;

    let extensions = request.extensions();
    let is_alone = !matches!(request.inner().outlet, Outlet::Outbox(_))
        && extensions.get::<super::rate_limit::OneOfMany>().is_none();
    let head = extensions.get::<turbomcp_transport::http::HttpRequest>().filter(|_| is_alone);
    let Some(head) = head else { return Ok(None) };
    let mut values = head.headers().get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.and_then(unquoted)
        .map(Some)
        .ok_or_else(|| McpError::invalid_params("the header `Idempotency-Key` is one text in quotes"))
}

#[cfg(not(feature = "http"))]
fn head_key(_: &Request) -> Result<Option<String>, McpError> {
    Ok(None)
}

/// Reads a string of structured fields, or a bare text.
#[cfg(feature = "http")]
fn unquoted(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains(['"', '\\'])).then(|| text.to_owned());
    };
    let quoted = quoted.strip_suffix('"')?;
    let mut out = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' => out.push(chars.next().filter(|escaped| ['"', '\\'].contains(escaped))?),
            '"' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let check = |config: IdempotencyConfig, field: &str| {
            let error = config.ready().unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(field), "{error}");
        };
        let default = IdempotencyConfig::default;
        check(IdempotencyConfig { ttl: Duration::ZERO, ..default() }, "`ttl`");
        check(IdempotencyConfig { lease: Duration::from_millis(99), ..default() }, "`lease`");
        check(IdempotencyConfig { max_entries: 0, ..default() }, "`max_entries`");
        check(IdempotencyConfig { max_entries_per_caller: 0, ..default() }, "`max_entries_per_caller`");
        check(IdempotencyConfig { max_bytes_per_caller: 0, ..default() }, "`max_bytes_per_caller`");
        check(IdempotencyConfig { max_answer_bytes: 0, ..default() }, "`max_answer_bytes`");
        assert!(default().ready().is_ok());
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_header_is_a_text_in_quotes_or_a_bare_one() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(unquoted(text).as_deref(), expected, "{text}");
        check(r#""8e03978e-40d5""#, Some("8e03978e-40d5"));
        check("8e03978e-40d5", Some("8e03978e-40d5"));
        check(r#""a\"b\\c""#, Some(r#"a"b\c"#));
        for broken in [r#""a"#, r#"a""#, r#""a"b""#, r#""a\b""#, r#""a\""#, r"a\b"] {
            check(broken, None);
        }
    }
}
