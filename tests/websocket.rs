//! The client's end of a WebSocket, frame by frame and without a library, so that it can break every rule.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::client::PATIENCE;

/// A frame as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// True for the last frame of a message.
    pub is_final: bool,
    /// What it is: 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Returns the code of a close frame.
    pub fn close_code(&self) -> Option<u16> {
        let code = (self.opcode == 8).then_some(self.payload.get(..2)?)?;
        Some(u16::from_be_bytes([code[0], code[1]]))
    }
}

/// Bytes in both directions, on a socket or beneath TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection on which the handshake is over.
pub struct WebSocket {
    stream: BufReader<Box<dyn Stream>>,
}

/// The headers of a request to become a WebSocket, without the host.
pub const UPGRADE: &[(&str, &str)] = &[
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-protocol", "mcp"),
];

/// Sends a request with these headers, and returns the connection, the status, and the lines of the answer's head.
pub async fn request(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (WebSocket, u16, Vec<String>) {
    request_over(Box::new(TcpStream::connect(address).await.unwrap()), &address.to_string(), path, headers).await
}

/// As [`request`], on a connection to this host.
async fn request_over(
    stream: Box<dyn Stream>,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (WebSocket, u16, Vec<String>) {
    let mut stream = BufReader::new(stream);
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await;
        assert_ne!(read.expect("an answer in time").unwrap(), 0, "the answer ended: {lines:?}");
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_ascii_lowercase()),
        }
    }
    let status = lines[0].split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (WebSocket { stream }, status, lines)
}

impl WebSocket {
    /// Connects.
    pub async fn connect(address: SocketAddr, path: &str) -> Self {
        Self::over(Box::new(TcpStream::connect(address).await.unwrap()), &address.to_string(), path).await
    }

    /// Makes the handshake on a connection to this host.
    pub async fn over(stream: Box<dyn Stream>, host: &str, path: &str) -> Self {
        let (socket, status, head) = request_over(stream, host, path, UPGRADE).await;
        assert_eq!(status, 101, "{head:?}");
        assert!(head.contains(&"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=".to_owned()), "{head:?}");
        assert!(head.contains(&"sec-websocket-protocol: mcp".to_owned()), "{head:?}");
        socket
    }

    /// Sends bytes as they are; a server that has given up is no failure of the test's.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        let _ = sent.expect("the server takes what it is sent");
    }

    /// Sends a frame; the first byte has the flags and the kind.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send_bytes(&frame(first, payload)).await;
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) {
        self.send_frame(0x81, message.to_string().as_bytes()).await;
    }

    /// Waits for the next frame; none at the end.
    pub async fn try_next_frame(&mut self) -> Option<Frame> {
        let read = async {
            let first = self.stream.read_u8().await?;
            let length = match self.stream.read_u8().await? {
                126 => u64::from(self.stream.read_u16().await?),
                127 => self.stream.read_u64().await?,
                length => u64::from(length),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut payload).await?;
            Ok::<_, std::io::Error>(Frame { is_final: first & 0x80 != 0, opcode: first & 0x0f, payload })
        };
        tokio::time::timeout(PATIENCE, read).await.expect("a frame in time").ok()
    }

    /// Waits for the next frame.
    pub async fn next_frame(&mut self) -> Frame {
        self.try_next_frame().await.expect("the server is still there")
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Value {
        let mut text = Vec::new();
        loop {
            let frame = self.next_frame().await;
            match frame.opcode {
                0 | 1 => text.extend_from_slice(&frame.payload),
                9 => self.send_frame(0x8a, &frame.payload).await,
                10 => continue,
                _ => panic!("{frame:?}"),
            }
            if frame.is_final && frame.opcode < 2 {
                return serde_json::from_slice(&text).unwrap();
            }
        }
    }
}

/// Returns the bytes of a frame with a mask, and the shortest length that fits.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
