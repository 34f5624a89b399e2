//! A server that strangers reach: `cargo run --example production_server -- 127.0.0.1:8080 ada ID SHA256`
//!
//! Callers show an API key, which `cargo run --example auth_api_key -- new ada` has made. Behind a proxy on this computer, the addresses it says in `X-Forwarded-For` are
//! what is counted.

use std::time::Duration;

use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{ApiKey, ApiKeyConfig, Holder};
use turbomcp::layers::{
    AuditConfig, CacheConfig, ConcurrencyConfig, ErrorHandler, MiddlewareStack, Overload, RateLimitConfig,
    RateLimitStrategy, RateLimits, SecurityConfig, SecurityHeaders, SingleFlightConfig, TimeoutConfig, TrustedProxies,
};
use turbomcp::prelude::*;
use turbomcp::{CorsConfig, Response, ServerConfig};

struct Rates;

#[server(name = "rates", version = "1.0.0")]
impl Rates {
    /// Says what a currency is worth in euros.
    #[tool(read_only, idempotent)]
    async fn rate(&self, currency: String) -> McpResult<f64> {
        // A service that takes its time, and that one asks as seldom as one can.
        tokio::time::sleep(Duration::from_millis(50)).await;
        match currency.as_str() {
            "CHF" => Ok(1.07),
            "USD" => Ok(0.86),
            other => Err(McpError::invalid_params(format!("there is no currency `{other}`"))),
        }
    }

    /// Reads the books of a year.
    #[tool]
    async fn books(&self, year: u16) -> McpResult<String> {
        // What a tool fails with is for the model to read, unless it says that it is not.
        Err(McpError::internal(format!("/var/lib/books/{year} is gone")))
    }
}

// ANCHOR: stack
fn stack(key: ApiKey) -> Result<MiddlewareStack, turbomcp::auth::Error> {
    let proxies = TrustedProxies::new(["127.0.0.1", "::1"]);
    let keys = ApiKeyConfig::default().prefix("notes").key(key);
    let limits = RateLimits { requests_per_period: 120, period: Duration::from_secs(60), burst_size: Some(20) };
    let headers = SecurityHeaders::strict();
    let pages = CorsConfig::new().allowed_origins(["https://app.example.com"]);
    Ok(MiddlewareStack::production()
        .with_security(SecurityConfig { headers: Some(headers), cors: pages })
        .with_auth(AuthManager::builder().api_keys(keys).build()?)
        .with_rate_limit(
            RateLimitConfig::new(RateLimitStrategy::PerIp, limits)
                .and(RateLimitStrategy::PerPrincipal, RateLimits::per_minute(600))
                .trusted_proxies(proxies.clone()),
        )
        .with_timeout(TimeoutConfig::new(Duration::from_secs(10)).tool("books", Duration::from_secs(60)))
        .with_concurrency(
            ConcurrencyConfig::new(256)
                .per_principal(16)
                .tool("books", 2)
                .overload(Overload::Queue { places: 32, longest: Duration::from_secs(5) }),
        )
        .with_cache(CacheConfig { ttl: Duration::from_secs(60), ..CacheConfig::default() })
        .with_single_flight(SingleFlightConfig::default())
        .with_audit(AuditConfig { trusted_proxies: proxies, ..AuditConfig::default() })
        .with_error_handler(errors()))
}
// ANCHOR_END: stack

// ANCHOR: errors
fn errors() -> ErrorHandler {
    ErrorHandler::new().handle_internal_error(|error| async move {
        // Whoever is on call hears why; the caller does not.
        if let Some(cause) = error.source() {
            tracing::error!(%cause, "this is for whoever is on call");
        }
        Response::error(McpError::unavailable("the service is not available"))
    })
}
// ANCHOR_END: errors

// ANCHOR: server
fn server(key: ApiKey) -> Result<McpServer, Box<dyn std::error::Error>> {
    let builder = Rates.into_builder();
    let mut config = ServerConfig::production();
    (config.name, config.version) = ("rates".to_owned(), "1.0.0".to_owned());
    Ok(builder.config(config).with_middleware_stack(stack(key)?)?.build())
}
// ANCHOR_END: server

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Standard output may be the protocol's; logs, and with them the record, go to standard error.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [address, owner, id, sha256] => {
            server(ApiKey::from_hash(id, sha256, Holder::new(owner))?)?.run_http(address).await?;
        }
        _ => eprintln!("usage: production_server ADDRESS OWNER ID SHA256"),
    }
    Ok(())
}
