//! Telling messages apart: in lines, in frames of WebSocket, in bodies of HTTP.

use std::io::{self, Read, Write};
use std::ops::Range;

use crate::Outcome;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Line,
    WebSocket,
    Http,
}

/// Who sends: the frames of the two sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Framing {
    /// Appends a message as one side sends it.
    pub(crate) fn write(self, message: &[u8], side: Side, out: &mut Vec<u8>) {
        match (self, side) {
            (Self::Line, _) => {
                out.extend_from_slice(message);
                out.push(b'\n');
            }
            (Self::WebSocket, _) => write_frame(message, side, out),
            (Self::Http, Side::Client) => {
                let head = format!(
                    "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
                     accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
                     mcp-method: tools/call\r\nmcp-name: add\r\ncontent-length: {}\r\n\r\n",
                    message.len()
                );
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(message);
            }
            (Self::Http, Side::Server) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
                out.extend_from_slice(format!("{head}{}\r\n\r\n", message.len()).as_bytes());
                out.extend_from_slice(message);
            }
        }
    }

    /// Returns where the first message lies in what one side has sent, and where it ends with all that frames it.
    pub(crate) fn find(self, read: &[u8]) -> Outcome<Option<(Range<usize>, usize)>> {
        Ok(match self {
            Self::Line => read.iter().position(|byte| *byte == b'\n').map(|end| (0..end, end + 1)),
            Self::WebSocket => find_frame(read),
            Self::Http => {
                let Some(head) = end_of_head(read) else { return Ok(None) };
                let text = std::str::from_utf8(&read[..head])?.to_ascii_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
                let length: usize = length.ok_or("a body without a length")?.trim().parse()?;
                (read.len() >= head + length).then(|| (head..head + length, head + length))
            }
        })
    }

    /// Opens a connection, as a client.
    pub(crate) fn open(self, stream: &mut (impl Read + Write)) -> Outcome {
        if self == Self::WebSocket {
            stream.write_all(
                b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
                  sec-websocket-protocol: mcp\r\n\r\n",
            )?;
            stream.flush()?;
            let head = read_head(stream)?;
            if !head.starts_with(b"HTTP/1.1 101 ") {
                return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&head)).into());
            }
        }
        Ok(())
    }

    /// Opens a connection, as a server.
    pub(crate) fn accept(self, stream: &mut (impl Read + Write)) -> Outcome {
        if self == Self::WebSocket {
            read_head(stream)?;
            // The key is always the same, and so is what it is answered by.
            stream.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-protocol: mcp\r\nsec-websocket-accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n",
            )?;
            stream.flush()?;
        }
        Ok(())
    }
}

/// Reads up to the end of a head, byte by byte: nothing behind it may be taken.
fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

fn end_of_head(read: &[u8]) -> Option<usize> {
    read.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn write_frame(message: &[u8], side: Side, out: &mut Vec<u8>) {
    let masked = if side == Side::Client { 0x80 } else { 0 };
    out.push(0x81);
    match message.len() {
        length @ 0..126 => out.push(masked | length as u8),
        length @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if side == Side::Client {
        // A mask of zeros leaves everything as it is.
        out.extend_from_slice(&[0; 4]);
    }
    out.extend_from_slice(message);
}

fn find_frame(read: &[u8]) -> Option<(Range<usize>, usize)> {
    let second = *read.get(1)?;
    let (length, mut at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes([*read.get(2)?, *read.get(3)?])), 4),
        127 => (usize::try_from(u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    at += if second & 0x80 == 0 { 0 } else { 4 };
    (read.len() >= at + length).then(|| (at..at + length, at + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found() {
        for framing in [Framing::Line, Framing::WebSocket, Framing::Http] {
            for side in [Side::Client, Side::Server] {
                for length in [1, 125, 126, 70_000] {
                    let message = vec![b'x'; length];
                    let mut out = Vec::new();
                    framing.write(&message, side, &mut out);
                    assert_eq!(framing.find(&out[..out.len() - 1]).unwrap(), None);
                    let whole = out.len();
                    out.extend_from_slice(b"and more");
                    let (found, end) = framing.find(&out).unwrap().unwrap();
                    assert_eq!((&out[found], end), (&message[..], whole));
                }
            }
        }
    }
}
