//! What can go wrong with a binding.

use std::fmt;
use std::io;

/// An error of a binding: nothing the peer said, but that it could not be heard or reached.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    source: Option<io::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Closed,
    Oversized {
        limit: usize,
    },
    #[cfg(any(feature = "compression", feature = "websocket"))]
    Broken(&'static str),
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
        Self { kind: Kind::Oversized { limit }, source: None }
    }

    /// The peer broke the rules of the binding, by this.
    #[cfg(any(feature = "compression", feature = "websocket"))]
    pub(crate) fn broken(by: &'static str) -> Self {
        Self { kind: Kind::Broken(by), source: None }
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
        match self.kind {
            Kind::Closed => f.write_str("the peer closed the connection"),
            Kind::Oversized { limit } => write!(f, "a message is longer than {limit} bytes"),
            #[cfg(any(feature = "compression", feature = "websocket"))]
            Kind::Broken(by) => write!(f, "the peer sent {by}"),
            Kind::Io => f.write_str("the connection failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
