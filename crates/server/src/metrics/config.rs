//! What is measured, and who may read it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;

use super::buckets;
use super::user::is_name;
use crate::Error;

/// What is measured of a server, and where Prometheus reads it.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::metrics::MetricsConfig;
///
/// let metrics = MetricsConfig::new()
///     .prometheus_endpoint("/metrics")
///     .custom_metrics(true)
///     .histogram_buckets([0.001, 0.01, 0.1, 1.0, 10.0]);
/// let server = ServerBuilder::new().with_metrics(metrics)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MetricsConfig {
    prometheus: PrometheusConfig,
}

impl MetricsConfig {
    /// Starts with `/metrics`, metrics of users, and bounds from a millisecond to a minute.
    pub fn new() -> Self {
        Self { prometheus: PrometheusConfig::new() }
    }

    /// Sets the path at which the metrics are read. `/metrics` unless set.
    pub fn prometheus_endpoint(mut self, path: impl Into<String>) -> Self {
        self.prometheus = self.prometheus.endpoint(path);
        self
    }

    /// Sets whether what users measure is shown beside what the server does. True unless set.
    pub fn custom_metrics(mut self, shown: bool) -> Self {
        self.prometheus.custom = shown;
        self
    }

    /// Sets the upper bounds in seconds by which durations are counted.
    pub fn histogram_buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.prometheus = self.prometheus.histogram_buckets(bounds);
        self
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// How Prometheus reads the metrics: by which names, where, and with which password.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::metrics::{MetricsCollector, PrometheusConfig};
///
/// let prometheus = PrometheusConfig::new()
///     .namespace("turbomcp")
///     .subsystem("server")
///     .endpoint("/metrics")
///     .basic_auth("metrics", "secret");
/// let server = ServerBuilder::new().with_metrics(MetricsCollector::prometheus(prometheus))?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct PrometheusConfig {
    pub(crate) namespace: String,
    pub(crate) subsystem: String,
    pub(crate) endpoint: String,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) buckets: Vec<f64>,
    pub(crate) custom: bool,
}

impl PrometheusConfig {
    /// Starts with names such as `turbomcp_server_requests_total` at `/metrics`, without a password.
    pub fn new() -> Self {
        Self {
            namespace: "turbomcp".to_owned(),
            subsystem: "server".to_owned(),
            endpoint: "/metrics".to_owned(),
            credentials: None,
            buckets: buckets::DEFAULT.to_vec(),
            custom: true,
        }
    }

    /// Sets the first part of the names. `turbomcp` unless set.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets the second part of the names; it may be empty. `server` unless set.
    pub fn subsystem(mut self, subsystem: impl Into<String>) -> Self {
        self.subsystem = subsystem.into();
        self
    }

    /// Sets the path at which the metrics are read. `/metrics` unless set.
    pub fn endpoint(mut self, path: impl Into<String>) -> Self {
        self.endpoint = path.into();
        self
    }

    /// Asks whoever reads the metrics for a name and a password.
    ///
    /// Without them, a listener that also serves MCP shows the metrics to callers from this computer only.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Sets the upper bounds in seconds by which durations are counted.
    pub fn histogram_buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.buckets = bounds.into_iter().collect();
        self
    }

    fn settings(self) -> Result<Settings, Error> {
        let malformed = |what: &str, value: &str| Err(Error::configuration(format!("{what} `{value}` is malformed")));
        if !is_name(&self.namespace) {
            return malformed("the namespace of metrics", &self.namespace);
        }
        if !self.subsystem.is_empty() && !is_name(&self.subsystem) {
            return malformed("the subsystem of metrics", &self.subsystem);
        }
        if !buckets::are_valid(&self.buckets) {
            return malformed("the list of buckets", &format!("{:?}", self.buckets));
        }
        crate::operator::check_path(&self.endpoint)?;
        let credentials =
            self.credentials.map(|(user, password)| Credentials::checked(&user, &password)).transpose()?;
        let prefix = match &*self.subsystem {
            "" => self.namespace,
            subsystem => format!("{}_{subsystem}", self.namespace),
        };
        let (endpoint, buckets) = (self.endpoint, self.buckets.into());
        Ok(Settings { prefix, endpoint, credentials, buckets, custom: self.custom })
    }
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PrometheusConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusConfig")
            .field("namespace", &self.namespace)
            .field("subsystem", &self.subsystem)
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

/// What [`ServerBuilder::with_metrics`](crate::ServerBuilder::with_metrics) takes.
#[derive(Debug, Clone)]
#[must_use]
pub struct MetricsCollector {
    prometheus: PrometheusConfig,
}

impl MetricsCollector {
    /// Collects for Prometheus.
    pub fn prometheus(config: PrometheusConfig) -> Self {
        Self { prometheus: config }
    }

    pub(crate) fn settings(self) -> Result<Arc<Settings>, Error> {
        self.prometheus.settings().map(Arc::new)
    }
}

impl From<MetricsConfig> for MetricsCollector {
    fn from(config: MetricsConfig) -> Self {
        Self::prometheus(config.prometheus)
    }
}

/// A configuration that was found to make sense.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What all names begin with, without the `_` after it.
    pub(crate) prefix: String,
    pub(crate) endpoint: String,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) buckets: Box<[f64]>,
    pub(crate) custom: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let PrometheusConfig { endpoint, buckets, custom, .. } = PrometheusConfig::new();
        Self { prefix: "turbomcp_server".to_owned(), endpoint, credentials: None, buckets: buckets.into(), custom }
    }
}

/// A name and a password, of which only what tells whether others are the same is kept.
pub(crate) struct Credentials {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Credentials {
    /// Keeps a name and a password.
    pub(crate) fn checked(user: &str, password: &str) -> Result<Self, Error> {
        if user.is_empty() || user.contains(':') || password.is_empty() {
            return Err(Error::configuration(format!("the name or password of `{user}` is malformed")));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::configuration("the system has no randomness"))?;
        let tag = hmac::sign(&key, format!("{user}:{password}").as_bytes());
        Ok(Self { key, tag })
    }

    /// Returns true if a header `Authorization` has them; how long that takes says nothing about them.
    pub(crate) fn are_in(&self, header: &[u8]) -> bool {
        let Some((scheme, encoded)) = header.split_first_chunk::<6>() else { return false };
        let decoded = STANDARD.decode(encoded.trim_ascii());
        scheme.eq_ignore_ascii_case(b"basic ")
            && decoded.is_ok_and(|given| hmac::verify(&self.key, &given, self.tag.as_ref()).is_ok())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
