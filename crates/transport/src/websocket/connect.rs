//! The client's way to a WebSocket.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderName, HeaderValue, Uri};
use tokio::net::TcpStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::Error as WsError;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::{ClientHandshake, Request};
use tungstenite::protocol::{Role, WebSocket};

use super::io::Io;
use super::stream::WsStream;
use super::tls::Tls;
use super::{PING_INTERVAL, SUBPROTOCOL, WebSocketTransport, socket};
use crate::tuning::tune;

/// Where a WebSocket is, and how it is used.
///
/// ```no_run
/// use std::time::Duration;
/// use turbomcp_transport::websocket::{WebSocketTransport, WsConfig};
///
/// # async fn run() -> Result<(), turbomcp_transport::websocket::ConnectError> {
/// let config = WsConfig::new().url("ws://127.0.0.1:8080/").ping_interval(Duration::from_secs(10));
/// let transport = WebSocketTransport::connect(config).await?;
/// # drop(transport);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct WsConfig {
    url: String,
    headers: Vec<(String, String)>,
    ping_interval: Duration,
    max_frame_size: Option<usize>,
    compression_enabled: bool,
    pub(super) tls: Tls,
}

impl WsConfig {
    /// Creates settings for a server that is still to be named.
    pub fn new() -> Self {
        Self {
            url: String::new(),
            headers: Vec::new(),
            ping_interval: PING_INTERVAL,
            max_frame_size: None,
            compression_enabled: false,
            tls: Tls::default(),
        }
    }

    /// Names the server: `ws://host:port/path`, or with the feature `tls` `wss://host:port/path`.
    ///
    /// `wss` is TLS 1.3 with a server that is certified by an authority that browsers trust, unless `WsConfig::tls` says
    /// otherwise.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Adds a header to the request that opens the connection.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets how long the server may be silent before it is sent a ping; it is given up when that was no use for as long
    /// again. 30 seconds unless set.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets the longest frame that is received. As long as a message may be unless set.
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = Some(bytes);
        self
    }

    /// Asks for compression, which does not exist here: connecting then fails, rather than not compress what was to be.
    pub fn compression_enabled(mut self, enabled: bool) -> Self {
        self.compression_enabled = enabled;
        self
    }

    /// Checks that the settings can be used, without connecting.
    ///
    /// # Errors
    ///
    /// If the URL or a header is malformed, or something is asked for that does not exist here.
    pub fn check(&self) -> Result<(), ConnectError> {
        self.request().map(drop)
    }

    fn request(&self) -> Result<Request, ConnectError> {
        if self.compression_enabled {
            return Err(ConnectError::settings("there is no compression for WebSocket"));
        }
        let uri: Uri =
            self.url.parse().map_err(|error| ConnectError::settings("the URL cannot be read").from(error))?;
        match uri.scheme_str() {
            Some("ws") => {}
            Some("wss") => self.tls.check()?,
            _ => return Err(ConnectError::settings("the URL must be of ws or wss")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(ConnectError::settings("the URL must name a host"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(ConnectError::settings("credentials do not belong into a URL"));
        }
        let request = uri.into_client_request();
        let mut request = request.map_err(|error| ConnectError::settings("the URL cannot be used").from(error))?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name);
            let name = name.map_err(|error| ConnectError::settings("a header has a bad name").from(error))?;
            let value = HeaderValue::try_from(value);
            let mut value = value.map_err(|error| ConnectError::settings("a header has a bad value").from(error))?;
            value.set_sensitive(true);
            request.headers_mut().append(name, value);
        }
        Ok(request)
    }
}

impl Default for WsConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WsConfig {
    /// Leaves out the values of headers, which are where secrets are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("WsConfig").field("url", &self.url).field("headers", &names).finish_non_exhaustive()
    }
}

impl WebSocketTransport<WsStream> {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// If the settings cannot be used, the server cannot be reached, is not who it has to be, or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn connect(config: WsConfig) -> Result<Self, ConnectError> {
        let request = config.request()?;
        let uri = request.uri();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_secure = uri.scheme_str() == Some("wss");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let stream =
            if is_secure { config.tls.connect(host, port).await? } else { WsStream::new(reach(host, port).await?) };
        let ws = shake_hands(stream, request).await?;
        let mut transport = Self::new(ws, Role::Client).ping_interval(config.ping_interval);
        if let Some(limit) = config.max_frame_size {
            transport.socket.limit_frames(limit);
        }
        Ok(transport)
    }
}

pub(super) async fn reach(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let stream = TcpStream::connect((host, port)).await.map_err(ConnectError::unreachable)?;
    tune(&stream);
    Ok(stream)
}

async fn shake_hands(stream: WsStream, request: Request) -> Result<WebSocket<Io<WsStream>>, ConnectError> {
    let started = ClientHandshake::start(Io::new(stream), request, Some(socket::config()));
    let mut handshake = Some(started.map_err(ConnectError::refused)?);
    poll_fn(|cx| {
        let Some(mut next) = handshake.take() else { return Poll::Pending };
        let io = next.get_mut().get_mut();
        io.set_reader(cx.waker());
        match next.handshake() {
            Ok((ws, _)) => Poll::Ready(Ok(ws)),
            Err(HandshakeError::Interrupted(rest)) => {
                handshake = Some(rest);
                Poll::Pending
            }
            Err(HandshakeError::Failure(error)) => Poll::Ready(Err(ConnectError::refused(error))),
        }
    })
    .await
}

/// An error from opening a WebSocket.
#[derive(Debug)]
pub struct ConnectError {
    kind: Kind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settings(&'static str),
    Unreachable,
    Status(u16),
    Failed(&'static str),
}

impl ConnectError {
    pub(super) fn settings(why: &'static str) -> Self {
        Self { kind: Kind::Settings(why), source: None }
    }

    pub(super) fn failed(why: &'static str) -> Self {
        Self { kind: Kind::Failed(why), source: None }
    }

    fn unreachable(error: io::Error) -> Self {
        Self { kind: Kind::Unreachable, source: None }.from(error)
    }

    fn refused(error: WsError) -> Self {
        match error {
            WsError::Http(response) => Self { kind: Kind::Status(response.status().as_u16()), source: None },
            WsError::Io(error) => Self::unreachable(error),
            error => Self::failed("the server's answer opens no WebSocket for MCP").from(error),
        }
    }

    pub(super) fn from(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns true if the settings cannot be used; nothing was sent.
    #[must_use]
    pub fn is_settings(&self) -> bool {
        matches!(self.kind, Kind::Settings(_))
    }

    /// Returns true if the server could not be reached, or was lost on the way.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// Returns the HTTP status, if the server answered with one in place of a WebSocket.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Settings(why) | Kind::Failed(why) => f.write_str(why),
            Kind::Unreachable => f.write_str("the server cannot be reached"),
            Kind::Status(status) => write!(f, "the server answered with HTTP status {status}"),
        }
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_no_secrets() {
        for good in ["ws://localhost:1/mcp", "ws://a.example", "ws://[::1]:3/x?y=1"] {
            assert!(WsConfig::new().url(good).check().is_ok(), "{good}");
        }
        for bad in ["", "/mcp", "http://a/b", "ws://", "wss://", "ws://user:pw@a.example/mcp", "ws://a b"] {
            assert!(WsConfig::new().url(bad).check().unwrap_err().is_settings(), "{bad}");
        }
    }

    #[test]
    fn wss_is_never_less_than_that() {
        assert_eq!(WsConfig::new().url("wss://a.example").check().is_ok(), cfg!(feature = "tls"));
    }

    #[test]
    fn compression_is_not_promised() {
        let config = WsConfig::new().url("ws://a.example");
        assert!(config.clone().compression_enabled(true).check().unwrap_err().is_settings());
        assert!(config.compression_enabled(false).check().is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = WsConfig::new().url("ws://a.example").header("authorization", "Bearer hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
