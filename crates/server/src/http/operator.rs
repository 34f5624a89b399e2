//! What operators read over HTTP: health and metrics.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::{Service as HttpService, service_fn};
use tokio::net::{TcpListener, ToSocketAddrs};
use tower_service::Service;
use turbomcp_transport::http::listener::{self, Bounds};
use turbomcp_transport::http::origin::OriginPolicy;
use turbomcp_transport::listener::Bounds as Connections;

use super::body::Body;
use super::endpoint::{Endpoint, empty, json, not_allowed, refuse};
use super::service::Answering;
use super::session::Sessions;
use crate::health::HealthReport;
use crate::listening::listen;
use crate::metrics::{Format, render};
use crate::{Error, McpServer};

/// The bounds of a listener that a few programs ask once in a while.
const CONNECTIONS: usize = 64;
const DRAIN: Duration = Duration::from_secs(1);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const HEADER_BYTES: usize = 16 << 10;

/// The pages of one server, for one connection or for all of a router.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    endpoint: Arc<Endpoint>,
    is_for_operators: bool,
    peer_addr: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Page {
    Ready,
    Live,
    Metrics,
}

impl Pages {
    /// Returns the pages, if there are any.
    pub(super) fn beside(endpoint: &Arc<Endpoint>) -> Option<Self> {
        let pages = Self { endpoint: endpoint.clone(), is_for_operators: false, peer_addr: None };
        (!pages.paths().is_empty()).then_some(pages)
    }

    /// Returns the pages for a connection from this address; none if it is from a process on this machine, which may be a
    /// proxy for anybody.
    pub(super) fn at(&self, peer_addr: Option<SocketAddr>) -> Self {
        Self { peer_addr, ..self.clone() }
    }

    /// Returns where the pages are.
    ///
    /// They are few, so nothing is kept to find them by.
    fn paths(&self) -> Vec<(&str, Page)> {
        let operator = self.endpoint.server.operator();
        let mut paths = Vec::new();
        if let Some(health) = &operator.health {
            paths.push((&*health.paths().readiness, Page::Ready));
            paths.push((&*health.paths().liveness, Page::Live));
        }
        if let Some(detail) = operator.shown_metrics() {
            paths.push((&*detail.settings.endpoint, Page::Metrics));
        }
        paths
    }

    /// Refuses paths that stand for something else already.
    pub(super) fn check<'a>(&'a self, mut taken: Vec<&'a str>) -> Result<(), Error> {
        for (path, _) in self.paths() {
            if taken.contains(&path) {
                return Err(Error::configuration(format!("path `{path}` stands for two things")));
            }
            taken.push(path);
        }
        Ok(())
    }

    pub(super) fn into_router<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        let paths: Vec<_> = self.paths().iter().map(|(path, _)| (*path).to_owned()).collect();
        paths.iter().fold(router, |router, path| router.route_service(path, self.clone()))
    }

    fn find(&self, path: &str) -> Option<Page> {
        self.paths().into_iter().find(|(known, _)| *known == path).map(|(_, page)| page)
    }

    /// Answers a request if it is for one of the pages.
    pub(super) fn answer<B>(&self, request: Request<B>) -> Option<Answering> {
        let page = self.find(request.uri().path())?;
        let this = self.clone();
        let (parts, _) = request.into_parts();
        Some(Box::pin(async move {
            let mut response = this.page(page, &parts).await;
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }))
    }

    async fn page(&self, page: Page, parts: &Parts) -> Response<Body> {
        if let Err(refused) = self.endpoint.screen(parts) {
            return *refused;
        }
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return not_allowed("GET, HEAD");
        }
        match page {
            Page::Ready => self.health(self.endpoint.server.health().await, parts),
            Page::Live => self.health(HealthReport::new(Vec::new(), false), parts),
            Page::Metrics => self.metrics(parts),
        }
    }

    fn health(&self, report: HealthReport, parts: &Parts) -> Response<Body> {
        let status = if report.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        // The names and messages of checks tell how a service is built, which is for no stranger.
        let report = if self.is_operator(parts) { report } else { report.without_details() };
        json(status, serde_json::to_vec(&report).unwrap_or_default())
    }

    fn metrics(&self, parts: &Parts) -> Response<Body> {
        let server = &self.endpoint.server;
        let Some(detail) = server.operator().shown_metrics() else { return empty(StatusCode::NOT_FOUND) };
        match &detail.settings.credentials {
            Some(credentials) => {
                let given = parts.headers.get(AUTHORIZATION);
                if !given.is_some_and(|given| credentials.are_in(given.as_bytes())) {
                    let mut response = refuse(StatusCode::UNAUTHORIZED, "the metrics ask for a name and a password");
                    let challenge = HeaderValue::from_static(r#"Basic realm="metrics", charset="UTF-8""#);
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                    return response;
                }
            }
            None if self.is_operator(parts) => {}
            None => return refuse(StatusCode::FORBIDDEN, "the metrics are for callers from this computer"),
        }
        let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let format = Format::accepted(accept);
        let text = render(server, &server.operator().custom, detail, format);
        let mut response = Response::new(Body::full(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        response
    }

    /// Returns true if whoever asks runs on this computer, or came in where only operators do.
    ///
    /// A proxy on this computer asks for somebody else, as it says by its headers.
    fn is_operator(&self, parts: &Parts) -> bool {
        let told = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address);
        let peer = self.peer_addr.or_else(told);
        let is_here = || peer.is_some_and(|address| address.ip().to_canonical().is_loopback());
        self.is_for_operators || (is_here() && !is_forwarded(&parts.headers))
    }
}

/// Returns true if a request has come by a proxy that says so.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name))
}

impl<B> Service<Request<B>> for Pages {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        // A router that this one is nested in has changed the path in the request, to the one that is known here.
        self.answer(request).unwrap_or_else(|| Box::pin(async { Ok(empty(StatusCode::NOT_FOUND)) }))
    }
}

/// A listener for operators: health and metrics of a server, whatever it serves MCP on.
///
/// It goes on while the server is shutting down, so that its readiness can be asked for, until the last request has been
/// answered. There is no encryption; whoever reaches it reads the details of health, and the metrics unless these ask for
/// a password. It is meant for a loopback address, or for one that only operators reach.
///
/// ```no_run
/// # async fn run(server: turbomcp_server::McpServer) -> Result<(), turbomcp_server::Error> {
/// let management = server.management().bind("127.0.0.1:9100").await?;
/// tokio::spawn(management.serve());
/// server.serve(turbomcp_transport::stdio::StdioTransport::new().unwrap()).await
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ManagementServer {
    server: McpServer,
    hosts: Vec<String>,
}

impl ManagementServer {
    /// Answers requests that name one of these hosts and no others, as
    /// [`HttpServer::allow_hosts`](crate::HttpServer::allow_hosts) does.
    ///
    /// Unless set, a listener on a loopback address answers only loopback hosts; one elsewhere answers any host.
    pub fn allow_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]), a host is malformed, two things have one path, or the
    /// server has neither health nor metrics to show.
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<ManagementListener, Error> {
        let (listener, address) = listen(address).await?;
        let mut origins = OriginPolicy::for_listener(address.ip());
        if !self.hosts.is_empty() {
            origins = origins.allow_hosts(&self.hosts).map_err(|error| Error::configuration(error.to_string()))?;
        }
        let endpoint =
            Endpoint { server: self.server, origins, sessions: Arc::new(Sessions::default()), compression: None };
        let Some(pages) = Pages::beside(&Arc::new(endpoint)) else {
            return Err(Error::configuration("the server has neither health nor metrics to show"));
        };
        pages.check(Vec::new())?;
        Ok(ManagementListener { listener, address, pages: Pages { is_for_operators: true, ..pages } })
    }
}

/// A [`ManagementServer`] that listens, and serves once [`serve`](Self::serve) is awaited.
#[derive(Debug)]
pub struct ManagementListener {
    listener: TcpListener,
    address: SocketAddr,
    pages: Pages,
}

impl ManagementListener {
    /// Returns the address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the server was asked to end and nothing of it runs any more.
    ///
    /// # Errors
    ///
    /// None at present: a connection that fails ends alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every connection.
    pub async fn serve(self) -> Result<(), Error> {
        let Self { listener, pages, .. } = self;
        let server = pages.endpoint.server.clone();
        serve(listener, &server, |address| {
            let pages = pages.at(Some(address));
            service_fn(move |request: Request<Incoming>| pages.clone().call(request))
        })
        .await;
        Ok(())
    }
}

/// Serves what a few people and programs ask once in a while, until nothing of the server runs any more.
pub(super) async fn serve<S>(listener: TcpListener, server: &McpServer, service: impl Fn(SocketAddr) -> S)
where
    S: HttpService<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
    S::Future: Send,
{
    let bounds = Bounds {
        connections: Connections::new(CONNECTIONS, DRAIN),
        header_timeout: HEADER_TIMEOUT,
        header_bytes: HEADER_BYTES,
    };
    listener::serve(listener, bounds, server.shutdown_ended(), |address, _| service(address)).await;
}

impl McpServer {
    /// Starts to describe a listener for operators: health and metrics, whatever the server serves MCP on.
    pub fn management(&self) -> ManagementServer {
        ManagementServer { server: self.clone(), hosts: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_a_proxy_is_none_of_this_computer() {
        let checks = crate::health::HealthChecker::new();
        let server = crate::ServerBuilder::new().with_health_checks(checks).unwrap().build();
        let origins = OriginPolicy::for_listener([127, 0, 0, 1].into());
        let endpoint = Endpoint { server, origins, sessions: Arc::new(Sessions::default()), compression: None };
        let pages = Pages::beside(&Arc::new(endpoint)).unwrap();
        let check = |pages: &Pages, header: &str, expected: bool| {
            let (parts, ()) = Request::builder().header(header, "x").body(()).unwrap().into_parts();
            assert_eq!(pages.is_operator(&parts), expected, "{header}");
        };
        let (here, elsewhere) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([192, 0, 2, 1], 1)));
        check(&pages.at(Some(here)), "accept", true);
        check(&pages.at(Some(elsewhere)), "accept", false);
        for header in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
            check(&pages.at(Some(here)), header, false);
            check(&Pages { is_for_operators: true, ..pages.at(Some(here)) }, header, true);
        }
    }
}
