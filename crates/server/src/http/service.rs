//! The endpoint as a Tower service.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;
#[cfg(feature = "websocket")]
use turbomcp_transport::http::listener::Afterwards;

use super::body::Body;
use super::endpoint::Endpoint;
#[cfg(feature = "websocket")]
use crate::metrics::Connected;

/// The way to a response. In a box, so that a connection does not keep the room for it while there is no request.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// One endpoint, for one connection or for all of a router.
#[derive(Debug, Clone)]
pub(super) struct McpService {
    endpoint: Arc<Endpoint>,
    /// Who is at the other end, where that is the same for all requests.
    peer_addr: Option<SocketAddr>,
}

impl McpService {
    pub(super) fn new(endpoint: Arc<Endpoint>, peer_addr: Option<SocketAddr>) -> Self {
        Self { endpoint, peer_addr }
    }

    /// Returns the service for a connection from this address; none if it is from a process on this machine.
    pub(super) fn at(&self, peer_addr: Option<SocketAddr>) -> Self {
        Self { endpoint: self.endpoint.clone(), peer_addr }
    }
}

impl<B> Service<Request<B>> for McpService
where
    B: HttpBody<Data: Send> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer_addr = self.peer_addr.or_else(|| told(&request));
        match &self.endpoint.compression {
            None => self.endpoint.clone().answer(request, peer_addr),
            Some(compression) => {
                let (compression, chosen) = (compression.clone(), compression.chosen(request.headers()));
                let answering = self.endpoint.clone().answer(request, peer_addr);
                Box::pin(async move { answering.await.map(|response| compression.encode(chosen, response)) })
            }
        }
    }
}

/// Returns who is at the other end, if the application says so.
fn told<B>(request: &Request<B>) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address)
}

/// What makes WebSockets of requests, for one connection or for all of a router.
#[cfg(feature = "websocket")]
#[derive(Debug, Clone)]
pub(super) struct UpgradeService {
    endpoint: Arc<Endpoint>,
    peer_addr: Option<SocketAddr>,
    afterwards: Option<Afterwards>,
    connected: Option<Arc<Connected>>,
}

#[cfg(feature = "websocket")]
impl UpgradeService {
    pub(super) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, peer_addr: None, afterwards: None, connected: None }
    }

    /// Returns the service for a connection from this address.
    pub(super) fn at(
        &self,
        peer_addr: Option<SocketAddr>,
        afterwards: &Afterwards,
        connected: &Arc<Connected>,
    ) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            peer_addr,
            afterwards: Some(afterwards.clone()),
            connected: Some(connected.clone()),
        }
    }
}

#[cfg(feature = "websocket")]
impl<B: Send + 'static> Service<Request<B>> for UpgradeService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer_addr = self.peer_addr.or_else(|| told(&request));
        self.endpoint.clone().upgrade(request, peer_addr, self.afterwards.clone(), self.connected.clone())
    }
}
