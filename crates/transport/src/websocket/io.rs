//! An asynchronous stream as the blocking kind, on which nothing blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that says `WouldBlock` instead of waiting, and then wakes whoever waits.
pub(super) struct Io<S> {
    stream: S,
    reader: Waker,
    waiting: Arc<Waiting>,
    /// Wakes whoever reads and whoever writes, because reading writes, too: pongs.
    both: Waker,
    is_blocked: bool,
    /// The peer has sent something, or taken something that was held up.
    pub(super) heard: bool,
    /// The peer has taken something that was held up.
    pub(super) moved: bool,
}

impl<S> Io<S> {
    pub(super) fn new(stream: S) -> Self {
        let waiting = Arc::<Waiting>::default();
        let both = waiting.clone().into();
        let reader = Waker::noop().clone();
        Self { stream, reader, waiting, both, is_blocked: false, heard: false, moved: false }
    }

    pub(super) fn set_reader(&mut self, waker: &Waker) {
        if !self.reader.will_wake(waker) {
            self.reader = waker.clone();
            *self.waiting.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
        }
    }

    pub(super) fn set_writer(&self, waker: &Waker) {
        let mut writer = self.waiting.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !writer.as_ref().is_some_and(|writer| writer.will_wake(waker)) {
            *writer = Some(waker.clone());
        }
    }

    /// Has whoever waits look again.
    pub(super) fn wake(&self) {
        self.both.wake_by_ref();
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    fn written<T>(&mut self, written: Poll<io::Result<T>>) -> io::Result<T> {
        match written {
            Poll::Ready(written) => {
                if std::mem::take(&mut self.is_blocked) {
                    (self.heard, self.moved) = (true, true);
                }
                written
            }
            Poll::Pending => {
                self.is_blocked = true;
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        let mut cx = Context::from_waker(&self.reader);
        match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(read) => {
                read?;
                self.heard = true;
                Ok(buffer.filled().len())
            }
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for Io<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = Pin::new(&mut self.stream).poll_write(&mut Context::from_waker(&self.both), bytes);
        self.written(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = Pin::new(&mut self.stream).poll_flush(&mut Context::from_waker(&self.both));
        self.written(flushed)
    }
}

/// Who waits for a stream, on one task or on two.
#[derive(Default)]
struct Waiting {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for waiting in [&self.reader, &self.writer] {
            // Taken out first: what is woken may look here.
            let waker = waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
