//! Requests of the legacy era over HTTP: they belong to a session, and outlive the connection they came on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use turbomcp_protocol::scan::Span;
use turbomcp_protocol::{Kind, McpError, Message, Method, Revision};
use turbomcp_transport::Extensions;
use turbomcp_transport::authenticate::Refusal;

use super::body::Body;
use super::endpoint::{
    Endpoint, Incoming, Rejected, Reply, accepted, challenge, empty, events, failure, json, not_allowed, refusal_of,
    refuse, status_of,
};
use super::head::{Field, Head, SESSION_ID};
use super::kept::{Leaving, out_of_reach};
use super::session::{LISTENING, Session, Sessions, event_of};
use super::stream::{Last, Reader, Stream};
use crate::McpServer;
use crate::batch::{self, BatchReply};
use crate::in_flight::Refused;
use crate::inner::Inner;
use crate::layers::OneOfMany;
use crate::metrics::ErrorType;
use crate::outlet::Outlet;
use crate::reply::{write_error, write_response};
use crate::request::{Request, Response as Answer};
use crate::run::Run;
use crate::store::StoreError;

/// Why a request has no session.
pub(super) struct NoSession {
    status: StatusCode,
    message: &'static str,
}

impl NoSession {
    pub(super) fn response(self, id: Option<&[u8]>) -> Response<Body> {
        failure(self.status, id, &McpError::invalid_request(self.message))
    }
}

impl Endpoint {
    /// Finds the session a request belongs to.
    pub(super) fn session(&self, head: &Head<'_>) -> Result<Arc<Session>, NoSession> {
        let refuse = |status, message| Err(NoSession { status, message });
        if let Field::One(_) | Field::Several = head.version
            && head.version.text().and_then(Revision::parse).is_none_or(Revision::is_modern)
        {
            return refuse(StatusCode::BAD_REQUEST, "the protocol version in the header is not supported");
        }
        if head.session_id.is_absent() {
            return refuse(StatusCode::BAD_REQUEST, "the session id is missing");
        }
        match head.session_id.text().and_then(|id| self.sessions.get(id)) {
            Some(session) => Ok(session),
            None => refuse(StatusCode::NOT_FOUND, "the session does not exist, or has ended"),
        }
    }

    /// Opens a session, if `initialize` succeeds.
    pub(super) fn initialize(&self, incoming: Incoming, message: Message) -> Reply {
        let Some(session) = self.sessions.create(self.server.limits()) else {
            self.server.metrics().error(ErrorType::Unavailable);
            return Reply::Now(full(message.id.map(|id| id.of(&incoming.frame))));
        };
        let reader = session.stream();
        let mut run = self.start(&session, reader.stream(), message, incoming, Revision::LATEST_LEGACY);
        let opening = Opening { server: self.server.clone(), sessions: self.sessions.clone(), session };
        match (run.poll_once(), self.sessions.manager.clone()) {
            (Poll::Ready(answer), None) => Reply::Now(opening.finish(run.inner(), answer)),
            (Poll::Ready(answer), Some(manager)) => Reply::Later(Box::pin(async move {
                let inner = run.inner().clone();
                opening.keep(manager, &inner, answer).await
            })),
            (Poll::Pending, manager) => {
                run.start_clock();
                Reply::Later(Box::pin(async move {
                    let inner = run.inner().clone();
                    match (run.await, manager) {
                        (Some(answer), Some(manager)) => opening.keep(manager, &inner, answer).await,
                        (Some(answer), None) => opening.finish(&inner, answer),
                        (None, _) => accepted(),
                    }
                }))
            }
        }
    }

    /// Handles a message of a session.
    pub(super) fn legacy(&self, session: Arc<Session>, incoming: Incoming, message: Message) -> Reply {
        let frame = incoming.frame.clone();
        match message.kind {
            Kind::Request => {}
            Kind::Notification => {
                let is_elsewhere = !session.peer.notified(&self.server, &frame, &message);
                let leaving = is_elsewhere.then(|| session.pass_on(&self.server, &frame)).flatten();
                return self.once_left(leaving.into_iter().collect(), self.settled(session, accepted));
            }
            _ => {
                let is_elsewhere = !session.peer.answered(&frame, &message);
                let leaving = is_elsewhere.then(|| session.pass_on(&self.server, &frame)).flatten();
                return self.once_left(leaving.into_iter().collect(), Reply::Now(accepted()));
            }
        }
        let id = message.id.map(|id| id.of(&frame)).unwrap_or_default();
        if session.peer.in_flight.contains(id) {
            self.server.metrics().error(ErrorType::Protocol);
            return Reply::Now(refused(id, Refused::Duplicate));
        }
        let reader = session.stream();
        let stream = reader.stream().clone();
        let mut run = self.start(&session, &stream, message, incoming, revision(&session));
        match run.poll_once() {
            // What was not told anything before it needs no stream.
            Poll::Ready(answer) if reader.is_fresh() => {
                session.count(run.inner(), answer.as_error().is_some());
                let response = written(run.inner(), answer);
                return self.settled(session, || response.into_response());
            }
            Poll::Ready(answer) => {
                session.count(run.inner(), answer.as_error().is_some());
                stream.finish(Some(written(run.inner(), answer)));
            }
            Poll::Pending => {
                let limit = self.server.limits().requests_in_flight;
                let entry = match session.peer.in_flight.add(run.inner(), limit) {
                    Ok(entry) => entry,
                    Err(reason) => {
                        let error = reason.into();
                        run.refused(&error);
                        return Reply::Now(failure(StatusCode::SERVICE_UNAVAILABLE, Some(id), &error));
                    }
                };
                run.start_clock();
                let kept = session.kept.is_some().then(|| session.clone());
                // It goes on without the connection; the session cancels it when it ends.
                tokio::spawn(async move {
                    let inner = run.inner().clone();
                    let mut answer = run.await;
                    if let Some(session) = kept {
                        answer = session.closing(&inner, answer).await;
                    }
                    stream.finish(answer.map(|answer| written(&inner, answer)));
                    drop(entry);
                });
            }
        }
        self.responding(session, reader)
    }

    /// Answers once the store has what the client has said; at once if it has, or there is none.
    fn settled(&self, session: Arc<Session>, response: impl FnOnce() -> Response<Body>) -> Reply {
        if !session.is_unsettled() {
            return Reply::Now(response());
        }
        let (server, response) = (self.server.clone(), response());
        Reply::Later(Box::pin(async move {
            match session.settle(&server).await {
                Ok(()) => response,
                Err(error) => *out_of_reach(&server, &error),
            }
        }))
    }

    /// Answers once the store has what others fetch there.
    fn once_left(&self, leaving: Vec<Leaving>, reply: Reply) -> Reply {
        if leaving.is_empty() {
            return reply;
        }
        let server = self.server.clone();
        Reply::Later(Box::pin(async move {
            for leaving in leaving {
                if let Err(error) = leaving.await {
                    return *out_of_reach(&server, &error);
                }
            }
            match reply {
                Reply::Now(response) => response,
                Reply::Later(response) => response.await,
            }
        }))
    }

    /// Answers with what a stream brings, once the store has what the client has said.
    fn responding(&self, session: Arc<Session>, reader: Reader) -> Reply {
        let server = self.server.clone();
        if !session.is_unsettled() {
            return Reply::Later(Box::pin(respond(server, session, reader)));
        }
        Reply::Later(Box::pin(async move {
            match session.settle(&server).await {
                Ok(()) => respond(server, session, reader).await,
                Err(error) => *out_of_reach(&server, &error),
            }
        }))
    }

    /// Handles the messages of a batch, which are answered together.
    pub(super) fn batch(&self, session: Arc<Session>, incoming: Incoming) -> Reply {
        let frame = incoming.frame.clone();
        let spans = match batch::split(&frame, self.server.limits()) {
            Ok(spans) if revision(&session).has_batches() => spans,
            Ok(_) => {
                let message = "the protocol version of the session has no batches";
                return Reply::Now(refuse(StatusCode::BAD_REQUEST, message));
            }
            Err(error) => return Reply::Now(failure(StatusCode::BAD_REQUEST, None, &error)),
        };
        let mut extensions = incoming.into_extensions();
        extensions.insert(OneOfMany);
        let reader = session.stream();
        let stream = reader.stream().clone();
        let batch = Arc::new(BatchReply::new(Outlet::Stream(stream.clone()), self.server.limits()));
        let (mut is_answered, mut leaving) = (false, Vec::new());
        for span in spans {
            let part = frame.slice(span.range());
            match Message::decode(&part) {
                Ok(message) if message.kind == Kind::Request => {
                    is_answered = true;
                    self.start_in_batch(&session, &batch, &stream, part, message, extensions.clone());
                }
                Ok(message) if message.kind == Kind::Notification => {
                    if !session.peer.notified(&self.server, &part, &message) {
                        leaving.extend(session.pass_on(&self.server, &part));
                    }
                }
                Ok(message) => {
                    if !session.peer.answered(&part, &message) {
                        leaving.extend(session.pass_on(&self.server, &part));
                    }
                }
                Err(error) => {
                    is_answered = true;
                    self.server.metrics().error(ErrorType::of(&error.error));
                    let id = error.id.map(|id: Span| id.of(&part));
                    let revision = revision(&session);
                    batch.add(id, revision, |out| write_error(id, &error.error, revision, out));
                }
            }
        }
        drop(batch);
        let reply = if is_answered { self.responding(session, reader) } else { self.settled(session, accepted) };
        self.once_left(leaving, reply)
    }

    fn start_in_batch(
        &self,
        session: &Arc<Session>,
        batch: &Arc<BatchReply>,
        stream: &Arc<Stream>,
        part: bytes::Bytes,
        message: Message,
        extensions: Extensions,
    ) {
        let outlet = Outlet::Stream(stream.clone());
        let mut run = self.run(session, outlet, message, part, extensions, revision(session));
        match run.poll_once() {
            Poll::Ready(answer) => {
                session.count(run.inner(), answer.as_error().is_some());
                add(batch, run.inner(), answer);
            }
            Poll::Pending => match session.peer.in_flight.add(run.inner(), self.server.limits().requests_in_flight) {
                Ok(entry) => {
                    run.start_clock();
                    let batch = batch.clone();
                    let kept = session.kept.is_some().then(|| session.clone());
                    tokio::spawn(async move {
                        let inner = run.inner().clone();
                        let mut answer = run.await;
                        if let Some(session) = kept {
                            answer = session.closing(&inner, answer).await;
                        }
                        if let Some(answer) = answer {
                            add(&batch, &inner, answer);
                        }
                        drop(batch);
                        drop(entry);
                    });
                }
                Err(refused) => {
                    let error = refused.into();
                    run.refused(&error);
                    add(batch, run.inner(), Answer::error(error));
                }
            },
        }
    }

    /// Opens the stream of messages that belong to no request, or goes on with one that broke.
    pub(super) async fn listen(
        &self,
        parts: &Parts,
        peer_addr: Option<SocketAddr>,
    ) -> Result<Response<Body>, Rejected> {
        let head = Head::read(&parts.headers);
        if head.session_id.is_absent() {
            return Ok(not_allowed("POST"));
        }
        let session = self.session(&head).map_err(|missing| missing.response(None))?;
        if !head.accepts_events() {
            return Ok(refuse(StatusCode::NOT_ACCEPTABLE, "the client must accept `text/event-stream`"));
        }
        self.admit(&session, parts, peer_addr).await?;
        let primed = revision(&session).has_priming_event();
        if head.last_event_id.is_absent() && session.kept.is_none() {
            return Ok(events(Body::listening(session.listen(), &self.server, primed)));
        }
        let found = match session.kept {
            None => head.last_event_id.text().and_then(|event| session.resume(event)),
            Some(_) => self.listen_kept(&session, &head).await.map_err(|error| self.out_of_reach(&error))?,
        };
        match found {
            Some(reader) => Ok(events(Body::listening(reader, &self.server, primed))),
            None => Ok(refuse(StatusCode::BAD_REQUEST, "the stream of this event is not there any more")),
        }
    }

    async fn listen_kept(&self, session: &Arc<Session>, head: &Head<'_>) -> Result<Option<Reader>, StoreError> {
        if head.last_event_id.is_absent() {
            return session.follow(&self.server, LISTENING, None).await;
        }
        let Some(event) = head.last_event_id.text() else { return Ok(None) };
        let Some((id, number)) = event_of(event) else { return Ok(None) };
        // A stream that began here is read here; the one that all add to is only in the store.
        if id != LISTENING
            && let Some(reader) = session.resume(event)
        {
            return Ok(Some(reader));
        }
        session.follow(&self.server, id, Some(number)).await
    }

    pub(super) async fn end_session(
        &self,
        parts: &Parts,
        peer_addr: Option<SocketAddr>,
    ) -> Result<Response<Body>, Rejected> {
        let head = Head::read(&parts.headers);
        if head.session_id.is_absent() {
            return Ok(not_allowed("POST"));
        }
        let session = self.session(&head).map_err(|missing| missing.response(None))?;
        self.admit(&session, parts, peer_addr).await?;
        let mut removed = session.peer.session_id().is_some_and(|id| self.sessions.remove(id));
        if let (Some(kept), Some(manager)) = (&session.kept, &self.sessions.manager) {
            removed = manager.end(kept.key()).await.map_err(|error| self.out_of_reach(&error))?;
        }
        Ok(empty(if removed { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }))
    }

    fn start(
        &self,
        session: &Session,
        stream: &Arc<Stream>,
        message: Message,
        incoming: Incoming,
        revision: Revision,
    ) -> Run {
        let frame = incoming.frame.clone();
        self.run(session, Outlet::Stream(stream.clone()), message, frame, incoming.into_extensions(), revision)
    }

    fn run(
        &self,
        session: &Session,
        outlet: Outlet,
        message: Message,
        frame: bytes::Bytes,
        extensions: Extensions,
        revision: Revision,
    ) -> Run {
        let inner = self.request(session, outlet, message, frame, revision);
        let request = Request::new(inner.clone(), extensions);
        Run::start(inner, request)
    }

    pub(super) fn request(
        &self,
        session: &Session,
        outlet: Outlet,
        message: Message,
        frame: bytes::Bytes,
        revision: Revision,
    ) -> Arc<Inner> {
        let method = Method::from_name(&message.method(&frame));
        let peer = Some(session.peer.clone());
        Arc::new(Inner::new(self.server.clone(), frame, message, method, revision, peer, outlet))
    }
}

/// A session that is not open yet.
pub(super) struct Opening {
    pub(super) server: McpServer,
    pub(super) sessions: Arc<Sessions>,
    pub(super) session: Session,
}

impl Opening {
    /// Opens the session if `initialize` succeeded.
    fn finish(self, inner: &Inner, answer: Answer) -> Response<Body> {
        let succeeded = answer.as_error().is_none();
        let id = self.session.peer.session_id().and_then(|id| HeaderValue::from_str(id).ok());
        let mut response = written(inner, answer).into_response();
        if succeeded && let Some(id) = id {
            if !self.sessions.add(&self.server, self.session) {
                return full(Some(inner.id()));
            }
            response.headers_mut().insert(SESSION_ID.clone(), id);
        }
        response
    }
}

/// Answers with the one message there is, or with the stream once there is more.
async fn respond(server: McpServer, session: Arc<Session>, reader: Reader) -> Response<Body> {
    if !reader.is_stream().await
        && let Some((message, status, refusal)) = reader.take()
    {
        return one(status, message, refusal.as_ref());
    }
    session.keep(reader.stream());
    if let Some(kept) = &session.kept {
        kept.copy(&server, reader.stream().clone()).await;
    }
    events(Body::legacy(reader, &server, revision(&session).has_priming_event()))
}

pub(super) fn full(id: Option<&[u8]>) -> Response<Body> {
    failure(StatusCode::SERVICE_UNAVAILABLE, id, &McpError::unavailable("too many sessions are open"))
}

fn refused(id: &[u8], reason: Refused) -> Response<Body> {
    let status = match reason {
        Refused::Duplicate => StatusCode::BAD_REQUEST,
        Refused::TooMany => StatusCode::SERVICE_UNAVAILABLE,
    };
    failure(status, Some(id), &reason.into())
}

pub(super) fn revision(session: &Session) -> Revision {
    session.peer.agreed().map_or(Revision::LATEST_LEGACY, |agreed| agreed.revision)
}

fn add(batch: &BatchReply, inner: &Inner, answer: Answer) {
    batch.add(Some(inner.id()), inner.revision, |out| write_response(inner, answer, out));
}

pub(super) fn written(inner: &Inner, answer: Answer) -> Last {
    let status = answer.as_error().map_or(StatusCode::OK, |error| status_of(error, inner.revision));
    let refusal = refusal_of(inner, status).cloned();
    let mut message = Vec::with_capacity(256);
    write_response(inner, answer, &mut message);
    Last { message, status, refusal }
}

impl Last {
    pub(super) fn into_response(self) -> Response<Body> {
        one(self.status, self.message, self.refusal.as_ref())
    }
}

fn one(status: StatusCode, message: impl Into<bytes::Bytes>, refusal: Option<&Refusal>) -> Response<Body> {
    let mut response = json(status, message);
    if let Some(refusal) = refusal {
        challenge(refusal, &mut response);
    }
    response
}
