//! Servers that are reached over Streamable HTTP, in both eras, and over the HTTP+SSE of the first revision.
//!
//! | module | what is in it |
//! |---|---|
//! | here | [`HttpTarget`]: where the server is, and what every request carries |
//! | [`authorize`] | who asks: the seam for OAuth or any other scheme |

mod after;
pub mod authorize;
mod body;
#[cfg_attr(not(feature = "compression"), path = "http/compression/without.rs")]
mod compression;
mod counted;
mod first;
mod link;
mod listen;
mod params;
mod send;
mod session;
#[cfg_attr(not(feature = "tls"), path = "http/tls/without.rs")]
mod tls;
#[cfg(unix)]
mod unix;
mod wire;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::Error;
use crate::builder::Settings;
use crate::exchange::{BoxFuture, Exchange};
use crate::inbox::Inbox;
use crate::target::{Binding, Connector, IntoTarget, Ready, Target};
use authorize::{Authorize, ErasedAuthorize};
use compression::Setting;
use counted::Counting;
use link::HttpLink;
use send::Http;
use tls::Tls;
use turbomcp_transport::metrics::Binding as Counted;
use wire::Wire;

/// A server that is reached over HTTP.
///
/// Redirects are followed only within the origin, and never by another method. `https` is TLS 1.3 with a server that is
/// certified by an authority that browsers trust; with the feature `tls` it is what `HttpTarget::tls` says.
///
/// ```no_run
/// use turbomcp_client::http::HttpTarget;
/// use turbomcp_client::Client;
///
/// # async fn run() -> Result<(), turbomcp_client::Error> {
/// let target = HttpTarget::new("https://notes.example/mcp").header("x-tenant", "blue").bearer("…");
/// let client = Client::connect(target).await?;
/// # drop(client);
/// # Ok(())
/// # }
/// ```
///
/// # Specification
///
/// [Streamable HTTP](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http)
#[derive(Clone)]
#[must_use]
pub struct HttpTarget {
    url: String,
    headers: Vec<(String, String)>,
    authorize: Option<Arc<dyn ErasedAuthorize>>,
    tls: Tls,
    /// What the host of the URL is reached by, if it is not TCP.
    socket: Option<Arc<Path>>,
    compression: Setting,
}

impl HttpTarget {
    /// Names the server by its URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            authorize: None,
            tls: Tls::default(),
            socket: None,
            compression: Setting::default(),
        }
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a token that does not change as `Authorization: Bearer`.
    pub fn bearer(self, token: impl Into<String>) -> Self {
        self.authorize(authorize::Bearer::new(token))
    }

    /// Sets what credentials requests carry, and what is done when they are refused.
    pub fn authorize(mut self, authorize: impl Authorize) -> Self {
        self.authorize = Some(Arc::new(authorize));
        self
    }

    fn open(&self, settings: &Settings) -> Result<Http, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name)
                .map_err(|error| Error::connect(format!("{name:?} is no name of a header")).with_source(error))?;
            let mut value = HeaderValue::try_from(value).map_err(|error| {
                Error::connect(format!("the value of header {name} has bad characters")).with_source(error)
            })?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let tls = self.tls.client_config()?;
        let meter = settings.metrics.as_ref().map(|metrics| metrics.meter(Counted::Http));
        let compression = self.compression.ready(meter.as_ref())?;
        let wire = Counting::new(Wire::new(self.socket.clone()), meter);
        let http = Http::new(parse(&self.url)?, headers, self.authorize.clone(), settings.max_message_bytes, tls, wire);
        Ok(http.compression(compression))
    }
}

/// Reads a URL, which has to name a host and must not hold a password.
fn parse(url: &str) -> Result<Uri, Error> {
    let uri: Uri = url
        .parse()
        .map_err(|error: http::uri::InvalidUri| Error::connect("the URL cannot be read").with_source(error))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(Error::connect("the URL must be of http or https and name a host"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(Error::connect("credentials do not belong into a URL"));
    }
    Ok(uri)
}

impl fmt::Debug for HttpTarget {
    /// Leaves out the values of headers, which are where secrets are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpTarget").field("url", &self.url).field("headers", &names).finish_non_exhaustive()
    }
}

impl IntoTarget<Ready> for HttpTarget {
    fn into_target(self) -> Result<Target, Error> {
        parse(&self.url)?;
        Ok(Target::new(self))
    }
}

impl IntoTarget<Ready> for &HttpTarget {
    fn into_target(self) -> Result<Target, Error> {
        self.clone().into_target()
    }
}

impl Connector for HttpTarget {
    fn open<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Exchange>, Error>> {
        Box::pin(async move {
            let http = Self::open(self, settings)?;
            Ok(Arc::new(HttpLink::new(http, inbox)) as Arc<dyn Exchange>)
        })
    }

    fn open_first_revision<'a>(
        &'a mut self,
        inbox: Arc<Inbox>,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn Exchange>>, Error>> {
        Box::pin(async move {
            let http = Self::open(self, settings)?;
            let opening = first::open(http);
            let limit = settings.request_timeout;
            let transport = tokio::time::timeout(limit, opening).await.map_err(|_| Error::timeout(limit))??;
            Ok(Some(crate::stream::StreamLink::start(transport, inbox, None) as Arc<dyn Exchange>))
        })
    }

    fn binding(&self) -> Binding {
        Binding::Http
    }

    fn counted_as(&self) -> Counted {
        Counted::Http
    }

    fn can_reopen(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_no_secrets() {
        for good in ["http://localhost:1/mcp", "https://a.example", "http://[::1]:3/x?y=1"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/mcp", "ftp://a/b", "http://", "https://user:pw@a.example/mcp", "http://a b"] {
            assert!(parse(bad).unwrap_err().is_connect(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let target = HttpTarget::new("http://a.example").header("x-key", "hunter2").bearer("hunter2");
        assert!(!format!("{target:?}").contains("hunter2"));
    }
}
