//! One connection, from its first message to its last.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use bytes::Bytes;
use turbomcp_protocol::scan::{Span, text_of};
use turbomcp_protocol::{Kind, McpError, Message, Method, Revision};
use turbomcp_transport::{Batch, Extensions, Receive, Send as _, Transport};

use crate::in_flight::{InFlight, Refused};
use crate::inner::Inner;
use crate::outbox::Outbox;
use crate::outlet::Outlet;
use crate::peer::Peer;
use crate::reply::{write_error, write_response};
use crate::request::{Request, Response};
use crate::run::Run;
use crate::sync::lock;
use crate::{Error, McpServer, hub};

/// Serves a connection until its peer ends it or the server shuts down.
pub(crate) async fn serve<T: Transport>(server: McpServer, transport: T) -> Result<(), Error> {
    let extensions = transport.extensions();
    let (mut receive, mut send) = transport.split();
    let outbox = Arc::new(Outbox::new(server.limits().outgoing_bytes));
    let connection = Arc::new(Connection {
        outbox: outbox.clone(),
        in_flight: Arc::default(),
        peer: OnceLock::new(),
        extensions,
        server,
    });
    let reading = async {
        connection.read(&mut receive).await;
        connection.drain().await;
        outbox.close();
    };
    let writing = async {
        let mut batch = Vec::new();
        while outbox.take(&mut batch).await {
            send.send(Batch::from_lines(&batch)).await?;
        }
        send.close().await
    };
    // One task for both directions: what the reader answered at once is written in the same turn.
    let (mut reading, mut writing) = (pin!(reading), pin!(writing));
    let mut read = false;
    let result = poll_fn(|cx| {
        read = read || reading.as_mut().poll(cx).is_ready();
        writing.as_mut().poll(cx)
    })
    .await;
    connection.end();
    match result {
        Err(error) if !error.is_closed() => Err(Error::transport(error)),
        _ => Ok(()),
    }
}

struct Connection {
    server: McpServer,
    outbox: Arc<Outbox>,
    in_flight: Arc<InFlight>,
    /// The legacy client at the other end, once it has sent `initialize`.
    peer: OnceLock<Arc<Peer>>,
    extensions: Extensions,
}

impl Connection {
    async fn read(self: &Arc<Self>, receive: &mut impl Receive) {
        let mut shutdown = pin!(self.server.shutdown_started());
        loop {
            self.outbox.ready().await;
            let received = {
                let mut next = pin!(receive.recv());
                poll_fn(|cx| match next.as_mut().poll(cx) {
                    Poll::Ready(received) => Poll::Ready(Some(received)),
                    Poll::Pending => shutdown.as_mut().poll(cx).map(|()| None),
                })
                .await
            };
            match received {
                Some(Ok(Some(frame))) => self.frame(frame),
                Some(Err(error)) if error.is_oversized() => {
                    self.refuse(None, &McpError::invalid_request(error.to_string()), None);
                }
                Some(Ok(None) | Err(_)) | None => return,
            }
        }
    }

    /// Lets requests in flight finish, for a while.
    async fn drain(&self) {
        let limits = self.server.limits();
        let limit = if self.server.is_shutting_down() { limits.shutdown } else { limits.end_of_input };
        if !self.in_flight.drained(limit).await {
            tracing::warn!("requests were still running when their connection ended");
        }
    }

    fn end(&self) {
        if let Some(peer) = self.peer.get() {
            peer.close();
        }
        self.in_flight.cancel_all();
        self.outbox.close();
    }

    fn revision(&self) -> Option<Revision> {
        self.peer.get().and_then(|peer| peer.agreed()).map(|agreed| agreed.revision)
    }

    fn frame(self: &Arc<Self>, frame: Bytes) {
        if frame.first() == Some(&b'[') && self.revision().is_some_and(Revision::has_batches) {
            return self.batch(&frame);
        }
        match Message::decode(&frame) {
            Ok(message) => self.message(frame, message, None),
            Err(error) => self.refuse(error.id.map(|id| id.of(&frame)), &error.error, None),
        }
    }

    fn batch(self: &Arc<Self>, frame: &Bytes) {
        let spans = match Message::split_batch(frame) {
            Ok(spans) => spans.unwrap_or_default(),
            Err(error) => return self.refuse(None, &error.error, None),
        };
        let batch = Arc::new(BatchReply { outbox: self.outbox.clone(), answers: std::sync::Mutex::default() });
        for span in spans {
            let part = frame.slice(span.range());
            match Message::decode(&part) {
                Ok(message) => self.message(part, message, Some(&batch)),
                Err(error) => self.refuse(error.id.map(|id| id.of(&part)), &error.error, Some(&batch)),
            }
        }
    }

    fn message(self: &Arc<Self>, frame: Bytes, message: Message, batch: Option<&Arc<BatchReply>>) {
        match message.kind {
            Kind::Request => self.request(frame, message, batch),
            Kind::Notification => self.notification(&frame, &message),
            Kind::Response => {
                if let (Some(peer), Some(id)) = (self.peer.get(), message.id) {
                    let part = |span: Option<Span>| span.map(|span| span.of(&frame));
                    peer.answered(id.of(&frame), part(message.result), part(message.error));
                }
            }
            _ => {}
        }
    }

    fn notification(&self, frame: &Bytes, message: &Message) {
        let method = Method::from_name(&message.method(frame));
        if method == Method::CANCELLED {
            let Some(params) = message.params else { return };
            if let Some(id) = member(params.of(frame), b"requestId") {
                self.in_flight.cancel(&id);
            }
        } else if method == Method::INITIALIZED
            && let Some(peer) = self.peer.get()
        {
            peer.set_initialized();
            self.server.hub().add_peer(peer);
        }
    }

    /// Decides which era a request belongs to.
    fn classify(
        &self,
        frame: &Bytes,
        message: &Message,
        method: &Method,
    ) -> Result<(Revision, Option<Arc<Peer>>), McpError> {
        if let Some(version) = message.known.protocol_version {
            let version = text_of(version.of(frame))
                .ok_or_else(|| McpError::invalid_params("the protocol version must be a string"))?;
            let revision = modern_revision(&version)?;
            if message.known.client_capabilities.is_none_or(|c| c.of(frame).first() != Some(&b'{')) {
                return Err(McpError::invalid_params("the client capabilities are missing from `_meta`"));
            }
            return Ok((revision, None));
        }
        if *method == Method::INITIALIZE {
            let peer = self
                .peer
                .get_or_init(|| Arc::new(Peer::new(None, Outlet::Outbox(self.outbox.clone()), self.in_flight.clone())));
            return Ok((Revision::LATEST_LEGACY, Some(peer.clone())));
        }
        match self.peer.get() {
            Some(peer) if peer.agreed().is_some() => {
                Ok((self.revision().unwrap_or(Revision::LATEST_LEGACY), Some(peer.clone())))
            }
            _ if *method == Method::PING => Ok((Revision::LATEST_LEGACY, None)),
            _ => Err(McpError::invalid_params(
                "the protocol version is missing from `_meta`, and `initialize` was not sent",
            )),
        }
    }

    fn request(self: &Arc<Self>, frame: Bytes, message: Message, batch: Option<&Arc<BatchReply>>) {
        let method = Method::from_name(&message.method(&frame));
        let id = message.id.map(|span| frame.slice(span.range())).unwrap_or_default();
        let (revision, peer) = match self.classify(&frame, &message, &method) {
            Ok(found) => found,
            Err(error) => return self.refuse(Some(&id), &error, batch),
        };
        if self.in_flight.contains(&id) {
            let error = McpError::invalid_request("a request with this id is being answered already");
            return self.refuse(Some(&id), &error, batch);
        }
        let outlet = Outlet::Outbox(self.outbox.clone());
        let inner = Arc::new(Inner::new(self.server.clone(), frame, message, method, revision, peer, outlet));
        let request = Request::new(inner.clone(), self.extensions.clone());
        let mut run = Run::new(inner, self.server.stack().call(request));
        // Most handlers answer at once: only one that waits costs a task and a place among those in flight.
        match run.poll_once() {
            Poll::Ready(response) => self.reply(run.inner(), response, batch),
            Poll::Pending => self.wait(run, batch),
        }
    }

    fn wait(self: &Arc<Self>, mut run: Run, batch: Option<&Arc<BatchReply>>) {
        let entry = match self.in_flight.add(run.inner(), self.server.limits().requests_in_flight) {
            Ok(entry) => entry,
            Err(refused) => {
                let error = match refused {
                    Refused::Duplicate => McpError::invalid_request("a request with this id is being answered already"),
                    Refused::TooMany => McpError::unavailable("too many requests are being answered"),
                };
                return self.refuse(Some(run.inner().id()), &error, batch);
            }
        };
        run.start_clock();
        let (connection, batch) = (self.clone(), batch.cloned());
        tokio::spawn(async move {
            let inner = run.inner().clone();
            let response = run.await;
            if let Some(response) = response {
                connection.outbox.ready().await;
                connection.reply(&inner, response, batch.as_ref());
            }
            // The batch is answered when its last request is; only then may the connection end.
            drop(batch);
            drop(entry);
        });
    }

    fn reply(&self, inner: &Inner, response: Response, batch: Option<&Arc<BatchReply>>) {
        let ends_subscription = response.ends_subscription();
        match batch {
            None => self.outbox.push(|out| write_response(inner, response, out)),
            Some(batch) => batch.add(|out| write_response(inner, response, out)),
        }
        if ends_subscription {
            // The result says so already; the page on cancellation wants this, too.
            self.outbox.push(|out| hub::write_cancelled(inner.id(), out));
        }
    }

    fn refuse(&self, id: Option<&[u8]>, error: &McpError, batch: Option<&Arc<BatchReply>>) {
        let revision = self.revision().unwrap_or(Revision::LATEST);
        match batch {
            None => self.outbox.push(|out| write_error(id, error, revision, out)),
            Some(batch) => batch.add(|out| write_error(id, error, revision, out)),
        }
    }
}

/// Returns the modern revision with this name, or the error that lists those there are.
fn modern_revision(name: &str) -> Result<Revision, McpError> {
    Revision::parse(name).filter(|revision| revision.is_modern()).ok_or_else(|| {
        let modern: Vec<_> = Revision::ALL.into_iter().filter(|revision| revision.is_modern()).collect();
        McpError::unsupported_protocol_version(name, &modern)
    })
}

/// Returns the raw value of one member of an object.
fn member(object: &[u8], name: &[u8]) -> Option<Bytes> {
    let mut found = None;
    let mut scanner = turbomcp_protocol::scan::Scanner::new(object).ok()?;
    scanner
        .members(|key, scanner| {
            let span = scanner.value()?;
            if &*key.name() == name {
                found = Some(Bytes::copy_from_slice(span.of(object)));
            }
            Ok(())
        })
        .ok()?;
    found
}

/// The answers to a batch, sent together when the last of them is there: when the last handle is dropped.
struct BatchReply {
    outbox: Arc<Outbox>,
    answers: std::sync::Mutex<Vec<u8>>,
}

impl BatchReply {
    fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut answers = lock(&self.answers);
        let opening = if answers.is_empty() { b'[' } else { b',' };
        answers.push(opening);
        write(&mut answers);
    }
}

impl Drop for BatchReply {
    fn drop(&mut self) {
        let mut answers = std::mem::take(&mut *lock(&self.answers));
        if !answers.is_empty() {
            answers.push(b']');
            self.outbox.push(|out| out.append(&mut answers));
        }
    }
}
