//! Whether a server is well: checks that run on a schedule, and what they found.
//!
//! ```
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::health::{HealthChecker, HealthStatus};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), turbomcp_server::Error> {
//! let checker = HealthChecker::new().add_check("database", || async { HealthStatus::Healthy });
//! let server = ServerBuilder::new().with_health_checks(checker)?.build();
//! let report = server.health().await;
//! assert!(report.healthy);
//! assert_eq!(report.details[0].name, "database");
//! # Ok(())
//! # }
//! ```

pub mod checks;
mod config;
mod report;
mod schedule;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use config::{HealthCheckConfig, HealthChecker};
pub(crate) use config::{Paths, Settings};
pub use report::{CheckReport, HealthReport};
pub(crate) use schedule::Health;
pub use turbomcp_transport::HealthStatus;

/// Something a server depends on, and whether it is well.
///
/// A closure that returns a future of a [`HealthStatus`], a `bool`, or a `Result` of nothing is one.
///
/// ```
/// use turbomcp_server::health::{HealthCheck, HealthStatus};
///
/// struct Queue;
///
/// impl HealthCheck for Queue {
///     async fn check(&self) -> HealthStatus {
///         HealthStatus::Degraded(vec!["it is long".to_owned()])
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// A check that takes too long is dropped where it waits. One that blocks its thread cannot be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no health check",
    note = "implement `HealthCheck`, or write a closure without parameters whose future is a `HealthStatus`, a `bool` or a `Result<(), _>`"
)]
pub trait HealthCheck: Send + Sync + 'static {
    /// Finds out.
    fn check(&self) -> impl Future<Output = HealthStatus> + Send;
}

impl<F, Fut> HealthCheck for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<HealthStatus>> + Send,
{
    async fn check(&self) -> HealthStatus {
        self().await.into()
    }
}

/// A [`HealthCheck`] with a name.
#[derive(Clone)]
pub struct Check {
    name: Arc<str>,
    check: Arc<dyn Erased>,
}

impl Check {
    /// Names a check.
    #[must_use]
    pub fn new(name: impl Into<String>, check: impl HealthCheck) -> Self {
        Self { name: name.into().into(), check: Arc::new(check) }
    }

    /// Gives it another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into().into(), ..self }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl HealthCheck for Check {
    async fn check(&self) -> HealthStatus {
        self.check.check_boxed().await
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

/// [`HealthCheck`], where different ones stand beside each other.
trait Erased: Send + Sync {
    fn check_boxed(&self) -> Pin<Box<dyn Future<Output = HealthStatus> + Send + '_>>;
}

impl<T: HealthCheck> Erased for T {
    fn check_boxed(&self) -> Pin<Box<dyn Future<Output = HealthStatus> + Send + '_>> {
        Box::pin(self.check())
    }
}
