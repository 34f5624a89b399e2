//! HTTP with and without TLS.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::TcpListener;
use turbomcp_transport::Identity;
use turbomcp_transport::http::listener::{self, Afterwards, Bounds};
use turbomcp_transport::metrics::Binding;
use turbomcp_transport::tls::{TlsAcceptor, TlsConfig};

use super::HttpServer;
use super::body::Body;
use crate::signal::Held;
use crate::{Error, McpServer};

impl HttpServer {
    /// Serves HTTPS instead of HTTP where it [listens](Self::bind) itself; a [router](Self::into_router) is not concerned.
    ///
    /// A handler finds the certificate that a client has shown as `TlsIdentity` in its extensions. SIGHUP has
    /// [`run`](Self::run) read the certificate again.
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Tls(Some(config));
        self
    }
}

/// What was set, if anything was.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls(Option<TlsConfig>);

impl Tls {
    pub(super) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn open(&self, server: &McpServer) -> Result<Doors, Error> {
        let Some(config) = &self.0 else { return Ok(Doors(None)) };
        let acceptor =
            listener::acceptor(config, &crate::tls::handshakes(server, Binding::Http)).map_err(Error::tls)?;
        Ok(Doors(Some(acceptor)))
    }

    /// Has certificates read again at a signal, for as long as what is returned exists.
    pub(super) fn reloading(&self) -> Option<Held<()>> {
        self.0.as_ref().map(|config| crate::signal::reload_at_hangup(config.handle()))
    }
}

/// The way in.
#[derive(Debug)]
pub(super) struct Doors(Option<TlsAcceptor>);

impl Doors {
    pub(super) async fn serve<S>(
        self,
        listener: TcpListener,
        bounds: Bounds,
        end: impl Future<Output = ()>,
        service: impl Fn(SocketAddr, Extensions, &Afterwards) -> S + Clone + Send + 'static,
    ) where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send,
    {
        let Some(acceptor) = self.0 else {
            return listener::serve(listener, bounds, end, |address, afterwards| {
                service(address, Extensions::new(), afterwards)
            })
            .await;
        };
        let service = move |address, identity: Option<_>, afterwards: &Afterwards| {
            let mut told = Extensions::new();
            if let Some(identity) = identity {
                told.insert(Identity::from(&identity));
                told.insert(identity);
            }
            service(address, told, afterwards)
        };
        listener::serve_tls(listener, acceptor, bounds, end, service).await;
    }
}
