//! One request, from what the caller wants to the typed result.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::future::IntoFuture;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use turbomcp_protocol::escape::write_string;
use turbomcp_protocol::scan::{Scanner, text_of};
use turbomcp_protocol::types::{
    IDEMPOTENCY_EXTENSION, InputRequest, LoggingLevel, Meta, ProgressNotificationParams, ServerCapabilities, Task,
};
use turbomcp_protocol::{ErrorCode, Method};
use turbomcp_transport::metrics::Outcome as Counted;

use crate::client::{Client, Connection, Shared};
use crate::exchange::{BoxFuture, GiveUp, Outgoing, Tracking, members_of};
use crate::questions::write_input;
use crate::retry::Attempts;
use crate::task::created;
use crate::{Error, builder::Settings};

/// The most questions a server may ask in one round.
const MAX_QUESTIONS: usize = 64;

/// A request that is ready; `await` it to send it and wait for its result.
///
/// # Cancel safety
///
/// Dropping it once it was awaited gives the request up and tells the server so; what the server has done by then is
/// done.
#[must_use = "a request is sent when it is awaited"]
#[derive(Debug)]
pub struct Call<R> {
    client: Client,
    prepared: Result<Prepared, Error>,
    options: Options,
    decode: Decode<R>,
}

/// How a result is read.
#[derive(Debug)]
pub(crate) struct Decode<R> {
    pub(crate) read: fn(&Shared, &[u8]) -> Result<R, Error>,
    /// How long it may be kept; none if it must not be.
    pub(crate) ttl: Option<fn(&R) -> Option<Duration>>,
}

/// What goes into a request, whatever the era.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    /// The members of `params`, without braces and `_meta`.
    pub(crate) params: Vec<u8>,
    /// What the request names: a tool, a prompt, or a resource's URI.
    pub(crate) name: Option<String>,
}

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    progress: Option<Box<dyn Fn(ProgressNotificationParams) + Send + Sync>>,
    meta: Meta,
    log_level: Option<LoggingLevel>,
    fresh: bool,
    pub(crate) idempotent: bool,
    /// What the server is to know the call by if it is sent again.
    key: Option<String>,
    /// Whether a task is wanted, rather than its result.
    as_task: bool,
}

/// What a request was answered with.
pub(crate) enum Answered {
    /// A result, after so many rounds of questions.
    Result(Bytes, u32),
    /// A task that will have the result.
    Task(Box<Task>),
}

impl Options {
    pub(crate) fn as_task() -> Self {
        Self { as_task: true, ..Self::default() }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<R> Call<R> {
    pub(crate) fn new(client: &Client, prepared: Result<Prepared, Error>, decode: Decode<R>) -> Self {
        Self { client: client.clone(), prepared, options: Options::default(), decode }
    }

    /// Sets how long to wait for the answer to this request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Asks for progress, and hears it. The function is called where messages are read, so it has to return soon.
    pub fn on_progress(mut self, function: impl Fn(ProgressNotificationParams) + Send + Sync + 'static) -> Self {
        self.options.progress = Some(Box::new(function));
        self
    }

    /// Asks a modern server for log messages about this request, from this level on.
    pub fn log_level(mut self, level: LoggingLevel) -> Self {
        self.options.log_level = Some(level);
        self
    }

    /// Adds a member to `_meta`, under a key of your own prefix or a W3C trace key.
    ///
    /// The keys the protocol fixes are the client's and are left as they are. Awaiting the call fails with `is_usage()`
    /// if the key is not well-formed.
    pub fn meta(mut self, key: impl Into<String>, value: impl serde::Serialize) -> Self {
        let key = key.into();
        if !is_key(&key) {
            self.prepared = Err(Error::usage(format!("{key:?} cannot be a key of metadata")));
        }
        let reserved = key == Meta::PROGRESS_TOKEN || key.starts_with("io.modelcontextprotocol/");
        if !reserved {
            self.options.meta = std::mem::take(&mut self.options.meta).with(key, value);
        }
        self
    }

    /// Asks the server even if an earlier result may still be used.
    pub fn fresh(mut self) -> Self {
        self.options.fresh = true;
        self
    }

    /// Says that this call may be run twice, so that a [`RetryPolicy`](crate::RetryPolicy) may repeat it even if it may
    /// have been run.
    pub fn idempotent(mut self) -> Self {
        self.options.idempotent = true;
        self
    }

    /// Gives the call of a tool a key, by which a server that says that it can do so runs it once, however often it is
    /// sent: also by another client, or after a restart of this one. It has 1 to 255 visible characters of ASCII, and
    /// nobody guesses it.
    ///
    /// With such a server, a [`RetryPolicy`](crate::RetryPolicy) repeats the call as one that may be run twice. Calls
    /// that have none are given one by the policy.
    ///
    /// ```no_run
    /// # async fn run(client: turbomcp_client::Client, order: &str) -> Result<(), turbomcp_client::Error> {
    /// let arguments = serde_json::json!({"order": order});
    /// client.call_tool("pay", arguments).idempotency_key(format!("pay-{order}")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.prepared = Err(Error::usage("an idempotency key is 1 to 255 visible characters of ASCII"));
        }
        self.options.key = Some(key);
        self
    }
}

impl<R: Send + 'static> Call<R> {
    async fn send(self) -> Result<R, Error> {
        let Self { client, prepared, options, decode } = self;
        let (shared, prepared) = (client.shared(), prepared?);
        let Some(ttl) = decode.ttl.filter(|_| shared.settings.caches) else {
            let (result, _) = client.request_raw(&prepared, options).await?;
            if prepared.method == Method::TOOLS_CALL
                && let Some(tool) = &prepared.name
            {
                shared.outputs.check(tool, &result)?;
            }
            return (decode.read)(shared, &result);
        };
        if !options.fresh
            && let Some(kept) = shared.cache.get(&prepared.method, &prepared.params)
        {
            return (decode.read)(shared, &kept);
        }
        let generation = shared.cache.generation();
        let (result, rounds) = client.request_raw(&prepared, options).await?;
        let decoded = (decode.read)(shared, &result)?;
        // What answers to questions went into is nobody else's result.
        if rounds == 0
            && let Some(ttl) = ttl(&decoded)
        {
            let uri = prepared.name.as_deref();
            shared.cache.put(generation, &prepared.method, &prepared.params, uri, &result, ttl);
        }
        Ok(decoded)
    }
}

impl<R: Send + 'static> IntoFuture for Call<R> {
    type Output = Result<R, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Reads a result of any type.
pub(crate) fn read_as<R: DeserializeOwned>(_: &Shared, result: &[u8]) -> Result<R, Error> {
    serde_json::from_slice(result).map_err(|error| Error::protocol("the result does not fit").with_source(error))
}

impl Client {
    /// Sends a request, again if need be, and answers what the server asks, until there is a result; returns it and the
    /// number of rounds that took.
    async fn request_raw(&self, prepared: &Prepared, options: Options) -> Result<(Bytes, u32), Error> {
        let (limit, begun) = (options.timeout, Instant::now());
        match self.request_answered(prepared, options).await? {
            Answered::Result(result, rounds) => Ok((result, rounds)),
            Answered::Task(task) => {
                let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
                Ok((Box::pin(self.follow(task, left)).await?, 0))
            }
        }
    }

    /// Sends a request, once more for each round of questions, until there is a result or a task.
    pub(crate) async fn request_answered(&self, prepared: &Prepared, mut options: Options) -> Result<Answered, Error> {
        let shared = self.shared();
        let mut attempts = shared.settings.retry.config().map(Attempts::begin);
        // By what is known when it is first sent: it is forgotten with the connection, which other calls may open
        // again.
        let mut is_idempotent = options.idempotent
            || attempts.is_some() && shared.idempotent.holds(&prepared.method, prepared.name.as_deref());
        // Whether it is the server that sees to it that nothing happens twice.
        let mut is_run_once = false;
        if prepared.method == Method::TOOLS_CALL && (options.key.is_some() || attempts.is_some() && !is_idempotent) {
            let runs_once = runs_once(&shared.current().agreed.capabilities);
            let key = options.key.take().or_else(|| runs_once.then(random_key));
            is_run_once = runs_once && !is_idempotent;
            is_idempotent |= runs_once;
            if let Some(key) = key {
                options.meta.insert(Meta::IDEMPOTENCY_KEY, key.into());
            }
        }
        let asked = Asked {
            as_task: options.as_task,
            prepared,
            meta: if options.meta.is_empty() { Vec::new() } else { members_of(&options.meta)? },
            limit: options.timeout.unwrap_or(shared.settings.request_timeout),
            tracking: options.progress.is_some().then(|| Tracking::new(options.progress)),
            log_level: options.log_level.or_else(|| shared.log_level()),
        };
        let (mut round, mut rounds) = (Vec::new(), 0);
        loop {
            let (connection, result) = match self.attempt(&asked, &round, attempts.as_ref()).await {
                Ok(answered) => answered,
                Err(error) => {
                    let again = |attempts: &mut Attempts<'_>| {
                        // Without a connection there is nothing to try on.
                        let is_over = shared.current().link.is_closed() && !shared.settings.reconnects;
                        attempts.again(&error, is_idempotent).filter(|_| !is_over)
                    };
                    let Some(wait) = attempts.as_mut().and_then(again) else { return Err(error) };
                    tracing::debug!(method = prepared.method.as_str(), %error, ?wait, "a request is made again");
                    shared.vitals.retried();
                    tokio::time::sleep(wait).await;
                    // By now it may be another server, or another version of it. One that is out of reach fails by itself.
                    if is_run_once {
                        let reached = Attempts::limit(attempts.as_ref(), shared.connection()).await;
                        if matches!(reached, Ok(Ok(reached)) if !runs_once(&reached.agreed.capabilities)) {
                            return Err(error);
                        }
                    }
                    continue;
                }
            };
            let revision = connection.agreed.revision;
            if !connection.agreed.dress.is_modern() {
                // A server that does not know what was wished has answered the call itself.
                if shared.augments(revision, prepared, asked.as_task) && has_member(&result, b"task")? {
                    return created(&result).map(Answered::Task);
                }
                return Ok(Answered::Result(result, rounds));
            }
            match result_type(&result)?.as_deref() {
                None | Some("complete") => return Ok(Answered::Result(result, rounds)),
                Some("task") if prepared.method == Method::TOOLS_CALL && shared.settings.tasks => {
                    return created(&result).map(Answered::Task);
                }
                Some("input_required") if prepared.method.may_require_input() => {
                    rounds += 1;
                    if rounds > shared.settings.max_rounds {
                        return Err(Error::protocol("the server keeps asking for more input"));
                    }
                    round = shared.answer_round(&connection, &result).await?;
                }
                Some(other) => {
                    let other: String = other.chars().take(40).collect();
                    return Err(Error::protocol(format!("the result type {other:?} is unknown")));
                }
            }
        }
    }

    /// Sends a request unless the server is left alone, and takes notice of how that went.
    async fn attempt(
        &self,
        asked: &Asked<'_>,
        round: &[u8],
        attempts: Option<&Attempts<'_>>,
    ) -> Result<(Arc<Connection>, Bytes), Error> {
        let shared = self.shared();
        let permit = shared.breaker.as_ref().map(|breaker| breaker.admit()).transpose()?;
        let meter = shared.current().inbox.meter().map(|meter| (meter.clone(), Instant::now()));
        let outcome = Attempts::limit(attempts, self.ask(asked, round)).await.and_then(|outcome| outcome);
        if let Some((meter, started)) = meter {
            meter.answered(started.elapsed(), if outcome.is_ok() { Counted::Answered } else { Counted::Failed });
        }
        shared.vitals.judge(&outcome);
        if let Some(permit) = permit {
            permit.judge(&outcome);
        }
        outcome
    }

    /// Sends a request, a second time if the server has said what it takes, and waits for the result.
    async fn ask(&self, asked: &Asked<'_>, round: &[u8]) -> Result<(Arc<Connection>, Bytes), Error> {
        let (shared, prepared) = (self.shared(), asked.prepared);
        let mut connection = shared.connection().await?;
        let mut mended = false;
        loop {
            let augments = shared.augments(connection.agreed.revision, prepared, asked.as_task);
            let request = Outgoing {
                id: shared.ids.next(),
                dress: &connection.agreed.dress,
                method: &prepared.method,
                params: &prepared.params,
                // In that revision there are no rounds.
                round: if augments { b"\"task\":{}" } else { round },
                meta: &asked.meta,
                log_level: asked.log_level,
                tracking: asked.tracking.as_ref(),
                name: prepared.name.as_deref(),
                give_up: GiveUp::Cancel,
            };
            // Progress is a sign of life, and so is a question to the user: the server waits for its answer.
            let last_sign = || asked.tracking.as_ref().and_then(|t| t.last()).max(connection.inbox.last_question());
            let answer = in_time(connection.link.exchange(&request), asked.limit, &shared.settings, last_sign).await;
            match answer.and_then(|answer| answer.into_result()) {
                Ok(result) => return Ok((connection, result)),
                // The server has not run the request, so it may be sent again.
                Err(error) if error.is_session_lost() && !mended => {
                    mended = true;
                    connection = shared.renew(&connection).await?;
                }
                Err(error) if !mended && is_stale(&connection, prepared, &error) => {
                    mended = true;
                    self.list_tools().fresh().all().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What every attempt of a call has in common.
struct Asked<'a> {
    as_task: bool,
    prepared: &'a Prepared,
    meta: Vec<u8>,
    limit: Duration,
    tracking: Option<Arc<Tracking>>,
    log_level: Option<LoggingLevel>,
}

impl Shared {
    /// Asks the handlers for everything a result wants, and writes what the next round adds to the params.
    async fn answer_round(&self, connection: &Connection, result: &[u8]) -> Result<Vec<u8>, Error> {
        // Read member by member: a question of an unknown kind is refused, and the state goes back as it came.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wanted {
            input_requests: Option<BTreeMap<String, Box<serde_json::value::RawValue>>>,
            request_state: Option<Box<serde_json::value::RawValue>>,
        }
        let wanted: Wanted = serde_json::from_slice(result)
            .map_err(|error| Error::protocol("the questions of the server do not fit").with_source(error))?;
        let mut out = Vec::new();
        if let Some(requests) = wanted.input_requests {
            if requests.len() > MAX_QUESTIONS {
                return Err(Error::protocol("the server asks too many questions at a time"));
            }
            out.extend_from_slice(b"\"inputResponses\":{");
            for (index, (key, request)) in requests.iter().enumerate() {
                let request: InputRequest = serde_json::from_str(request.get())
                    .map_err(|error| Error::protocol("a question of the server does not fit").with_source(error))?;
                let answer = self.settings.handlers.answer(request).await.map_err(Error::refused)?;
                if index > 0 {
                    out.push(b',');
                }
                write_string(key, &mut out);
                out.push(b':');
                out.extend_from_slice(&write_input(answer, connection.agreed.revision));
            }
            out.push(b'}');
        } else if wanted.request_state.is_none() {
            return Err(Error::protocol("the server asks for input, but not for which"));
        }
        if let Some(state) = wanted.request_state {
            if !state.get().starts_with('"') {
                return Err(Error::protocol("the request state is no text"));
            }
            if !out.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(b"\"requestState\":");
            out.extend_from_slice(state.get().as_bytes());
        }
        Ok(out)
    }
}

/// True if a server says that it runs a call once that has a key.
fn runs_once(capabilities: &ServerCapabilities) -> bool {
    let experimental = capabilities.experimental.as_ref();
    capabilities.extension(IDEMPOTENCY_EXTENSION).is_some()
        || experimental.is_some_and(|experimental| experimental.contains_key(IDEMPOTENCY_EXTENSION))
}

/// Returns a key that no other call has.
fn random_key() -> String {
    // Fresh hashers are seeded at random, by 128 bits of each thread, of which none is used twice.
    let half = |salt: u8| RandomState::new().hash_one((salt, std::process::id(), std::time::SystemTime::now()));
    format!("{:016x}{:016x}", half(0), half(1))
}

/// True if a text may be a key of `_meta`: a name, or labels, a slash and a name.
fn is_key(key: &str) -> bool {
    let ends = |text: &str| {
        let mut bytes = [text.bytes().next(), text.bytes().last()].into_iter();
        bytes.all(|byte| byte.is_some_and(|byte| byte.is_ascii_alphanumeric()))
    };
    let holds =
        |text: &str, others: &[u8]| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte));
    let is_label =
        |label: &str| label.starts_with(|first: char| first.is_ascii_alphabetic()) && ends(label) && holds(label, b"-");
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(|prefix| prefix.split('.').all(is_label))
        && (name.is_empty() || ends(name) && holds(name, b"-_."))
}

/// True if a call failed because what was mirrored of its arguments follows an outdated schema.
fn is_stale(connection: &Connection, prepared: &Prepared, error: &Error) -> bool {
    prepared.method == Method::TOOLS_CALL
        && error.code() == Some(ErrorCode::HEADER_MISMATCH)
        && connection.link.has_learned()
}

/// Waits for an answer until its time is up, which begins anew with each sign of life.
pub(crate) async fn in_time<T>(
    answer: impl Future<Output = Result<T, Error>>,
    limit: Duration,
    settings: &Settings,
    last_sign: impl Fn() -> Option<Instant>,
) -> Result<T, Error> {
    /// The longest that anything is waited for: far less than what a clock can be ahead by.
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    let started = Instant::now();
    let limit = limit.min(LONGEST);
    let last = started + settings.max_request_timeout.min(LONGEST).max(limit);
    let mut until = started + limit;
    let mut answer = std::pin::pin!(answer);
    loop {
        match tokio::time::timeout_at(until, answer.as_mut()).await {
            Ok(answer) => return answer,
            Err(_) => {
                let extended = last_sign().map_or(until, |sign| sign + limit).min(last);
                if extended <= until {
                    return Err(Error::timeout(until - started));
                }
                until = extended;
            }
        }
    }
}

/// Returns how a modern result says it is to be read.
fn result_type(result: &[u8]) -> Result<Option<String>, Error> {
    match member(result, b"resultType")? {
        Some(raw) => match text_of(raw) {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(Error::protocol("the result type is no text")),
        },
        None => Ok(None),
    }
}

fn has_member(result: &[u8], name: &[u8]) -> Result<bool, Error> {
    Ok(member(result, name)?.is_some())
}

/// Returns a member of a result, as raw JSON.
fn member<'a>(result: &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, Error> {
    let mut found = None;
    let mut scanner =
        Scanner::new(result).map_err(|error| Error::protocol("the result is too long").with_source(error))?;
    if scanner.peek() != Some(b'{') {
        return Err(Error::protocol("the result is no object"));
    }
    let scanned = scanner.members(|key, scanner| {
        let span = scanner.value()?;
        if key.raw() == name {
            found = Some(span.of(result));
        }
        Ok(())
    });
    scanned.map_err(|error| Error::protocol("the result is no object").with_source(error))?;
    Ok(found)
}

/// Writes the params of a request for a tool, whose arguments are anything that is an object in JSON.
pub(crate) fn tool_params(name: &str, arguments: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(b"\"name\":");
    write_string(name, &mut out);
    let before = out.len();
    out.extend_from_slice(b",\"arguments\":");
    let start = out.len();
    serde_json::to_writer(&mut out, arguments)
        .map_err(|error| Error::usage("the arguments cannot be written as JSON").with_source(error))?;
    match &out[start..] {
        b"null" => out.truncate(before),
        [b'{', ..] => {}
        _ => return Err(Error::usage("the arguments of a tool must be an object")),
    }
    Ok(out)
}

impl Prepared {
    pub(crate) fn new(method: Method, params: Vec<u8>) -> Self {
        Self { method, params, name: None }
    }

    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// Writes one member whose value is a text.
pub(crate) fn text_member(name: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + value.len() + 5);
    write_string(name, &mut out);
    out.push(b':');
    write_string(value, &mut out);
    out
}

impl<R> Decode<R> {
    pub(crate) fn plain() -> Self
    where
        R: DeserializeOwned,
    {
        Self { read: read_as::<R>, ttl: None }
    }

    pub(crate) fn cached(ttl: fn(&R) -> Option<Duration>) -> Self
    where
        R: DeserializeOwned,
    {
        Self { read: read_as::<R>, ttl: Some(ttl) }
    }
}

impl<R> Clone for Decode<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Decode<R> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds BASE-50.
    #[test]
    fn base_47_keys_of_metadata_are_labels_and_a_name() {
        for good in ["a", "", "a.b-c_9", "com.example/x", "x/", "a-1.b2/c"] {
            assert!(is_key(good), "{good:?}");
        }
        for bad in ["-a", "a.", "a b", "1a/x", "a-/x", ".a/x", "a..b/x", "/x", "a/b/c", "ä", "a/ä"] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }
}
