//! TCP: one message a line, as on stdio.
//!
//! There is neither encryption nor authentication: for a loopback address, or behind something that has both.

use std::io;
use std::net::SocketAddr;

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::lines::Lines;
use crate::listener::Accept;
use crate::{Extensions, PeerAddr};

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = Self::accept(self).await?;
        // Answers are written whole; waiting for more to send only delays them. A stream that is gone already says so
        // when it is read.
        let _ = stream.set_nodelay(true);
        Ok((stream, address))
    }
}

/// Carries messages over a connection; handlers find its [`PeerAddr`] in the extensions.
#[must_use]
pub fn over(stream: TcpStream) -> Lines<OwnedReadHalf, OwnedWriteHalf> {
    let mut extensions = Extensions::new();
    if let Ok(address) = stream.peer_addr() {
        extensions.insert(PeerAddr::new(address));
    }
    let (reader, writer) = stream.into_split();
    Lines::new(reader, writer).with_extensions(extensions)
}
