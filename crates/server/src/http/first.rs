//! HTTP+SSE, the binding of the first revision: a stream of all that the server says, and a path to post to.
//!
//! A stream and what is posted for it are a connection like any other.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::extract::OriginalUri;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body as HttpBody;
use tokio::sync::mpsc;
use tower_service::Service;
use turbomcp_transport::http::sse;
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::{Batch, Extensions, Identity, Receive, Send, Transport};

use super::body::{Body, KeepAlive};
use super::endpoint::{Endpoint, Incoming, Rejected, accepted, events, not_allowed, refuse, spared};
use super::head::Head;
use super::legacy::full;
use super::service::{Answering, told};
use super::session::new_id;
use crate::connection;
use crate::layers::Counted;
use crate::metrics::Connected;
use crate::sync::lock;

/// How many messages of a client may wait for those before them.
const WAITING: usize = 8;

/// What the query of a path to post to names a stream by.
const QUERY: &str = "sessionId";

/// Where a server has the binding, and who uses it.
#[derive(Debug)]
pub(super) struct First {
    endpoint: Arc<Endpoint>,
    stream: Arc<str>,
    messages: Arc<str>,
    clients: Arc<Clients>,
}

/// Whoever reads streams, by the id of each.
pub(super) type Clients = Mutex<HashMap<Box<str>, Client>>;

/// Whoever reads a stream.
#[derive(Debug, Clone)]
pub(super) struct Client {
    owner: Option<Identity>,
    messages: mpsc::Sender<Bytes>,
}

impl First {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        stream: Arc<str>,
        messages: Arc<str>,
        clients: Arc<Clients>,
    ) -> Arc<Self> {
        Arc::new(Self { endpoint, stream, messages, clients })
    }

    /// Opens a stream, which begins with where to post to.
    async fn open(
        self: Arc<Self>,
        mut parts: Parts,
        peer_addr: Option<SocketAddr>,
        connected: Option<Arc<Connected>>,
    ) -> Result<Response<Body>, Rejected> {
        self.endpoint.screen(&parts)?;
        self.endpoint.limit_address(&parts, peer_addr).await?;
        self.endpoint.authenticate(&mut parts, peer_addr).await?;
        if parts.method != Method::GET {
            return Ok(not_allowed("GET"));
        }
        if !Head::read(&parts.headers).accepts_events() {
            return Err(refuse(StatusCode::NOT_ACCEPTABLE, "the client must accept `text/event-stream`").into());
        }
        let owner = self.endpoint.ask_the_stack(&parts, peer_addr).await?;
        let server = self.endpoint.server.clone();
        let Some((open, messages)) = self.add(owner, server.limits().sessions) else { return Ok(full(None)) };
        let mut opening = Vec::new();
        sse::write_named_event(&mut opening, "endpoint", self.address(&parts, &open.id).as_bytes());
        // What the outbox holds is bound; more than one batch on its way would add to that.
        let (sender, receiver) = mpsc::channel(1);
        let keep_alive = KeepAlive::new(server.limits().keep_alive);
        let body = EventStream { opening: Some(opening.into()), events: receiver, keep_alive };
        let mut incoming = Incoming { parts, peer_addr, frame: Bytes::new() };
        incoming.detach();
        let mut extensions = incoming.into_extensions();
        // Whatever is posted is counted where it is.
        extensions.insert(Counted);
        let transport = FirstTransport { messages, events: sender, extensions };
        // Before there is a task, so that a server which ends meanwhile waits for it.
        let serving = server.serving();
        // It ends with the server, or when the body is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection::serve(server, transport, Binding::Http, connected).await {
                tracing::debug!(?peer_addr, %error, "a connection failed");
            }
            drop(open);
            drop(serving);
        });
        Ok(events(Body::first(body)))
    }

    /// Takes a message for a stream.
    async fn take<B>(
        &self,
        mut parts: Parts,
        body: &mut Option<B>,
        peer_addr: Option<SocketAddr>,
    ) -> Result<Response<Body>, Rejected>
    where
        B: HttpBody<Data: std::marker::Send> + std::marker::Send,
    {
        self.endpoint.screen(&parts)?;
        self.endpoint.limit_address(&parts, peer_addr).await?;
        self.endpoint.authenticate(&mut parts, peer_addr).await?;
        if parts.method != Method::POST {
            return Ok(not_allowed("POST"));
        }
        if !Head::read(&parts.headers).is_json() {
            let message = "the content type must be `application/json`";
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into());
        }
        let Some(id) = stream_of(&parts.uri) else {
            return Err(refuse(StatusCode::BAD_REQUEST, "the query must name a `sessionId`").into());
        };
        let gone = || Box::new(refuse(StatusCode::NOT_FOUND, "the stream does not exist, or has ended"));
        let Some(client) = lock(&self.clients).get(id).cloned() else { return Err(gone()) };
        let sender = self.endpoint.ask_the_stack(&parts, peer_addr).await?;
        if client.owner.is_some() && client.owner != sender {
            return Err(refuse(StatusCode::FORBIDDEN, "the stream belongs to somebody else").into());
        }
        let Some(body) = body.take() else { return Err(gone()) };
        let frame = self.endpoint.read(&parts.headers, body).await?;
        let limit = self.endpoint.server.limits().body_timeout;
        match tokio::time::timeout(limit, client.messages.send(frame)).await {
            Ok(Ok(())) => Ok(accepted()),
            Ok(Err(_)) => Err(gone()),
            Err(_) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "too many messages wait").into()),
        }
    }

    /// Makes room for a client, unless there are as many as there may be.
    fn add(self: &Arc<Self>, owner: Option<Identity>, limit: usize) -> Option<(Open, mpsc::Receiver<Bytes>)> {
        let (messages, receiver) = mpsc::channel(WAITING);
        let mut clients = lock(&self.clients);
        if clients.len() >= limit {
            return None;
        }
        let id = new_id();
        clients.insert(id.clone(), Client { owner, messages });
        Some((Open { first: self.clone(), id }, receiver))
    }

    /// Returns where a client posts to, also if the router is nested in another.
    fn address(&self, parts: &Parts, id: &str) -> String {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        let prefix = uri.path().strip_suffix(&*self.stream).unwrap_or_default();
        format!("{prefix}{}?{QUERY}={id}", self.messages)
    }
}

/// Returns which stream a message is for.
fn stream_of(uri: &Uri) -> Option<&str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == QUERY).map(|(_, id)| id)
}

/// The place of a client, for as long as its stream is open.
struct Open {
    first: Arc<First>,
    id: Box<str>,
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&self.first.clients).remove(&self.id);
    }
}

/// One of the two paths.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Stream,
    Messages,
}

/// One path as a Tower service, for one connection or for all of a router.
#[derive(Debug, Clone)]
pub(super) struct FirstService {
    first: Arc<First>,
    part: Part,
    peer_addr: Option<SocketAddr>,
    /// The connection that carries it, which is counted once.
    connected: Option<Arc<Connected>>,
}

impl FirstService {
    pub(super) fn new(first: Arc<First>, part: Part) -> Self {
        Self { first, part, peer_addr: None, connected: None }
    }

    /// Returns who reads streams.
    pub(super) fn clients(&self) -> Arc<Clients> {
        self.first.clients.clone()
    }

    /// Returns the service for a connection from this address.
    pub(super) fn at(&self, peer_addr: Option<SocketAddr>, connected: &Arc<Connected>) -> Self {
        Self { first: self.first.clone(), part: self.part, peer_addr, connected: Some(connected.clone()) }
    }
}

impl<B> Service<Request<B>> for FirstService
where
    B: HttpBody<Data: std::marker::Send> + std::marker::Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer_addr = self.peer_addr.or_else(|| told(&request));
        let (first, part, connected) = (self.first.clone(), self.part, self.connected.clone());
        let (parts, body) = request.into_parts();
        Box::pin(async move {
            let (version, mut body) = (parts.version, Some(body));
            let answer = match part {
                Part::Stream => first.clone().open(parts, peer_addr, connected).await,
                Part::Messages => first.take(parts, &mut body, peer_addr).await,
            };
            let response = answer.unwrap_or_else(|refused| first.endpoint.refused(*refused));
            Ok(match body {
                Some(body) => spared(response, version, body).await,
                None => response,
            })
        })
    }
}

/// The body of a stream.
pub(super) struct EventStream {
    opening: Option<Bytes>,
    events: mpsc::Receiver<Bytes>,
    keep_alive: KeepAlive,
}

impl EventStream {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(opening));
        }
        match self.events.poll_recv(cx) {
            Poll::Ready(events) => {
                self.keep_alive.rest();
                Poll::Ready(events)
            }
            Poll::Pending => self.keep_alive.poll(cx),
        }
    }
}

/// The connection that a stream and what is posted for it are.
struct FirstTransport {
    messages: mpsc::Receiver<Bytes>,
    events: mpsc::Sender<Bytes>,
    extensions: Extensions,
}

impl Transport for FirstTransport {
    type Receive = FirstReceiver;
    type Send = FirstSender;

    fn split(self) -> (FirstReceiver, FirstSender) {
        let receive = FirstReceiver { messages: self.messages, events: self.events.clone() };
        (receive, FirstSender { events: self.events })
    }

    fn extensions(&self) -> Extensions {
        self.extensions.clone()
    }
}

struct FirstReceiver {
    messages: mpsc::Receiver<Bytes>,
    events: mpsc::Sender<Bytes>,
}

impl Receive for FirstReceiver {
    async fn recv(&mut self) -> Result<Option<Bytes>, turbomcp_transport::Error> {
        let mut gone = pin!(self.events.closed());
        poll_fn(|cx| match self.messages.poll_recv(cx) {
            Poll::Ready(message) => Poll::Ready(Ok(message)),
            Poll::Pending => gone.as_mut().poll(cx).map(|()| Err(turbomcp_transport::Error::closed())),
        })
        .await
    }
}

struct FirstSender {
    events: mpsc::Sender<Bytes>,
}

impl Send for FirstSender {
    async fn send(&mut self, batch: Batch<'_>) -> Result<(), turbomcp_transport::Error> {
        let mut out = Vec::new();
        for message in batch.messages() {
            sse::write_named_event(&mut out, "message", message);
        }
        self.events.send(out.into()).await.map_err(|_| turbomcp_transport::Error::closed())
    }

    async fn close(&mut self) -> Result<(), turbomcp_transport::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_stream_in_a_query() {
        for (uri, expected) in [
            ("/messages?sessionId=abc", Some("abc")),
            ("/messages?a=b&sessionId=abc&c", Some("abc")),
            ("/messages?sessionid=abc", None),
            ("/messages?sessionId", None),
            ("/messages", None),
        ] {
            assert_eq!(stream_of(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
