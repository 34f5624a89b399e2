//! Requests of the modern era over HTTP: each stands for itself.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use turbomcp_protocol::scan::{member, text_of};
use turbomcp_protocol::{McpError, McpResult, Message, Method, Revision};
use turbomcp_transport::http::headers::decode_value;

use super::body::{Body, write_event, write_events};
use super::endpoint::{Endpoint, Incoming, Reply, challenge, events, failure, json, refusal_of, status_of};
use super::events::Events;
use super::head::{Head, METHOD, NAME, VERSION};
use crate::era;
use crate::inner::Inner;
use crate::outlet::Outlet;
use crate::reply::write_response;
use crate::request::{Request, Response as Answer};
use crate::run::Run;

impl Endpoint {
    pub(super) fn modern(&self, mut incoming: Incoming, message: Message, method: Method, revision: Revision) -> Reply {
        if method == Method::SUBSCRIPTIONS_LISTEN {
            incoming.detach();
        }
        let frame = incoming.frame.clone();
        let outlet = Outlet::Events(Events::default());
        let inner = Arc::new(Inner::new(self.server.clone(), frame, message, method, revision, None, outlet));
        let request = Request::new(inner.clone(), incoming.into_extensions());
        let mut run = Run::start(inner, request);
        match run.poll_once() {
            Poll::Ready(answer) => Reply::Now(respond(run.inner(), answer)),
            Poll::Pending => {
                run.start_clock();
                Reply::Later(Box::pin(wait(run)))
            }
        }
    }
}

async fn wait(mut run: Run) -> Response<Body> {
    match first(&mut run).await {
        Some(Some(answer)) => respond(run.inner(), answer),
        // Only whoever waits for the answer can cancel, so nobody is left to see this.
        Some(None) => failure(StatusCode::OK, Some(run.inner().id()), &McpError::internal_error()),
        None => events(Body::modern(run)),
    }
}

/// Waits for whatever comes first: the answer, or none because there is something to be told before it.
async fn first(run: &mut Run) -> Option<Option<Answer>> {
    poll_fn(|cx| {
        if let Poll::Ready(answer) = Pin::new(&mut *run).poll(cx) {
            return Poll::Ready(Some(answer));
        }
        events_of(run.inner()).poll_ready(cx).map(|()| None)
    })
    .await
}

/// Returns the messages of a modern request.
pub(super) fn events_of(inner: &Inner) -> &Events {
    /// Where nothing ever arrives.
    static NONE: LazyLock<Events> = LazyLock::new(Events::default);
    match &inner.outlet {
        Outlet::Events(events) => events,
        _ => &NONE,
    }
}

fn respond(inner: &Inner, answer: Answer) -> Response<Body> {
    let waiting = events_of(inner);
    let status = answer.as_error().map_or(StatusCode::OK, |error| status_of(error, inner.revision));
    let mut message = Vec::with_capacity(256);
    write_response(inner, answer, &mut message);
    if waiting.is_empty() {
        let mut response = json(status, message);
        if let Some(refusal) = refusal_of(inner, status) {
            challenge(refusal, &mut response);
        }
        return response;
    }
    let mut out = Vec::new();
    let meter = inner.meter();
    write_events(waiting, meter, &mut out);
    write_event(&mut out, None, &message, meter);
    events(Body::full(out))
}

/// Checks what a modern request says of itself, in headers and body.
pub(super) fn check(head: &Head<'_>, frame: &[u8], message: &Message, method: &Method) -> McpResult<Revision> {
    let Some(version) = era::requested_version(frame, message) else {
        return Err(McpError::invalid_params("the protocol version is missing from `_meta`"));
    };
    let version = version?;
    mirrors(head.version.required(&VERSION)?, &VERSION, &version)?;
    let revision = era::modern_revision(&version)?;
    mirrors(head.method.required(&METHOD)?, &METHOD, method.as_str())?;
    if let Some(named) = named(frame, message, method) {
        let header = head.name.required(&NAME)?;
        let decoded = decode_value(header.as_bytes())
            .map_err(|error| McpError::header_mismatch(format!("the header `{NAME}` is malformed: {error}")))?;
        if text_of(named).is_none_or(|named| named != decoded) {
            return Err(mismatch(&NAME));
        }
    }
    era::check_capabilities(frame, message)?;
    Ok(revision)
}

fn mirrors(header: &HeaderValue, name: &HeaderName, value: &str) -> McpResult<()> {
    if header.as_bytes() == value.as_bytes() { Ok(()) } else { Err(mismatch(name)) }
}

fn mismatch(name: &HeaderName) -> McpError {
    McpError::header_mismatch(format!("the header `{name}` is not what the body says"))
}

/// Returns what `Mcp-Name` has to mirror, if the method has it and the request says it.
fn named<'a>(frame: &'a [u8], message: &Message, method: &Method) -> Option<&'a [u8]> {
    let known = &message.known;
    if *method == Method::TOOLS_CALL || *method == Method::PROMPTS_GET {
        return known.name.map(|span| span.of(frame));
    }
    if *method == Method::RESOURCES_READ {
        return known.uri.map(|span| span.of(frame));
    }
    if [Method::TASKS_GET, Method::TASKS_UPDATE, Method::TASKS_CANCEL].contains(method) {
        return message.params.and_then(|params| member(params.of(frame), "taskId"));
    }
    None
}
