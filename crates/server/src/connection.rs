//! One connection, from its first message to its last.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use turbomcp_protocol::{Kind, McpError, Message, Method, Revision};
use turbomcp_transport::metrics::{Binding, Meter};
use turbomcp_transport::{Batch, Extensions, Principal, Receive, Send as _, Transport};

use crate::batch::{self, BatchReply};
use crate::era;
use crate::in_flight::{InFlight, Refused};
use crate::inner::Inner;
use crate::layers::OneOfMany;
use crate::metrics::{Connected, ErrorType};
use crate::outbox::Outbox;
use crate::outlet::Outlet;
use crate::peer::Peer;
use crate::reply::{write_error, write_response};
use crate::request::{Request, Response};
use crate::run::Run;
use crate::server::Latest;
use crate::{Error, McpServer, hub};

/// Serves a connection until its peer ends it or the server shuts down.
///
/// Whoever has counted the connection hands over what that is.
pub(crate) async fn serve<T: Transport>(
    server: McpServer,
    transport: T,
    binding: Binding,
    connected: Option<Arc<Connected>>,
) -> Result<(), Error> {
    let _serving = server.serving();
    let _connected = connected.unwrap_or_else(|| Arc::new(Connected::new(server.clone())));
    let meter = server.meter(binding);
    let mut extensions = transport.extensions();
    let expires_at = if server.auth().is_some() || extensions.get::<Principal>().is_some() {
        // In a box, so that a connection does not keep the room for it.
        let admitted = Box::pin(server.admit(&mut extensions)).await;
        admitted.map_err(|refusal| {
            server.metrics().error(ErrorType::of(&crate::auth::error(&refusal)));
            meter.iter().for_each(Meter::refused);
            if let Some(audit) = server.built_in().and_then(|layers| layers.audit.as_ref()) {
                audit.turned_away_from(&refusal, &extensions);
            }
            Error::refused(refusal)
        })?
    } else {
        None
    };
    let (mut receive, mut send) = transport.split();
    // By HTTP it is a stream of a connection that was counted where it was accepted.
    let _opened = meter.as_ref().filter(|_| binding != Binding::Http).map(Meter::opened);
    let outbox = Arc::new(Outbox::new(server.limits().outgoing_bytes, meter));
    let connection = Arc::new(Connection {
        outbox: outbox.clone(),
        in_flight: Arc::default(),
        peer: OnceLock::new(),
        extensions,
        server: Latest::new(server),
    });
    let reading = async {
        let serving = async {
            connection.read(&mut receive, connection.server.any().shutdown_started()).await;
            connection.drain(&mut receive).await;
        };
        match expires_at {
            None => serving.await,
            Some(at) => {
                let lapse = Box::pin(lapse(at));
                if race(serving, lapse).await {
                    // Whatever is under way was asked for by somebody who may not ask any more.
                    connection.end();
                }
            }
        }
        outbox.close();
        // The peer gets what was written, however long it takes to read that, but a server that ends waits for nobody.
        Box::pin(connection.server.any().shutdown_overdue()).await;
    };
    let writing = async {
        let mut batch = Vec::new();
        while outbox.take(&mut batch).await {
            send.send(Batch::from_lines(&batch)).await?;
            if let Some(meter) = outbox.meter() {
                let messages = batch.iter().filter(|byte| **byte == b'\n').count();
                meter.sent(messages, batch.len() - messages);
            }
        }
        send.close().await
    };
    let result = {
        // One task for both directions: what the reader answered at once is written in the same turn.
        let (mut reading, mut writing) = (pin!(reading), pin!(writing));
        poll_fn(|cx| {
            let is_overdue = reading.as_mut().poll(cx).is_ready();
            match writing.as_mut().poll(cx) {
                Poll::Pending if is_overdue => Poll::Ready(None),
                written => written.map(Some),
            }
        })
        .await
    };
    connection.end();
    let Some(result) = result else {
        tracing::warn!("a connection was given up at the end of the server: its peer has not read what was written");
        return Ok(());
    };
    if result.is_ok() && connection.server.any().is_shutting_down() && is_socket(binding) {
        Box::pin(linger(&mut receive)).await;
    }
    match result {
        Err(error) if !error.is_closed() => {
            outbox.meter().iter().for_each(|meter| meter.broken());
            Err(Error::transport(error))
        }
        _ => Ok(()),
    }
}

/// Waits until a moment of the calendar, also if the clock is set meanwhile.
async fn lapse(at: SystemTime) {
    while let Ok(left) = at.duration_since(SystemTime::now()) {
        tokio::time::sleep(left.clamp(Duration::from_millis(1), Duration::from_secs(60))).await;
    }
}

/// Waits for the first of two; true if it is the second.
async fn race(first: impl Future<Output = ()>, second: impl Future<Output = ()>) -> bool {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(false),
        Poll::Pending => second.as_mut().poll(cx).map(|()| true),
    })
    .await
}

/// Returns true if what is unread when a connection is closed can take with it what was written last.
fn is_socket(binding: Binding) -> bool {
    matches!(binding, Binding::Tcp | Binding::Tls | Binding::Unix)
}

/// Reads what the peer still sends, until it has heard of the end and closes, too.
async fn linger(receive: &mut impl Receive) {
    /// For peers that do not.
    const PATIENCE: Duration = Duration::from_millis(500);

    let heard = async { while let Ok(Some(_)) = receive.recv().await {} };
    let _ = tokio::time::timeout(PATIENCE, heard).await;
}

struct Connection {
    server: Latest,
    outbox: Arc<Outbox>,
    in_flight: Arc<InFlight>,
    /// The legacy client at the other end, once it has sent `initialize`.
    peer: OnceLock<Arc<Peer>>,
    extensions: Extensions,
}

impl Connection {
    /// Reads until the peer has nothing more to say, or `end` resolves.
    async fn read(self: &Arc<Self>, receive: &mut impl Receive, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            if race(self.outbox.ready(), end.as_mut()).await {
                return;
            }
            let received = {
                let mut next = pin!(receive.recv());
                poll_fn(|cx| match next.as_mut().poll(cx) {
                    Poll::Ready(received) => Poll::Ready(Some(received)),
                    Poll::Pending => end.as_mut().poll(cx).map(|()| None),
                })
                .await
            };
            match received {
                Some(Ok(Some(frame))) => {
                    if let Some(meter) = self.outbox.meter() {
                        meter.received(frame.len());
                    }
                    self.frame(frame);
                }
                Some(Err(error)) if error.is_oversized() => self.oversized(&error),
                Some(Err(_)) => return self.outbox.meter().iter().for_each(|meter| meter.broken()),
                Some(Ok(None)) | None => return,
            }
        }
    }

    /// Tells whoever waits for a message that it was too long to be read.
    fn oversized(&self, error: &turbomcp_transport::Error) {
        let (beginning, refusal) = (error.beginning(), McpError::invalid_request(error.to_string()));
        match Message::beginning(beginning) {
            Some((Kind::Response, id)) => {
                if let Some(peer) = self.peer.get() {
                    peer.unreadable(id.of(beginning), refusal);
                }
            }
            found => self.refuse(found.map(|(_, id)| id.of(beginning)), &refusal, None),
        }
    }

    /// Lets requests in flight finish, for a while.
    async fn drain(self: &Arc<Self>, receive: &mut impl Receive) {
        let server = self.server.get();
        let limits = server.limits();
        let drained = if server.is_shutting_down() {
            let mut drained = pin!(self.in_flight.drained(limits.drain()));
            // The peer may still cancel, and has to answer what it was asked; what it asks for is refused.
            let mut read = pin!(self.read(receive, std::future::pending()));
            let mut is_read = false;
            poll_fn(|cx| {
                is_read = is_read || read.as_mut().poll(cx).is_ready();
                drained.as_mut().poll(cx)
            })
            .await
        } else {
            self.in_flight.drained(limits.end_of_input).await
        };
        if !drained {
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
        let server = self.server.get();
        let spans = match batch::split(frame, server.limits()) {
            Ok(spans) => spans,
            Err(error) => return self.refuse(None, &error, None),
        };
        let batch = Arc::new(BatchReply::new(Outlet::Outbox(self.outbox.clone()), server.limits()));
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
                if let Some(peer) = self.peer.get() {
                    peer.answered(&frame, &message);
                }
            }
            _ => {}
        }
    }

    fn notification(&self, frame: &Bytes, message: &Message) {
        match self.peer.get() {
            Some(peer) => _ = peer.notified(self.server.any(), frame, message),
            None if *message.method(frame) == *Method::CANCELLED.as_str() => {
                self.in_flight.cancel_named(frame, message);
            }
            None => {}
        }
    }

    /// Decides which era a request belongs to.
    fn classify(
        &self,
        frame: &Bytes,
        message: &Message,
        method: &Method,
    ) -> Result<(Revision, Option<Arc<Peer>>), McpError> {
        if let Some(version) = era::requested_version(frame, message) {
            let revision = era::modern_revision(&version?)?;
            era::check_capabilities(frame, message)?;
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
            return self.refuse(Some(&id), &Refused::Duplicate.into(), batch);
        }
        if self.server.any().is_shutting_down() {
            return self.refuse(Some(&id), &McpError::unavailable("the server is shutting down"), batch);
        }
        let outlet = Outlet::Outbox(self.outbox.clone());
        let inner = Arc::new(Inner::new(self.server.get(), frame, message, method, revision, peer, outlet));
        let mut extensions = self.extensions.clone();
        if batch.is_some() {
            extensions.insert(OneOfMany);
        }
        let request = Request::new(inner.clone(), extensions);
        let mut run = Run::start(inner, request);
        // Most handlers answer at once: only one that waits costs a task and a place among those in flight.
        match run.poll_once() {
            Poll::Ready(response) => self.reply(run.inner(), response, batch),
            Poll::Pending => self.wait(run, batch),
        }
    }

    fn wait(self: &Arc<Self>, mut run: Run, batch: Option<&Arc<BatchReply>>) {
        let entry = match self.in_flight.add(run.inner(), run.inner().server.limits().requests_in_flight) {
            Ok(entry) => entry,
            Err(refused) => {
                let error = refused.into();
                run.refused(&error);
                return self.answer_error(Some(run.inner().id()), &error, batch);
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
            Some(batch) => batch.add(Some(inner.id()), inner.revision, |out| write_response(inner, response, out)),
        }
        if ends_subscription {
            // The result says so already; the page on cancellation wants this, too.
            self.outbox.push(|out| hub::write_cancelled(inner.id(), out));
        }
    }

    /// Answers what never became a request.
    fn refuse(&self, id: Option<&[u8]>, error: &McpError, batch: Option<&Arc<BatchReply>>) {
        self.server.any().metrics().error(ErrorType::of(error));
        self.answer_error(id, error, batch);
    }

    fn answer_error(&self, id: Option<&[u8]>, error: &McpError, batch: Option<&Arc<BatchReply>>) {
        let revision = self.revision().unwrap_or(Revision::LATEST);
        match batch {
            None => self.outbox.push(|out| write_error(id, error, revision, out)),
            Some(batch) => batch.add(id, revision, |out| write_error(id, error, revision, out)),
        }
    }
}
