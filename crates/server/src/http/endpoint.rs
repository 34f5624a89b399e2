//! One MCP endpoint: which era a request belongs to, and the answers that need no more than that.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use turbomcp_protocol::{ErrorCode, Kind, McpError, Message, Method, Revision};
use turbomcp_transport::authenticate::Refusal;
use turbomcp_transport::http::HttpRequest;
use turbomcp_transport::http::origin::OriginPolicy;
use turbomcp_transport::{Extensions, Identity, PeerAddr, PeerCredentials, Principal, TlsIdentity};

use super::body::{self, Body, BodyError};
use super::compression::Compression;
use super::head::Head;
use super::modern;
use super::service::Answering;
use super::session::{Session, Sessions};
use crate::McpServer;
use crate::inner::Inner;
use crate::metrics::ErrorType;
use crate::reply::write_error;
use crate::request::Response as Answer;

/// Everything the requests to one endpoint share.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) server: McpServer,
    pub(crate) origins: OriginPolicy,
    pub(crate) sessions: Arc<Sessions>,
    pub(super) compression: Option<Arc<Compression>>,
}

/// One message as it came in, with the head of its HTTP request.
pub(super) struct Incoming {
    pub(super) parts: Parts,
    pub(super) peer_addr: Option<SocketAddr>,
    pub(super) frame: Bytes,
}

impl Incoming {
    /// Lets go of the buffer that the request was read into, which is much larger; for requests that stay for long.
    pub(super) fn detach(&mut self) {
        self.frame = Bytes::copy_from_slice(&self.frame);
        for value in self.parts.headers.values_mut() {
            if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
                *value = copy;
            }
        }
        if let Ok(uri) = self.parts.uri.to_string().parse() {
            self.parts.uri = uri;
        }
    }

    /// Turns the head into what handlers and layers may know of it.
    pub(super) fn into_extensions(self) -> Extensions {
        extensions(self.parts, self.peer_addr)
    }
}

/// Turns the head of a request into what handlers and layers may know of it.
pub(super) fn extensions(parts: Parts, peer_addr: Option<SocketAddr>) -> Extensions {
    let mut extensions = Extensions::new();
    // Whoever accepted the connection, or a layer in front, says who is at its other end.
    if let Some(principal) = parts.extensions.get::<Principal>() {
        extensions.insert_shared(principal.identity().clone());
        extensions.insert(principal.clone());
    } else if let Some(identity) = parts.extensions.get::<Identity>() {
        extensions.insert(identity.clone());
    }
    if let Some(identity) = parts.extensions.get::<TlsIdentity>() {
        extensions.insert(identity.clone());
    }
    if let Some(credentials) = parts.extensions.get::<PeerCredentials>() {
        extensions.insert(*credentials);
    }
    extensions.insert(HttpRequest::new(parts));
    if let Some(address) = peer_addr {
        extensions.insert(PeerAddr::new(address));
    }
    extensions
}

/// Sees to it that a connection is not closed without a word by an answer that came before anybody wanted the body.
///
/// Clients that send a body apart from its head would otherwise have their next request fail now and then.
pub(super) async fn spared<B>(mut response: Response<Body>, version: Version, body: B) -> Response<Body>
where
    B: HttpBody<Data: Send> + Send,
{
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let is_unread = is_error && version < Version::HTTP_2 && !body.is_end_stream();
    if is_unread && !Box::pin(body::discard(body)).await {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl Endpoint {
    /// Answers one HTTP request.
    pub(super) fn answer<B>(self: Arc<Self>, request: Request<B>, peer_addr: Option<SocketAddr>) -> Answering
    where
        B: HttpBody<Data: Send> + Send + 'static,
    {
        let (parts, body) = request.into_parts();
        Box::pin(async move {
            let (version, mut body) = (parts.version, Some(body));
            let answer = self.answer_parts(parts, &mut body, peer_addr).await;
            let response = answer.unwrap_or_else(|refused| self.refused(*refused));
            let response = match body {
                Some(body) => spared(response, version, body).await,
                None => response,
            };
            if let Some(meter) = self.server.http_meter()
                && let Some(bytes) = message_bytes(&response)
            {
                meter.sent(1, bytes);
            }
            Ok(response)
        })
    }

    /// Counts what was refused before it became a request.
    #[cold]
    pub(super) fn refused(&self, response: Response<Body>) -> Response<Body> {
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.server.metrics().error(ErrorType::Auth),
            StatusCode::TOO_MANY_REQUESTS => self.server.metrics().error(ErrorType::RateLimited),
            status if status.is_server_error() => self.server.metrics().error(ErrorType::Unavailable),
            status if status.is_client_error() => self.server.metrics().error(ErrorType::Protocol),
            _ => {}
        }
        response
    }

    /// Refuses requests for a host, or from an origin, that is not allowed.
    pub(super) fn screen(&self, parts: &Parts) -> Result<(), Rejected> {
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        let checked = self.origins.check(&parts.headers, authority);
        checked.map_err(|refusal| {
            self.turned_away();
            Box::new(refuse(refusal.status(), refusal.to_string()))
        })
    }

    /// Refuses requests from addresses that send too many, before anything is done for them.
    pub(super) async fn limit_address(&self, parts: &Parts, peer_addr: Option<SocketAddr>) -> Result<(), Rejected> {
        let Some(limit) = self.server.built_in().and_then(|layers| layers.rate_limit.as_ref()) else { return Ok(()) };
        limit.admit_head(self.server.metrics(), peer_addr, &parts.headers).await.map_err(|refusal| {
            self.record(&refusal, parts, peer_addr);
            Box::new(turned_away(&refusal, &crate::auth::error(&refusal)))
        })
    }

    /// Finds out who sends a request, and refuses those who may not.
    pub(super) async fn authenticate(&self, parts: &mut Parts, peer_addr: Option<SocketAddr>) -> Result<(), Rejected> {
        let Some(auth) = self.server.auth() else { return Ok(()) };
        match auth.admit(parts).await {
            Ok(()) => Ok(()),
            Err(refusal) => {
                self.record(&refusal, parts, peer_addr);
                let error = crate::auth::error(&refusal);
                let error = match self.server.built_in().and_then(|layers| layers.errors.as_ref()) {
                    // There is no request to be answered with a result.
                    Some(handler) => {
                        let answer = handler.answer(Answer::error(error.clone())).await;
                        answer.as_error().cloned().unwrap_or(error)
                    }
                    None => error,
                };
                Err(turned_away(&refusal, &error).into())
            }
        }
    }

    /// Counts and records a client that is not let in.
    fn record(&self, refusal: &Refusal, parts: &Parts, peer_addr: Option<SocketAddr>) {
        self.turned_away();
        if let Some(audit) = self.server.built_in().and_then(|layers| layers.audit.as_ref()) {
            audit.turned_away_at(refusal, peer_addr, &parts.headers);
        }
    }

    /// Counts a client that is not let in.
    fn turned_away(&self) {
        if let Some(meter) = self.server.http_meter() {
            meter.refused();
        }
    }

    /// Reads a body within bounds, as it was before somebody compressed it.
    pub(super) async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Rejected>
    where
        B: HttpBody<Data: Send> + Send,
    {
        let limits = self.server.limits();
        let frame = body::read(body, limits.body_bytes, limits.body_timeout).await.map_err(|error| {
            Box::new(match error {
                BodyError::TooLarge => refuse(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("the body is longer than {} bytes", limits.body_bytes),
                ),
                BodyError::TooSlow => refuse(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
                BodyError::Broken => refuse(StatusCode::BAD_REQUEST, "the body is incomplete"),
            })
        })?;
        match &self.compression {
            Some(compression) => compression.decode(headers, frame, limits.body_bytes),
            None if headers.get_all(CONTENT_ENCODING).iter().all(is_plain) => Ok(frame),
            None => {
                let message = "the body is in a content coding, and none is taken here";
                Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into())
            }
        }
    }

    async fn answer_parts<B>(
        &self,
        mut parts: Parts,
        body: &mut Option<B>,
        peer_addr: Option<SocketAddr>,
    ) -> Result<Response<Body>, Rejected>
    where
        B: HttpBody<Data: Send> + Send,
    {
        self.screen(&parts)?;
        self.limit_address(&parts, peer_addr).await?;
        if self.server.auth().is_some() {
            self.authenticate(&mut parts, peer_addr).await?;
        }
        if let Some(manager) = &self.sessions.manager {
            Box::pin(self.recall(manager, &parts)).await?;
        }
        match parts.method {
            HttpMethod::POST => {}
            HttpMethod::GET => return Box::pin(self.listen(&parts, peer_addr)).await,
            HttpMethod::DELETE => return Box::pin(self.end_session(&parts, peer_addr)).await,
            _ => return Ok(not_allowed("POST, GET, DELETE")),
        }
        let head = Head::read(&parts.headers);
        if !head.is_json() {
            return Err(
                refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be `application/json`").into()
            );
        }
        if !head.accepts_both() {
            let message = "the client must accept both `application/json` and `text/event-stream`";
            return Err(refuse(StatusCode::NOT_ACCEPTABLE, message).into());
        }
        let frame = match body.take() {
            Some(body) => self.read(&parts.headers, body).await?,
            None => Bytes::new(),
        };
        if let Some(meter) = self.server.http_meter() {
            meter.received(frame.len());
        }
        let sorted = self.sort(&head, &frame)?;
        if let Some(session) = sorted.unasked().filter(|session| session.owner().is_some()) {
            Box::pin(self.admit(session, &parts, peer_addr)).await?;
        }
        match self.post(sorted, Incoming { parts, peer_addr, frame }) {
            Reply::Now(response) => Ok(response),
            Reply::Later(response) => Ok(response.await),
        }
    }

    /// Decides what a body is, and whether the headers allow it.
    fn sort(&self, head: &Head<'_>, frame: &[u8]) -> Result<Sorted, Rejected> {
        if frame.first() == Some(&b'[') {
            return match self.session(head) {
                Ok(session) => Ok(Sorted::Batch(session)),
                Err(refused) => Err(Box::new(match Message::decode(frame) {
                    // Without a session there is no revision that has batches.
                    Ok(_) => refused.response(None),
                    Err(error) => failure(StatusCode::BAD_REQUEST, None, &error.error),
                })),
            };
        }
        let message = Message::decode(frame).map_err(|error| {
            Box::new(failure(StatusCode::BAD_REQUEST, error.id.map(|id| id.of(frame)), &error.error))
        })?;
        let id = message.id.map(|id| id.of(frame));
        let names_modern = || head.version.text().and_then(Revision::parse).is_some_and(Revision::is_modern);
        let is_modern = message.known.protocol_version.is_some() || names_modern();
        match message.kind {
            Kind::Request if is_modern => {
                let method = Method::from_name(&message.method(frame));
                match modern::check(head, frame, &message, &method) {
                    Ok(revision) => Ok(Sorted::Modern(message, method, revision)),
                    Err(error) => Err(Box::new(failure(StatusCode::BAD_REQUEST, id, &error))),
                }
            }
            // A modern client has nothing to notify of; what it sends nevertheless does no harm.
            Kind::Notification if is_modern => Err(Box::new(accepted())),
            Kind::Request if *message.method(frame) == *Method::INITIALIZE.as_str() => Ok(Sorted::Initialize(message)),
            _ => match self.session(head) {
                Ok(session) => Ok(Sorted::Legacy(session, message)),
                Err(refused) => Err(Box::new(refused.response(id))),
            },
        }
    }

    fn post(&self, sorted: Sorted, incoming: Incoming) -> Reply {
        match sorted {
            Sorted::Modern(message, method, revision) => self.modern(incoming, message, method, revision),
            Sorted::Initialize(message) => self.initialize(incoming, message),
            Sorted::Legacy(session, message) => self.legacy(session, incoming, message),
            Sorted::Batch(session) => self.batch(session, incoming),
        }
    }
}

/// Returns true if a content coding is none.
fn is_plain(coding: &HeaderValue) -> bool {
    let name = coding.as_bytes().trim_ascii();
    name.is_empty() || name.eq_ignore_ascii_case(b"identity")
}

/// A response, or the way to it.
///
/// Most requests are answered at once; what waits is kept apart, so that the others need not make room for it.
pub(super) enum Reply {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// The answer to a request that goes no further; in a box, because it is larger than what goes on.
pub(super) type Rejected = Box<Response<Body>>;

/// What came in a body.
enum Sorted {
    Modern(Message, Method, Revision),
    Initialize(Message),
    Legacy(Arc<Session>, Message),
    Batch(Arc<Session>),
}

impl Sorted {
    /// Returns the session of messages that the stack does not see, or not all of them.
    fn unasked(&self) -> Option<&Session> {
        match self {
            Self::Legacy(session, message) if message.kind != Kind::Request => Some(session),
            Self::Batch(session) => Some(session),
            _ => None,
        }
    }
}

/// Returns the HTTP status that an error response goes with.
pub(super) fn status_of(error: &McpError, revision: Revision) -> StatusCode {
    match error.code_for(revision) {
        ErrorCode::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
        ErrorCode::FORBIDDEN => StatusCode::FORBIDDEN,
        ErrorCode::CONFLICT => StatusCode::CONFLICT,
        ErrorCode::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        // A legacy client takes a status for the fate of its session or of the transport.
        _ if revision.is_legacy() => StatusCode::OK,
        ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        ErrorCode::PARSE_ERROR
        | ErrorCode::INVALID_REQUEST
        | ErrorCode::HEADER_MISMATCH
        | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
        | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// Returns the length of the message that a response consists of; events are counted one by one.
fn message_bytes(response: &Response<Body>) -> Option<usize> {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    response.body().size_hint().exact().filter(|_| is_json).and_then(|bytes| usize::try_from(bytes).ok())
}

/// Answers with a message as JSON.
pub(super) fn json(status: StatusCode, message: impl Into<Bytes>) -> Response<Body> {
    respond(status, "application/json", Body::full(message))
}

/// Answers with an event stream.
pub(super) fn events(body: Body) -> Response<Body> {
    static BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let mut response = respond(StatusCode::OK, "text/event-stream", body);
    // A browser that stores a stream which its page then leaves repeats the next request to the URL, whatever the method.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    response.headers_mut().insert(BUFFERING.clone(), HeaderValue::from_static("no"));
    response
}

/// Answers that there is nothing to answer.
pub(super) fn accepted() -> Response<Body> {
    empty(StatusCode::ACCEPTED)
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// Answers with an error response to the request with this id, or to none in particular.
pub(super) fn failure(status: StatusCode, id: Option<&[u8]>, error: &McpError) -> Response<Body> {
    let mut message = Vec::new();
    write_error(id, error, Revision::LATEST, &mut message);
    json(status, message)
}

/// Refuses an HTTP request before its message was looked at.
pub(super) fn refuse(status: StatusCode, message: impl Into<std::borrow::Cow<'static, str>>) -> Response<Body> {
    failure(status, None, &McpError::invalid_request(message))
}

/// Answers somebody who is not let in.
fn turned_away(refusal: &Refusal, error: &McpError) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = failure(status, None, error);
    challenge(refusal, &mut response);
    response
}

/// Returns why a handler does not let its caller go on, if that is what is answered.
pub(super) fn refusal_of(inner: &Inner, status: StatusCode) -> Option<&Refusal> {
    inner.refusal.get().filter(|refusal| refusal.status() == status.as_u16())
}

/// Adds what somebody is told to do about a refusal.
pub(super) fn challenge(refusal: &Refusal, response: &mut Response<Body>) {
    for (name, value) in refusal.headers() {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(name, value);
        }
    }
}

pub(super) fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "the endpoint does not have this method");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
