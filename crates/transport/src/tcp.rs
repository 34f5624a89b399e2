//! TCP: one message a line, as on stdio.
//!
//! There is neither encryption nor authentication: for a loopback address, or behind something that has both.

use std::io;
use std::net::SocketAddr;

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::lines::Lines;
use crate::listener::Accept;
use crate::tuning::tune;
use crate::{Extensions, PeerAddr};

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = Self::accept(self).await?;
        tune(&stream);
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

/// Connects to a server, and carries messages over the connection.
///
/// A peer that vanishes without a word is noticed after some minutes: it is asked for a sign after [`KEEP_ALIVE`](crate::tuning::KEEP_ALIVE).
///
/// # Errors
///
/// If none of the addresses can be connected to.
///
/// # Cancel safety
///
/// Dropping the future closes the connection.
pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Lines<OwnedReadHalf, OwnedWriteHalf>> {
    let stream = TcpStream::connect(address).await?;
    tune(&stream);
    Ok(over(stream))
}
