//! Two connected ends in the same process.

use tokio::io::{DuplexStream, ReadHalf, WriteHalf};

use crate::lines::Lines;

/// One end of a connection within the process.
pub type MemoryTransport = Lines<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>;

/// How many bytes one end may send before the other reads.
const PIPE_BYTES: usize = 256 << 10;

/// Creates two ends that are connected to each other; what one sends, the other receives.
///
/// No port, file or process is involved, so tests can run on paused time.
#[must_use]
pub fn pair() -> (MemoryTransport, MemoryTransport) {
    let (a, b) = tokio::io::duplex(PIPE_BYTES);
    (over(a), over(b))
}

/// Frames one end of a [`tokio::io::duplex`] stream.
#[must_use]
pub fn over(stream: DuplexStream) -> MemoryTransport {
    let (reader, writer) = tokio::io::split(stream);
    Lines::new(reader, writer)
}
