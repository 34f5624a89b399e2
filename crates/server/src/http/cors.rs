//! What browsers are told about other origins.

use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, CorsLayer};
use turbomcp_transport::http::origin::OriginPolicy;

use super::head::{SESSION_ID, VERSION};
use crate::Error;

/// Which pages may use a server from a browser, and what browsers are told about it (CORS).
///
/// Browsers ask before they send what a page could not send by a form; all that MCP sends is of that kind. Pages of the
/// origins may send any header, and read `mcp-session-id`, `mcp-protocol-version`, `www-authenticate` and `retry-after` of
/// the answers. Credentials that browsers add by themselves, such as cookies, are not allowed for.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::CorsConfig;
///
/// # fn set(server: turbomcp_server::HttpServer) -> turbomcp_server::HttpServer {
/// let cors = CorsConfig::new()
///     .allowed_origins(["https://app.example.com"])
///     .allowed_methods(["GET", "POST"])
///     .max_age(Duration::from_secs(86_400));
/// server.cors(cors)
/// # }
/// ```
///
/// # Specification
///
/// [Fetch](https://fetch.spec.whatwg.org/#http-cors-protocol)
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CorsConfig {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Option<Vec<String>>,
    pub(crate) max_age: Option<Duration>,
}

impl CorsConfig {
    /// Creates settings by which no page of another origin may use the server.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds origins whose pages may: `https://app.example.com`. Each is named; there is no pattern for all. Neither case
    /// nor a port that the scheme has anyway matters; a path, even a slash, is refused when the server starts.
    pub fn allowed_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Sets the methods that browsers may use for them. `GET`, `POST` and `DELETE` unless set.
    ///
    /// Browsers ask about `DELETE`, by which legacy sessions are ended; what pages could always do, as `GET` and `POST`, they
    /// do not ask about.
    pub fn allowed_methods<S: Into<String>>(mut self, methods: impl IntoIterator<Item = S>) -> Self {
        self.methods = Some(methods.into_iter().map(Into::into).collect());
        self
    }

    /// Sets for how long browsers may remember what they were told, to the second. They decide themselves unless set: five
    /// seconds, commonly.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Takes what another has set, and the origins of both.
    pub(super) fn merge(&mut self, other: Self) {
        self.origins.extend(other.origins);
        self.methods = other.methods.or(self.methods.take());
        self.max_age = other.max_age.or(self.max_age);
    }

    /// Makes the layer, unless there is nobody to tell.
    pub(crate) fn layer(&self) -> Result<Option<CorsLayer>, Error> {
        // What is wrong is said also where nobody would be told of it.
        let methods = self.methods()?;
        if self.origins.is_empty() {
            return Ok(None);
        }
        let layer = CorsLayer::new()
            .allow_origin(self.origins.iter().map(|origin| header(origin)).collect::<Result<Vec<_>, _>>()?)
            .allow_methods(methods)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([SESSION_ID.clone(), VERSION.clone(), WWW_AUTHENTICATE, RETRY_AFTER]);
        Ok(Some(match self.max_age {
            Some(age) => layer.max_age(age),
            None => layer,
        }))
    }

    fn methods(&self) -> Result<Vec<Method>, Error> {
        let Some(names) = &self.methods else { return Ok(vec![Method::GET, Method::POST, Method::DELETE]) };
        let known = [Method::GET, Method::POST, Method::DELETE];
        let find = |name: &String| {
            let found = known.iter().find(|method| method.as_str() == name).cloned();
            found.ok_or_else(|| Error::configuration(format!("method `{name}` is not one of GET, POST and DELETE")))
        };
        names.iter().map(find).collect()
    }
}

/// Writes an origin as browsers do, for what is granted is compared byte for byte.
fn header(origin: &str) -> Result<HeaderValue, Error> {
    let origin = OriginPolicy::canonical(origin).map_err(|error| Error::configuration(error.to_string()))?;
    HeaderValue::from_str(&origin).map_err(|error| Error::configuration(error.to_string()))
}
