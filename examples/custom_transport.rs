//! A server and a client over a pipe of one's own: `cargo run --example custom_transport`
//!
//! Here each message has its length in front instead of a newline behind. Anything that carries messages will do.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use turbomcp::client::{Client, Era};
use turbomcp::prelude::*;
use turbomcp::transport::{Batch, Error, Receive, Send, Transport};

struct Hello;

#[server(name = "hello", version = "1.0.0")]
impl Hello {
    /// Greets someone.
    #[tool]
    async fn hello(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

// ANCHOR: transport
/// The longest message that is received.
const LIMIT: usize = 1 << 20;

struct Pipe(TcpStream);

struct Reader(OwnedReadHalf, BytesMut);

struct Writer(OwnedWriteHalf);

impl Transport for Pipe {
    type Receive = Reader;
    type Send = Writer;

    fn split(self) -> (Reader, Writer) {
        let (reader, writer) = self.0.into_split();
        (Reader(reader, BytesMut::new()), Writer(writer))
    }
}
// ANCHOR_END: transport

// ANCHOR: receive
impl Receive for Reader {
    async fn recv(&mut self) -> Result<Option<Bytes>, Error> {
        let Self(stream, buffer) = self;
        loop {
            if let Some(head) = buffer.first_chunk() {
                let length = u32::from_be_bytes(*head) as usize;
                if length > LIMIT {
                    return Err(std::io::Error::other("a message is too long").into());
                }
                if buffer.len() >= 4 + length {
                    buffer.advance(4);
                    return Ok(Some(buffer.split_to(length).freeze()));
                }
            }
            // What has come so far is in the buffer, so nothing is lost if this future is dropped while it waits.
            if stream.read_buf(buffer).await? == 0 {
                return if buffer.is_empty() { Ok(None) } else { Err(Error::closed()) };
            }
        }
    }
}
// ANCHOR_END: receive

// ANCHOR: send
impl Send for Writer {
    async fn send(&mut self, batch: Batch<'_>) -> Result<(), Error> {
        let mut frames = BytesMut::new();
        for message in batch.messages() {
            let length = u32::try_from(message.len()).map_err(std::io::Error::other)?;
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(message);
        }
        Ok(self.0.write_all(&frames).await?)
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(self.0.shutdown().await?)
    }
}
// ANCHOR_END: send

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for era in [Era::Modern, Era::Legacy] {
        // ANCHOR: use
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let serving = tokio::spawn(Hello.into_server().serve(Pipe(listener.accept().await?.0)));

        let client = Client::builder().era(era).connect(Pipe(stream)).await?;
        let greeting = client.call_tool("hello", serde_json::json!({"name": "Ada"})).await?;
        client.close().await;
        serving.await??;
        // ANCHOR_END: use
        println!("{}: {}", client.revision(), greeting.as_text().unwrap_or_default());
    }
    Ok(())
}
