//! WebSocket: a request that becomes a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::ToSocketAddrs;
use turbomcp_protocol::{Message, Method, Revision};
use turbomcp_transport::http::listener::Afterwards;
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::websocket::{WebSocketTransport, handshake};

use super::HttpListener;
use super::body::Body;
use super::endpoint::{Endpoint, Incoming, Rejected, empty, extensions, failure, refuse, status_of};
use super::events::Events;
use super::owner::PING;
use super::service::Answering;
use crate::inner::Inner;
use crate::metrics::Connected;
use crate::outlet::Outlet;
use crate::run::Run;
use crate::{Error, McpServer, connection, request};

impl Endpoint {
    /// Answers a request to become a WebSocket, and serves what it becomes: in the place of the connection, or in a task of
    /// its own.
    pub(super) fn upgrade<B: Send + 'static>(
        self: Arc<Self>,
        request: Request<B>,
        peer_addr: Option<SocketAddr>,
        afterwards: Option<Afterwards>,
        connected: Option<Arc<Connected>>,
    ) -> Answering {
        let (mut parts, _) = request.into_parts();
        Box::pin(async move {
            let accepted = async {
                self.screen(&parts)?;
                self.authenticate(&mut parts).await?;
                let headers = handshake::accept(&parts).map_err(|refusal| {
                    let mut response = refuse(refusal.status(), refusal.to_string());
                    response.headers_mut().extend(refusal.headers());
                    Box::new(response)
                })?;
                let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
                    let message = "the connection cannot become a WebSocket";
                    return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, message).into());
                };
                self.ask_the_stack(&parts, peer_addr).await?;
                Ok::<_, Rejected>((headers, upgrade))
            };
            let (headers, upgrade) = match accepted.await {
                Ok(accepted) => accepted,
                Err(refused) => return Ok(*refused),
            };
            let serving = self.serve_upgraded(upgrade, parts, peer_addr, connected);
            match afterwards {
                Some(afterwards) => afterwards.set(serving),
                // It ends with the server, as every connection does.
                None => drop(tokio::spawn(serving)),
            }
            let mut response: Response<Body> = empty(StatusCode::SWITCHING_PROTOCOLS);
            *response.headers_mut() = headers;
            Ok(response)
        })
    }

    /// Has the layers of the stack refuse a client before it is connected, which they can do to requests only: so it passes
    /// the stack as a `ping`.
    async fn ask_the_stack(&self, parts: &Parts, peer_addr: Option<SocketAddr>) -> Result<(), Rejected> {
        let frame = Bytes::from_static(PING);
        let message = Message::decode(&frame).expect("this is a message");
        let outlet = Outlet::Events(Events::default());
        let revision = Revision::LATEST_LEGACY;
        let inner = Inner::new(self.server.clone(), frame, message, Method::PING, revision, None, outlet);
        let inner = Arc::new(inner);
        let request = request::Request::new(inner.clone(), extensions(parts.clone(), peer_addr));
        let mut run = Run::start_unseen(inner, request);
        run.start_clock();
        let answer = run.await;
        let Some(error) = answer.as_ref().and_then(|answer| answer.as_error()) else { return Ok(()) };
        match status_of(error, revision) {
            // Whatever is wrong with a `ping` need not be wrong with the client.
            StatusCode::OK => Ok(()),
            status => Err(Box::new(failure(status, None, error))),
        }
    }

    fn serve_upgraded(
        &self,
        upgrade: OnUpgrade,
        parts: Parts,
        peer_addr: Option<SocketAddr>,
        connected: Option<Arc<Connected>>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let mut incoming = Incoming { parts, peer_addr, frame: Bytes::new() };
        incoming.detach();
        let extensions = incoming.into_extensions();
        let server = self.server.clone();
        let serving = server.serving();
        async move {
            let stream = match upgrade.await {
                Ok(stream) => TokioIo::new(stream),
                Err(error) => return tracing::debug!(?peer_addr, %error, "a client went away before it was connected"),
            };
            let limits = server.limits();
            let transport = WebSocketTransport::accepted(stream)
                .max_message_bytes(limits.message_bytes)
                .ping_interval(limits.keep_alive)
                .with_extensions(extensions);
            if let Err(error) = connection::serve(server, transport, Binding::WebSocket, connected).await {
                tracing::debug!(?peer_addr, %error, "a connection failed");
            }
            drop(serving);
        }
    }
}

impl McpServer {
    /// Listens for WebSocket connections at the path `/` of an address; port 0 takes a free one.
    ///
    /// [`HttpServer::websocket_only`] has other paths, hosts and origins, and TLS; [`HttpServer::websocket`] has HTTP beside
    /// it.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]).
    pub async fn bind_websocket(&self, address: impl ToSocketAddrs) -> Result<HttpListener, Error> {
        self.http().websocket_only("/").bind(address).await
    }

    /// Serves WebSocket connections at the path `/` of an address, until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]).
    pub async fn run_websocket(&self, address: impl ToSocketAddrs) -> Result<(), Error> {
        self.http().websocket_only("/").run(address).await
    }
}
