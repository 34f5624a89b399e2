//! What a handler may know of the HTTP request its message came in.

use std::net::SocketAddr;

use http::HeaderMap;
use http::request::Parts;

/// The head of an HTTP request, and who sent it. Lives in the [`Extensions`](crate::Extensions) of a message.
#[derive(Debug)]
pub struct HttpRequest {
    parts: Parts,
    peer_addr: Option<SocketAddr>,
}

impl HttpRequest {
    /// Creates the head from what the HTTP library gives.
    #[must_use]
    pub fn new(parts: Parts, peer_addr: Option<SocketAddr>) -> Self {
        Self { parts, peer_addr }
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Returns method, URI, headers and the values that the HTTP layers in front put into its extensions.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the address of the other end of the connection: of a proxy, if there is one in between.
    ///
    /// None if the server is mounted into a router that does not tell.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }
}
