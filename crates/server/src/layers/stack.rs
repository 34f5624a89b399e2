//! One configuration of all layers, and the order in which they stand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer as _;
use turbomcp_protocol::Method;
use turbomcp_protocol::scan::text_of;
use turbomcp_transport::authenticate::Authenticate;

use super::audit::{Audit, AuditConfig};
#[cfg(feature = "cache")]
use super::cache::{Cache, CacheConfig};
use super::chain::{Entrance, Innermost, Place};
use super::concurrency::{Concurrency, ConcurrencyConfig, ToolPlace};
use super::errors::ErrorHandler;
use super::idempotency::{Idempotency, IdempotencyConfig};
#[cfg(feature = "hot-reload")]
use super::kept::Kept;
use super::proxies::TrustedProxies;
use super::rate_limit::{RateLimit, RateLimitConfig, RateLimitStrategy, RateLimits};
#[cfg(feature = "http")]
use super::security::{Security, SecurityConfig};
use super::single_flight::{SingleFlight, SingleFlightConfig};
use super::timeout::{TimeoutConfig, Timeouts};
use crate::auth::Auth;
use crate::inner::Inner;
use crate::stack::Stack;
use crate::{Error, McpServer, SchemaValidator, ServerBuilder, ValidationConfig};

/// What a server does around every request, whatever the binding: one value for all of it.
///
/// Nothing is on unless it is set, and what is off costs nothing. The order in which layers stand does not depend on
/// that in which they are set; a request passes them so:
///
/// 1. Over HTTP: the headers of the response, who is [told](Self::with_security) about other origins, and whether the
///    address has sent too much; then [who is calling](Self::with_auth). Elsewhere a connection is let in so.
/// 2. [`with_audit`](Self::with_audit): outermost, so that whatever becomes of a request is recorded as the client
///    sees it.
/// 3. [`with_error_handler`](Self::with_error_handler): around everything that can refuse or fail.
/// 4. [`with_rate_limit`](Self::with_rate_limit): before anything is done for a request, or waited for.
/// 5. [`with_idempotency`](Self::with_idempotency): who sends a call again has sent one, and needs no place.
/// 6. [`with_cache`](Self::with_cache): what is known already needs no place, and keeps nobody else from one.
/// 7. [`with_single_flight`](Self::with_single_flight): nor does what is about to be known.
/// 8. [`with_concurrency`](Self::with_concurrency): around what is left, which is the work itself.
/// 9. The layers and middleware of the builder that were added before the stack; then the
///    [arguments](Self::with_validation) are validated, and the handler runs.
///
/// [`with_timeout`](Self::with_timeout) has no place of its own: whoever drives a request keeps the time, of the whole.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::{MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits, TimeoutConfig};
/// use turbomcp_server::ServerBuilder;
///
/// let limits = RateLimits { requests_per_period: 100, period: Duration::from_secs(60), burst_size: Some(20) };
/// let stack = MiddlewareStack::production()
///     .with_rate_limit(RateLimitConfig::new(RateLimitStrategy::PerPrincipal, limits))
///     .with_timeout(TimeoutConfig::new(Duration::from_secs(10)));
/// let server = ServerBuilder::new().with_middleware_stack(stack)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct MiddlewareStack {
    #[cfg(feature = "http")]
    pub(crate) security: Option<SecurityConfig>,
    pub(crate) auth: Option<Auth>,
    pub(crate) audit: Option<AuditConfig>,
    pub(crate) errors: Option<ErrorHandler>,
    pub(crate) rate_limit: Option<RateLimitConfig>,
    pub(crate) timeout: Option<TimeoutConfig>,
    pub(crate) idempotency: Option<IdempotencyConfig>,
    #[cfg(feature = "cache")]
    pub(crate) cache: Option<CacheConfig>,
    pub(crate) single_flight: Option<SingleFlightConfig>,
    pub(crate) concurrency: Option<ConcurrencyConfig>,
    pub(crate) validation: Option<SchemaValidator>,
    pub(crate) trusted_proxies: TrustedProxies,
    #[cfg(feature = "hot-reload")]
    pub(crate) kept: Kept,
}

impl MiddlewareStack {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What suits a server on a developer's machine: everything is recorded, with its arguments, and a request may take
    /// half an hour, for whoever looks at it with a debugger.
    pub fn development() -> Self {
        Self::new()
            .with_audit(AuditConfig { log_arguments: true, ..AuditConfig::default() })
            .with_timeout(TimeoutConfig::new(Duration::from_secs(30 * 60)))
    }

    /// What suits a server that strangers reach: strict headers, 120 requests in a minute from each address and 20 of
    /// them at once, 30 seconds for a request, 1024 requests at once and 64 of one caller, and a record of everything
    /// but arguments.
    ///
    /// Whatever is set afterwards takes the place of that part. Who is calling is not among it: see
    /// [`with_auth`](Self::with_auth).
    pub fn production() -> Self {
        let stack = Self::new();
        #[cfg(feature = "http")]
        let stack = stack.with_security(SecurityConfig::strict());
        stack
            .with_rate_limit(RateLimitConfig::new(RateLimitStrategy::PerIp, RateLimits::per_minute(120).burst(20)))
            .with_timeout(TimeoutConfig::new(Duration::from_secs(30)))
            .with_concurrency(ConcurrencyConfig::new(1024).per_principal(64))
            .with_audit(AuditConfig::default())
    }

    /// Sets what browsers are told over HTTP.
    #[cfg(feature = "http")]
    pub fn with_security(mut self, config: SecurityConfig) -> Self {
        self.security = Some(config);
        self
    }

    /// Sets who may call, as [`ServerBuilder::auth`] does.
    pub fn with_auth(mut self, auth: impl Authenticate) -> Self {
        self.auth = Some(Auth::new(auth));
        self
    }

    /// Sets what is recorded.
    pub fn with_audit(mut self, config: AuditConfig) -> Self {
        self.audit = Some(config);
        self
    }

    /// Sets what clients are told of errors.
    pub fn with_error_handler(mut self, handler: ErrorHandler) -> Self {
        self.errors = Some(handler);
        self
    }

    /// Sets how many requests somebody may send.
    pub fn with_rate_limit(mut self, config: RateLimitConfig) -> Self {
        self.rate_limit = Some(config);
        self
    }

    /// Sets how long requests may take.
    pub fn with_timeout(mut self, config: TimeoutConfig) -> Self {
        self.timeout = Some(config);
        self
    }

    /// Sets how calls that carry a key are run once.
    pub fn with_idempotency(mut self, config: IdempotencyConfig) -> Self {
        self.idempotency = Some(config);
        self
    }

    /// Sets which results are kept.
    #[cfg(feature = "cache")]
    pub fn with_cache(mut self, config: CacheConfig) -> Self {
        self.cache = Some(config);
        self
    }

    /// Sets which calls that are the same wait for one of them.
    pub fn with_single_flight(mut self, config: SingleFlightConfig) -> Self {
        self.single_flight = Some(config);
        self
    }

    /// Sets how many requests run at once.
    pub fn with_concurrency(mut self, config: ConcurrencyConfig) -> Self {
        self.concurrency = Some(config);
        self
    }

    /// Sets the proxies that say where requests come from, for the rate limit, the places and the record where they
    /// have none of their own.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Sets what calls are held against, as [`ServerBuilder::with_schema_validation`] does.
    pub fn with_validation(mut self, validation: impl Into<SchemaValidator>) -> Self {
        self.validation = Some(validation.into());
        self
    }

    pub(crate) fn ready(mut self) -> Result<Layers, Error> {
        let own = [
            self.rate_limit.as_mut().map(|config| &mut config.trusted_proxies),
            self.concurrency.as_mut().map(|config| &mut config.trusted_proxies),
            self.audit.as_mut().map(|config| &mut config.trusted_proxies),
        ];
        own.into_iter().flatten().for_each(|own| own.or(&self.trusted_proxies));
        // What is wrong is said by its field; this says whose.
        fn of<T>(part: &str, made: Result<T, Error>) -> Result<T, Error> {
            made.map_err(|error| Error::configuration(format!("{part}: {error}")))
        }
        fn each<C, T>(
            part: &str,
            config: Option<&C>,
            ready: impl FnOnce(&C) -> Result<T, Error>,
        ) -> Result<Option<Arc<T>>, Error> {
            config.map(|config| of(part, ready(config)).map(Arc::new)).transpose()
        }
        let rate_limit = self.rate_limit.as_ref().map(|config| of("RateLimitConfig", config.ready())).transpose()?;
        let timeouts = self.timeout.as_ref().map(|config| of("TimeoutConfig", config.ready())).transpose()?;
        Ok(Layers {
            #[cfg(feature = "http")]
            security: each("SecurityConfig", self.security.as_ref(), SecurityConfig::ready)?,
            audit: each("AuditConfig", self.audit.as_ref(), AuditConfig::ready)?,
            errors: self.errors.clone().map(Arc::new),
            rate_limit: rate_limit.flatten().map(Arc::new),
            timeouts: timeouts.flatten(),
            idempotency: each("IdempotencyConfig", self.idempotency.as_ref(), IdempotencyConfig::ready)?,
            #[cfg(feature = "cache")]
            cache: each("CacheConfig", self.cache.as_ref(), CacheConfig::ready)?,
            single_flight: each("SingleFlightConfig", self.single_flight.as_ref(), SingleFlightConfig::ready)?,
            concurrency: each("ConcurrencyConfig", self.concurrency.as_ref(), ConcurrencyConfig::ready)?,
        })
    }
}

impl fmt::Debug for MiddlewareStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("MiddlewareStack");
        #[cfg(feature = "http")]
        out.field("security", &self.security);
        #[cfg(feature = "cache")]
        out.field("cache", &self.cache);
        out.field("auth", &self.auth)
            .field("audit", &self.audit)
            .field("errors", &self.errors)
            .field("rate_limit", &self.rate_limit)
            .field("timeout", &self.timeout)
            .field("idempotency", &self.idempotency)
            .field("single_flight", &self.single_flight)
            .field("concurrency", &self.concurrency)
            .field("validation", &self.validation)
            .field("trusted_proxies", &self.trusted_proxies)
            .finish()
    }
}

/// Returns true if requests of this method last for as long as somebody listens, or a task runs.
pub(crate) fn lasts(method: &Method) -> bool {
    [Method::SUBSCRIPTIONS_LISTEN, Method::TASKS_RESULT].contains(method)
}

/// What is made of a [`MiddlewareStack`], without what others keep: all that is on.
#[derive(Debug)]
pub(crate) struct Layers {
    #[cfg(feature = "http")]
    security: Option<Arc<Security>>,
    pub(crate) audit: Option<Arc<Audit>>,
    pub(crate) errors: Option<Arc<ErrorHandler>>,
    pub(crate) rate_limit: Option<Arc<RateLimit>>,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) idempotency: Option<Arc<Idempotency>>,
    #[cfg(feature = "cache")]
    pub(crate) cache: Option<Arc<Cache>>,
    single_flight: Option<Arc<SingleFlight>>,
    concurrency: Option<Arc<Concurrency>>,
}

impl Layers {
    /// Goes on with what is counted, kept and waited for where a part, by its name in a file, is as it was.
    #[cfg(feature = "hot-reload")]
    pub(crate) fn keep(&mut self, before: &Self, is_same: impl Fn(&str) -> bool) {
        let proxies_are = is_same("proxies");
        if is_same("rate_limit") && proxies_are {
            self.rate_limit.clone_from(&before.rate_limit);
        }
        #[cfg(feature = "cache")]
        if is_same("cache") {
            self.cache.clone_from(&before.cache);
        }
        if is_same("single_flight") {
            self.single_flight.clone_from(&before.single_flight);
        }
        if is_same("concurrency") && proxies_are {
            self.concurrency.clone_from(&before.concurrency);
        }
        self.idempotency.clone_from(&before.idempotency);
    }

    /// Returns the names of those that are on, in the order in which a request passes them.
    #[cfg(feature = "dashboard")]
    pub(crate) fn names(&self) -> Vec<&'static str> {
        #[cfg(feature = "cache")]
        let has_cache = self.cache.is_some();
        #[cfg(not(feature = "cache"))]
        let has_cache = false;
        let layers = [
            (self.security.is_some(), "security"),
            (self.audit.is_some(), "audit"),
            (self.errors.is_some(), "error_handler"),
            (self.rate_limit.is_some(), "rate_limit"),
            (self.idempotency.is_some(), "idempotency"),
            (has_cache, "cache"),
            (self.single_flight.is_some(), "single_flight"),
            (self.concurrency.is_some(), "concurrency"),
            (self.timeouts.is_some(), "timeout"),
        ];
        layers.into_iter().filter(|(is_on, _)| *is_on).map(|(_, name)| name).collect()
    }

    /// Puts the layers that see requests around what is there; without any, that stays as it is.
    pub(crate) fn around(&self, rest: Stack) -> Stack {
        let sees_requests = self.audit.is_some()
            || self.errors.is_some()
            || self.rate_limit.is_some()
            || self.idempotency.is_some()
            || self.single_flight.is_some()
            || self.concurrency.is_some();
        #[cfg(feature = "cache")]
        let sees_requests = sees_requests || self.cache.is_some();
        if !sees_requests {
            return rest;
        }
        #[cfg(feature = "cache")]
        let cache = Place(self.cache.clone());
        #[cfg(not(feature = "cache"))]
        let cache = tower_layer::Identity::new();
        // The outermost first.
        let chain = (
            // Sees whatever the others make of a request, and is there when it is dropped.
            Place(self.audit.clone()),
            // Behind the record, which has what clients are told; in front of all that refuses, to word that, too.
            Place(self.errors.clone()),
            // Whoever sends too much is to cost as little as possible.
            Place(self.rate_limit.clone()),
            // Whoever sends a call again counts, as it does work here, too; whatever it is answered with is its own.
            Place(self.idempotency.clone()),
            // A hit runs nothing, so it needs no place; but it was asked for, so it has counted.
            cache,
            // Behind the cache, which only one of many then fills; those that wait hold no places.
            Place(self.single_flight.clone()),
            // Around the handlers alone: a place stands for work.
            Place(self.concurrency.clone()),
        )
            .layer(Innermost(rest.clone()));
        Stack::Layered(Arc::new(Entrance::new(chain, rest)))
    }
}

/// Stands for the layers that the configuration of a request has, for layers outside of them that are made once.
#[cfg(feature = "hot-reload")]
pub(crate) struct Standing;

#[cfg(feature = "hot-reload")]
impl crate::stack::Call for Standing {
    fn call(&self, request: crate::Request) -> crate::stack::BoxFuture<Result<crate::Response, crate::BoxError>> {
        let entrance = request.inner().server.entrance().cloned();
        let entrance = entrance.expect("a server with a place for layers has them");
        Box::pin(entrance.call(request))
    }
}

impl ServerBuilder {
    /// Puts a whole stack around what is there, as [`layer`](Self::layer) does with one: layers that are added later
    /// stand outside of it, so that one which says who calls has said so before callers are told apart.
    ///
    /// Who may call and what is validated is set as by the methods of this builder.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, in which case the error names its field, or a stack or a tenancy is set already.
    pub fn with_middleware_stack(mut self, stack: MiddlewareStack) -> Result<Self, Error> {
        if self.built_in.is_some() {
            return Err(Error::configuration("the middleware stack is set already"));
        }
        #[cfg(feature = "multi-tenancy")]
        if self.tenancy.is_some() {
            // What it keeps and counts would be kept and counted for all tenants together.
            return Err(Error::configuration("the middleware stack is set before the tenancy"));
        }
        let (validation, auth) = (stack.validation.clone(), stack.auth.clone());
        let layers = Arc::new(stack.ready()?);
        if let Some(validation) = validation {
            self = self.with_schema_validation(validation)?;
        }
        if let Some(auth) = auth {
            self.auth = Some(auth);
        }
        self.built_in = Some(layers.clone());
        self.layers.push(Box::new(move |stack| layers.around(stack)));
        Ok(self)
    }
}

impl McpServer {
    /// Returns how long a request may take.
    pub(crate) fn time_limit(&self, inner: &Inner) -> Duration {
        let tool = inner.message.known.name.filter(|_| inner.method == Method::TOOLS_CALL);
        let tool = tool.and_then(|span| text_of(inner.raw(span)));
        // It may wait in a layer, before the router has looked for what is its own.
        let own = inner.timeout.get().copied().or_else(|| match &inner.method {
            method if lasts(method) => Some(Duration::MAX),
            _ => self.snapshot().registry.tool(tool.as_deref()?)?.timeout,
        });
        match self.built_in().and_then(|layers| layers.timeouts.as_ref()) {
            None => own.unwrap_or(self.limits().request_timeout),
            Some(timeouts) => timeouts.limit(tool.as_deref(), own),
        }
    }

    /// Returns how long the task of a tool may take; as long as it is kept, if nobody says.
    pub(crate) fn task_time_limit(&self, tool: &str, own: Option<Duration>) -> Option<Duration> {
        match self.built_in().and_then(|layers| layers.timeouts.as_ref()) {
            None => own,
            Some(timeouts) => timeouts.task_limit(tool, own),
        }
    }

    /// Takes the place of a call of a tool for what is no request any more; none if there is none left.
    pub(crate) fn tool_place(&self, tool: &str) -> Option<ToolPlace> {
        let concurrency = self.built_in().and_then(|layers| layers.concurrency.as_ref());
        concurrency.map_or(Some(ToolPlace::default()), |concurrency| concurrency.tool_place(tool))
    }

    #[cfg(feature = "http")]
    pub(crate) fn security(&self) -> Option<&Security> {
        self.built_in()?.security.as_deref()
    }
}

impl From<ValidationConfig> for SchemaValidator {
    fn from(config: ValidationConfig) -> Self {
        Self::new(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Router;

    /// Says whether anything stands around the handlers.
    fn is_around(stack: MiddlewareStack) -> bool {
        matches!(stack.ready().unwrap().around(Stack::Bare(Router)), Stack::Layered(_))
    }

    #[test]
    fn f82_what_is_not_asked_for_is_not_there() {
        assert!(!is_around(MiddlewareStack::new()));
        // These act elsewhere: where the time is kept, and where responses are written.
        assert!(!is_around(MiddlewareStack::new().with_timeout(TimeoutConfig::default())));
        #[cfg(feature = "http")]
        assert!(!is_around(MiddlewareStack::new().with_security(SecurityConfig::default())));
        assert!(!is_around(MiddlewareStack::new().with_validation(ValidationConfig::strict())));
        let off = RateLimitConfig { enabled: false, ..RateLimitConfig::default() };
        assert!(!is_around(MiddlewareStack::new().with_rate_limit(off)));
        for stack in [
            MiddlewareStack::new().with_audit(AuditConfig::default()),
            MiddlewareStack::new().with_error_handler(ErrorHandler::new()),
            MiddlewareStack::new().with_rate_limit(RateLimitConfig::default()),
            #[cfg(feature = "cache")]
            MiddlewareStack::new().with_cache(CacheConfig::default()),
            MiddlewareStack::new().with_single_flight(SingleFlightConfig::default()),
            MiddlewareStack::new().with_concurrency(ConcurrencyConfig::default()),
            MiddlewareStack::new().with_idempotency(IdempotencyConfig::default()),
        ] {
            assert!(is_around(stack.clone()), "{stack:?}");
        }
    }
}
