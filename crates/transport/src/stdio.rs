//! The standard input and output of this process, one message a line.
//!
//! Taking the transport takes both streams away from the rest of the process: what a stray `println!` writes goes to
//! standard error, and what a stray read of standard input finds is its end.
//!
//! Pipes and sockets are driven by the runtime, without a thread in between; anything else (a terminal, a file) is read
//! and written by a thread of its own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::lines::{LineReceiver, LineSender, Lines};
use crate::{Extensions, ParentProcess, Transport};

#[cfg(unix)]
#[path = "stdio/unix.rs"]
mod os;
#[cfg(not(unix))]
#[path = "stdio/other.rs"]
mod os;
#[path = "stdio/thread.rs"]
mod thread;

/// The transport over this process's standard input and output.
///
/// # Specification
///
/// [stdio](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio)
#[derive(Debug)]
pub struct StdioTransport {
    lines: Lines<Input, Output>,
}

impl StdioTransport {
    /// Takes the standard streams of this process.
    ///
    /// # Errors
    ///
    /// If the operating system does not let them be duplicated.
    ///
    /// # Panics
    ///
    /// If called outside a Tokio runtime with I/O enabled.
    pub fn new() -> io::Result<Self> {
        let (input, output) = os::take()?;
        let mut extensions = Extensions::new();
        extensions.insert(ParentProcess::new());
        Ok(Self { lines: Lines::new(Input(input), Output(output)).with_extensions(extensions) })
    }

    /// Sets the longest message that is received; a longer one is skipped. 16 MiB unless set.
    #[must_use]
    pub fn max_message_bytes(mut self, limit: usize) -> Self {
        self.lines = self.lines.max_message_bytes(limit);
        self
    }
}

impl Transport for StdioTransport {
    type Receive = LineReceiver<Input>;
    type Send = LineSender<Output>;

    fn split(self) -> (Self::Receive, Self::Send) {
        self.lines.split()
    }

    fn extensions(&self) -> Extensions {
        self.lines.extensions()
    }
}

/// What used to be standard input.
#[derive(Debug)]
pub struct Input(os::Input);

/// What used to be standard output.
#[derive(Debug)]
pub struct Output(os::Output);

impl AsyncRead for Input {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Output {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
