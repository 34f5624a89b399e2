//! Where a server is, and how it is reached.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinHandle;
use turbomcp_transport::Transport;
use turbomcp_transport::metrics::Binding as Counted;

use crate::Error;
use crate::builder::Settings;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::stream::{Keep, StreamLink};
use crate::sync::lock;

/// Something that says where a server is: a URL, a command line, a [`Transport`], a server in the same process.
///
/// `M` only tells the kinds of targets apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where a server is",
    note = "use a URL, a command line, a `Target`, a transport, or `&McpServer` with the crate `turbomcp`"
)]
pub trait IntoTarget<M> {
    /// Converts it.
    ///
    /// # Errors
    ///
    /// If it cannot be understood: `is_connect()`.
    fn into_target(self) -> Result<Target, Error>;
}

/// Marks targets that are read from text.
#[derive(Debug)]
#[non_exhaustive]
pub enum ByText {}

/// Marks targets that are ready.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ready {}

/// Marks targets that are transports.
#[derive(Debug)]
#[non_exhaustive]
pub enum ByTransport {}

/// Where a server is, and how it is reached.
pub struct Target {
    connector: Box<dyn Connector>,
}

impl Target {
    /// Reaches a server over a transport that is connected to it already.
    pub fn transport<T: Transport>(transport: T) -> Self {
        Self { connector: Box::new(Once { transport: Some(transport), alongside: None }) }
    }

    /// Reaches a server over a transport, and drives a future for as long as the connection lasts: the server itself,
    /// if it is in the same process.
    pub fn in_process<T: Transport>(transport: T, server: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { connector: Box::new(Once { transport: Some(transport), alongside: Some(Box::pin(server)) }) }
    }

    #[cfg(any(
        feature = "stdio",
        feature = "http",
        feature = "tcp",
        feature = "tls",
        feature = "websocket",
        all(unix, feature = "unix")
    ))]
    pub(crate) fn new(connector: impl Connector + 'static) -> Self {
        Self { connector: Box::new(connector) }
    }

    pub(crate) fn into_connector(self) -> Box<dyn Connector> {
        self.connector
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("binding", &self.connector.binding()).finish_non_exhaustive()
    }
}

impl IntoTarget<Ready> for Target {
    fn into_target(self) -> Result<Target, Error> {
        Ok(self)
    }
}

impl<T: Transport> IntoTarget<ByTransport> for T {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::transport(self))
    }
}

impl IntoTarget<ByText> for &str {
    fn into_target(self) -> Result<Target, Error> {
        if self.starts_with("http://") || self.starts_with("https://") {
            return by_url(self);
        }
        if let Some(rest) = self.strip_prefix("http+unix://") {
            return by_socket_url(rest);
        }
        if let Some(address) = self.strip_prefix("tls://") {
            return by_tls(address);
        }
        if let Some(address) = self.strip_prefix("tcp://") {
            return by_tcp(address);
        }
        if let Some(path) = self.strip_prefix("unix://") {
            return by_socket(path);
        }
        if self.starts_with("ws://") || self.starts_with("wss://") {
            return by_websocket_url(self);
        }
        by_command(self)
    }
}

impl IntoTarget<ByText> for &String {
    fn into_target(self) -> Result<Target, Error> {
        self.as_str().into_target()
    }
}

impl IntoTarget<ByText> for String {
    fn into_target(self) -> Result<Target, Error> {
        self.as_str().into_target()
    }
}

#[cfg(feature = "http")]
fn by_url(url: &str) -> Result<Target, Error> {
    crate::http::HttpTarget::new(url).into_target()
}

#[cfg(not(feature = "http"))]
fn by_url(_: &str) -> Result<Target, Error> {
    Err(Error::connect("a URL needs the feature `http`"))
}

#[cfg(all(unix, feature = "http"))]
fn by_socket_url(rest: &str) -> Result<Target, Error> {
    crate::http::HttpTarget::of_socket_url(rest)?.into_target()
}

#[cfg(not(all(unix, feature = "http")))]
fn by_socket_url(_: &str) -> Result<Target, Error> {
    Err(Error::connect("`http+unix://` needs the feature `http`, and a system that has Unix sockets"))
}

#[cfg(feature = "tls")]
fn by_tls(address: &str) -> Result<Target, Error> {
    crate::TlsTarget::new(address, turbomcp_transport::tls::TlsConfig::default()).into_target()
}

#[cfg(not(feature = "tls"))]
fn by_tls(_: &str) -> Result<Target, Error> {
    Err(Error::connect("`tls://` needs the feature `tls`"))
}

#[cfg(feature = "tcp")]
fn by_tcp(address: &str) -> Result<Target, Error> {
    crate::TcpTarget::new(address).into_target()
}

#[cfg(not(feature = "tcp"))]
fn by_tcp(_: &str) -> Result<Target, Error> {
    Err(Error::connect("`tcp://` needs the feature `tcp`"))
}

#[cfg(all(unix, feature = "unix"))]
fn by_socket(path: &str) -> Result<Target, Error> {
    if !path.starts_with('/') {
        return Err(Error::connect(
            "`unix://` is followed by the whole path of a socket, as in `unix:///run/notes.socket`",
        ));
    }
    crate::UnixTarget::new(path).into_target()
}

#[cfg(not(all(unix, feature = "unix")))]
fn by_socket(_: &str) -> Result<Target, Error> {
    Err(Error::connect("`unix://` needs the feature `unix`, and a system that has Unix sockets"))
}

#[cfg(feature = "websocket")]
fn by_websocket_url(url: &str) -> Result<Target, Error> {
    turbomcp_transport::websocket::WsConfig::new().url(url).into_target()
}

#[cfg(not(feature = "websocket"))]
fn by_websocket_url(_: &str) -> Result<Target, Error> {
    Err(Error::connect("a URL of WebSocket needs the feature `websocket`"))
}

#[cfg(feature = "stdio")]
fn by_command(line: &str) -> Result<Target, Error> {
    crate::command::Command::parse(line)?.into_target()
}

#[cfg(not(feature = "stdio"))]
fn by_command(_: &str) -> Result<Target, Error> {
    Err(Error::connect("a command needs the feature `stdio`"))
}

/// How the messages of a connection travel, as far as negotiation has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// One stream in each direction, on which silence means something.
    Stream,
    Http,
}

/// Opens connections to one server.
pub(crate) trait Connector: Send {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>>;

    /// Opens a connection of the kind that servers of the first revision have, if there is one.
    fn open_first_revision<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn Exchange>>, Error>> {
        let _ = (inbox, settings);
        Box::pin(async { Ok(None) })
    }

    fn binding(&self) -> Binding {
        Binding::Stream
    }

    /// Returns what its connections are counted as.
    fn counted_as(&self) -> Counted {
        Counted::Other
    }

    /// Returns true if a connection can be opened again.
    fn can_reopen(&self) -> bool;
}

/// Waits for a connection of a socket, for as long as one over HTTP is waited for.
#[cfg(any(feature = "tcp", all(unix, feature = "unix")))]
pub(crate) async fn reached<T>(
    connecting: impl Future<Output = std::io::Result<T>>,
    unreachable: impl FnOnce() -> String,
) -> Result<T, Error> {
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

    let connected = tokio::time::timeout(TIMEOUT, connecting).await;
    let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    connected.map_err(|error| Error::connect(unreachable()).with_source(error))
}

/// A transport, which serves for one connection.
struct Once<T> {
    transport: Option<T>,
    alongside: Option<BoxFuture<'static, ()>>,
}

impl<T: Transport> Connector for Once<T> {
    fn open<'a>(&'a mut self, inbox: Arc<Inbox>, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let transport = self.transport.take();
            let transport = transport.ok_or_else(|| Error::connect("a transport cannot be connected again"))?;
            let keep = self.alongside.take().map(|server| {
                Box::new(Alongside { task: std::sync::Mutex::new(Some(tokio::spawn(server))) }) as Box<dyn Keep>
            });
            Ok(StreamLink::start(transport, inbox, keep) as Arc<dyn Exchange>)
        })
    }

    fn can_reopen(&self) -> bool {
        self.transport.is_some()
    }
}

/// A task that ends with the connection.
struct Alongside {
    task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Keep for Alongside {
    fn shut(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let task = lock(&self.task).take();
            if let Some(mut task) = task
                && tokio::time::timeout(std::time::Duration::from_secs(5), &mut task).await.is_err()
            {
                task.abort();
                let _ = task.await;
            }
        })
    }
}

impl Drop for Alongside {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

#[cfg(all(test, any(feature = "tcp", all(unix, feature = "unix"))))]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_waited_for() {
        let error = reached::<()>(std::future::pending(), || "it cannot be reached".to_owned()).await.unwrap_err();
        assert!(error.is_connect() && error.to_string().contains("it cannot be reached"), "{error}");
    }
}
