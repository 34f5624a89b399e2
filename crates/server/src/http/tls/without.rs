//! HTTP in a build without TLS.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::TcpListener;
use turbomcp_transport::http::listener::{self, Afterwards, Bounds};

use super::body::Body;
use crate::{Error, McpServer};

/// Nothing to set.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls {}

impl Tls {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "with TLS there is something to open")]
    pub(super) fn open(&self, _: &McpServer) -> Result<Doors, Error> {
        Ok(Doors)
    }

    #[expect(clippy::unused_self, reason = "with TLS there is something to set")]
    pub(super) fn is_set(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "with TLS there is something to reload")]
    pub(super) fn reloading(&self) -> Option<Infallible> {
        None
    }
}

/// The one way in.
#[derive(Debug)]
pub(super) struct Doors;

impl Doors {
    pub(super) async fn serve<S>(
        self,
        listener: TcpListener,
        bounds: Bounds,
        end: impl Future<Output = ()>,
        service: impl Fn(SocketAddr, Extensions, &Afterwards) -> S,
    ) where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send,
    {
        listener::serve(listener, bounds, end, |address, afterwards| service(address, Extensions::new(), afterwards))
            .await;
    }
}
