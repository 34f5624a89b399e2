//! Taking the standard streams on Unix.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::thread::{ThreadReader, ThreadWriter};

#[derive(Debug)]
pub(super) enum Input {
    Pipe(pipe::Receiver),
    Socket(UnixStream),
    Thread(ThreadReader),
}

#[derive(Debug)]
pub(super) enum Output {
    Pipe(pipe::Sender),
    Socket(UnixStream),
    Thread(ThreadWriter),
}

/// Opens private copies of both streams, then points the public ones elsewhere.
pub(super) fn take() -> io::Result<(Input, Output)> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let input = open_input(stdin.as_fd())?;
    let output = open_output(stdout.as_fd())?;
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    nix::unistd::dup2_stdout(io::stderr())?;
    Ok((input, output))
}

// A pipe is opened anew by its path rather than duplicated, so that making it non-blocking stays with this process: the
// flag belongs to the open file, which other processes may share.

fn open_input(fd: BorrowedFd<'_>) -> io::Result<Input> {
    if let Ok(pipe) = pipe::OpenOptions::new().open_receiver("/proc/self/fd/0") {
        return Ok(Input::Pipe(pipe));
    }
    let fd = fd.try_clone_to_owned()?;
    Ok(match socket(fd)? {
        Ok(socket) => Input::Socket(socket),
        Err(fd) => Input::Thread(ThreadReader::new(File::from(fd))),
    })
}

fn open_output(fd: BorrowedFd<'_>) -> io::Result<Output> {
    if let Ok(pipe) = pipe::OpenOptions::new().open_sender("/proc/self/fd/1") {
        return Ok(Output::Pipe(pipe));
    }
    let fd = fd.try_clone_to_owned()?;
    Ok(match socket(fd)? {
        Ok(socket) => Output::Socket(socket),
        Err(fd) => Output::Thread(ThreadWriter::new(File::from(fd))),
    })
}

fn socket(fd: OwnedFd) -> io::Result<Result<UnixStream, OwnedFd>> {
    let stream = StdUnixStream::from(fd);
    if stream.local_addr().is_err() {
        return Ok(Err(stream.into()));
    }
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream).map(Ok)
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(pipe) => Pin::new(pipe).poll_read(cx, buf),
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Thread(thread) => Pin::new(thread).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Pipe(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Thread(thread) => Pin::new(thread).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(pipe) => Pin::new(pipe).poll_flush(cx),
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::Thread(thread) => Pin::new(thread).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(pipe) => Pin::new(pipe).poll_shutdown(cx),
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Thread(thread) => Pin::new(thread).poll_shutdown(cx),
        }
    }
}
