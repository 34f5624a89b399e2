//! WebSocket: a request that becomes a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::ToSocketAddrs;
use turbomcp_transport::http::listener::Afterwards;
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::websocket::{WebSocketTransport, handshake};

use super::HttpListener;
use super::body::Body;
use super::endpoint::{Endpoint, Incoming, Rejected, empty, refuse};
use super::service::Answering;
use crate::metrics::Connected;
use crate::{Error, McpServer, connection};

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
                self.limit_address(&parts, peer_addr).await?;
                self.authenticate(&mut parts, peer_addr).await?;
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
                Err(refused) => return Ok(self.refused(*refused)),
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
    /// [`HttpServer::websocket_only`](crate::HttpServer::websocket_only) has other paths, hosts and origins, and TLS; [`HttpServer::websocket`](crate::HttpServer::websocket)
    /// has HTTP beside it.
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
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run_websocket(&self, address: impl ToSocketAddrs) -> Result<(), Error> {
        self.http().websocket_only("/").run(address).await
    }
}
