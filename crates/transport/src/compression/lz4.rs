//! A stream of bytes in pieces, each of which is compressed or not.
//!
//! A piece is a byte that says which, three for its length, a byte that is zero, three for its length once it is expanded,
//! and what it holds. Numbers begin with their highest byte.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use lz4_flex::block;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::CompressionConfig;
use super::config::MAX_PIECE;
use super::stats::Tally;

const HEAD: usize = 8;
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;

/// How much is read at once.
const STEP: usize = 8 << 10;

/// The reading half of a connection that may be compressed.
#[derive(Debug)]
pub struct Lz4Reader<R> {
    inner: R,
    /// What came and is no whole piece yet.
    raw: BytesMut,
    /// What can be read now.
    ready: Bytes,
    /// None if the connection is not compressed.
    tally: Option<Tally>,
}

impl<R> Lz4Reader<R> {
    /// Reads what was compressed by the other side.
    pub(super) fn compressed(inner: R, config: &CompressionConfig) -> Self {
        Self { inner, raw: BytesMut::new(), ready: Bytes::new(), tally: Some(config.tally().clone()) }
    }

    /// Reads these bytes, and then whatever comes, as it is.
    pub(super) fn plain(inner: R, first: Bytes) -> Self {
        Self { inner, raw: BytesMut::new(), ready: first, tally: None }
    }

    /// Expands the next piece; false if it is not there as a whole.
    fn expand(&mut self, tally: &Tally) -> io::Result<bool> {
        let broken = || io::Error::new(ErrorKind::InvalidData, "the peer breaks the rules of compression");
        let Some(head) = self.raw.first_chunk::<HEAD>() else { return Ok(false) };
        let number =
            |at: usize| usize::from(head[at]) << 16 | usize::from(head[at + 1]) << 8 | usize::from(head[at + 2]);
        let (kind, length, expanded) = (head[0], number(1), number(5));
        let is_possible = match kind {
            PLAIN => length == expanded,
            COMPRESSED => length < expanded,
            _ => false,
        };
        if !is_possible || head[4] != 0 || expanded > MAX_PIECE {
            return Err(broken());
        }
        if self.raw.len() < HEAD + length {
            return Ok(false);
        }
        self.raw.advance(HEAD);
        let piece = self.raw.split_to(length).freeze();
        self.ready = if kind == PLAIN {
            piece
        } else {
            let bytes = block::decompress(&piece, expanded).map_err(|_| broken())?;
            if bytes.len() != expanded {
                return Err(broken());
            }
            tally.expanded(length, expanded);
            bytes.into()
        };
        Ok(true)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lz4Reader<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.ready.is_empty() {
                let length = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready.split_to(length));
                return Poll::Ready(Ok(()));
            }
            let Some(tally) = this.tally.clone() else {
                return Pin::new(&mut this.inner).poll_read(cx, buffer);
            };
            if this.expand(&tally)? {
                continue;
            }
            let mut step = [0; STEP];
            let mut step = ReadBuf::new(&mut step);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut step))?;
            if step.filled().is_empty() {
                return Poll::Ready(if this.raw.is_empty() { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) });
            }
            this.raw.extend_from_slice(step.filled());
        }
    }
}

/// The writing half of a connection that may be compressed.
#[derive(Debug)]
pub struct Lz4Writer<W> {
    inner: W,
    /// What the other side has not taken yet.
    out: BytesMut,
    /// None if the connection is not compressed.
    config: Option<CompressionConfig>,
}

impl<W> Lz4Writer<W> {
    pub(super) fn new(inner: W, config: Option<CompressionConfig>) -> Self {
        Self { inner, out: BytesMut::new(), config }
    }
}

/// Writes one piece.
fn frame(bytes: &[u8], config: &CompressionConfig, out: &mut BytesMut) {
    let tally = config.tally();
    let small = config.wants(bytes).then(|| block::compress(bytes)).filter(|small| small.len() < bytes.len());
    let (kind, content) = match &small {
        Some(small) => (COMPRESSED, &small[..]),
        None => (PLAIN, bytes),
    };
    match small {
        Some(_) => tally.compressed(bytes.len(), content.len()),
        None => tally.left(),
    }
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let (mut length, expanded) = (number(content.len()), number(bytes.len()));
    length[0] = kind;
    out.reserve(HEAD + content.len());
    out.extend_from_slice(&length);
    out.extend_from_slice(&expanded);
    out.extend_from_slice(content);
}

impl<W: AsyncWrite + Unpin> Lz4Writer<W> {
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Lz4Writer<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(config) = &this.config else { return Pin::new(&mut this.inner).poll_write(cx, bytes) };
        let piece = &bytes[..bytes.len().min(config.piece())];
        if this.out.is_empty() && !piece.is_empty() {
            frame(piece, config, &mut this.out);
            // What cannot be written now is, before anything else or when it is flushed.
            let _ = this.poll_out(cx)?;
            return Poll::Ready(Ok(piece.len()));
        }
        ready!(this.poll_out(cx))?;
        let Some(config) = &this.config else { return Poll::Ready(Ok(0)) };
        frame(piece, config, &mut this.out);
        let _ = this.poll_out(cx)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
