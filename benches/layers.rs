//! What each layer of the middleware stack costs a call, doing what it is there for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use turbomcp::layers::{
    AuditConfig, AuditEvent, AuditSink, CacheConfig, ConcurrencyConfig, ErrorHandler, MiddlewareStack, RateLimitConfig,
    RateLimitStrategy, RateLimits, SingleFlightConfig, TimeoutConfig, Which,
};
use turbomcp::{McpServer, Response};

use crate::call;
use crate::server::{builder, caller, repeated_by};

/// Counts what it is told of, so that everything is made that a sink is told.
#[derive(Default)]
struct Count(AtomicU64);

impl AuditSink for Count {
    fn record(&self, event: &AuditEvent<'_>) {
        assert!(event.target.is_some() && event.user_id.is_some());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn audit() -> AuditConfig {
    AuditConfig::default().sink(Count::default())
}

/// So much that nobody is refused.
fn rate_limit() -> RateLimitConfig {
    let limits = RateLimits { requests_per_period: u32::MAX, period: Duration::from_secs(1), burst_size: None };
    RateLimitConfig::new(RateLimitStrategy::PerPrincipal, limits)
}

fn concurrency() -> ConcurrencyConfig {
    ConcurrencyConfig::new(1024).per_principal(64)
}

fn errors() -> ErrorHandler {
    ErrorHandler::new().handle_internal_error(|_| async { Response::internal_server_error("no") })
}

/// All of `production()`, and somebody who is told what is recorded.
pub(crate) fn production(builder: turbomcp::ServerBuilder) -> McpServer {
    let stack = MiddlewareStack::production().with_rate_limit(rate_limit()).with_audit(audit());
    builder.with_middleware_stack(stack.with_error_handler(errors())).expect("the settings fit").build()
}

fn behind(stack: MiddlewareStack) -> Box<dyn FnMut(u64)> {
    repeated_by(
        caller(),
        builder(100).with_middleware_stack(stack).expect("the settings fit").build(),
        None,
        call("add"),
    )
}

/// The same caller as before the others, without any layer.
pub(crate) fn nothing() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new())
}

pub(crate) fn record() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new().with_audit(audit()))
}

pub(crate) fn error_handler() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new().with_error_handler(errors()))
}

pub(crate) fn rate() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new().with_rate_limit(rate_limit()))
}

pub(crate) fn timeout() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new().with_timeout(TimeoutConfig::default()))
}

pub(crate) fn places() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new().with_concurrency(concurrency()))
}

pub(crate) fn cache() -> Box<dyn FnMut(u64)> {
    let config = CacheConfig { tools: Which::named(["add"]), ..CacheConfig::default() };
    behind(MiddlewareStack::new().with_cache(config))
}

pub(crate) fn single_flight() -> Box<dyn FnMut(u64)> {
    behind(MiddlewareStack::new().with_single_flight(SingleFlightConfig { tools: Which::named(["add"]) }))
}

pub(crate) fn whole() -> Box<dyn FnMut(u64)> {
    repeated_by(caller(), production(builder(100)), None, call("add"))
}
