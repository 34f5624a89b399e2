//! What a handler may know of the HTTP request its message came in.

use http::HeaderMap;
use http::request::Parts;

/// The head of an HTTP request. Lives in the [`Extensions`](crate::Extensions) of a message.
#[derive(Debug)]
pub struct HttpRequest {
    parts: Parts,
}

impl HttpRequest {
    /// Creates the head from what the HTTP library gives.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts }
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
}
