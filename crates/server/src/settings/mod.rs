//! What files and environment variables say of a server.
//!
//! ```no_run
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::settings::Settings;
//!
//! # async fn run() -> Result<(), turbomcp_server::Error> {
//! let settings = Settings::load().file("server.toml").environment("TURBOMCP").read()?;
//! let server = ServerBuilder::new().settings(settings)?.build();
//! server.run_configured().await
//! # }
//! ```
//!
//! A file is TOML or YAML, by what its name ends in:
//!
//! ```toml
//! preset = "production"
//!
//! [limits]
//! body_bytes = "2MiB"
//!
//! [rate_limit]
//! strategy = "per_principal"
//! requests_per_period = 600
//! ```
//!
//! The same by variables: `TURBOMCP_PRESET=production`, `TURBOMCP_LIMITS__BODY_BYTES=2MiB` and so on, in which lists have
//! commas between their parts. [`Settings::reference`] has all keys.

mod apply;
mod check;
mod code;
mod keys;
mod kind;
mod node;
mod own;
mod reference;
#[cfg(feature = "hot-reload")]
mod reload;
mod run;

mod source;
#[cfg(test)]
mod tests;
mod tools;

#[cfg(feature = "hot-reload")]
pub(crate) use self::code::{Base, Changes};
#[cfg(feature = "hot-reload")]
pub(crate) use self::reload::changes_while_running;
#[cfg(feature = "hot-reload")]
pub(crate) use self::run::Place;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::node::{Origin, Table};
use crate::health::HealthCheckConfig;
use crate::layers::MiddlewareStack;
use crate::metrics::PrometheusConfig;
use crate::seal::KEY_BYTES;
#[cfg(feature = "http")]
use crate::sessions::SessionConfig;
use crate::tasks::{TaskConfig, TaskStore};
use crate::{Error, ServerConfig, environment};

/// Everything that files and variables say of a server; see [`ServerBuilder::settings`](crate::ServerBuilder::settings).
///
/// What only code can say is put to it there: who may call, what errors are told as, and by [`Settings::audit_sink`],
/// [`shared_rate_limits`](Settings::shared_rate_limits) and [`task_store`](Settings::task_store) where things are kept.
/// `with_audit`, `with_rate_limit` and the like of a stack replace the whole part, with whatever files say of it.
///
/// With `hot-reload`, what code has changed after it was read stays so when it is read again: each key of which it differs
/// from what was read, and no other. A part that it has turned on is off once a file says `enabled = false`.
///
/// ```
/// use turbomcp_server::layers::ErrorHandler;
/// use turbomcp_server::settings::Settings;
///
/// let mut settings = Settings::default();
/// settings.middleware = settings.middleware.with_error_handler(ErrorHandler::new());
/// settings.config.limits.page_size = 50;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// What the server says of itself, and the bounds it keeps. What of it says what the server is, its name first, holds
    /// where a file or a variable says so, and is left to the builder elsewhere.
    pub config: ServerConfig,
    /// What stands around every request.
    pub middleware: MiddlewareStack,
    /// How long legacy sessions last, for a [`SessionManager`](crate::sessions::SessionManager) with a store of one's own;
    /// unless the builder has one, the sessions are managed in memory.
    #[cfg(feature = "http")]
    pub sessions: Option<SessionConfig>,
    preset: Preset,
    serve: ServeSettings,
    #[cfg(feature = "http")]
    http: HttpSettings,
    #[cfg(feature = "tls")]
    tls: TlsSettings,
    #[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
    store_tls: StoreTlsSettings,
    tools: Tools,
    tasks: Option<TaskConfig>,
    health: Option<HealthCheckConfig>,
    metrics: Option<PrometheusConfig>,
    keys: Keys,
    task_store: Option<Arc<dyn TaskStore>>,
    /// What was said, and where.
    said: BTreeMap<String, Origin>,
    /// The sections of the program's own.
    own: Table,
    sources: Sources,
    /// As they were when they had been read.
    #[cfg(feature = "hot-reload")]
    read: Option<Arc<Self>>,
    /// What code has changed since, once that is known.
    #[cfg(feature = "hot-reload")]
    changes: Option<Arc<Changes>>,
}

/// What settings begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Preset {
    #[default]
    Default,
    Development,
    Production,
}

/// How the server is reached.
#[derive(Debug, Clone, Default)]
struct ServeSettings {
    transport: Option<environment::Binding>,
    address: Option<String>,
    socket: Option<String>,
}

/// How it is offered over HTTP.
#[cfg(feature = "http")]
#[derive(Debug, Clone, Default)]
struct HttpSettings {
    path: Option<String>,
    #[cfg(feature = "websocket")]
    websocket: Option<String>,
    sse: Option<String>,
    messages: Option<String>,
    hosts: Vec<String>,
}

/// What it shows over TLS.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Default)]
struct TlsSettings {
    certificate: Option<String>,
    key: Option<String>,
    client_ca: Option<String>,
    client_auth: turbomcp_transport::tls::ClientAuthMode,
    min_version: turbomcp_transport::tls::TlsVersion,
    ocsp_response: Option<String>,
    reload_interval: Option<std::time::Duration>,
}

/// How it reaches its stores over TLS.
#[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
#[derive(Debug, Clone, Default)]
struct StoreTlsSettings {
    ca_bundle: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    min_version: turbomcp_transport::tls::TlsVersion,
}

/// Which tools there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tools {
    only: Option<Vec<String>>,
    hidden: Vec<String>,
}

/// The keys that seal `requestState`.
#[derive(Clone, Default)]
struct Keys(Vec<[u8; KEY_BYTES]>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} redacted]", self.0.len())
    }
}

impl Settings {
    /// Starts to say where settings are read.
    pub fn load() -> Sources {
        Sources::default()
    }

    /// Reads one file, and no variables.
    ///
    /// # Errors
    ///
    /// As [`Sources::read`].
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::load().file(path).read()
    }

    /// Returns how Redis and PostgreSQL are spoken to over TLS, if anything is said of that, for
    /// [`Redis::connect_with_tls`](crate::store::Redis::connect_with_tls) and
    /// [`Postgres::connect_with_tls`](crate::store::Postgres::connect_with_tls). Where their URLs are is up to code, and so
    /// is which of them it is for.
    ///
    /// ```no_run
    /// # #[cfg(feature = "session-redis")]
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use turbomcp_server::settings::Settings;
    /// use turbomcp_server::store::Redis;
    ///
    /// let settings = Settings::from_file("server.toml")?;
    /// let url = std::env::var("REDIS_URL")?;
    /// let redis = match settings.store_tls() {
    ///     Some(tls) => Redis::connect_with_tls(&url, &tls).await?,
    ///     None => Redis::connect(&url).await?,
    /// };
    /// # drop(redis);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
    #[must_use]
    pub fn store_tls(&self) -> Option<turbomcp_transport::tls::TlsConfig> {
        use turbomcp_transport::tls::TlsConfig;
        let tls = &self.store_tls;
        self.said.keys().any(|key| key.starts_with("store_tls.")).then(|| {
            let config = match (&tls.certificate, &tls.key) {
                (Some(certificate), Some(key)) => TlsConfig::new(certificate, key),
                _ => TlsConfig::default(),
            };
            let config = config.with_min_version(tls.min_version);
            match &tls.ca_bundle {
                Some(path) => config.with_ca_bundle(path),
                None => config,
            }
        })
    }

    /// Returns a page of Markdown with every key of this build: what it takes, what it is unless set, when a running
    /// server takes a change of it, and what it means.
    #[must_use]
    pub fn reference() -> String {
        reference::page()
    }

    fn begin_with(&mut self, preset: Preset) {
        self.preset = preset;
        (self.config, self.middleware) = match preset {
            Preset::Default => (ServerConfig::default(), MiddlewareStack::new()),
            Preset::Development => (ServerConfig::development(), MiddlewareStack::development()),
            Preset::Production => (ServerConfig::production(), MiddlewareStack::production()),
        };
    }
}

/// Where settings are read.
///
/// What is said later holds: of files the one that was added last, and variables before all files.
///
/// ```no_run
/// use turbomcp_server::settings::Settings;
///
/// let settings = Settings::load().file("defaults.yaml").file("server.toml").environment("TURBOMCP").read()?;
/// # drop(settings);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Sources {
    files: Vec<PathBuf>,
    prefix: Option<String>,
    own: Vec<String>,
}

impl Sources {
    /// Reads a file, by what its name ends in: `.toml`, `.yaml` or `.yml`.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// Reads the variables whose names begin with a prefix and `_`. The rest of a name is a key in any case, with `__`
    /// between its parts: `TURBOMCP_LIMITS__BODY_BYTES`. What follows the prefix as `_CONFIG` names a further file.
    ///
    /// One that is empty counts as one that is not set.
    pub fn environment(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Says that a section at the top is the program's own. What is in it is merged as all else is, and read by
    /// [`Settings::section`].
    ///
    /// ```no_run
    /// use std::collections::BTreeMap;
    /// use turbomcp_server::settings::Settings;
    ///
    /// let settings = Settings::load().section("prices").file("server.toml").environment("SHOP").read()?;
    /// let prices: BTreeMap<String, f64> = settings.section("prices")?.unwrap_or_default();
    /// # drop(prices);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    pub fn section(mut self, name: impl Into<String>) -> Self {
        self.own.push(name.into());
        self
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// If a section of the program's own has a name that is already taken, a file cannot be read, or anything in it or in
    /// a variable is not known or makes no sense ([`Error::is_configuration`]). The error names the file and its line, or
    /// the variable; the key; what was found, unless that is a secret; and what is allowed.
    pub fn read(&self) -> Result<Settings, Error> {
        self.read_with(std::env::vars_os())
    }

    fn read_with(
        &self,
        variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Settings, Error> {
        if let Some(name) =
            self.own.iter().find(|name| *name == "config" || keys::sections().any(|known| known.name == **name))
        {
            return Err(Error::configuration(format!(
                "section `{name}` is one of the settings and not the program's own"
            )));
        }
        let mut variables = match &self.prefix {
            Some(prefix) => source::variables(prefix, variables)?,
            None => Table::new(),
        };
        let named = match variables.get("config").map(|node| &node.value) {
            Some(node::Value::Variable(path)) => Some(PathBuf::from(path)),
            _ => None,
        };
        if named.is_some() {
            variables.remove("config");
        }
        let mut all = Table::new();
        let files = self.files.iter().map(PathBuf::as_path).chain(named.as_deref().map(Path::new));
        for (rank, path) in files.enumerate() {
            let said = source::file(path, rank)?;
            node::check_secrets(&said)?;
            node::lay_over(&mut all, said);
        }
        node::check_secrets(&variables)?;
        node::lay_over(&mut all, variables);
        let own = self.own.iter().filter_map(|name| all.remove_entry(name)).collect();
        let mut settings = apply::apply(&all, &self.own)?;
        check::check(&settings)?;
        settings.own = own;
        settings.sources = self.clone();
        #[cfg(feature = "hot-reload")]
        {
            settings.read = Some(Arc::new(settings.clone()));
        }
        Ok(settings)
    }
}
