//! Whether a server is well: [`turbomcp_server::health`], and its clients of other servers as something to check.
//!
//! ```
//! use turbomcp::ServerBuilder;
//! use turbomcp::health::{HealthChecker, checks};
//!
//! let checker = HealthChecker::new().add_check("disk", checks::disk_space("/", 1 << 30));
//! let server = ServerBuilder::new().with_health_checks(checker)?.build();
//! # drop(server);
//! # Ok::<(), turbomcp::Error>(())
//! ```

pub use turbomcp_server::health::{
    Check, CheckReport, HealthCheck, HealthCheckConfig, HealthChecker, HealthReport, HealthStatus,
};

/// Checks of what servers often depend on: [`turbomcp_server::health::checks`], and servers that are called.
pub mod checks {
    #[cfg(feature = "client")]
    use turbomcp_client::{CircuitState, Client, ClientGroup, Health};
    pub use turbomcp_server::health::checks::*;

    #[cfg(feature = "client")]
    use super::{Check, HealthStatus};

    /// Checks that the circuit of a client is closed: open it is unhealthy, half open degraded.
    ///
    /// Nothing is sent. A client without a [circuit breaker](turbomcp_client::ClientBuilder::circuit_breaker) is healthy.
    ///
    /// ```
    /// # async fn run(client: turbomcp::Client) -> Result<(), turbomcp::Error> {
    /// use turbomcp::ServerBuilder;
    /// use turbomcp::health::checks;
    ///
    /// let server = ServerBuilder::new().with_health_check("notes", checks::circuit(&client))?.build();
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "client")]
    #[must_use]
    pub fn circuit(client: &Client) -> Check {
        let client = client.clone();
        Check::new("circuit", move || std::future::ready(of_circuit(client.circuit())))
    }

    /// Checks the servers of a group by what their last calls came to: one that fails degrades, as the others are there.
    ///
    /// Nothing is sent.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn group(group: &ClientGroup) -> Check {
        let group = group.clone();
        Check::new("group", move || std::future::ready(of_group(&group)))
    }

    #[cfg(feature = "client")]
    fn of_circuit(state: Option<CircuitState>) -> HealthStatus {
        match state {
            Some(CircuitState::Open) => HealthStatus::Unhealthy("the circuit is open".to_owned()),
            Some(CircuitState::HalfOpen) => HealthStatus::Degraded(vec!["the circuit is half open".to_owned()]),
            _ => HealthStatus::Healthy,
        }
    }

    #[cfg(feature = "client")]
    fn of_group(group: &ClientGroup) -> HealthStatus {
        let failing = group.health().into_iter().filter_map(|(name, health)| match health {
            Health::Down { error, .. } => Some(format!("{name}: {error}")),
            _ => None,
        });
        match failing.collect::<Vec<_>>() {
            none if none.is_empty() => HealthStatus::Healthy,
            failing => HealthStatus::Degraded(failing),
        }
    }
}
