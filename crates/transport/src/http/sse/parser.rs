//! Reading an event stream.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

/// The longest line, and the largest event, unless another limit is set: 16 MiB.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent {
    /// The type of the event; none for `message`, which is what most are.
    pub event: Option<String>,
    /// The id that this event carries; see also [`SseParser::last_event_id`].
    pub id: Option<String>,
    /// The data; empty if the event only carries an id.
    pub data: Bytes,
}

/// Cuts a stream of bytes, in chunks of any size, into events.
///
/// # Examples
///
/// ```
/// use turbomcp_transport::http::sse::SseParser;
///
/// let mut parser = SseParser::new();
/// parser.feed(b": hello\n\nid: 1\nda");
/// assert_eq!(parser.next_event()?, None);
/// parser.feed(b"ta: {}\n\n");
/// let event = parser.next_event()?.expect("the event is complete");
/// assert_eq!(event.data, "{}");
/// # Ok::<(), turbomcp_transport::http::sse::SseError>(())
/// ```
#[derive(Debug)]
pub struct SseParser {
    limit: usize,
    buffer: BytesMut,
    /// How much of the buffer is known to have no line end.
    searched: usize,
    position: Position,
    event: Option<String>,
    id: Option<String>,
    data: Option<Vec<u8>>,
    last_event_id: Option<String>,
    retry: Option<Duration>,
    failed: Option<SseError>,
}

/// Where in the stream the buffer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Where a byte order mark may stand.
    Start,
    /// Behind a carriage return, to which a line feed may still belong.
    BehindReturn,
    Line,
}

impl Default for SseParser {
    fn default() -> Self {
        Self::new()
    }
}

impl SseParser {
    /// Creates a parser at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limit: DEFAULT_MAX_EVENT_BYTES,
            buffer: BytesMut::new(),
            searched: 0,
            position: Position::Start,
            event: None,
            id: None,
            data: None,
            last_event_id: None,
            retry: None,
            failed: None,
        }
    }

    /// Sets how long a line and how large an event may be. 16 MiB unless set.
    #[must_use]
    pub fn max_event_bytes(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Takes the next bytes of the stream.
    ///
    /// Events are to be taken with [`next_event`](Self::next_event) before the next chunk is fed: nothing else bounds
    /// what is kept here.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(chunk);
        }
    }

    /// Returns the next event that is complete. An event that the stream ends in is never complete.
    ///
    /// # Errors
    ///
    /// Returns an error if a line or an event is larger than the limit; then, and from then on, the stream is of no
    /// more use.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, SseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.read();
        if let Err(error) = result {
            self.failed = Some(error);
            self.buffer = BytesMut::new();
            self.data = None;
        }
        result
    }

    /// Returns the id of the last complete event that had one, from which a stream can be resumed.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Returns how long the server asked to wait before connecting again.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn read(&mut self) -> Result<Option<SseEvent>, SseError> {
        if !self.begin_line() {
            return Ok(None);
        }
        while let Some(end) = memchr::memchr2(b'\r', b'\n', &self.buffer[self.searched..]) {
            let end = self.searched + end;
            if end > self.limit {
                return Err(SseError { kind: Kind::Line });
            }
            let line = self.buffer.split_to(end);
            if self.buffer.get_u8() == b'\r' {
                self.position = Position::BehindReturn;
                self.begin_line();
            }
            self.searched = 0;
            if !line.is_empty() {
                self.line(&line)?;
            } else if let Some(event) = self.dispatch() {
                return Ok(Some(event));
            }
        }
        self.searched = self.buffer.len();
        if self.searched > self.limit {
            return Err(SseError { kind: Kind::Line });
        }
        Ok(None)
    }

    /// Skips what may stand before a line; false if more has to come to know.
    fn begin_line(&mut self) -> bool {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        match self.position {
            Position::Line => {}
            Position::BehindReturn => match self.buffer.first() {
                Some(b'\n') => self.buffer.advance(1),
                Some(_) => {}
                None => return false,
            },
            Position::Start if self.buffer.starts_with(BYTE_ORDER_MARK) => self.buffer.advance(BYTE_ORDER_MARK.len()),
            Position::Start if BYTE_ORDER_MARK.starts_with(&self.buffer) => return false,
            Position::Start => {}
        }
        self.position = Position::Line;
        true
    }

    fn line(&mut self, line: &[u8]) -> Result<(), SseError> {
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..])),
            None => (line, &[][..]),
        };
        match field {
            b"data" => {
                let before = self.data.as_ref().map_or(0, |data| data.len() + 1);
                if before + value.len() > self.limit {
                    return Err(SseError { kind: Kind::Event });
                }
                match &mut self.data {
                    Some(data) => data.push(b'\n'),
                    None => self.data = Some(Vec::new()),
                }
                self.data.get_or_insert_default().extend_from_slice(value);
            }
            b"event" => self.event = Some(text(value)),
            b"id" if !value.contains(&b'\0') => self.id = Some(text(value)),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = Some(Duration::from_millis(text(value).parse().unwrap_or(u64::MAX)));
            }
            // Among them the empty name, which makes the line a comment.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let id = self.id.take();
        if id.is_some() {
            self.last_event_id.clone_from(&id);
        }
        let event = self.event.take().filter(|name| !name.is_empty() && name != "message");
        Some(SseEvent { event, id, data: self.data.take()?.into() })
    }
}

/// An event stream that is not read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseError {
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Line,
    Event,
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Line => "line of an event stream is longer than the limit",
            Kind::Event => "event is larger than the limit",
        })
    }
}

impl Error for SseError {}

/// Events are UTF-8 by definition; what is not is replaced, as the definition says.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
mod tests;
