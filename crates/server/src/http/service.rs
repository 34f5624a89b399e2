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

use super::body::Body;
use super::endpoint::Endpoint;

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

    /// Returns the service for a connection from this address.
    pub(super) fn at(&self, peer_addr: SocketAddr) -> Self {
        Self { endpoint: self.endpoint.clone(), peer_addr: Some(peer_addr) }
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
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
        let told = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address);
        let peer_addr = self.peer_addr.or_else(told);
        self.endpoint.clone().answer(request, peer_addr)
    }
}
