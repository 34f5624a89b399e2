//! What every connection over TCP is set to.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How long a connection over TCP is silent before the operating system asks the peer whether it is there.
pub const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How long a peer has to say that it is there before it is asked again; systems give it up after some nine times.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Has what is written sent at once, since messages are written whole, and a peer that vanished without a word noticed.
pub(crate) fn tune(stream: &TcpStream) {
    // A stream that is gone already says so when it is read.
    let _ = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE_INTERVAL);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}
