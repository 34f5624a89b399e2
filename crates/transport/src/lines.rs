//! Messages over a pair of byte streams, one a line: the framing of stdio, for any reader and writer.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::codec::LineDecoder;
use crate::{Batch, Error, Extensions, Receive, Send, Transport};

/// The longest message that is read unless another limit is set.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A transport over a reader and a writer.
///
/// ```
/// use turbomcp_transport::lines::Lines;
///
/// let (ours, _theirs) = tokio::io::duplex(1024);
/// let (reader, writer) = tokio::io::split(ours);
/// let transport = Lines::new(reader, writer).max_message_bytes(1 << 20);
/// # drop(transport);
/// ```
///
/// # Specification
///
/// [stdio](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio), whose framing this is
#[derive(Debug)]
pub struct Lines<R, W> {
    reader: R,
    writer: W,
    limit: usize,
    extensions: Extensions,
}

impl<R, W> Lines<R, W> {
    /// Frames what is read from `reader` and written to `writer`.
    pub fn new(reader: R, writer: W) -> Self {
        Self { reader, writer, limit: MAX_MESSAGE_BYTES, extensions: Extensions::new() }
    }

    /// Sets the longest message that is received; a longer one is skipped. 16 MiB unless set.
    #[must_use]
    pub fn max_message_bytes(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Sets what handlers may read of the peer.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }
}

#[cfg(feature = "compression")]
impl<R, W> Lines<R, W> {
    /// Takes the streams out; what is left has the settings.
    pub(crate) fn into_streams(self) -> (R, W, Lines<(), ()>) {
        let rest = Lines { reader: (), writer: (), limit: self.limit, extensions: self.extensions };
        (self.reader, self.writer, rest)
    }

    /// Puts other streams in.
    pub(crate) fn with_streams<S, V>(self, reader: S, writer: V) -> Lines<S, V> {
        Lines { reader, writer, limit: self.limit, extensions: self.extensions }
    }
}

impl<R, W> Transport for Lines<R, W>
where
    R: AsyncRead + Unpin + std::marker::Send + 'static,
    W: AsyncWrite + Unpin + std::marker::Send + 'static,
{
    type Receive = LineReceiver<R>;
    type Send = LineSender<W>;

    fn split(self) -> (Self::Receive, Self::Send) {
        let receive = LineReceiver { reader: self.reader, decoder: LineDecoder::new(self.limit), ended: false };
        (receive, LineSender { writer: self.writer })
    }

    fn extensions(&self) -> Extensions {
        self.extensions.clone()
    }
}

/// The receiving half of [`Lines`].
#[derive(Debug)]
pub struct LineReceiver<R> {
    reader: R,
    decoder: LineDecoder,
    ended: bool,
}

impl<R: AsyncRead + Unpin + std::marker::Send + 'static> Receive for LineReceiver<R> {
    async fn recv(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(line) = self.decoder.next_line()? {
                return Ok(Some(line));
            }
            if self.ended {
                return self.decoder.last_line();
            }
            // `read_buf` is cancel safe: what it has read is in the buffer.
            self.ended = self.reader.read_buf(self.decoder.buffer()).await? == 0;
        }
    }
}

/// The sending half of [`Lines`].
#[derive(Debug)]
pub struct LineSender<W> {
    writer: W,
}

impl<W: AsyncWrite + Unpin + std::marker::Send + 'static> Send for LineSender<W> {
    async fn send(&mut self, batch: Batch<'_>) -> Result<(), Error> {
        self.writer.write_all(batch.as_lines()).await?;
        self.writer.flush().await?;
        Ok(())
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.writer.shutdown().await?;
        Ok(())
    }
}
