//! Serving HTTP/1.1 on a Unix socket.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;

use super::{Afterwards, Bounds, Builders};
use crate::PeerCredentials;
use crate::listener;
use crate::unix::Socket;

/// Serves as [`serve`](super::serve) does, on a Unix socket; `service` is told who is at the other end.
///
/// HTTP/2 is not spoken: it is known by what a connection begins with, which cannot be looked at here without taking it.
///
/// # Cancel safety
///
/// Dropping the future closes every connection and removes the socket.
pub async fn serve_unix<S, B>(
    socket: Socket,
    bounds: Bounds,
    end: impl Future<Output = ()>,
    service: impl Fn(Option<PeerCredentials>, &Afterwards) -> S,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let builders = Arc::new(Builders::new(&bounds));
    listener::serve(socket, bounds.connections, end, |stream, peer, mut ending| {
        let afterwards = Afterwards::default();
        let (builders, service) = (builders.clone(), service(peer, &afterwards));
        async move {
            if let Err(error) = builders.serve_http1(stream, service, &mut ending).await {
                tracing::debug!(?peer, %error, "an HTTP connection failed");
            }
            if let Some(upgraded) = afterwards.take() {
                upgraded.await;
            }
        }
    })
    .await;
}
