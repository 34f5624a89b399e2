//! Bodies: the whole one of a request, and those of responses, read up to a limit.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use turbomcp_transport::http::sse::{SseEvent, SseParser};

use super::compression::Decoder;
use crate::Error;

/// The body of a request, which is there as a whole.
#[derive(Debug, Clone)]
pub(super) struct Whole(Bytes);

impl Whole {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    #[cfg(feature = "compression")]
    pub(super) fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Received {
    incoming: Incoming,
    decoder: Option<Decoder>,
}

impl Received {
    pub(super) fn new(incoming: Incoming, decoder: Option<Decoder>) -> Self {
        Self { incoming, decoder }
    }
}

/// Returns the next bytes of a response; none at its end.
async fn next_data(body: &mut Received) -> Result<Option<Bytes>, Error> {
    let Some(decoder) = &mut body.decoder else { return next_of(&mut body.incoming).await };
    while let Some(data) = next_of(&mut body.incoming).await? {
        let decoded = decoder.push(&data)?;
        if !decoded.is_empty() {
            return Ok(Some(decoded));
        }
    }
    let rest = decoder.finish()?;
    body.decoder = None;
    Ok((!rest.is_empty()).then_some(rest))
}

/// Returns the next bytes as they came.
async fn next_of(body: &mut Incoming) -> Result<Option<Bytes>, Error> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Error::closed("the response broke off").with_source(error)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads a whole body.
pub(super) async fn read(mut body: Received, limit: usize) -> Result<Bytes, Error> {
    let too_long = || Error::protocol(format!("the response is longer than {limit} bytes"));
    if body.incoming.size_hint().lower() > limit as u64 {
        return Err(too_long());
    }
    let Some(first) = next_data(&mut body).await? else { return Ok(Bytes::new()) };
    let Some(second) = next_data(&mut body).await? else {
        // The usual case: what came in one piece is not copied.
        return if first.len() > limit { Err(too_long()) } else { Ok(first) };
    };
    let mut whole = BytesMut::with_capacity(first.len() + second.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(more) = next_data(&mut body).await? {
        if whole.len() + more.len() > limit {
            return Err(too_long());
        }
        whole.extend_from_slice(&more);
    }
    if whole.len() > limit { Err(too_long()) } else { Ok(whole.freeze()) }
}

/// An event stream.
pub(super) struct Events {
    body: Received,
    parser: SseParser,
}

impl Events {
    pub(super) fn new(body: Received, limit: usize) -> Self {
        Self { body, parser: SseParser::new().max_event_bytes(limit) }
    }

    /// Waits for the next event; none at the end of the stream.
    ///
    /// Cancel safe: an event is either returned or still there for the next call.
    pub(super) async fn next(&mut self) -> Result<Option<SseEvent>, Error> {
        loop {
            let event = self.parser.next_event();
            let event = event.map_err(|error| Error::protocol("an event is too large").with_source(error))?;
            if event.is_some() {
                return Ok(event);
            }
            let Some(data) = next_data(&mut self.body).await? else { return Ok(None) };
            self.parser.feed(&data);
        }
    }

    /// Returns what the stream says of being resumed.
    pub(super) fn parser(&self) -> &SseParser {
        &self.parser
    }
}
