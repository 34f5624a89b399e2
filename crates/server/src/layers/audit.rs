//! A record of who has done what.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::Level;
use turbomcp_protocol::{ErrorCode, McpError, Method};
use turbomcp_transport::authenticate::Refusal;
use turbomcp_transport::{Extensions, PeerAddr, Principal};

use super::caller::{Caller, tenant};
use super::chain::{Answer, Layer};
use super::proxies::{Proxies, TrustedProxies};
use crate::Error;
use crate::access::Known;
use crate::inner::Inner;
use crate::metrics::{ErrorType, label};
use crate::request::{Request, Response};
use crate::trace::fingerprint;

/// How many bytes of what clients choose are recorded.
const SHOWN: usize = 128;

/// What is recorded of requests, and where.
///
/// Each request is an event of `tracing` with the target `turbomcp::audit` and the message `AUDIT`, and is handed to
/// the [`AuditSink`] if there is one: however it ends, also if it is refused, cancelled, runs out of time or panics. So
/// is everybody who is not let in. What a request consists of is not recorded unless that is asked for, and of a legacy
/// session only what tells it from another.
///
/// ```
/// use turbomcp_server::layers::{AuditConfig, AuditLogLevel};
///
/// let config = AuditConfig { log_success: false, log_level: AuditLogLevel::Debug, ..AuditConfig::default() };
/// # drop(config);
/// ```
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct AuditConfig {
    /// Records what succeeded. True.
    pub log_success: bool,
    /// Records what failed or was cancelled, but for what the next two stand for. True.
    pub log_failures: bool,
    /// Records whoever did not say who they are, or not so that it was believed. True.
    pub log_auth_events: bool,
    /// Records whoever was not allowed to do what they asked for. True.
    pub log_authz_events: bool,
    /// Records the arguments of tools and prompts, in which there may be secrets. False.
    pub log_arguments: bool,
    /// The level of what succeeded; anything else is at least a warning.
    pub log_level: AuditLogLevel,
    /// The proxies that say where requests come from.
    pub trusted_proxies: TrustedProxies,
    /// Who else is told, for example to store it.
    pub sink: Option<Arc<dyn AuditSink>>,
}

/// How severe an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditLogLevel {
    /// For whoever looks for something.
    Debug,
    /// As a matter of course.
    #[default]
    Info,
    /// Worth a look.
    Warn,
}

/// Is told what is recorded.
///
/// It is asked while a request is being answered, so whatever takes time belongs into a queue.
///
/// ```
/// use std::sync::Mutex;
/// use turbomcp_server::layers::{AuditEvent, AuditSink};
///
/// struct Kept(Mutex<Vec<String>>);
///
/// impl AuditSink for Kept {
///     fn record(&self, event: &AuditEvent<'_>) {
///         let user = event.user_id.unwrap_or("somebody");
///         self.0.lock().unwrap().push(format!("{user} {}: {}", event.action, event.outcome));
///     }
/// }
/// ```
pub trait AuditSink: Send + Sync + 'static {
    /// Takes one event.
    fn record(&self, event: &AuditEvent<'_>);
}

/// What was done, by whom, and what became of it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    /// When it ended.
    pub at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The method of the request; `authenticate` for whoever was not let in.
    pub action: &'a str,
    /// The tool, prompt or URI it was about, cut off after 128 bytes.
    pub target: Option<&'a str>,
    /// What became of it.
    pub outcome: AuditOutcome,
    /// The code of the error it was answered with.
    pub error_code: Option<i64>,
    /// Who has asked for it: the subject of the [`Principal`].
    pub user_id: Option<&'a str>,
    /// The tenant they belong to.
    pub tenant_id: Option<&'a str>,
    /// What tells the legacy session from another. It is not its id.
    pub session: Option<&'a str>,
    /// The address it came from.
    pub peer: Option<IpAddr>,
    /// The arguments as JSON, if they are [recorded](AuditConfig::log_arguments).
    pub arguments: Option<&'a str>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditOutcome {
    /// It was answered with a result.
    Success,
    /// It was answered with an error, or with the result of a tool that failed.
    Failure,
    /// Whoever sent it did not say who they are, or not so that it was believed.
    Unauthenticated,
    /// Whoever sent it may not do this.
    Forbidden,
    /// It was not answered, because whoever sent it did not want that any more, or has gone.
    Cancelled,
    /// The client is asked for something first.
    InputRequired,
}

impl AuditOutcome {
    /// Returns its name: `success`, `failure`, `unauthenticated`, `forbidden`, `cancelled` or `input_required`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Cancelled => "cancelled",
            Self::InputRequired => "input_required",
        }
    }

    /// Returns what the status of a refusal stands for.
    fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            _ => Self::Failure,
        }
    }

    fn of(response: &Response) -> Self {
        match response.as_error().map(McpError::code) {
            Some(ErrorCode::UNAUTHORIZED) => Self::Unauthenticated,
            Some(ErrorCode::FORBIDDEN) => Self::Forbidden,
            Some(_) => Self::Failure,
            None if ErrorType::of_response(response).is_some() => Self::Failure,
            None => Self::Success,
        }
    }
}

impl fmt::Display for AuditOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AuditConfig {
    /// Tells somebody else, too.
    #[must_use]
    pub fn sink(mut self, sink: impl AuditSink) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    pub(super) fn ready(&self) -> Result<Audit, Error> {
        Ok(Audit { proxies: self.trusted_proxies.ready()?, config: self.clone() })
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            log_success: true,
            log_failures: true,
            log_auth_events: true,
            log_authz_events: true,
            log_arguments: false,
            log_level: AuditLogLevel::default(),
            trusted_proxies: TrustedProxies::default(),
            sink: None,
        }
    }
}

impl fmt::Debug for AuditConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditConfig")
            .field("log_success", &self.log_success)
            .field("log_failures", &self.log_failures)
            .field("log_auth_events", &self.log_auth_events)
            .field("log_authz_events", &self.log_authz_events)
            .field("log_arguments", &self.log_arguments)
            .field("log_level", &self.log_level)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("sink", &self.sink.is_some())
            .finish()
    }
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Audit {
    config: AuditConfig,
    proxies: Proxies,
}

impl Audit {
    fn wants(&self, outcome: AuditOutcome) -> bool {
        match outcome {
            AuditOutcome::Success | AuditOutcome::InputRequired => self.config.log_success,
            AuditOutcome::Failure | AuditOutcome::Cancelled => self.config.log_failures,
            AuditOutcome::Unauthenticated => self.config.log_auth_events,
            AuditOutcome::Forbidden => self.config.log_authz_events,
        }
    }

    fn level(&self, outcome: AuditOutcome) -> Level {
        match (outcome, self.config.log_level) {
            (AuditOutcome::Success | AuditOutcome::InputRequired, AuditLogLevel::Debug) => Level::DEBUG,
            (AuditOutcome::Success | AuditOutcome::InputRequired, AuditLogLevel::Info) => Level::INFO,
            _ => Level::WARN,
        }
    }

    fn record(&self, event: &AuditEvent<'_>) {
        macro_rules! tell {
            ($level:expr) => {
                tracing::event!(
                    target: "turbomcp::audit",
                    $level,
                    action = event.action,
                    name = event.target,
                    outcome = event.outcome.as_str(),
                    error_code = event.error_code,
                    user_id = event.user_id,
                    tenant_id = event.tenant_id,
                    session = event.session,
                    peer = event.peer.map(tracing::field::display),
                    duration_us = u64::try_from(event.duration.as_micros()).unwrap_or(u64::MAX),
                    arguments = event.arguments,
                    "AUDIT: {} {}", named(event.action), event.outcome
                )
            };
        }
        match self.level(event.outcome) {
            Level::DEBUG => tell!(Level::DEBUG),
            Level::INFO => tell!(Level::INFO),
            _ => tell!(Level::WARN),
        }
        if let Some(sink) = &self.config.sink {
            sink.record(event);
        }
    }

    /// Returns true if nobody would hear of it.
    fn is_unheard(&self, outcome: AuditOutcome) -> bool {
        let is_heard = match self.level(outcome) {
            Level::DEBUG => tracing::event_enabled!(target: "turbomcp::audit", Level::DEBUG),
            Level::INFO => tracing::event_enabled!(target: "turbomcp::audit", Level::INFO),
            _ => tracing::event_enabled!(target: "turbomcp::audit", Level::WARN),
        };
        !is_heard && self.config.sink.is_none()
    }

    /// Records somebody who is not let in.
    #[cold]
    pub(crate) fn turned_away(&self, refusal: &Refusal, peer: Option<IpAddr>) {
        let outcome = AuditOutcome::of_status(refusal.status());
        if !self.wants(outcome) {
            return;
        }
        self.record(&AuditEvent {
            at: SystemTime::now(),
            duration: Duration::ZERO,
            action: AUTHENTICATE,
            target: None,
            outcome,
            error_code: Some(crate::auth::error(refusal).code().0),
            user_id: None,
            tenant_id: None,
            session: None,
            peer,
            arguments: None,
        });
    }

    /// As [`turned_away`](Self::turned_away), of a request over HTTP.
    #[cfg(feature = "http")]
    pub(crate) fn turned_away_at(
        &self,
        refusal: &Refusal,
        peer: Option<std::net::SocketAddr>,
        headers: &http::HeaderMap,
    ) {
        self.turned_away(refusal, self.proxies.client(peer.map(|peer| peer.ip()), headers));
    }

    /// Records a request that was refused before it came here, and whose it is.
    #[cfg(feature = "multi-tenancy")]
    #[cold]
    pub(crate) fn refused(&self, refusal: &Refusal, request: &Request, tenant: Option<&str>) {
        if request.inner().is_unseen() {
            return self.turned_away_from(refusal, request.extensions());
        }
        let record = Record {
            audit: self,
            inner: request.inner().clone(),
            known: Known::of(request.extensions()),
            peer: Caller { inner: request.inner(), extensions: request.extensions(), proxies: &self.proxies }.address(),
            is_over: true,
        };
        let outcome = AuditOutcome::of_status(refusal.status());
        record.write_of(outcome, Some(crate::auth::error(refusal).code().0), tenant);
    }

    /// As [`turned_away`](Self::turned_away), of whoever has opened a connection.
    pub(crate) fn turned_away_from(&self, refusal: &Refusal, extensions: &Extensions) {
        self.turned_away(refusal, extensions.get::<PeerAddr>().map(|address| address.get().ip()));
    }
}

impl Layer for Audit {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        let mut record = Record {
            audit: self,
            inner: request.inner().clone(),
            known: Known::of(request.extensions()),
            peer: Caller { inner: request.inner(), extensions: request.extensions(), proxies: &self.proxies }.address(),
            is_over: false,
        };
        let response = rest.answer(request).await;
        record.is_over = true;
        record.write(AuditOutcome::of(&response), response.as_error().map(|error| error.code().0));
        response
    }
}

/// What is recorded of a request, also if it is dropped.
struct Record<'a> {
    audit: &'a Audit,
    inner: Arc<Inner>,
    known: Known,
    peer: Option<IpAddr>,
    is_over: bool,
}

impl Record<'_> {
    fn write(&self, outcome: AuditOutcome, error_code: Option<i64>) {
        self.write_of(outcome, error_code, None);
    }

    /// As [`write`](Self::write), of a tenant that only the caller knows.
    fn write_of(&self, outcome: AuditOutcome, error_code: Option<i64>, tenant_id: Option<&str>) {
        if !self.audit.wants(outcome) || self.audit.is_unheard(outcome) {
            return;
        }
        let inner = &*self.inner;
        let known = &inner.message.known;
        let target = known.name.or(known.uri).and_then(|span| turbomcp_protocol::scan::text_of(inner.raw(span)));
        // Layers of users further in may have said who it is.
        let found = || inner.extensions.get().and_then(Extensions::get::<Principal>);
        let principal = self.known.who().principal.or_else(found);
        let tenant_of = || inner.extensions.get().and_then(tenant).or_else(|| principal.and_then(Principal::tenant));
        let session = inner.peer.as_ref().and_then(|peer| peer.session_id()).map(fingerprint);
        let arguments = known.arguments.filter(|_| self.audit.config.log_arguments);
        self.audit.record(&AuditEvent {
            at: SystemTime::now(),
            duration: inner.started.elapsed(),
            action: shorten(inner.method.as_str()),
            target: target.as_deref().map(shorten),
            outcome,
            error_code,
            user_id: principal.map(Principal::subject),
            tenant_id: tenant_id.or_else(|| self.known.tenant_id()).or_else(tenant_of),
            session: session.as_deref(),
            peer: self.peer,
            arguments: arguments.and_then(|span| std::str::from_utf8(inner.raw(span)).ok()),
        });
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let (outcome, code) = match &*self.inner {
                // A layer has not come to an end in time to say so.
                inner if inner.has_run_out().is_some() => (AuditOutcome::Failure, Some(ErrorCode::INTERNAL_ERROR.0)),
                inner if inner.is_answered() => (AuditOutcome::InputRequired, None),
                _ => (AuditOutcome::Cancelled, None),
            };
            self.write(outcome, code);
        }
    }
}

/// Returns what stands for an action in the text of an event, which is written as it is: what a client makes up could
/// look like a line of its own there.
fn named(action: &str) -> &str {
    let method = Method::from_name(action);
    if action == AUTHENTICATE || TASKS.contains(&method) { action } else { label(&method) }
}

const AUTHENTICATE: &str = "authenticate";

const TASKS: [Method; 5] =
    [Method::TASKS_GET, Method::TASKS_UPDATE, Method::TASKS_CANCEL, Method::TASKS_RESULT, Method::TASKS_LIST];

fn shorten(text: &str) -> &str {
    let end = (0..=SHOWN.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_choose_is_cut_off() {
        assert_eq!(shorten("tools/call"), "tools/call");
        assert_eq!(shorten(&"ä".repeat(100)).len(), SHOWN);
        assert_eq!(shorten(&format!("a{}", "ä".repeat(100))).len(), SHOWN - 1);
    }

    #[test]
    fn what_clients_make_up_is_not_in_the_text() {
        for known in ["authenticate", "tools/call", "subscriptions/listen", "tasks/result"] {
            assert_eq!(named(known), known);
        }
        for other in ["tools/call success\nWARN AUDIT: tools/call", "other", ""] {
            assert_eq!(named(other), "other");
        }
    }

    #[test]
    fn failures_are_at_least_a_warning() {
        let level =
            |log_level, outcome| AuditConfig { log_level, ..AuditConfig::default() }.ready().unwrap().level(outcome);
        assert_eq!(level(AuditLogLevel::Debug, AuditOutcome::Success), Level::DEBUG);
        assert_eq!(level(AuditLogLevel::Info, AuditOutcome::Success), Level::INFO);
        assert_eq!(level(AuditLogLevel::Warn, AuditOutcome::Success), Level::WARN);
        assert_eq!(level(AuditLogLevel::Debug, AuditOutcome::Failure), Level::WARN);
        assert_eq!(level(AuditLogLevel::Debug, AuditOutcome::Forbidden), Level::WARN);
    }
}
