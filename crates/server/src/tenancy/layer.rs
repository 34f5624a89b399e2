//! The one layer that holds requests against their tenants.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use turbomcp_transport::authenticate::Refusal;
use turbomcp_transport::{Extensions, Identity, Principal};

use super::extract::{CompositeTenantExtractor, PrincipalTenantExtractor, TenantExtractor, Told};
use super::metrics::{Counters, Ended, TenantMetrics};
use super::source::{ErasedConfigs, TenantConfigs};
use super::table::{State, Table};
use super::{Tenant, TenantConfig, TenantId};
use crate::layers::lasts;
use crate::metrics::ErrorType;
use crate::request::{Request, Response};
use crate::stack::{BoxError, BoxFuture, Call, Stack};
use crate::{Error, McpServer, ServerBuilder};

/// What is told to whoever is not let in, whatever the reason: it must not tell which tenants there are.
const REFUSED: &str = "the request is of no tenant that is served here";

/// How long somebody waits for one of its own requests to end.
const A_MOMENT: Duration = Duration::from_secs(1);

/// How the tenants of a server are found, and how they are configured: [`ServerBuilder::with_tenancy`].
///
/// Without an extractor the tenant is that of the [`Principal`].
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::tenancy::{HeaderTenantExtractor, MemoryTenantConfigs, Tenancy, TenantConfig, TenantId};
///
/// let configs = MemoryTenantConfigs::new();
/// configs.set(TenantId::new("acme")?, TenantConfig::default())?;
/// let tenancy = Tenancy::new(configs).extractor(HeaderTenantExtractor::new("X-Tenant-ID").behind_trusted_gateway());
/// let server = ServerBuilder::new().with_tenancy(tenancy)?.build();
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Tenancy {
    configs: Box<dyn ErasedConfigs>,
    extractors: Vec<Box<dyn TenantExtractor>>,
    default_tenant: Option<TenantId>,
    max_tenants: usize,
    max_labels: usize,
}

impl Tenancy {
    /// Takes where configurations come from.
    pub fn new(configs: impl TenantConfigs) -> Self {
        Self {
            configs: Box::new(configs),
            extractors: Vec::new(),
            default_tenant: None,
            max_tenants: 10_000,
            max_labels: 1000,
        }
    }

    /// Adds an extractor behind those there are, as in a [`CompositeTenantExtractor`].
    pub fn extractor(mut self, extractor: impl TenantExtractor) -> Self {
        self.extractors.push(Box::new(extractor));
        self
    }

    /// Says whose the requests are of which nothing says whose they are: also on bindings without headers, as standard
    /// input. Unless set, they are refused. What is claimed and not vouched for is refused in any case.
    pub fn default_tenant(mut self, tenant: TenantId) -> Self {
        self.default_tenant = Some(tenant);
        self
    }

    /// Sets how many tenants are kept in memory, with what they have used up: 10,000 unless set. Others are loaded
    /// again when they come back, and begin with nothing used up.
    pub fn max_tenants(mut self, tenants: usize) -> Self {
        self.max_tenants = tenants;
        self
    }

    /// Sets how many tenants are told apart in metrics: 1,000 unless set.
    pub fn max_labels(mut self, tenants: usize) -> Self {
        self.max_labels = tenants;
        self
    }

    fn ready(self) -> Result<Tenants, Error> {
        let fail = |what| Err(Error::configuration(format!("Tenancy: {what}")));
        if self.max_tenants == 0 {
            return fail("`max_tenants` is zero");
        }
        if self.max_labels == 0 {
            return fail("`max_labels` is zero");
        }
        let extractor: Box<dyn TenantExtractor> = if self.extractors.is_empty() {
            Box::new(PrincipalTenantExtractor::new())
        } else {
            Box::new(CompositeTenantExtractor::new(self.extractors))
        };
        extractor.check()?;
        if !extractor.vouches() {
            return fail(
                "any client could name any tenant: say `behind_trusted_gateway`, or add an extractor that can decide",
            );
        }
        Ok(Tenants {
            extractor,
            default_tenant: self.default_tenant,
            table: Table::new(self.configs, self.max_tenants),
            metrics: TenantMetrics::new(self.max_labels),
        })
    }
}

impl fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenancy")
            .field("extractors", &self.extractors.len())
            .field("default_tenant", &self.default_tenant)
            .field("max_tenants", &self.max_tenants)
            .field("max_labels", &self.max_labels)
            .finish_non_exhaustive()
    }
}

/// The tenants of a server: [`McpServer::tenants`].
pub struct Tenants {
    extractor: Box<dyn TenantExtractor>,
    default_tenant: Option<TenantId>,
    table: Table,
    metrics: TenantMetrics,
}

impl Tenants {
    /// Has configurations loaded again, each when it is needed next: what has changed counts from then on.
    pub fn reload(&self) {
        self.table.reload();
    }

    /// Returns what is counted of tenants.
    #[must_use]
    pub fn metrics(&self) -> &TenantMetrics {
        &self.metrics
    }

    pub(super) fn known(&self, id: TenantId) -> Tenant {
        self.table.known(id)
    }

    /// Looks a tenant up, and returns true if it is let in and may use a tool.
    pub(super) async fn may_go_on(&self, id: &TenantId, tool: &str) -> bool {
        match self.table.find(id).await {
            Ok(Some(state)) => {
                let tenant = state.tenant();
                tenant.config().is_active() && tenant.config().allows_tool(tool)
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!(target: "turbomcp::tenancy", tenant = %id, %error, "a tenant cannot be looked up");
                false
            }
        }
    }

    /// Finds whose a request is.
    fn choose(&self, known: &Extensions) -> Result<TenantId, Reason> {
        let own = known.get::<Principal>().and_then(Principal::tenant).map(TenantId::new);
        let own = own.transpose().map_err(|_| Reason::Invalid)?;
        let told = self
            .extractor
            .extract(known)
            .map_err(|error| if error.is_conflict() { Reason::Conflict } else { Reason::Invalid })?;
        match (own, told) {
            (Some(own), Some(told)) if own != *told.tenant() => Err(Reason::Conflict),
            (Some(tenant), _) | (None, Some(Told::Vouched(tenant))) => Ok(tenant),
            (None, Some(Told::Claimed(_))) => Err(Reason::Unvouched),
            (None, None) => self.default_tenant.clone().ok_or(Reason::Missing),
        }
    }

    async fn find(&self, known: &Extensions) -> Result<Arc<State>, Reason> {
        let id = self.choose(known)?;
        match self.table.find(&id).await {
            Ok(state) => state.ok_or(Reason::Unknown),
            Err(error) => {
                tracing::error!(target: "turbomcp::tenancy", tenant = %id, %error, "a tenant cannot be looked up");
                Err(Reason::Unavailable)
            }
        }
    }

    async fn answer(&self, mut request: Request, rest: Stack) -> Result<Response, BoxError> {
        let state = match self.find(request.extensions()).await {
            Ok(state) => state,
            Err(reason) => return Ok(self.refuse(&request, None, reason, A_MOMENT)),
        };
        let tenant = state.tenant();
        tracing::Span::current().record("tenant", tenant.as_str());
        if !tenant.config().is_active() {
            return Ok(self.refuse(&request, Some(&tenant), Reason::Suspended, A_MOMENT));
        }
        bind(request.extensions_mut(), &tenant);
        if request.inner().is_unseen() {
            // It stands for what is no request, which counts nowhere.
            return rest.call(request).await;
        }
        let mut running = match self.begin(&request, &state, &tenant) {
            Ok(running) => running,
            Err((reason, wait)) => return Ok(self.refuse(&request, Some(&tenant), reason, wait)),
        };
        let answer = rest.call(request).await;
        running.ended = match &answer {
            Ok(response) if ErrorType::of_response(response).is_none() => Ended::Success,
            _ => Ended::Failure,
        };
        answer
    }

    /// Counts a request, unless its tenant has sent too many.
    fn begin(&self, request: &Request, state: &Arc<State>, tenant: &Tenant) -> Result<Running, (Reason, Duration)> {
        let config: &TenantConfig = tenant.config();
        let now = Instant::now();
        if let Some(rate) = config.rate_limit_per_second {
            state.bucket.take(rate, now).map_err(|wait| (Reason::RateLimited, wait))?;
        }
        let listens = lasts(request.method());
        let (limit, reason) = match listens {
            true => (config.max_subscriptions, Reason::Subscriptions),
            false => (config.max_concurrent_requests, Reason::Concurrency),
        };
        let place = Place { state: state.clone(), listens };
        if place.take() >= limit.unwrap_or(usize::MAX) {
            return Err((reason, A_MOMENT));
        }
        let counters = self.metrics.of(tenant.id());
        counters.begin();
        Ok(Running { place, counters, started: now, ended: Ended::Cancelled })
    }

    #[cold]
    fn refuse(&self, request: &Request, tenant: Option<&Tenant>, reason: Reason, wait: Duration) -> Response {
        let id = tenant.map(Tenant::id);
        self.metrics.refused(reason, id);
        tracing::info!(
            target: "turbomcp::tenancy",
            tenant = id.map(TenantId::as_str),
            reason = reason.as_str(),
            "a request was refused"
        );
        let refusal = match reason {
            Reason::RateLimited | Reason::Concurrency | Reason::Subscriptions => {
                Refusal::rate_limited("too many requests", wait)
            }
            Reason::Unavailable => Refusal::unavailable("tenants cannot be looked up at the moment"),
            _ => Refusal::forbidden(REFUSED),
        };
        let inner = request.inner();
        if let Some(audit) = inner.server.built_in().and_then(|layers| layers.audit.as_ref()) {
            audit.refused(&refusal, request, id.map(TenantId::as_str));
        }
        let error = crate::auth::error(&refusal);
        let _ = inner.refusal.set(refusal);
        Response::error(error)
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

/// Makes the tenant a part of who calls: what is kept for a caller between requests is bound to it.
fn bind(extensions: &mut Extensions, tenant: &Tenant) {
    let principal = extensions.get::<Principal>().cloned();
    let of_principal = |identity: &Identity| principal.as_ref().is_some_and(|known| *identity == **known.identity());
    // An identity that does not follow from the principal is one that a layer has made up, without any tenant.
    let other = extensions.get::<Identity>().filter(|identity| !of_principal(identity)).map(Identity::as_str);
    let identity = match (&principal, other) {
        (Some(_), None) => None,
        (_, other) => {
            let (id, other) = (tenant.as_str(), other.unwrap_or_default());
            // Its length comes first, so that no two can be written the same.
            Some(Identity::new(format!("tenant:{}:{id}:{other}", id.len())))
        }
    };
    if let Some(principal) = principal.filter(|principal| principal.tenant().is_none()) {
        let principal = principal.with_tenant(tenant.as_str());
        extensions.insert_shared(principal.identity().clone());
        extensions.insert(principal);
    }
    if let Some(identity) = identity {
        extensions.insert(identity);
    }
    extensions.insert(tenant.clone());
}

/// A place among the requests of a tenant.
struct Place {
    state: Arc<State>,
    listens: bool,
}

impl Place {
    fn count(&self) -> &AtomicUsize {
        if self.listens { &self.state.listening } else { &self.state.running }
    }

    /// Takes it, and returns how many were taken before.
    fn take(&self) -> usize {
        self.count().fetch_add(1, Ordering::AcqRel)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count().fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request of a tenant, for as long as it runs.
struct Running {
    place: Place,
    counters: Arc<Counters>,
    started: Instant,
    ended: Ended,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It lasts for as long as its client likes.
        let took = if self.place.listens { Duration::ZERO } else { self.started.elapsed() };
        self.counters.end(self.ended, took);
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Missing,
    Invalid,
    Conflict,
    Unvouched,
    Unknown,
    Suspended,
    RateLimited,
    Concurrency,
    Subscriptions,
    Unavailable,
}

impl Reason {
    pub(super) const ALL: [Self; 10] = [
        Self::Missing,
        Self::Invalid,
        Self::Conflict,
        Self::Unvouched,
        Self::Unknown,
        Self::Suspended,
        Self::RateLimited,
        Self::Concurrency,
        Self::Subscriptions,
        Self::Unavailable,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Unvouched => "unvouched",
            Self::Unknown => "unknown",
            Self::Suspended => "suspended",
            Self::RateLimited => "rate_limited",
            Self::Concurrency => "concurrency",
            Self::Subscriptions => "subscriptions",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The layer as a part of the stack.
struct Around {
    tenants: Arc<Tenants>,
    rest: Stack,
}

impl Call for Around {
    fn call(&self, request: Request) -> BoxFuture<Result<Response, BoxError>> {
        let (tenants, rest) = (self.tenants.clone(), self.rest.clone());
        Box::pin(async move { tenants.answer(request, rest).await })
    }
}

impl ServerBuilder {
    /// Serves tenants, and nobody else: see [`tenancy`](crate::tenancy).
    ///
    /// It stands around what is there, as [`layer`](Self::layer) does: a layer that says who calls is added afterwards.
    /// A middleware stack has to be there before, as what it keeps and counts is to be kept apart by tenant.
    ///
    /// # Errors
    ///
    /// If no extractor can decide, an extractor or a limit cannot be meant, or there is a tenancy already.
    pub fn with_tenancy(mut self, tenancy: Tenancy) -> Result<Self, Error> {
        if self.tenancy.is_some() {
            return Err(Error::configuration("the tenancy is set already"));
        }
        let tenants = Arc::new(tenancy.ready()?);
        self.tenancy = Some(tenants.clone());
        self.layers.push(Box::new(move |rest| Stack::Layered(Arc::new(Around { tenants, rest }))));
        Ok(self)
    }
}

impl McpServer {
    /// Returns the tenants, if the server [has any](ServerBuilder::with_tenancy).
    #[must_use]
    pub fn tenants(&self) -> Option<&Tenants> {
        self.tenancy().as_deref()
    }
}

#[cfg(test)]
mod tests;
