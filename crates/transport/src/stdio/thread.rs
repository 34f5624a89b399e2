//! A thread that reads and one that writes, for streams the runtime cannot poll.

use std::fs::File;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

const CHUNK_BYTES: usize = 16 << 10;

/// Reads on a thread of its own, which ends with the stream or one read after this is dropped.
#[derive(Debug)]
pub(super) struct ThreadReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl ThreadReader {
    pub(super) fn new(mut file: File) -> Self {
        let (sender, chunks) = mpsc::channel(4);
        std::thread::spawn(move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let chunk = match file.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(n) => Ok(Bytes::copy_from_slice(&buffer[..n])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = chunk.is_err();
                if sender.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        });
        Self { chunks, rest: Bytes::new() }
    }
}

impl AsyncRead for ThreadReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match ready!(self.chunks.poll_recv(cx)) {
                Some(chunk) => self.rest = chunk?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..n]);
        self.rest.advance(n);
        Poll::Ready(Ok(()))
    }
}

/// Bytes to write, and whom to tell when they are written.
type Job = (Vec<u8>, oneshot::Sender<io::Result<()>>);

/// Writes on a thread of its own; a write is complete when the thread has made it.
#[derive(Debug)]
pub(super) struct ThreadWriter {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    pending: Option<oneshot::Receiver<io::Result<()>>>,
}

impl ThreadWriter {
    pub(super) fn new(mut file: File) -> Self {
        // Never more than one job: the next write waits for the answer to the last.
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        std::thread::spawn(move || {
            while let Some((bytes, done)) = queue.blocking_recv() {
                let result = file.write_all(&bytes).and_then(|()| file.flush());
                let failed = result.is_err();
                if done.send(result).is_err() || failed {
                    return;
                }
            }
        });
        Self { jobs: Some(jobs), pending: None }
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(pending) = &mut self.pending else { return Poll::Ready(Ok(())) };
        let result = ready!(Pin::new(pending).poll(cx)).unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
        self.pending = None;
        Poll::Ready(result)
    }
}

impl AsyncWrite for ThreadWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let (done, pending) = oneshot::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send((bytes.to_vec(), done)).is_ok());
        if !sent {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.pending = Some(pending);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_pending(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        self.jobs = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn writes_and_reads_a_file() {
        let path = std::env::temp_dir().join(format!("turbomcp-thread-{}", std::process::id()));
        let mut writer = ThreadWriter::new(File::create(&path).unwrap());
        writer.write_all(&[b'x'; 100_000]).await.unwrap();
        writer.flush().await.unwrap();
        writer.shutdown().await.unwrap();
        let mut text = Vec::new();
        ThreadReader::new(File::open(&path).unwrap()).read_to_end(&mut text).await.unwrap();
        assert_eq!(text.len(), 100_000);
        std::fs::remove_file(path).unwrap();
    }
}
