//! Serving a server over HTTP: its settings, its listener, and its router.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use http::{Extensions, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::{TcpListener, ToSocketAddrs};
use tower_http::cors::Cors;
use tower_layer::Layer;
use tower_service::Service;
use turbomcp_transport::http::listener::{Afterwards, Bounds};
use turbomcp_transport::http::origin::OriginPolicy;
use turbomcp_transport::listener::Bounds as Connections;
use turbomcp_transport::metrics::Meter;

use super::body::Body;
use super::compression::Setting;
use super::cors::CorsConfig;
use super::endpoint::{Endpoint, empty};
use super::first::{First, FirstService, Part};
use super::metadata::Metadata;
use super::operator::Pages;
use super::renewal::Renewal;
#[cfg(feature = "websocket")]
use super::service::UpgradeService;
use super::service::{Answering, McpService};
use super::session::Sessions;
use super::tls::{Doors, Tls};
use crate::layers::Dress;
use crate::listening::listen;
use crate::metrics::Connected;
use crate::{Error, Limits, McpServer};

/// How a server is offered over Streamable HTTP: where, and to whom.
///
/// ```no_run
/// # async fn run(server: turbomcp_server::McpServer) -> Result<(), turbomcp_server::Error> {
/// let listener = server.http().path("/tools").bind("127.0.0.1:8080").await?;
/// println!("listening on {}", listener.local_addr());
/// listener.serve().await
/// # }
/// ```
///
/// # Specification
///
/// [Streamable HTTP](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http)
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpServer {
    pub(super) server: McpServer,
    path: Option<String>,
    #[cfg(feature = "websocket")]
    websocket: Option<String>,
    /// The paths of a stream, and to post to.
    first: Option<(String, String)>,
    policy: Option<OriginPolicy>,
    hosts: Vec<String>,
    /// Beside what the server itself says.
    cors: CorsConfig,
    pub(super) tls: Tls,
    pub(super) compression: Setting,
}

impl HttpServer {
    pub(crate) fn new(server: McpServer) -> Self {
        Self {
            server,
            path: Some("/mcp".to_owned()),
            #[cfg(feature = "websocket")]
            websocket: None,
            first: None,
            policy: None,
            hosts: Vec::new(),
            cors: CorsConfig::default(),
            tls: Tls::default(),
            compression: Setting::default(),
        }
    }

    /// Offers another version of the server in the same way.
    #[cfg(feature = "hot-reload")]
    pub(super) fn with_server(&self, server: McpServer) -> Self {
        Self { server, ..self.clone() }
    }

    /// Sets the path of the one URL that clients use. `/mcp` unless set.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Answers requests to become a WebSocket on a path of their own, to the same hosts and origins.
    ///
    /// Each connection then carries messages in both directions, as standard input and output do; handlers read the headers
    /// it was opened with. Before it is, the request passes the stack as a `ping`, so that layers can refuse it.
    #[cfg(feature = "websocket")]
    pub fn websocket(mut self, path: impl Into<String>) -> Self {
        self.websocket = Some(path.into());
        self
    }

    /// Answers requests to become a [WebSocket](Self::websocket) on a path, and nothing else.
    #[cfg(feature = "websocket")]
    pub fn websocket_only(mut self, path: impl Into<String>) -> Self {
        self.path = None;
        self.websocket(path)
    }

    /// Serves clients of the first revision, too, by HTTP+SSE: a `GET` on one path opens a stream of all that the server
    /// says, whose first event says where to post to, which is the other path. `/sse` and `/messages` are common.
    ///
    /// A stream and what is posted for it are a connection, as standard input and output are; handlers read the headers that
    /// it was opened with. Opening it, and whatever is posted, also passes the stack as a `ping`, so that layers can refuse it
    /// and say who sends it: where one says who opened the stream, nobody else may post for it. As many streams may be open as
    /// there may be [sessions](crate::Limits::sessions).
    ///
    /// # Specification
    ///
    /// [HTTP with SSE](https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse), which is
    /// deprecated since 2025-03-26
    pub fn sse(mut self, stream: impl Into<String>, messages: impl Into<String>) -> Self {
        self.first = Some((stream.into(), messages.into()));
        self
    }

    /// Answers requests that name one of these hosts and no others: `host`, or `host:port`.
    ///
    /// Unless set, a server that listens on a loopback address, and a router, answer only loopback hosts; a server that
    /// listens elsewhere answers any host.
    pub fn allow_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Lets pages of these origins use the server from a browser: `https://app.example.com`.
    ///
    /// They pass the check of `Origin`, and are granted what a browser asks for before it lets a page see the answers; see
    /// [`cors`](Self::cors).
    pub fn allow_origins<S: Into<String>>(self, origins: impl IntoIterator<Item = S>) -> Self {
        self.cors(CorsConfig::new().allowed_origins(origins))
    }

    /// Lets pages of origins use the server, as [`allow_origins`](Self::allow_origins) does, and sets what browsers are told
    /// about them. Origins add up; of anything else, what was set last holds.
    pub fn cors(mut self, config: CorsConfig) -> Self {
        self.cors.merge(config);
        self
    }

    /// Sets which hosts and origins are answered, in place of the policy that follows from where the server listens.
    pub fn origin_policy(mut self, policy: OriginPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]), or a host, origin or path is malformed.
    pub async fn bind(self, address: impl ToSocketAddrs) -> Result<HttpListener, Error> {
        let doors = self.tls.open(&self.server)?;
        let (listener, address) = listen(address).await?;
        let server = self.server.clone();
        let renewal = Renewal::new(self, address.ip())?;
        Ok(HttpListener { listener, address, server, renewal, doors })
    }

    /// Serves on an address until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]), or a host, origin or path is malformed.
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run(self, address: impl ToSocketAddrs) -> Result<(), Error> {
        let server = self.server.clone();
        let _reloading = self.tls.reloading();
        let listener = self.bind(address).await?;
        tracing::info!(address = %listener.local_addr(), "serving over HTTP");
        crate::signal::until(&server, listener.serve()).await
    }

    /// Makes a router with what is answered, to be merged into an application or nested in it.
    ///
    /// # Errors
    ///
    /// If a host, origin or path is malformed.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Result<Router<S>, Error> {
        // Nobody knows where it will listen, so the narrower policy holds.
        let renewal = Renewal::new(self, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        let routes = renewal.routes();
        let mut router = Router::new();
        if let Some((path, _)) = &routes.http {
            router = routed(router, path, &renewal, |routes| Some(routes.http.as_ref()?.1.clone()));
        }
        let parts: [Pick<FirstService>; 2] =
            [|routes| Some(routes.first.first()?.1.clone()), |routes| Some(routes.first.get(1)?.1.clone())];
        for ((path, _), pick) in routes.first.iter().zip(parts) {
            router = routed(router, path, &renewal, pick);
        }
        #[cfg(feature = "websocket")]
        if let Some((path, _)) = &routes.websocket {
            router = routed(router, path, &renewal, |routes| Some(Front::Plain(routes.websocket.as_ref()?.1.clone())));
        }
        if let Some(pages) = routes.pages {
            router = pages.into_router(router);
        }
        if let Some(metadata) = routes.metadata {
            router = metadata.paths().fold(router, |router, path| router.route_service(path, metadata.clone()));
        }
        // Outside of everything, so that whatever is refused has the headers, too.
        Ok(match routes.dress {
            Some(dress) => router.layer(dress),
            None => router,
        })
    }

    /// Makes the routes, with the sessions and streams of those they take the place of.
    pub(super) fn routes(&self, address: IpAddr, before: Option<&Routes>) -> Result<Routes, Error> {
        let mut cors = self.server.security().map(|security| security.cors.clone()).unwrap_or_default();
        cors.merge(self.cors.clone());
        let endpoint = self.endpoint(address, &cors, before)?;
        let pages = Pages::beside(&endpoint);
        if let Some(pages) = &pages {
            pages.check(self.paths())?;
        }
        let http = self.path.as_deref();
        let http = http.map(|path| Ok((plain(path)?, front(&cors, McpService::new(endpoint.clone(), None))?)));
        let security = self.server.security().filter(|security| security.has_headers());
        Ok(Routes {
            dress: security.map(|_| Dress::new(self.server.clone(), self.tls.is_set())),
            pages,
            http: http.transpose()?,
            first: self.first_routes(&endpoint, &cors, before)?,
            metadata: Metadata::of(&self.server, self.main_path()),
            #[cfg(feature = "websocket")]
            websocket: match self.websocket.as_deref() {
                Some(path) if self.path.as_deref() == Some(path) => {
                    return Err(Error::configuration(format!(
                        "path `{path}` cannot be both for HTTP and for WebSocket"
                    )));
                }
                Some(path) => Some((plain(path)?, UpgradeService::new(endpoint.clone()))),
                None => None,
            },
            endpoint,
        })
    }

    /// Returns the path that the URL of the server has.
    fn main_path(&self) -> Option<&str> {
        #[cfg(feature = "websocket")]
        if self.path.is_none() {
            return self.websocket.as_deref();
        }
        self.path.as_deref()
    }

    fn endpoint(&self, address: IpAddr, cors: &CorsConfig, before: Option<&Routes>) -> Result<Arc<Endpoint>, Error> {
        let invalid = |error: turbomcp_transport::http::origin::InvalidEntry| Error::configuration(error.to_string());
        let mut policy = self.policy.clone().unwrap_or_else(|| OriginPolicy::for_listener(address));
        if !self.hosts.is_empty() {
            policy = policy.allow_hosts(&self.hosts).map_err(invalid)?;
        }
        let policy = policy.allow_origins(&cors.origins).map_err(invalid)?;
        let server = self.server.clone();
        let compression = self.compression.ready(self.server.http_meter())?;
        let sessions = match before {
            Some(before) => before.endpoint.sessions.clone(),
            None => Arc::new(Sessions::new(server.sessions().cloned())),
        };
        Ok(Arc::new(Endpoint { server, origins: policy, sessions, compression }))
    }

    /// Returns every path but those of pages.
    fn paths(&self) -> Vec<&str> {
        let paths = self.path.iter();
        #[cfg(feature = "websocket")]
        let paths = paths.chain(&self.websocket);
        let first = self.first.iter().flat_map(|(stream, messages)| [stream, messages]);
        paths.chain(first).map(String::as_str).collect()
    }

    fn first_routes(
        &self,
        endpoint: &Arc<Endpoint>,
        cors: &CorsConfig,
        before: Option<&Routes>,
    ) -> Result<Vec<Route<FirstService>>, Error> {
        let Some((stream, messages)) = &self.first else { return Ok(Vec::new()) };
        for path in [stream, messages] {
            if self.paths().iter().filter(|known| *known == path).count() > 1 {
                return Err(Error::configuration(format!("path `{path}` cannot be for two things")));
            }
        }
        let (stream, messages) = (plain(stream)?, plain(messages)?);
        let clients = before.and_then(|before| before.first.first()).map(|(_, front)| front.service().clients());
        let first = First::new(endpoint.clone(), stream.clone(), messages.clone(), clients.unwrap_or_default());
        let route = |path, part| Ok((path, front(cors, FirstService::new(first.clone(), part))?));
        Ok(vec![route(stream, Part::Stream)?, route(messages, Part::Messages)?])
    }
}

fn front<S>(cors: &CorsConfig, service: S) -> Result<Front<S>, Error> {
    Ok(match cors.layer()? {
        Some(cors) => Front::Cors(Box::new(cors.layer(service))),
        None => Front::Plain(service),
    })
}

/// Adds a path to a router; what answers there is picked again whenever the configuration is another.
#[cfg(feature = "hot-reload")]
fn routed<R, S>(router: Router<R>, path: &str, renewal: &Renewal, pick: Pick<S>) -> Router<R>
where
    R: Clone + Send + Sync + 'static,
    S: Service<Request<axum::body::Body>, Response = http::Response<Body>, Error = Infallible, Future = Answering>,
    S: Clone + Send + Sync + 'static,
{
    router.route_service(path, super::renewal::Renewing::new(renewal, pick))
}

/// Adds a path to a router.
#[cfg(not(feature = "hot-reload"))]
fn routed<R, S>(router: Router<R>, path: &str, renewal: &Renewal, pick: Pick<S>) -> Router<R>
where
    R: Clone + Send + Sync + 'static,
    S: Service<Request<axum::body::Body>, Response = http::Response<Body>, Error = Infallible, Future = Answering>,
    S: Clone + Send + Sync + 'static,
{
    match pick(&renewal.routes()) {
        Some(Front::Plain(service)) => router.route_service(path, service),
        Some(Front::Cors(service)) => router.route_service(path, *service),
        None => router,
    }
}

/// Returns a path that stands for itself.
fn plain(path: &str) -> Result<Arc<str>, Error> {
    crate::operator::check_path(path)?;
    Ok(path.into())
}

/// What is answered, and where.
#[derive(Debug, Clone)]
pub(super) struct Routes {
    endpoint: Arc<Endpoint>,
    http: Option<Route<McpService>>,
    first: Vec<Route<FirstService>>,
    metadata: Option<Metadata>,
    #[cfg(feature = "websocket")]
    websocket: Option<(Arc<str>, UpgradeService)>,
    pages: Option<Pages>,
    dress: Option<Dress>,
}

/// Finds what answers at a path.
pub(super) type Pick<S> = fn(&Routes) -> Option<Front<S>>;

/// A path, and what answers there.
type Route<S> = (Arc<str>, Front<S>);

/// What answers, with or without what browsers ask for.
#[derive(Debug, Clone)]
pub(super) enum Front<S> {
    Plain(S),
    Cors(Box<Cors<S>>),
}

/// A server that listens over HTTP, and serves once [`serve`](Self::serve) is awaited.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
    server: McpServer,
    renewal: Renewal,
    doors: Doors,
}

impl HttpListener {
    /// Returns the address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the server shuts down; requests in flight may finish then, within [`Limits::shutdown`].
    ///
    /// [`Limits::shutdown`]: crate::Limits::shutdown
    ///
    /// # Errors
    ///
    /// None at present: a connection that fails ends alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every connection.
    pub async fn serve(self) -> Result<(), Error> {
        let Self { listener, server, renewal, doors, .. } = self;
        let _serving = server.serving();
        let limits = server.limits();
        let bounds = bounds(limits);
        let end = server.shutdown_started();
        let meter = server.http_meter().cloned();
        let counted = server.clone();
        let service = move |address, told: Extensions, afterwards: &Afterwards| {
            // In a box: what a connection moves from hand to hand it keeps room for in each of them. It counts as one until it
            // lets go of this.
            let connected = Arc::new(Connected::new(counted.clone()));
            let routes = renewal.open(Some(address), afterwards, &connected);
            let held = Box::new((routes, told, meter.as_ref().map(Meter::opened), connected));
            service_fn(move |mut request: Request<Incoming>| {
                let (routes, told, ..) = &*held;
                request.extensions_mut().extend(told.clone());
                routes.answer(request)
            })
        };
        doors.serve(listener, bounds, end, service).await;
        Ok(())
    }
}

pub(super) fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        connections: Connections::new(limits.connections, limits.drain()),
        header_timeout: limits.header_timeout,
        header_bytes: limits.header_bytes,
    }
}

impl Routes {
    /// Returns true if the configuration of the server has not been replaced since.
    #[cfg(feature = "hot-reload")]
    pub(super) fn is_newest(&self) -> bool {
        self.endpoint.server.is_newest()
    }

    /// Returns the routes for a connection from this address.
    pub(super) fn at(&self, address: Option<SocketAddr>, afterwards: &Afterwards, connected: &Arc<Connected>) -> Self {
        #[cfg(not(feature = "websocket"))]
        let _ = (afterwards, connected);
        Self {
            endpoint: self.endpoint.clone(),
            http: self.http.as_ref().map(|(path, front)| (path.clone(), front.map(|service| service.at(address)))),
            first: {
                let change = |service: &FirstService| service.at(address, connected);
                self.first.iter().map(|(path, front)| (path.clone(), front.map(change))).collect()
            },
            metadata: self.metadata.clone(),
            #[cfg(feature = "websocket")]
            websocket: self
                .websocket
                .as_ref()
                .map(|(path, service)| (path.clone(), service.at(address, afterwards, connected))),
            pages: self.pages.as_ref().map(|pages| pages.at(address)),
            dress: self.dress.clone(),
        }
    }

    pub(super) fn answer(&self, request: Request<Incoming>) -> Answering {
        let answering = self.find(request);
        match &self.dress {
            Some(dress) => dress.dressed(answering),
            None => answering,
        }
    }

    fn find(&self, request: Request<Incoming>) -> Answering {
        let asked = request.uri().path();
        #[cfg(feature = "websocket")]
        if let Some((path, service)) = &self.websocket
            && asked == &**path
        {
            return service.clone().call(request);
        }
        match &self.http {
            Some((path, Front::Plain(service))) if asked == &**path => service.clone().call(request),
            Some((path, Front::Cors(service))) if asked == &**path => Box::pin(service.clone().call(request)),
            _ => {
                match self.first.iter().find(|(path, _)| asked == &**path) {
                    Some((_, Front::Plain(service))) => return service.clone().call(request),
                    Some((_, Front::Cors(service))) => return Box::pin(service.clone().call(request)),
                    None => {}
                }
                if let Some(metadata) = self.metadata.as_ref().filter(|metadata| metadata.is_at(asked)) {
                    let response = metadata.answer(request.method());
                    return Box::pin(async { Ok(response) });
                }
                let page = self.pages.as_ref().and_then(|pages| pages.answer(request));
                page.unwrap_or_else(|| Box::pin(async { Ok(empty(StatusCode::NOT_FOUND)) }))
            }
        }
    }
}

impl<S> Front<S> {
    fn service(&self) -> &S {
        match self {
            Self::Plain(service) => service,
            Self::Cors(service) => service.get_ref(),
        }
    }
}

impl<S: Clone> Front<S> {
    fn map(&self, change: impl FnOnce(&S) -> S) -> Self {
        match self {
            Self::Plain(service) => Self::Plain(change(service)),
            Self::Cors(service) => {
                let mut service = service.clone();
                *service.get_mut() = change(service.get_ref());
                Self::Cors(service)
            }
        }
    }
}

impl McpServer {
    /// Starts to describe how the server is offered over HTTP.
    ///
    /// It begins with what the [settings](crate::ServerBuilder) of the server say, if it has any.
    pub fn http(&self) -> HttpServer {
        let http = HttpServer::new(self.clone());
        #[cfg(feature = "config-files")]
        if let Some(settings) = self.configured() {
            return http.configured(settings);
        }
        http
    }

    /// Serves Streamable HTTP on the path `/mcp` of an address, until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run_http(&self, address: impl ToSocketAddrs) -> Result<(), Error> {
        self.http().run(address).await
    }

    /// Makes an axum router to be merged into an application or nested in it.
    ///
    /// Unless the [settings](crate::ServerBuilder) of the server say otherwise, it answers on the path `/mcp`, and only requests for
    /// loopback hosts; see [`HttpServer::allow_hosts`].
    ///
    /// # Panics
    ///
    /// Never: settings are held against what they have to be when they are read.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        self.http().into_router().expect("the default settings are well-formed")
    }
}
