//! One HTTP request: credentials, redirects, and the errors of the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::authorize::{Challenge, Credentials, ErasedAuthorize, Head, Next};
use super::body::{Received, Whole};
use super::compression::Compression;
use super::counted::Counting;
use super::wire::Wire;
use crate::Error;

/// How often a request is sent again because it was redirected.
const MAX_REDIRECTS: usize = 3;

/// How often a request is sent again because its credentials were refused.
const MAX_REFUSALS: u32 = 3;

/// A server's address, and the connections to it.
pub(super) struct Http {
    client: Client<HttpsConnector<Counting<Wire>>, Whole>,
    pub(super) url: Uri,
    /// What every request carries.
    headers: HeaderMap,
    authorize: Option<Arc<dyn ErasedAuthorize>>,
    /// Counts how often there were new credentials.
    generation: AtomicU64,
    /// Counts how often it was tried to get some, with whatever end.
    attempts: AtomicU64,
    /// Held by whoever tells of a refusal, while the others wait.
    asking: tokio::sync::Mutex<()>,
    pub(super) max_message_bytes: usize,
    compression: Option<Arc<Compression>>,
}

impl Http {
    pub(super) fn new(
        url: Uri,
        headers: HeaderMap,
        authorize: Option<Arc<dyn ErasedAuthorize>>,
        max_message_bytes: usize,
        tls: ClientConfig,
        wire: Counting<Wire>,
    ) -> Self {
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_timer(TokioTimer::new())
            .build(tls.https_or_http().enable_http1().wrap_connector(wire));
        Self {
            client,
            url,
            headers,
            authorize,
            generation: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            asking: tokio::sync::Mutex::new(()),
            max_message_bytes,
            compression: None,
        }
    }

    pub(super) fn compression(mut self, compression: Option<Arc<Compression>>) -> Self {
        self.compression = compression;
        self
    }

    /// Returns how often there were new credentials: what was kept before belongs to somebody else.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// Refused credentials are renewed and redirects followed, both within bounds; what is left is the caller's.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Uri,
        headers: &HeaderMap,
        body: Bytes,
        operation: Option<&str>,
    ) -> Result<Response<Received>, Error> {
        let (mut url, mut redirects, mut refusals) = (url.clone(), 0, 0);
        loop {
            let generation = self.generation();
            let text = url.to_string();
            let head = Head::new(&method, &text);
            let credentials = self.credentials(head).await?;
            let mut request = self.request(&method, &url, headers, &credentials, body.clone());
            if let Some(compression) = &self.compression {
                compression.request(&mut request);
            }
            let response = self.client.request(request).await.map_err(|error| unreachable(&url, error))?;
            let status = response.status();
            if self.compression.as_ref().is_some_and(|known| known.was_refused(status, response.headers())) {
                continue;
            }
            if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && refusals < MAX_REFUSALS {
                let challenge = Challenge::new(head, &credentials, status.as_u16(), response.headers())
                    .of_operation(operation)
                    .after(refusals);
                if self.renewed(generation, challenge).await? {
                    refusals += 1;
                    continue;
                }
            } else if let Some(authorize) = &self.authorize {
                authorize.answered(head, response.headers());
            }
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return self.received(response);
            }
            url = redirected(&url, &response)?;
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                return Err(Error::protocol("the server redirects without end").with_status(Some(status.as_u16())));
            }
        }
    }

    /// Prepares a response to be read.
    fn received(&self, response: Response<Incoming>) -> Result<Response<Received>, Error> {
        let decoder = match &self.compression {
            Some(compression) => compression.decoder(response.headers(), self.max_message_bytes)?,
            None => None,
        };
        Ok(response.map(|incoming| Received::new(incoming, decoder)))
    }

    async fn credentials(&self, head: Head<'_>) -> Result<Credentials, Error> {
        let Some(authorize) = &self.authorize else { return Ok(Credentials::none()) };
        let credentials = authorize.credentials(head).await;
        credentials.map_err(|error| Error::connect("there are no credentials").with_source(error))
    }

    fn request(
        &self,
        method: &Method,
        url: &Uri,
        headers: &HeaderMap,
        credentials: &Credentials,
        body: Bytes,
    ) -> Request<Whole> {
        let mut request = Request::new(Whole::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.clone();
        let all = request.headers_mut();
        all.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        for (name, value) in headers {
            all.insert(name.clone(), value.clone());
        }
        for (name, value) in credentials.headers() {
            all.insert(name.clone(), value.clone());
        }
        request
    }

    /// Gets new credentials, or finds that somebody else has meanwhile; false if there are none.
    async fn renewed(&self, generation: u64, challenge: Challenge<'_>) -> Result<bool, Error> {
        let Some(authorize) = &self.authorize else { return Ok(false) };
        let attempts = self.attempts.load(Ordering::Acquire);
        let _asking = self.asking.lock().await;
        if self.generation() != generation {
            return Ok(true);
        }
        // Who waited while others failed fails too: a user who said no is not asked once for every request.
        if self.attempts.load(Ordering::Acquire) != attempts {
            return Ok(false);
        }
        let next = authorize.challenged(challenge).await;
        self.attempts.fetch_add(1, Ordering::AcqRel);
        match next.map_err(|error| Error::connect("there are no new credentials").with_source(error))? {
            Next::Retry => {
                self.generation.fetch_add(1, Ordering::AcqRel);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// Returns where a response redirects to, if that is the same request to the same origin.
fn redirected(url: &Uri, response: &Response<Incoming>) -> Result<Uri, Error> {
    let status = response.status();
    let refuse = |why: &'static str| Err(Error::protocol(why).with_status(Some(status.as_u16())));
    if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return refuse("the server redirects by another method");
    }
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let Some(target) = location.and_then(|location| resolve(url, location)) else {
        return refuse("the server redirects to nowhere");
    };
    if !same_origin(url, &target) {
        return refuse("the server redirects to another origin");
    }
    Ok(target)
}

/// Resolves a reference against a URL.
pub(super) fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    // A scheme ends with the first colon, unless a path begins before it.
    if reference.find([':', '/', '?']).is_some_and(|at| reference[at..].starts_with(':')) {
        return reference.parse().ok().filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")));
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let path = match reference {
        _ if reference.starts_with('/') => reference.to_owned(),
        _ if reference.starts_with('?') => format!("{}{reference}", base.path()),
        _ => {
            let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
            format!("{folder}{reference}")
        }
    };
    format!("{scheme}://{authority}{path}").parse().ok()
}

/// True if two URLs are of the same scheme, host and port.
pub(super) fn same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().or(if uri.scheme_str() == Some("https") { Some(443) } else { Some(80) });
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme_str() == b.scheme_str() && host(a) == host(b) && port(a) == port(b)
}

fn unreachable(url: &Uri, error: hyper_util::client::legacy::Error) -> Error {
    if error.is_connect() {
        let server = url.host().map_or_else(String::new, |host| match url.port() {
            Some(port) => format!(" at {host}:{port}"),
            None => format!(" at {host}"),
        });
        Error::connect(format!("the server{server} cannot be reached")).with_source(error)
    } else {
        Error::closed("the connection broke off").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_origins_compared() {
        let base: Uri = "http://a.example/mcp/x?y=1".parse().unwrap();
        for (reference, expected, same) in [
            ("/messages?s=1", "http://a.example/messages?s=1", true),
            ("z", "http://a.example/mcp/z", true),
            ("?s=2", "http://a.example/mcp/x?s=2", true),
            ("http://A.example:80/q", "http://A.example:80/q", true),
            ("https://a.example/q", "https://a.example/q", false),
            ("//b.example/q", "http://b.example/q", false),
            ("http://a.example:81/q", "http://a.example:81/q", false),
            ("http://a.example.evil/q", "http://a.example.evil/q", false),
        ] {
            let found = resolve(&base, reference).unwrap();
            assert_eq!(found.to_string(), expected);
            assert_eq!(same_origin(&base, &found), same, "{reference}");
        }
        for reference in ["file:///etc/passwd", "javascript:alert(1)", "ftp://a.example/", "data:,x"] {
            assert_eq!(resolve(&base, reference), None);
        }
    }
}
