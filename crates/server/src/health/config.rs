//! Which checks there are, how often they run, and where to ask for them.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, HealthCheck};
use crate::Error;

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Checks, how often they run, and how long they may take.
///
/// Each runs for itself when the server is first served or asked, and again whenever the interval is over; what is asked
/// for is what it found last. One that takes too long or panics found that it is unhealthy.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::health::{HealthChecker, checks};
///
/// let checker = HealthChecker::new()
///     .add_check("disk", checks::disk_space("/", 1 << 30))
///     .add_check("queue", || async { true })
///     .interval(Duration::from_secs(10))
///     .timeout(Duration::from_secs(2));
/// let server = ServerBuilder::new().with_health_checks(checker)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct HealthChecker {
    checks: Vec<Check>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

impl HealthChecker {
    /// Starts without a check: each will run every 30 seconds for 5 seconds at most.
    pub fn new() -> Self {
        Self { checks: Vec::new(), interval: INTERVAL, timeout: TIMEOUT }
    }

    /// Adds a check.
    pub fn add_check(mut self, name: impl Into<String>, check: impl HealthCheck) -> Self {
        self.checks.push(Check::new(name, check));
        self
    }

    /// Sets how long it takes from the end of a check until it runs again. 30 seconds unless set.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long a check may take. 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for HealthChecker {
    fn default() -> Self {
        Self::new()
    }
}

/// [`HealthChecker`], and where to ask over HTTP.
///
/// The paths are answered wherever the server is offered over HTTP, and by
/// [`McpServer::management`](crate::McpServer::management) for a server that is not.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::health::{Check, HealthCheckConfig, checks};
///
/// let health = HealthCheckConfig::new()
///     .readiness_endpoint("/health/ready")
///     .liveness_endpoint("/health/live")
///     .custom_checks([checks::disk_space("/", 1 << 30), Check::new("queue", || async { true })]);
/// let server = ServerBuilder::new().with_health_checks(health)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct HealthCheckConfig {
    pub(crate) checker: HealthChecker,
    pub(crate) readiness: String,
    pub(crate) liveness: String,
}

impl HealthCheckConfig {
    /// Starts with `/health/ready` and `/health/live`, without a check.
    pub fn new() -> Self {
        HealthChecker::new().into()
    }

    /// Sets the path that answers 200 if the server can take requests, and 503 if a check says no or it is shutting
    /// down. `/health/ready` unless set.
    pub fn readiness_endpoint(mut self, path: impl Into<String>) -> Self {
        self.readiness = path.into();
        self
    }

    /// Sets the path that answers 200 for as long as the server can answer. `/health/live` unless set.
    pub fn liveness_endpoint(mut self, path: impl Into<String>) -> Self {
        self.liveness = path.into();
        self
    }

    /// Adds checks.
    pub fn custom_checks(mut self, checks: impl IntoIterator<Item = Check>) -> Self {
        self.checker.checks.extend(checks);
        self
    }

    /// Sets how long it takes from the end of a check until it runs again. 30 seconds unless set.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.checker = self.checker.interval(interval);
        self
    }

    /// Sets how long a check may take. 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.checker = self.checker.timeout(timeout);
        self
    }
}

impl Default for HealthCheckConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl From<HealthChecker> for HealthCheckConfig {
    fn from(checker: HealthChecker) -> Self {
        Self { checker, readiness: "/health/ready".to_owned(), liveness: "/health/live".to_owned() }
    }
}

/// What the builder of a server keeps.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(super) checks: Vec<Check>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(crate) paths: Paths,
}

/// Where to ask.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) readiness: Arc<str>,
    pub(crate) liveness: Arc<str>,
}

impl Settings {
    pub(crate) fn new(config: HealthCheckConfig) -> Result<Self, Error> {
        let HealthCheckConfig { checker, readiness, liveness } = config;
        crate::operator::check_path(&readiness)?;
        crate::operator::check_path(&liveness)?;
        if readiness == liveness {
            return Err(Error::configuration(format!("path `{readiness}` cannot say both: ready and alive")));
        }
        if checker.interval.is_zero() || checker.timeout.is_zero() {
            return Err(Error::configuration("a health check needs an interval and a time limit of more than nothing"));
        }
        let paths = Paths { readiness: readiness.into(), liveness: liveness.into() };
        let mut settings = Self { checks: Vec::new(), interval: checker.interval, timeout: checker.timeout, paths };
        checker.checks.into_iter().try_for_each(|check| settings.add(check))?;
        Ok(settings)
    }

    /// Fills in what nobody has said, by the keys of a configuration.
    #[cfg(feature = "config-files")]
    pub(crate) fn fill(&self, config: &mut HealthCheckConfig, is_left: impl Fn(&str) -> bool) {
        if is_left("health.interval") {
            config.checker.interval = self.interval;
        }
        if is_left("health.timeout") {
            config.checker.timeout = self.timeout;
        }
        if is_left("health.readiness_endpoint") {
            config.readiness = self.paths.readiness.to_string();
        }
        if is_left("health.liveness_endpoint") {
            config.liveness = self.paths.liveness.to_string();
        }
    }

    /// Adds the checks of others.
    #[cfg(feature = "config-files")]
    pub(crate) fn join(&mut self, other: Self) -> Result<(), Error> {
        other.checks.into_iter().try_for_each(|check| self.add(check))
    }

    pub(crate) fn add(&mut self, check: Check) -> Result<(), Error> {
        if check.name().is_empty() || self.checks.iter().any(|known| known.name() == check.name()) {
            return Err(Error::configuration(format!("health check `{}` has no name of its own", check.name())));
        }
        self.checks.push(check);
        Ok(())
    }
}
