//! What a server does around every request, by one configuration: [`MiddlewareStack`].
//!
//! ```
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::layers::{AuditConfig, MiddlewareStack, RateLimitConfig, TimeoutConfig};
//!
//! let stack = MiddlewareStack::new()
//!     .with_rate_limit(RateLimitConfig::default())
//!     .with_timeout(TimeoutConfig::default())
//!     .with_audit(AuditConfig::default());
//! let server = ServerBuilder::new().with_middleware_stack(stack)?.build();
//! # drop(server);
//! # Ok::<(), turbomcp_server::Error>(())
//! ```

mod audit;
mod bucket;
#[cfg(feature = "cache")]
mod cache;
mod caller;
mod chain;
mod clock;
mod concurrency;
#[cfg(feature = "http")]
mod csp;
mod errors;
mod idempotency;
#[cfg(feature = "hot-reload")]
mod kept;
mod proxies;
mod rate_limit;
#[cfg(feature = "session-redis")]
mod rate_redis;
mod rate_store;
#[cfg(feature = "http")]
mod security;
mod sharing;
mod single_flight;
mod stack;
mod timeout;

pub use audit::{AuditConfig, AuditEvent, AuditLogLevel, AuditOutcome, AuditSink};
#[cfg(feature = "cache")]
pub use cache::{CacheConfig, CacheManager};
pub(crate) use chain::ran_out;
pub use clock::Clock;
pub(crate) use concurrency::ToolPlace;
pub use concurrency::{ConcurrencyConfig, Overload};
#[cfg(feature = "http")]
pub use csp::ContentSecurityPolicy;
pub use errors::ErrorHandler;
#[cfg(feature = "session-postgres")]
pub use idempotency::PostgresIdempotency;
#[cfg(feature = "session-redis")]
pub use idempotency::RedisIdempotency;
pub use idempotency::{Begun, IdempotencyConfig, IdempotencyStore, MemoryIdempotency, OnceBounds, OnceCall, OnceStore};
pub use proxies::{ForwardedHeader, TrustedProxies};
#[cfg(feature = "http")]
pub(crate) use rate_limit::Counted;
pub(crate) use rate_limit::OneOfMany;
pub(crate) use rate_limit::retry_after;
pub use rate_limit::{RateLimitConfig, RateLimitStrategy, RateLimits};
#[cfg(feature = "session-redis")]
pub use rate_redis::RedisRateLimits;
pub use rate_store::{RateBucket, RateLimitStore, RateVerdict, SharedRateLimits, WhenUnavailable};
#[cfg(feature = "http")]
pub(crate) use security::Dress;
#[cfg(feature = "http")]
pub use security::{FrameOptions, Hsts, SecurityConfig, SecurityHeaders};
pub use sharing::Which;
pub use single_flight::{RequestDeduplicator, SingleFlightConfig};
pub(crate) use stack::Layers;
pub use stack::MiddlewareStack;
#[cfg(feature = "hot-reload")]
pub(crate) use stack::Standing;
#[cfg(feature = "multi-tenancy")]
pub(crate) use stack::lasts;
pub use timeout::TimeoutConfig;
