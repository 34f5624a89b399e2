//! How a server is doing, as far as its client can tell.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde::Serialize;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use turbomcp_protocol::Method;
use turbomcp_transport::HealthStatus;

use crate::breaker::{Breaker, CircuitState};
use crate::client::{Connection, Shared};
use crate::exchange::{GiveUp, Outgoing};
use crate::sync::lock;
use crate::target::IntoTarget;
use crate::{Client, Error};

/// How often a server is checked, and what is made of the outcome.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_client::{Client, HealthConfig};
///
/// let config = HealthConfig::new()
///     .check_interval(Duration::from_secs(30))
///     .connection_timeout(Duration::from_secs(5))
///     .max_consecutive_failures(3);
/// let builder = Client::builder().reconnect().health_checks(config);
/// # drop(builder);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct HealthConfig {
    check_interval: Duration,
    connection_timeout: Duration,
    slow_after: Duration,
    max_consecutive_failures: u32,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            check_interval: Duration::from_secs(30),
            connection_timeout: Duration::from_secs(5),
            slow_after: Duration::from_secs(1),
            max_consecutive_failures: 3,
        }
    }
}

impl HealthConfig {
    /// Checks every 30 s, waits 5 s for an answer, and gives a server up that has failed three checks in a row.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long to wait between checks that are made in the background.
    pub fn check_interval(mut self, interval: Duration) -> Self {
        self.check_interval = interval;
        self
    }

    /// Sets how long a check may take: to connect, or to be answered.
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.connection_timeout = timeout;
        self
    }

    /// Sets from when on an answer counts as slow. 1 s unless set.
    pub fn slow_after(mut self, latency: Duration) -> Self {
        self.slow_after = latency;
        self
    }

    /// Sets how many checks have to fail in a row before a server counts as unhealthy; one, if none is set.
    pub fn max_consecutive_failures(mut self, failures: u32) -> Self {
        self.max_consecutive_failures = failures;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.check_interval.is_zero() {
            return Err(Error::usage("a `check_interval` of nothing leaves no time for anything else"));
        }
        if self.connection_timeout.is_zero() {
            return Err(Error::usage("a `connection_timeout` of nothing leaves no time for an answer"));
        }
        Ok(())
    }
}

/// How the server of a client is doing, and what the client has had to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClientHealth {
    /// What is to be thought of it.
    pub status: HealthStatus,
    /// Whether calls are let through, if there is a [circuit breaker](crate::ClientBuilder::circuit_breaker).
    pub circuit: Option<CircuitState>,
    /// How often the circuit has opened.
    pub circuit_openings: u64,
    /// How many calls have failed since the last one that was answered.
    pub failures: u32,
    /// What the last of them failed with.
    pub last_error: Option<String>,
    /// How many attempts were made again, over all calls.
    pub retries: u64,
    /// How often the connection was opened again.
    pub reconnections: u64,
    /// How many checks were made.
    pub checks: u64,
    /// How many checks have failed since the last one that was answered.
    pub failed_checks: u32,
    /// How long the last check that was answered took.
    pub latency: Option<Duration>,
    /// How long ago that was.
    pub answered: Option<Duration>,
}

/// What a client remembers of how its server is doing.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    failures: AtomicU32,
    retries: AtomicU64,
    reconnections: AtomicU64,
    checks: AtomicU64,
    failed_checks: AtomicU32,
    error: Mutex<Option<String>>,
    answered: Mutex<Option<(Instant, Duration)>>,
}

impl Vitals {
    /// Takes notice of how a call went. Costs a call that was answered one look, if the one before was answered, too.
    pub(crate) fn judge<T>(&self, outcome: &Result<T, Error>) {
        match outcome {
            Err(error) if error.is_of_the_server() => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                *lock(&self.error) = Some(error.to_string());
            }
            // A call that was never sent is no answer.
            Err(error) if error.is_usage() || error.is_unavailable() => {}
            _ if self.failures.load(Ordering::Relaxed) > 0 => {
                self.failures.store(0, Ordering::Relaxed);
                *lock(&self.error) = None;
            }
            _ => {}
        }
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reconnected(&self) {
        self.reconnections.fetch_add(1, Ordering::Relaxed);
        // They were of the connection that is gone.
        self.failed_checks.store(0, Ordering::Relaxed);
    }

    fn checked(&self, outcome: &Result<(), Error>, latency: Duration) {
        self.checks.fetch_add(1, Ordering::Relaxed);
        if outcome.is_ok() {
            self.failed_checks.store(0, Ordering::Relaxed);
            *lock(&self.answered) = Some((Instant::now(), latency));
        } else {
            self.failed_checks.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    pub(crate) fn health(&self, config: &HealthConfig) -> ClientHealth {
        let vitals = &self.vitals;
        let answered = *lock(&vitals.answered);
        let mut health = ClientHealth {
            status: HealthStatus::Healthy,
            circuit: self.breaker.as_ref().map(|breaker| breaker.state()),
            circuit_openings: self.breaker.as_ref().map_or(0, |breaker| breaker.openings()),
            failures: vitals.failures.load(Ordering::Relaxed),
            last_error: lock(&vitals.error).clone(),
            retries: vitals.retries.load(Ordering::Relaxed),
            reconnections: vitals.reconnections.load(Ordering::Relaxed),
            checks: vitals.checks.load(Ordering::Relaxed),
            failed_checks: vitals.failed_checks.load(Ordering::Relaxed),
            latency: answered.map(|(_, latency)| latency),
            answered: answered.map(|(at, _)| at.elapsed()),
        };
        let is_closed = self.current().link.is_closed();
        health.status = status(&health, config, is_closed.then_some(self.settings.reconnects));
        health
    }

    fn probe(&self) -> Probe {
        Probe {
            id: self.ids.next(),
            connection: self.current(),
            vitals: self.vitals.clone(),
            breaker: self.breaker.clone(),
            reopens: self.settings.reconnects,
        }
    }
}

/// Makes up its mind; `reopens` says of a connection that is lost whether the next call opens it again.
fn status(health: &ClientHealth, config: &HealthConfig, reopens: Option<bool>) -> HealthStatus {
    let why = || health.last_error.clone().unwrap_or_else(|| "it does not answer".to_owned());
    if reopens == Some(false) {
        return HealthStatus::Unhealthy("the connection is lost".to_owned());
    }
    if health.circuit == Some(CircuitState::Open) || health.failed_checks >= config.max_consecutive_failures.max(1) {
        return HealthStatus::Unhealthy(why());
    }
    let mut issues = Vec::new();
    if reopens == Some(true) {
        issues.push("the connection is lost and will be opened again".to_owned());
    }
    if health.circuit == Some(CircuitState::HalfOpen) {
        issues.push("it has failed before and is being tried".to_owned());
    }
    if health.failed_checks > 0 {
        issues.push(format!("{} checks in a row have failed", health.failed_checks));
    }
    if health.failures > 0 {
        issues.push(format!("{} calls in a row have failed: {}", health.failures, why()));
    }
    if let Some(latency) = health.latency.filter(|latency| *latency > config.slow_after) {
        issues.push(format!("it took {latency:?} to answer"));
    }
    if issues.is_empty() { HealthStatus::Healthy } else { HealthStatus::Degraded(issues) }
}

/// One check, which does not keep the client alive.
struct Probe {
    id: u64,
    connection: Arc<Connection>,
    vitals: Arc<Vitals>,
    breaker: Option<Arc<Breaker>>,
    /// The connection is opened again when it is next needed.
    reopens: bool,
}

impl Probe {
    /// Asks for a sign of life. An open circuit does not keep it from doing so: this is how the server is found again.
    async fn run(&self, config: &HealthConfig) {
        let Connection { link, agreed, .. } = &*self.connection;
        // There is nobody to ask until a call opens it again, which says nothing of the server.
        if self.reopens && link.is_closed() {
            return;
        }
        let method = if agreed.dress.is_modern() { Method::SERVER_DISCOVER } else { Method::PING };
        let request = Outgoing {
            id: self.id,
            dress: &agreed.dress,
            method: &method,
            params: b"",
            round: b"",
            meta: b"",
            log_level: None,
            tracking: None,
            name: None,
            give_up: GiveUp::Cancel,
        };
        let started = Instant::now();
        let limit = config.connection_timeout;
        let answer = match tokio::time::timeout(limit, link.exchange(&request)).await {
            Ok(answer) => answer.and_then(|answer| answer.into_result()).map(drop),
            Err(_) => Err(Error::timeout(limit)),
        };
        // Whatever a server answers, it is there.
        let outcome = match answer {
            Err(error) if error.is_of_the_server() && !error.is_session_lost() => Err(error),
            _ => Ok(()),
        };
        self.vitals.checked(&outcome, started.elapsed());
        self.vitals.judge(&outcome);
        if let Some(breaker) = &self.breaker {
            breaker.checked(&outcome);
        }
    }

    /// Gives the connection up, if it is worth nothing and there can be another.
    async fn give_up(&self, config: &HealthConfig) {
        let failed = self.vitals.failed_checks.load(Ordering::Relaxed);
        if failed >= config.max_consecutive_failures.max(1) && self.reopens && !self.connection.link.is_closed() {
            tracing::warn!(failed, "a connection on which nothing is answered is given up");
            self.connection.link.close().await;
        }
    }
}

/// The checks in the background. They end with the client.
#[derive(Default)]
pub(crate) struct Monitor(Mutex<Option<AbortHandle>>);

impl Monitor {
    pub(crate) fn start(&self, shared: Weak<Shared>, config: HealthConfig) {
        let watching = tokio::spawn(async move {
            loop {
                tokio::time::sleep(config.check_interval).await;
                let Some(probe) = shared.upgrade().map(|shared| shared.probe()) else { return };
                probe.run(&config).await;
                probe.give_up(&config).await;
            }
        });
        if let Some(old) = lock(&self.0).replace(watching.abort_handle()) {
            old.abort();
        }
    }

    pub(crate) fn end(&self) {
        if let Some(watching) = lock(&self.0).take() {
            watching.abort();
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

/// Finds out how servers are doing.
///
/// ```no_run
/// use turbomcp_client::{Client, HealthChecker, HealthConfig, HealthStatus};
///
/// # async fn run(client: Client) -> Result<(), turbomcp_client::Error> {
/// let checker = HealthChecker::new(HealthConfig::new().max_consecutive_failures(3));
/// match checker.check(&client).await {
///     HealthStatus::Healthy => {}
///     HealthStatus::Degraded(issues) => println!("{}", issues.join("; ")),
///     HealthStatus::Unhealthy(error) => println!("down: {error}"),
/// }
/// assert!(checker.check_transport("https://notes.example/mcp").await?.is_healthy());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct HealthChecker {
    config: HealthConfig,
}

impl HealthChecker {
    /// Creates a checker.
    #[must_use]
    pub fn new(config: HealthConfig) -> Self {
        Self { config }
    }

    /// Asks the server of a client for a sign of life, and says what is to be thought of it.
    ///
    /// Checks that fail are counted by the client, whoever makes them. A circuit that is open does not hold the check up,
    /// and closes if it is answered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the check up; it counts as none.
    pub async fn check(&self, client: &Client) -> HealthStatus {
        client.shared().probe().run(&self.config).await;
        client.shared().health(&self.config).status
    }

    /// Connects to a server with the default settings of a client, and ends the connection again. A single failure makes
    /// it unhealthy, as there is nothing it was better on before.
    ///
    /// # Errors
    ///
    /// If the target cannot be understood. That the server is not there is no error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection.
    pub async fn check_transport<M>(&self, target: impl IntoTarget<M>) -> Result<HealthStatus, Error> {
        let target = target.into_target()?;
        let (started, limit) = (Instant::now(), self.config.connection_timeout);
        Ok(match tokio::time::timeout(limit, Client::connect(target)).await {
            Ok(Ok(client)) => {
                let latency = started.elapsed();
                client.close().await;
                if latency > self.config.slow_after {
                    HealthStatus::Degraded(vec![format!("it took {latency:?} to connect")])
                } else {
                    HealthStatus::Healthy
                }
            }
            Ok(Err(error)) => HealthStatus::Unhealthy(error.to_string()),
            Err(_) => HealthStatus::Unhealthy(Error::timeout(limit).to_string()),
        })
    }
}

impl Client {
    /// Returns how the server is doing, by what was last heard of it; nothing is sent.
    ///
    /// What is made of it is up to the [settings of the checks](crate::ClientBuilder::health_checks), if there are any.
    #[must_use]
    pub fn health(&self) -> ClientHealth {
        self.shared().health(&self.shared().settings.health_checks.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_time_are_refused() {
        assert!(HealthConfig::new().check().is_ok());
        for config in
            [HealthConfig::new().check_interval(Duration::ZERO), HealthConfig::new().connection_timeout(Duration::ZERO)]
        {
            assert!(config.check().unwrap_err().is_usage());
        }
    }
}
