//! TCP and a Unix socket, one message a line, and a client for each: `cargo run --example sockets`
//!
//! To serve others: `cargo run --example sockets -- 127.0.0.1:8080`, or the path of a socket.

use turbomcp::client::{Client, TcpTarget, UnixTarget};
use turbomcp::prelude::*;
use turbomcp::transport::PeerCredentials;

struct Door;

#[server(name = "door", version = "1.0.0")]
impl Door {
    // ANCHOR: peer
    /// Says who is at the door.
    #[tool]
    async fn knock(&self, ctx: &Context) -> String {
        match ctx.extensions().get::<PeerCredentials>() {
            Some(peer) => format!("the user with number {}", peer.uid),
            None => ctx.peer_addr().map_or("nobody".to_owned(), |address| address.ip().to_string()),
        }
    }
    // ANCHOR_END: peer
}

async fn knock(client: &Client) -> Result<(), turbomcp::client::Error> {
    println!("{:?}", client.call_tool("knock", ()).await?.as_text());
    client.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Door.into_server();
    match std::env::args().nth(1) {
        Some(path) if path.contains('/') => return Ok(server.run_unix(path).await?),
        Some(address) => return Ok(server.run_tcp(address).await?),
        None => {}
    }
    let path = std::env::temp_dir().join(format!("door-{}.socket", std::process::id()));
    // ANCHOR: server
    let tcp = server.bind_tcp("127.0.0.1:0").await?;
    let unix = server.bind_unix(&path)?.permissions(0o660)?;
    // ANCHOR_END: server
    let address = tcp.local_addr();
    tokio::spawn(tcp.serve());
    let serving = tokio::spawn(unix.serve());
    // ANCHOR: client
    let over_tcp = Client::builder().reconnect().connect(TcpTarget::new(address.to_string())).await?;
    let over_unix = Client::builder().reconnect().connect(UnixTarget::new(&path)).await?;
    // ANCHOR_END: client
    knock(&over_tcp).await?;
    knock(&over_unix).await?;
    server.shutdown_handle().shutdown().await;
    Ok(serving.await??)
}
