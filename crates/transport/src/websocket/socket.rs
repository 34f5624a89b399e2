//! A WebSocket whose halves take turns.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::error::{Error as WsError, ProtocolError};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};

use super::io::Io;
use crate::Error;
use crate::lines::MAX_MESSAGE_BYTES;

/// How many bytes are read at once.
const READ_BYTES: usize = 16 << 10;

/// The longest frame that is written. A longer message is several, so that only so much of it is in memory twice.
const FRAGMENT_BYTES: usize = 64 << 10;

/// Returns the settings of every connection.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(FRAGMENT_BYTES)
        // Whoever sends pings and reads no pongs has the later of them dropped.
        .max_write_buffer_size(4 * FRAGMENT_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
}

/// Cuts a message into frames.
pub(super) fn fragments(message: &[u8]) -> impl Iterator<Item = Message> + '_ {
    let last = message.len().saturating_sub(1) / FRAGMENT_BYTES;
    message.chunks(FRAGMENT_BYTES).enumerate().map(move |(index, chunk)| {
        let kind = if index == 0 { Data::Text } else { Data::Continue };
        Message::Frame(Frame::message(Bytes::copy_from_slice(chunk), OpCode::Data(kind), index == last))
    })
}

/// What the silence of a peer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    None,
    /// It was asked for a sign of life.
    Asked,
    /// It was asked before.
    Death,
}

pub(super) struct Socket<S> {
    ws: WebSocket<Io<S>>,
    role: Role,
    /// The longest frame, if it is less than a message.
    frames: Option<usize>,
    /// The peer was asked for a sign of life and has not given one.
    is_asked: bool,
    /// Somebody else waits for the next message.
    has_reader: bool,
    /// Whoever closes waits for the one who reads.
    has_closer: bool,
    /// No further message is to be had.
    is_over: bool,
    /// What comes cannot be told into frames any more.
    is_broken: bool,
}

impl<S> Socket<S> {
    pub(super) fn new(ws: WebSocket<Io<S>>, role: Role) -> Self {
        Self {
            ws,
            role,
            frames: None,
            is_asked: false,
            has_reader: false,
            has_closer: false,
            is_over: false,
            is_broken: false,
        }
    }

    pub(super) fn has_reader(&mut self, has_reader: bool) {
        self.has_reader = has_reader;
        if self.has_closer {
            self.ws.get_ref().wake();
        }
    }

    /// Returns true if the peer has taken something since this was last asked.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.ws.get_mut().moved)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Limits messages, and frames where nothing less is set for them.
    pub(super) fn limit(&mut self, bytes: usize) {
        let frames = self.frames.map_or(bytes, |frames| frames.min(bytes));
        self.ws.set_config(|config| {
            config.max_message_size = Some(bytes);
            config.max_frame_size = Some(frames);
        });
    }

    pub(super) fn limit_frames(&mut self, bytes: usize) {
        self.frames = Some(bytes);
        self.limit(self.ws.get_config().max_message_size.unwrap_or(MAX_MESSAGE_BYTES));
    }

    /// Returns what it means that nothing can be read, after a while in which something should have come.
    pub(super) fn silence(&mut self) -> Silence {
        if std::mem::take(&mut self.ws.get_mut().heard) {
            self.is_asked = false;
            return Silence::None;
        }
        if std::mem::replace(&mut self.is_asked, true) {
            return Silence::Death;
        }
        // If it cannot be written, or there is no room for it, something else waits to be taken: a question, too.
        let _ = self.ws.write(Message::Ping(Bytes::new())).and_then(|()| self.ws.flush());
        Silence::Asked
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        if self.is_over {
            return Poll::Ready(Ok(None));
        }
        self.ws.get_mut().set_reader(cx.waker());
        loop {
            let end = match self.ws.read() {
                Ok(Message::Text(text)) => return Poll::Ready(Ok(Some(text.into()))),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                Ok(Message::Binary(_)) => Err(self.refuse(CloseCode::Unsupported, "a binary message")),
                Ok(Message::Close(said)) => {
                    let _ = self.ws.flush();
                    match said {
                        Some(said) if !matches!(said.code, CloseCode::Normal | CloseCode::Away) => {
                            Err(Error::dismissed(format!("{} (code {})", said.reason, u16::from(said.code))))
                        }
                        _ => Ok(None),
                    }
                }
                Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(WsError::Io(error)) => Err(error.into()),
                Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => Ok(None),
                Err(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Err(Error::closed()),
                Err(WsError::Utf8(_)) => Err(self.refuse(CloseCode::Invalid, "text that is no UTF-8")),
                Err(WsError::Capacity(_)) => Err(self.refuse(CloseCode::Size, "a message that is too long")),
                Err(_) => Err(self.refuse(CloseCode::Protocol, "no WebSocket frame")),
            };
            self.is_over = true;
            return Poll::Ready(end);
        }
    }

    /// Ends the connection because of what the peer sent.
    fn refuse(&mut self, code: CloseCode, what: &'static str) -> Error {
        self.is_broken = true;
        // What is not written now is written when the connection is closed.
        let _ = self.ws.close(Some(CloseFrame { code, reason: what.into() }));
        Error::broken(what)
    }

    /// Writes a frame, unless it was written before.
    pub(super) fn poll_write(&mut self, frame: &mut Option<Message>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ws.get_ref().set_writer(cx.waker());
        while let Some(message) = frame.take() {
            match self.ws.write(message) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(WsError::WriteBufferFull(message)) => {
                    *frame = Some(*message);
                    match self.poll_flush(cx) {
                        Poll::Ready(Ok(())) => {}
                        blocked => return blocked,
                    }
                }
                // It is taken, but what is taken is enough for now.
                Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(failed(error))),
            }
        }
        self.poll_flush(cx)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ws.get_ref().set_writer(cx.waker());
        match self.ws.flush() {
            Ok(()) => Poll::Ready(Ok(())),
            Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(failed(error))),
        }
    }

    /// Says goodbye, and waits until the peer does.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ws.get_ref().set_writer(cx.waker());
        // A server goes away; a client has what it wanted.
        let code = if self.role == Role::Server { CloseCode::Away } else { CloseCode::Normal };
        match self.ws.close(Some(CloseFrame { code, reason: "".into() })) {
            Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            // Over already, or never to be told.
            Err(_) => self.is_over = true,
            Ok(()) => {}
        }
        while !self.is_over {
            self.has_closer = true;
            if self.has_reader {
                return Poll::Pending;
            }
            // Nobody wants what still comes.
            if self.poll_read(cx).is_pending() {
                return Poll::Pending;
            }
        }
        if self.is_broken { self.poll_drain(cx) } else { Poll::Ready(()) }
    }

    /// Takes what the peer still sends: a stream that is closed before could lose what the peer was told.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = self.ws.get_mut().get_mut();
        if Pin::new(&mut *stream).poll_shutdown(cx).is_pending() {
            return Poll::Pending;
        }
        let mut scrap = [0; 4 << 10];
        loop {
            let mut scrap = ReadBuf::new(&mut scrap);
            match Pin::new(&mut *stream).poll_read(cx, &mut scrap) {
                Poll::Ready(Ok(())) if !scrap.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

fn failed(error: WsError) -> Error {
    match error {
        WsError::Io(error) => error.into(),
        _ => Error::closed(),
    }
}
