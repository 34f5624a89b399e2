//! Running the checks.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Check, CheckReport, HealthCheck, HealthReport, HealthStatus, Paths, Settings};

/// The checks of a server, each in a task of its own once they have been started.
#[derive(Debug)]
pub(crate) struct Health {
    settings: Settings,
    running: OnceLock<Running>,
}

/// The tasks, which end with this, and what each found last.
#[derive(Debug)]
struct Running {
    found: Vec<watch::Receiver<Option<CheckReport>>>,
    _tasks: JoinSet<()>,
}

impl Health {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, running: OnceLock::new() }
    }

    pub(crate) fn paths(&self) -> &Paths {
        &self.settings.paths
    }

    /// Starts the checks unless they run already. Must be called within a runtime.
    pub(crate) fn start(&self) -> impl Iterator<Item = (&str, watch::Receiver<Option<CheckReport>>)> {
        let Settings { checks, interval, timeout, .. } = &self.settings;
        let running = self.running.get_or_init(|| {
            let mut tasks = JoinSet::new();
            let start = |check: &Check| {
                let (tell, found) = watch::channel(None);
                tasks.spawn(run(check.clone(), *interval, *timeout, tell));
                found
            };
            Running { found: checks.iter().map(start).collect(), _tasks: tasks }
        });
        checks.iter().map(Check::name).zip(running.found.iter().cloned())
    }

    pub(crate) async fn report(&self, is_shutting_down: bool) -> HealthReport {
        let started: Vec<_> = self.start().collect();
        let mut details = Vec::with_capacity(started.len());
        for (name, mut found) in started {
            let found = match found.wait_for(Option::is_some).await {
                Ok(found) => found.clone(),
                Err(_) => None,
            };
            let ended = || {
                let reason = "the runtime that the check ran on has ended".to_owned();
                CheckReport::new(name, HealthStatus::Unhealthy(reason), SystemTime::now())
            };
            details.push(found.unwrap_or_else(ended));
        }
        HealthReport::new(details, is_shutting_down)
    }
}

/// Runs a check again and again.
async fn run(check: Check, interval: Duration, timeout: Duration, tell: watch::Sender<Option<CheckReport>>) {
    loop {
        let status = match tokio::time::timeout(timeout, contained(&check)).await {
            Ok(status) => status,
            Err(_) => HealthStatus::Unhealthy(format!("it took more than {timeout:?}")),
        };
        if !status.is_healthy() {
            tracing::warn!(check = check.name(), reason = status.message(), "a health check failed");
        }
        tell.send_replace(Some(CheckReport::new(check.name(), status, SystemTime::now())));
        tokio::time::sleep(interval).await;
    }
}

/// Runs a check once; a panic in it is its own.
async fn contained(check: &Check) -> HealthStatus {
    let mut checking = pin!(async { check.check().await });
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| checking.as_mut().poll(cx))) {
        Ok(polled) => polled,
        Err(_) => Poll::Ready(HealthStatus::Unhealthy("it panicked".to_owned())),
    })
    .await
}
