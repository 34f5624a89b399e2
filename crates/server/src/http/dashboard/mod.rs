//! The dashboard: pages for whoever develops or operates a server, on a port of their own.

mod call;
mod configuration;
mod form;
mod html;
mod pages;
mod shown;
mod site;
mod spark;
mod watch;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use turbomcp_transport::Principal;
use turbomcp_transport::http::origin::{HostPolicy, OriginPolicy};

use super::operator;
use crate::listening::listen;
use crate::metrics::Credentials;
use crate::{Error, McpServer, ServerBuilder};
use site::Site;
pub(crate) use watch::{Seen, Watch};

/// The most requests that are shown, and the most bytes of the arguments of each.
const MOST_CALLS: usize = 10_000;
const MOST_ARGUMENT_BYTES: usize = 64 << 10;

/// What the [dashboard](ServerBuilder::with_dashboard) of a server shows, where, and to whom.
///
/// Whoever reaches it reads everything there is to be read of the server, and calls its tools. On a loopback address
/// that is every program of this computer, and nobody's web page: requests that name another host are refused, as are forms
/// of other pages. Anywhere else it asks for a password.
///
/// ```
/// use turbomcp_server::{DashboardConfig, ServerBuilder};
///
/// let dashboard = DashboardConfig::new("127.0.0.1:3001").recent_calls(500);
/// let server = ServerBuilder::new().with_dashboard(dashboard)?.build();
/// # drop(server);
/// // What others reach needs a password.
/// assert!(ServerBuilder::new().with_dashboard(DashboardConfig::new("0.0.0.0:3001")).is_err());
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct DashboardConfig {
    address: String,
    credentials: Option<(String, String)>,
    hosts: Vec<String>,
    recent_calls: usize,
    argument_bytes: Option<usize>,
    principal: Option<Principal>,
    read_only: bool,
}

impl DashboardConfig {
    /// Starts with an IP address and a port, of which 0 is any free one; without a password, and with the last 200 requests
    /// without their arguments.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            credentials: None,
            hosts: Vec::new(),
            recent_calls: 200,
            argument_bytes: None,
            principal: None,
            read_only: false,
        }
    }

    /// Asks for a name and a password. They are sent as they are, so what is not on a loopback address belongs behind
    /// something that encrypts.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Answers requests that name one of these hosts and no others, as
    /// [`HttpServer::allow_hosts`](crate::HttpServer::allow_hosts) does.
    ///
    /// Unless set, a dashboard on a loopback address answers only loopback hosts; one elsewhere answers any host.
    pub fn allow_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Sets how many of the last requests are shown, from 1 to 10,000. 200 unless set.
    pub fn recent_calls(mut self, calls: usize) -> Self {
        self.recent_calls = calls;
        self
    }

    /// Also shows the arguments of tools, as many bytes of each call, up to 64 KiB. Not shown unless set: callers may have
    /// confided them to the tool alone.
    ///
    /// What is named like a secret is not shown in any case.
    pub fn record_arguments(mut self, bytes: usize) -> Self {
        self.argument_bytes = Some(bytes);
        self
    }

    /// Calls tools as this caller. Unless set, they are called by nobody in particular, whom a server with
    /// [`auth`](ServerBuilder::auth) lets in only if it lets in everybody.
    pub fn call_as(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// Only shows: nothing is called, read or got from the pages.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    fn settings(self) -> Result<Settings, Error> {
        let address: SocketAddr = self.address.parse().map_err(|_| {
            Error::configuration(format!("the dashboard's address `{}` is not an IP address with a port", self.address))
        })?;
        let credentials =
            self.credentials.map(|(user, password)| Credentials::checked(&user, &password)).transpose()?;
        if !address.ip().to_canonical().is_loopback() && credentials.is_none() {
            return Err(Error::configuration(format!(
                "a dashboard at {address} can be reached from elsewhere: it needs `DashboardConfig::basic_auth`, or a \
                 loopback address"
            )));
        }
        if !(1..=MOST_CALLS).contains(&self.recent_calls) {
            let message = format!("the dashboard keeps from 1 to {MOST_CALLS} requests, not {}", self.recent_calls);
            return Err(Error::configuration(message));
        }
        if let Some(bytes) = self.argument_bytes
            && !(1..=MOST_ARGUMENT_BYTES).contains(&bytes)
        {
            let message =
                format!("the dashboard keeps from 1 to {MOST_ARGUMENT_BYTES} bytes of arguments, not {bytes}");
            return Err(Error::configuration(message));
        }
        let mut origins = OriginPolicy::for_listener(address.ip());
        if !self.hosts.is_empty() {
            let hosts = HostPolicy::allow(&self.hosts).map_err(|error| Error::configuration(error.to_string()))?;
            origins = origins.hosts(hosts);
        }
        Ok(Settings {
            address,
            credentials,
            origins,
            recent_calls: self.recent_calls,
            argument_bytes: self.argument_bytes,
            principal: self.principal,
            read_only: self.read_only,
        })
    }
}

impl fmt::Debug for DashboardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardConfig")
            .field("address", &self.address)
            .field("credentials", &self.credentials.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

/// A configuration that was found to make sense.
#[derive(Debug)]
pub(crate) struct Settings {
    address: SocketAddr,
    credentials: Option<Credentials>,
    origins: OriginPolicy,
    recent_calls: usize,
    argument_bytes: Option<usize>,
    principal: Option<Principal>,
    read_only: bool,
}

/// What a server with a dashboard has for it.
#[derive(Debug)]
pub(crate) struct Dashboard {
    settings: Settings,
    pub(crate) watch: Watch,
}

impl Dashboard {
    pub(crate) fn new(settings: Settings) -> Self {
        let watch = Watch::new(settings.recent_calls, settings.argument_bytes);
        Self { settings, watch }
    }
}

impl ServerBuilder {
    /// Gives the server a dashboard, which [`McpServer::bind_dashboard`] serves: its health, metrics, sessions and last
    /// requests, and a form for each tool.
    ///
    /// What the dashboard shows is noted from when the server is built. Without a dashboard nothing is.
    ///
    /// # Errors
    ///
    /// If the address is none, or is not a loopback address and there is no password; if a host, the name or the password
    /// is malformed, or a number is out of bounds.
    pub fn with_dashboard(mut self, dashboard: DashboardConfig) -> Result<Self, Error> {
        self.operator.dashboard = Some(dashboard.settings()?);
        Ok(self)
    }
}

impl McpServer {
    /// Takes the address of the [dashboard](ServerBuilder::with_dashboard).
    ///
    /// ```no_run
    /// # async fn run(builder: turbomcp_server::ServerBuilder) -> Result<(), turbomcp_server::Error> {
    /// use turbomcp_server::DashboardConfig;
    ///
    /// let server = builder.with_dashboard(DashboardConfig::new("127.0.0.1:3001"))?.build();
    /// let dashboard = server.bind_dashboard().await?;
    /// eprintln!("{}", dashboard.url());
    /// tokio::spawn(dashboard.serve());
    /// server.run_http("127.0.0.1:8080").await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the server has none, or the address cannot be listened on ([`Error::is_bind`]).
    pub async fn bind_dashboard(&self) -> Result<DashboardListener, Error> {
        let Some(dashboard) = &self.operator().dashboard else {
            return Err(Error::configuration("the server was built without `ServerBuilder::with_dashboard`"));
        };
        let (listener, address) = listen(dashboard.settings.address).await?;
        Ok(DashboardListener { listener, address, site: Arc::new(Site::new(self.clone())?) })
    }
}

/// A dashboard that listens, and serves once [`serve`](Self::serve) is awaited.
#[derive(Debug)]
pub struct DashboardListener {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
}

impl DashboardListener {
    /// Returns the address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns where a browser finds it: `http://127.0.0.1:3001/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the server was asked to end and nothing of it runs any more.
    ///
    /// # Errors
    ///
    /// None at present: a connection that fails ends alone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every connection, and cancels what was called from the pages.
    pub async fn serve(self) -> Result<(), Error> {
        let Self { listener, site, .. } = self;
        let server = site.server();
        operator::serve(listener, &server, |_| {
            let site = site.clone();
            service_fn(move |request: Request<Incoming>| site.clone().answer(request))
        })
        .await;
        Ok(())
    }
}
