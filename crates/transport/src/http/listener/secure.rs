//! Serving HTTP/1.1 and HTTP/2 over TLS, which agrees on the version.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::TcpListener;

use super::{Afterwards, Bounds, Builders};
use crate::TlsIdentity;
use crate::listener::{self, begin};
use crate::tls::{Handshakes, TlsAcceptor, TlsConfig, TlsError};

const HTTP2: &[u8] = b"h2";

/// Reads the files of a server of HTTP.
///
/// # Errors
///
/// If a file or a setting is not as it has to be ([`TlsError::is_configuration`]).
pub fn acceptor(config: &TlsConfig, bounds: &Handshakes) -> Result<TlsAcceptor, TlsError> {
    TlsAcceptor::for_protocols(config, bounds, &[HTTP2, b"http/1.1"])
}

/// Serves as [`serve`](super::serve) does, over TLS; `service` is also told what certificate a client has shown.
///
/// # Cancel safety
///
/// Dropping the future closes every connection.
pub async fn serve_tls<S, B>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    bounds: Bounds,
    end: impl Future<Output = ()>,
    service: impl Fn(SocketAddr, Option<TlsIdentity>, &Afterwards) -> S + Clone + Send + 'static,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let builders = Arc::new(Builders::new(&bounds));
    listener::serve(listener, bounds.connections, end, |stream, address, mut ending| {
        let (builders, acceptor, service) = (builders.clone(), acceptor.clone(), service.clone());
        async move {
            // In boxes, so that a connection keeps room only for what it is doing.
            let (stream, identity) = match begin(Box::pin(acceptor.handshake(stream)), &mut ending).await {
                Some(Ok(agreed)) => agreed,
                Some(Err(error)) => return tracing::debug!(%address, ?error, "no agreement on TLS"),
                None => return,
            };
            let afterwards = Afterwards::default();
            let service = service(address, identity, &afterwards);
            let served = if stream.get_ref().1.alpn_protocol() == Some(HTTP2) {
                Box::pin(builders.serve_http2(stream, service, &mut ending)).await
            } else {
                Box::pin(builders.serve_http1(stream, service, &mut ending)).await
            };
            if let Err(error) = served {
                tracing::debug!(%address, %error, "an HTTP connection failed");
            }
            if let Some(upgraded) = afterwards.take() {
                upgraded.await;
            }
        }
    })
    .await;
}
