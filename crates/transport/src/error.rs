//! What can go wrong with a binding.

use std::fmt;
use std::io;

/// How much of a frame that is too long is kept.
const BEGINNING_BYTES: usize = 512;

/// An error of a binding: nothing the peer said, but that it could not be heard or reached.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    source: Option<io::Error>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Closed,
    Oversized {
        limit: usize,
        beginning: Box<[u8]>,
    },
    #[cfg(any(feature = "compression", feature = "websocket"))]
    Broken(&'static str),
    #[cfg(feature = "websocket")]
    Dismissed(Box<str>),
    Io,
}

impl Error {
    /// The peer is gone.
    #[must_use]
    pub fn closed() -> Self {
        Self { kind: Kind::Closed, source: None }
    }

    /// A frame was longer than `limit` bytes and was skipped; the frames after it can be received.
    #[must_use]
    pub fn oversized(limit: usize) -> Self {
        Self { kind: Kind::Oversized { limit, beginning: Box::default() }, source: None }
    }

    /// Keeps the beginning of the frame that was skipped, a few hundred bytes at most: it may say who waits for the frame.
    #[must_use]
    pub fn with_beginning(mut self, frame: &[u8]) -> Self {
        if let Kind::Oversized { beginning, .. } = &mut self.kind {
            *beginning = frame[..frame.len().min(BEGINNING_BYTES)].into();
        }
        self
    }

    /// Returns the beginning of the frame that was skipped, as far as it was kept.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        match &self.kind {
            Kind::Oversized { beginning, .. } => beginning,
            _ => &[],
        }
    }

    /// The peer broke the rules of the binding, by this.
    #[cfg(any(feature = "compression", feature = "websocket"))]
    pub(crate) fn broken(by: &'static str) -> Self {
        Self { kind: Kind::Broken(by), source: None }
    }

    /// The peer ended the connection and said why.
    #[cfg(feature = "websocket")]
    pub(crate) fn dismissed(why: impl Into<Box<str>>) -> Self {
        Self { kind: Kind::Dismissed(why.into()), source: None }
    }

    /// Returns true if the peer closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.kind == Kind::Closed
    }

    /// Returns true if one frame was too long; the connection goes on.
    #[must_use]
    pub fn is_oversized(&self) -> bool {
        matches!(self.kind, Kind::Oversized { .. })
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let kind = match source.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Kind::Closed,
            _ => Kind::Io,
        };
        Self { kind, source: Some(source) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Closed => f.write_str("the peer closed the connection"),
            Kind::Oversized { limit, .. } => write!(f, "a message is longer than {limit} bytes"),
            #[cfg(any(feature = "compression", feature = "websocket"))]
            Kind::Broken(by) => write!(f, "the peer sent {by}"),
            #[cfg(feature = "websocket")]
            Kind::Dismissed(why) => write!(f, "the peer ended the connection: {why}"),
            Kind::Io => f.write_str("the connection failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
