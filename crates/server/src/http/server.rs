//! Serving a server over HTTP: its settings, its listener, and its router.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Extensions, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::{TcpListener, ToSocketAddrs};
use tower_http::cors::{AllowHeaders, Cors, CorsLayer};
use tower_layer::Layer;
use tower_service::Service;
use turbomcp_transport::http::listener::Bounds;
use turbomcp_transport::http::origin::OriginPolicy;
use turbomcp_transport::listener::Bounds as Connections;

use super::endpoint::{Endpoint, empty};
use super::head::{SESSION_ID, VERSION};
use super::service::{Answering, McpService};
use super::session::Sessions;
use super::tls::{Doors, Tls};
use crate::{Error, McpServer};

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
    server: McpServer,
    path: String,
    policy: Option<OriginPolicy>,
    hosts: Vec<String>,
    origins: Vec<String>,
    pub(super) tls: Tls,
}

impl HttpServer {
    pub(crate) fn new(server: McpServer) -> Self {
        Self {
            server,
            path: "/mcp".to_owned(),
            policy: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            tls: Tls::default(),
        }
    }

    /// Sets the path of the one URL that clients use. `/mcp` unless set.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
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
    /// They pass the check of `Origin`, and are granted what a browser asks for before it lets a page see the answers.
    pub fn allow_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.origins.extend(origins.into_iter().map(Into::into));
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
        let doors = self.tls.open(self.server.limits())?;
        let listener = TcpListener::bind(address).await.map_err(Error::bind)?;
        let address = listener.local_addr().map_err(Error::bind)?;
        let front = self.front(address.ip())?;
        Ok(HttpListener { listener, address, path: self.path.into(), front, doors })
    }

    /// Serves on an address until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on ([`Error::is_bind`]), or a host, origin or path is malformed.
    pub async fn run(self, address: impl ToSocketAddrs) -> Result<(), Error> {
        let server = self.server.clone();
        let _reloading = self.tls.reloading();
        let listener = self.bind(address).await?;
        tracing::info!(address = %listener.local_addr(), "serving over HTTP");
        crate::signal::until(&server, listener.serve()).await
    }

    /// Makes a router with the one route, to be merged into an application or nested in it.
    ///
    /// # Errors
    ///
    /// If a host, origin or path is malformed.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Result<Router<S>, Error> {
        // Nobody knows where it will listen, so the narrower policy holds.
        Ok(match self.front(IpAddr::V4(Ipv4Addr::LOCALHOST))? {
            Front::Plain(service) => Router::new().route_service(&self.path, service),
            Front::Cors(service) => Router::new().route_service(&self.path, *service),
        })
    }

    fn front(&self, address: IpAddr) -> Result<Front, Error> {
        if !self.path.starts_with('/') || self.path.contains(['{', '}', '?', '#']) {
            return Err(Error::configuration(format!("path `{}` is not a plain path", self.path)));
        }
        let invalid = |error: turbomcp_transport::http::origin::InvalidEntry| Error::configuration(error.to_string());
        let mut policy = self.policy.clone().unwrap_or_else(|| OriginPolicy::for_listener(address));
        if !self.hosts.is_empty() {
            policy = policy.allow_hosts(&self.hosts).map_err(invalid)?;
        }
        let policy = policy.allow_origins(&self.origins).map_err(invalid)?;
        let server = self.server.clone();
        let endpoint = Arc::new(Endpoint { server, origins: policy, sessions: Arc::new(Sessions::default()) });
        let service = McpService::new(endpoint, None);
        if self.origins.is_empty() {
            return Ok(Front::Plain(service));
        }
        let origins = self.origins.iter().map(|origin| HeaderValue::from_str(origin)).collect::<Result<Vec<_>, _>>();
        let cors = CorsLayer::new()
            .allow_origin(origins.map_err(|error| Error::configuration(error.to_string()))?)
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([SESSION_ID.clone(), VERSION.clone(), WWW_AUTHENTICATE, RETRY_AFTER]);
        Ok(Front::Cors(Box::new(cors.layer(service))))
    }
}

/// The endpoint, with or without what browsers ask for.
#[derive(Debug, Clone)]
enum Front {
    Plain(McpService),
    Cors(Box<Cors<McpService>>),
}

/// A server that listens over HTTP, and serves once [`serve`](Self::serve) is awaited.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
    path: Arc<str>,
    front: Front,
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
        let Self { listener, path, front, doors, .. } = self;
        let server = match &front {
            Front::Plain(service) => service.endpoint().server.clone(),
            Front::Cors(service) => service.get_ref().endpoint().server.clone(),
        };
        let _serving = server.serving();
        let limits = server.limits();
        let bounds = Bounds {
            connections: Connections::new(limits.connections, limits.shutdown),
            header_timeout: limits.header_timeout,
            header_bytes: limits.header_bytes,
        };
        let end = server.shutdown_started();
        let service = move |address, told: Extensions| {
            let (path, front) = (path.clone(), front.at(address));
            service_fn(move |mut request: Request<Incoming>| -> Answering {
                request.extensions_mut().extend(told.clone());
                match &front {
                    _ if request.uri().path() != &*path => Box::pin(async { Ok(empty(StatusCode::NOT_FOUND)) }),
                    Front::Plain(service) => service.clone().call(request),
                    Front::Cors(service) => Box::pin(service.clone().call(request)),
                }
            })
        };
        doors.serve(listener, bounds, end, service).await;
        Ok(())
    }
}

impl Front {
    fn at(&self, address: SocketAddr) -> Self {
        match self {
            Self::Plain(service) => Self::Plain(service.at(address)),
            Self::Cors(service) => {
                let mut service = service.clone();
                *service.get_mut() = service.get_ref().at(address);
                Self::Cors(service)
            }
        }
    }
}

impl McpServer {
    /// Starts to describe how the server is offered over HTTP.
    pub fn http(&self) -> HttpServer {
        HttpServer::new(self.clone())
    }

    /// Serves Streamable HTTP on the path `/mcp` of an address, until SIGTERM or SIGINT asks the server to end.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn run_http(&self, address: impl ToSocketAddrs) -> Result<(), Error> {
        self.http().run(address).await
    }

    /// Makes an axum router that answers on the path `/mcp`, to be merged into an application or nested in it.
    ///
    /// It answers only requests for loopback hosts; for any other, see [`HttpServer::allow_hosts`].
    ///
    /// # Panics
    ///
    /// Never: the default settings are well-formed.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        self.http().into_router().expect("the default settings are well-formed")
    }
}
