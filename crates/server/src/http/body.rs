//! The bodies of requests and responses.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use turbomcp_transport::http::sse;
use turbomcp_transport::metrics::Meter;

use super::compression::Pieces;
use super::events::Events;
use super::first::EventStream;
use super::modern::events_of;
use super::stream::{Next, Reader};
use crate::McpServer;
use crate::reply::write_response;
use crate::run::Run;

/// How much is read of a body that nobody wants, and for how long: what is sent along with a head is on its way.
const UNWANTED_BYTES: usize = 64 << 10;
const UNWANTED_TIME: Duration = Duration::from_secs(1);

/// How long a client is asked to wait before it comes back to a stream.
const RETRY: Duration = Duration::from_millis(300);

/// The body of a response.
#[derive(Default)]
pub(crate) struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    #[cfg_attr(not(feature = "compression"), expect(dead_code, reason = "there is nothing to encode then"))]
    Pieces(Box<Pieces>),
    Modern(Box<ModernStream>),
    Legacy(Box<LegacyStream>),
    First(Box<EventStream>),
}

impl Body {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(bytes.into()))
    }

    /// What is encoded as it is sent.
    #[cfg(feature = "compression")]
    pub(super) fn pieces(pieces: Box<Pieces>) -> Self {
        Self(Kind::Pieces(pieces))
    }

    /// Returns what is there as a whole.
    #[cfg(feature = "compression")]
    pub(super) fn whole(&self) -> Option<&Bytes> {
        if let Kind::Full(bytes) = &self.0 { Some(bytes) } else { None }
    }

    /// The events of a modern request, which ends with the body.
    pub(crate) fn modern(run: Run) -> Self {
        let keep_alive = KeepAlive::new(run.inner().server.limits().keep_alive);
        Self(Kind::Modern(Box::new(ModernStream { run: Some(run), keep_alive })))
    }

    /// The events of a stream of a legacy session; `primed` if the client knows events without data.
    pub(crate) fn legacy(reader: Reader, server: &McpServer, primed: bool) -> Self {
        let keep_alive = KeepAlive::new(server.limits().keep_alive);
        let meter = server.http_meter().cloned();
        Self(Kind::Legacy(Box::new(LegacyStream { reader, primed, opened: false, keep_alive, meter, end: None })))
    }

    /// All that the server says to a client of the first revision.
    pub(super) fn first(stream: EventStream) -> Self {
        Self(Kind::First(Box::new(stream)))
    }

    /// The messages of a legacy session that belong to no request; they end with the server.
    pub(crate) fn listening(reader: Reader, server: &McpServer, primed: bool) -> Self {
        let Self(Kind::Legacy(mut stream)) = Self::legacy(reader, server, primed) else { return Self::default() };
        let server = server.clone();
        stream.end = Some(Box::pin(async move { server.shutdown_started().await }));
        Self(Kind::Legacy(stream))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut self.0 {
            Kind::Empty => return Poll::Ready(None),
            Kind::Full(_) => match std::mem::take(&mut self.0) {
                Kind::Full(bytes) => Poll::Ready(Some(bytes)),
                _ => Poll::Ready(None),
            },
            Kind::Pieces(pieces) => Poll::Ready(pieces.next_piece()),
            Kind::Modern(stream) => stream.poll(cx),
            Kind::Legacy(stream) => stream.poll(cx),
            Kind::First(stream) => stream.poll(cx),
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Pieces(_) | Kind::Modern(_) | Kind::Legacy(_) | Kind::First(_) => SizeHint::default(),
        }
    }
}

/// A modern request that has something to say before it is answered. Dropping it cancels the request.
struct ModernStream {
    /// None once it is answered.
    run: Option<Run>,
    keep_alive: KeepAlive,
}

impl ModernStream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(run) = &mut self.run else { return Poll::Ready(None) };
        let mut out = Vec::new();
        let answered = Pin::new(&mut *run).poll(cx);
        let events = events_of(run.inner());
        if let Poll::Ready(response) = answered {
            let meter = run.inner().meter();
            write_events(events, meter, &mut out);
            events.close();
            if let Some(response) = response {
                let mut message = Vec::new();
                write_response(run.inner(), response, &mut message);
                write_event(&mut out, None, &message, meter);
            }
            self.run = None;
            return Poll::Ready((!out.is_empty()).then(|| out.into()));
        }
        if events.poll_ready(cx).is_ready() {
            write_events(events, run.inner().meter(), &mut out);
            self.keep_alive.rest();
            return Poll::Ready(Some(out.into()));
        }
        self.keep_alive.poll(cx)
    }
}

/// Writes every message that waits as an event.
pub(super) fn write_events(events: &Events, meter: Option<&Meter>, out: &mut Vec<u8>) {
    for message in events.take() {
        write_event(out, None, &message, meter);
    }
}

/// Writes a message as an event.
pub(super) fn write_event(out: &mut Vec<u8>, id: Option<&str>, message: &[u8], meter: Option<&Meter>) {
    if let Some(meter) = meter {
        meter.sent(1, message.len());
    }
    sse::write_event(out, id, message);
}

/// A stream of a legacy session. Dropping it cancels nothing.
struct LegacyStream {
    reader: Reader,
    primed: bool,
    opened: bool,
    keep_alive: KeepAlive,
    meter: Option<Meter>,
    /// What ends a stream that has no end of its own.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl LegacyStream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut out = Vec::new();
        if !self.opened {
            self.opened = true;
            if self.primed {
                sse::write_priming_event(&mut out, &self.event_id(self.reader.position()));
            }
            sse::write_retry(&mut out, RETRY);
            return Poll::Ready(Some(out.into()));
        }
        loop {
            match self.reader.poll_next(cx) {
                Poll::Ready(Next::Event(number, data)) => {
                    write_event(&mut out, Some(&self.event_id(number)), &data, self.meter.as_ref())
                }
                Poll::Ready(Next::End | Next::Interrupted) => {
                    return Poll::Ready((!out.is_empty()).then(|| out.into()));
                }
                Poll::Pending => break,
            }
        }
        if !out.is_empty() {
            self.keep_alive.rest();
            return Poll::Ready(Some(out.into()));
        }
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(None);
        }
        self.keep_alive.poll(cx)
    }

    fn event_id(&self, number: u64) -> String {
        format!("{}-{number}", self.reader.stream().id())
    }
}

/// What a pause is that is longer than the clock can count.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A comment now and then while a stream is silent, so that nobody in between takes it for dead.
pub(super) struct KeepAlive {
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl KeepAlive {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, timer: None }
    }

    /// Starts to count again.
    pub(super) fn rest(&mut self) {
        if let Some(timer) = &mut self.timer {
            let now = Instant::now();
            timer.as_mut().reset(now.checked_add(self.pause).unwrap_or(now + NEVER));
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let pause = self.pause;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.rest();
        let mut out = Vec::new();
        sse::write_comment(&mut out, "keep-alive");
        Poll::Ready(Some(out.into()))
    }
}

/// Why the body of a request could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    TooSlow,
    Broken,
}

/// Reads a body for nobody; false if there is too much of it, or it does not come.
pub(super) async fn discard<B>(body: B) -> bool
where
    B: HttpBody<Data: Send> + Send,
{
    read(body, UNWANTED_BYTES, UNWANTED_TIME).await.is_ok()
}

/// Reads the whole body of a request.
pub(super) async fn read<B>(body: B, limit: usize, timeout: Duration) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data: Send> + Send,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(timeout, collect(body, limit)).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn collect<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data: Send> + Send,
{
    let mut body = pin!(body);
    // The usual body comes in one piece, which is taken as it is.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let length = data.remaining();
        if first.len() + rest.len() + length > limit {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && rest.is_empty() {
            first = data.copy_to_bytes(length);
            continue;
        }
        if rest.is_empty() {
            let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit);
            rest.reserve(first.len() + length + expected);
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data.copy_to_bytes(length));
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_no_clock_can_count_is_a_long_one() {
        let mut keep_alive = KeepAlive::new(Duration::MAX);
        let silent = |keep_alive: &mut KeepAlive| {
            keep_alive.poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
        };
        assert!(silent(&mut keep_alive));
        keep_alive.rest();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(silent(&mut keep_alive));
    }

    #[tokio::test]
    async fn f180_a_body_that_comes_in_one_piece_is_not_copied() {
        let sent = Bytes::from(vec![b'x'; 1000]);
        let read = read(Body::full(sent.clone()), 1000, Duration::from_secs(10)).await.unwrap();
        assert_eq!((read.as_ptr(), read.len()), (sent.as_ptr(), 1000));
    }
}
