//! A server that fails at first, and a client that gets its answer all the same:
//! `cargo run --example client_resilience`

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use turbomcp::Arguments;
use turbomcp::client::{
    BackoffStrategy, CircuitBreakerConfig, Client, ClientBuilder, ErrorKind, FailureThreshold, HealthChecker,
    HealthConfig, HealthStatus, RecoveryStrategy, RetryConfig, RetryPolicy,
};
use turbomcp::prelude::*;
use turbomcp::transport::metrics::{MetricsConfig, TransportMetrics};

fn server() -> Result<McpServer, turbomcp::Error> {
    let calls = AtomicU32::new(0);
    let busy = move |_: Arguments| {
        let is_busy = calls.fetch_add(1, Ordering::Relaxed) < 2;
        async move { if is_busy { Err(McpError::unavailable("come back later")) } else { Ok("42") } }
    };
    Ok(ServerBuilder::new().name("busy").tool("answer", busy)?.build())
}

// ANCHOR: retry
fn retry() -> RetryPolicy {
    let strategy = BackoffStrategy::ExponentialWithJitter {
        base: Duration::from_millis(100),
        max: Duration::from_secs(30),
        multiplier: 2.0,
        jitter: 0.1,
    };
    let kinds = [ErrorKind::ConnectionTimeout, ErrorKind::ConnectionReset, ErrorKind::TemporaryFailure];
    let config = RetryConfig::new().max_attempts(5).strategy(strategy).retryable_errors(kinds);
    RetryPolicy::custom(config.total_timeout(Duration::from_secs(60)))
}
// ANCHOR_END: retry

// ANCHOR: breaker
fn breaker() -> CircuitBreakerConfig {
    CircuitBreakerConfig::production()
        .failure_threshold(FailureThreshold::Consecutive(5))
        .recovery_timeout(Duration::from_secs(60))
        .half_open_max_calls(3)
        .recovery_strategy(RecoveryStrategy::LinearBackoff {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            multiplier: 2.0,
        })
}
// ANCHOR_END: breaker

// ANCHOR: checks
fn checks() -> HealthConfig {
    HealthConfig::new()
        .check_interval(Duration::from_secs(30))
        .connection_timeout(Duration::from_secs(5))
        .max_consecutive_failures(3)
}
// ANCHOR_END: checks

// ANCHOR: metrics
fn metrics() -> TransportMetrics {
    let config = MetricsConfig::new()
        .request_duration_buckets([0.001, 0.01, 0.1, 1.0, 10.0])
        .connection_pool_size_histogram(true)
        .compression_ratio_tracking(true);
    TransportMetrics::new(config)
}
// ANCHOR_END: metrics

// ANCHOR: builder
fn builder(metrics: &TransportMetrics) -> ClientBuilder {
    Client::builder()
        .reconnect()
        .retry(retry())
        .circuit_breaker(breaker())
        .health_checks(checks())
        .transport_metrics(metrics.clone())
}
// ANCHOR_END: builder

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = metrics();
    let client = builder(&metrics).connect(&server()?).await?;
    let result = client.call_tool("answer", json!({})).await?;
    println!("{}, after {} retries", result.as_text().unwrap_or_default(), client.health().retries);
    // ANCHOR: check
    match HealthChecker::new(checks()).check(&client).await {
        HealthStatus::Healthy => println!("Healthy"),
        HealthStatus::Degraded(issues) => println!("Degraded: {}", issues.join("; ")),
        HealthStatus::Unhealthy(error) => println!("Unhealthy: {error}"),
    }
    // ANCHOR_END: check
    // ANCHOR: snapshot
    let counted = metrics.snapshot();
    println!("{} messages received", counted.total.messages_received);
    // ANCHOR_END: snapshot
    client.close().await;
    Ok(())
}
