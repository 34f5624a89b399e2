//! What whoever operates a server asks of it: its health, and what it counts.

use std::fmt;

use crate::health::{Check, Health, HealthCheck, HealthCheckConfig, HealthReport};
use crate::metrics::{CustomMetrics, Detail, Metric, MetricsCollector, MetricsConfig, ServerMetrics, join};
use crate::{Error, McpServer, ServerBuilder, health, metrics};

/// What a builder keeps.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) health: Option<health::Settings>,
    metrics: Option<std::sync::Arc<metrics::Settings>>,
    custom: Vec<Metric>,
    #[cfg(feature = "dashboard")]
    pub(crate) dashboard: Option<crate::http::dashboard::Settings>,
}

/// What a server has of it.
pub(crate) struct Operator {
    pub(crate) metrics: ServerMetrics,
    pub(crate) health: Option<Health>,
    #[cfg_attr(not(any(feature = "http", feature = "otel")), expect(dead_code, reason = "nothing shows them"))]
    pub(crate) custom: Vec<Metric>,
    #[cfg(feature = "dashboard")]
    pub(crate) dashboard: Option<crate::http::dashboard::Dashboard>,
    /// Whether what is counted is shown to Prometheus.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "nothing shows it"))]
    shows_metrics: bool,
}

impl Operator {
    pub(crate) fn new(settings: Settings) -> Self {
        #[cfg(feature = "dashboard")]
        let has_dashboard = settings.dashboard.is_some();
        #[cfg(not(feature = "dashboard"))]
        let has_dashboard = false;
        let shows_metrics = settings.metrics.is_some();
        let metrics = settings.metrics.or_else(|| has_dashboard.then(metrics::Settings::default).map(Into::into));
        Self {
            metrics: ServerMetrics::new(metrics.map(Detail::new)),
            health: settings.health.map(Health::new),
            custom: settings.custom,
            #[cfg(feature = "dashboard")]
            dashboard: settings.dashboard.map(crate::http::dashboard::Dashboard::new),
            shows_metrics,
        }
    }

    /// Returns what is counted in detail, if it is shown to Prometheus.
    #[cfg(feature = "http")]
    pub(crate) fn shown_metrics(&self) -> Option<&Detail> {
        self.metrics.detail().filter(|_| self.shows_metrics)
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Checks that a path stands for itself.
pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    if !path.starts_with('/') || path.contains(['{', '}', '?', '#']) {
        return Err(Error::configuration(format!("path `{path}` is not a plain path")));
    }
    Ok(())
}

impl ServerBuilder {
    /// Has the server say whether it is well: a [`HealthChecker`](crate::health::HealthChecker), or a
    /// [`HealthCheckConfig`] that also says where. Replaces all checks there are.
    ///
    /// # Errors
    ///
    /// If two checks have one name, a path is malformed, or a time is zero.
    pub fn with_health_checks(mut self, checks: impl Into<HealthCheckConfig>) -> Result<Self, Error> {
        self.operator.health = Some(health::Settings::new(checks.into())?);
        Ok(self)
    }

    /// Adds a check to those there are.
    ///
    /// ```
    /// use turbomcp_server::ServerBuilder;
    ///
    /// let builder = ServerBuilder::new().with_health_check("queue", || async { true })?;
    /// # drop(builder);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is a check of this name.
    pub fn with_health_check(mut self, name: impl Into<String>, check: impl HealthCheck) -> Result<Self, Error> {
        let settings = match self.operator.health.take() {
            Some(settings) => settings,
            None => health::Settings::new(HealthCheckConfig::new())?,
        };
        self.operator.health.insert(settings).add(Check::new(name, check))?;
        Ok(self)
    }

    /// Has the server count by method and kind of error, and show that to Prometheus.
    ///
    /// The counters of [`McpServer::metrics`] are there without it.
    ///
    /// # Errors
    ///
    /// If a name or path is malformed, or the buckets do not grow.
    pub fn with_metrics(mut self, metrics: impl Into<MetricsCollector>) -> Result<Self, Error> {
        self.operator.metrics = Some(metrics.into().settings()?);
        Ok(self)
    }

    /// Shows metrics of one's own beside those of the server.
    ///
    /// # Errors
    ///
    /// If a name is malformed or taken, or the buckets of a histogram do not grow.
    pub fn with_custom_metrics(mut self, metrics: impl CustomMetrics) -> Result<Self, Error> {
        if self.operator.metrics.is_none() {
            self = self.with_metrics(MetricsConfig::new())?;
        }
        join(&mut self.operator.custom, metrics.metrics())?;
        Ok(self)
    }
}

impl McpServer {
    /// Returns what the server counts.
    #[must_use]
    pub fn metrics(&self) -> &ServerMetrics {
        &self.operator().metrics
    }

    /// Returns whether the server is well: what the [checks](ServerBuilder::with_health_checks) found last, and whether it
    /// is [shutting down](Self::is_shutting_down).
    ///
    /// Waits for checks that have not run yet, for as long as they may take.
    ///
    /// # Panics
    ///
    /// If there are checks that do not run yet, and this is no runtime of Tokio.
    pub async fn health(&self) -> HealthReport {
        let is_shutting_down = self.is_shutting_down();
        match &self.operator().health {
            Some(health) => health.report(is_shutting_down).await,
            None => HealthReport::new(Vec::new(), is_shutting_down),
        }
    }
}
