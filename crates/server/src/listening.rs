//! Taking an address or a path to listen on, and saying which one it was when that fails.

#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
use std::net::SocketAddr;
#[cfg(all(unix, feature = "unix"))]
use std::path::PathBuf;

#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
#[cfg(all(unix, feature = "unix"))]
use turbomcp_transport::unix::Socket;

use crate::Error;

/// Listens on the first of some addresses that can be listened on, and returns which one that is.
#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
pub(crate) async fn listen(address: impl ToSocketAddrs) -> Result<(TcpListener, SocketAddr), Error> {
    let unknown = |error| Error::bind("the address to listen on cannot be resolved", error);
    let addresses: Vec<_> = lookup_host(address).await.map_err(unknown)?.collect();
    let listening = async {
        let listener = TcpListener::bind(&addresses[..]).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listening.await.map_err(|error| {
        let named: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        Error::bind(format!("cannot listen on {}", named.join(" or ")), error)
    })
}

/// Listens on a Unix socket.
#[cfg(all(unix, feature = "unix"))]
pub(crate) fn listen_on_path(path: impl Into<PathBuf>) -> Result<Socket, Error> {
    let path = path.into();
    let failed = format!("cannot listen on {}", path.display());
    Socket::bind(path).map_err(|error| Error::bind(failed, error))
}

/// Sets who may open a Unix socket.
#[cfg(all(unix, feature = "unix"))]
pub(crate) fn permit(socket: &Socket, mode: u32) -> Result<(), Error> {
    let failed = |error| Error::bind(format!("cannot set who may open {}", socket.path().display()), error);
    socket.set_permissions(mode).map_err(failed)
}
