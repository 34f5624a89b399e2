//! The trait every binding of a connection implements.

use std::future::Future;

use bytes::Bytes;

use crate::{Error, Extensions};

/// A connection to one peer, over which messages travel in both directions.
///
/// The two halves work at the same time, so a transport is split before it is used. Implement it for anything that
/// carries messages; for a pair of byte streams, [`Lines`](crate::lines::Lines) already does.
///
/// # Specification
///
/// [Custom transports](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#custom-transports)
pub trait Transport: std::marker::Send + 'static {
    /// The receiving half.
    type Receive: Receive;
    /// The sending half.
    type Send: Send;

    /// Separates the halves.
    fn split(self) -> (Self::Receive, Self::Send);

    /// Returns what is known of the peer, for handlers to read. Called once, before [`Transport::split`].
    fn extensions(&self) -> Extensions {
        Extensions::new()
    }
}

/// The receiving half of a [`Transport`].
pub trait Receive: std::marker::Send + 'static {
    /// Waits for the next message; `None` when the peer will send no more.
    ///
    /// An error for which [`Error::is_oversized`] holds cost one message; after any other the connection is over. With
    /// [`Error::with_beginning`] whoever waits for that message is told, instead of waiting for ever.
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: a message is either returned or still there for the next call.
    fn recv(&mut self) -> impl Future<Output = Result<Option<Bytes>, Error>> + std::marker::Send;
}

/// The sending half of a [`Transport`].
pub trait Send: std::marker::Send + 'static {
    /// Sends messages, in order, and waits until the connection has taken them.
    ///
    /// The caller gathers what is ready, so one call should be one write.
    fn send(&mut self, batch: Batch<'_>) -> impl Future<Output = Result<(), Error>> + std::marker::Send;

    /// Tells the peer that no more will come.
    fn close(&mut self) -> impl Future<Output = Result<(), Error>> + std::marker::Send;
}

/// One or more messages, each followed by a newline, which JSON as we write it never contains.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    lines: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Takes messages that are followed by a newline each.
    #[must_use]
    pub fn from_lines(lines: &'a [u8]) -> Self {
        debug_assert!(lines.last().is_none_or(|&b| b == b'\n'));
        Self { lines }
    }

    /// Returns the messages as lines, for bindings that frame by newline.
    #[must_use]
    pub fn as_lines(self) -> &'a [u8] {
        self.lines
    }

    /// Returns the messages one by one, for bindings that frame otherwise.
    pub fn messages(self) -> impl Iterator<Item = &'a [u8]> {
        self.lines.split(|&b| b == b'\n').filter(|message| !message.is_empty())
    }
}
