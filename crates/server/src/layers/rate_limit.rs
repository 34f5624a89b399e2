//! How many requests somebody may send in a while.

use std::collections::hash_map::RandomState;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use turbomcp_protocol::{McpError, Method};
use turbomcp_transport::authenticate::Refusal;

use super::bucket::Buckets;
use super::caller::{Caller, Key};
use super::chain::{Answer, Layer};
use super::clock::Clock;
use super::proxies::{Proxies, TrustedProxies};
use super::rate_store::{RateBucket, RateVerdict, SharedRateLimits};
use crate::Error;
use crate::metrics::ServerMetrics;
use crate::outlet::Outlet;
use crate::request::{Request, Response};

/// How many requests somebody may send in a while, and who somebody is.
///
/// Whoever sends more is refused with the code 429, over HTTP with that status, too, and told when to try again: in
/// `data.retryAfterMs`, and in the header `Retry-After`. Each strategy has a bucket of tokens for each key, in a table
/// that does not grow: where it is full, whoever was held back least is forgotten.
///
/// Over HTTP addresses are counted before credentials are looked at, and so are connections that show credentials when
/// they are opened.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::{RateLimitConfig, RateLimitStrategy, RateLimits};
///
/// let config = RateLimitConfig {
///     strategy: RateLimitStrategy::PerIp,
///     limits: RateLimits { requests_per_period: 100, period: Duration::from_secs(60), burst_size: Some(20) },
///     ..RateLimitConfig::default()
/// };
/// let config = config.and(RateLimitStrategy::PerTenant, RateLimits::per_minute(6000));
/// # drop(config);
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct RateLimitConfig {
    /// Who is counted together.
    pub strategy: RateLimitStrategy,
    /// How much they may send.
    pub limits: RateLimits,
    /// Further strategies, each with limits of its own. A request counts for all of those before the one that refuses
    /// it.
    pub also: Vec<(RateLimitStrategy, RateLimits)>,
    /// Whether anything is counted at all. True.
    pub enabled: bool,
    /// For how many callers a strategy remembers what they have sent. 16,384, which take 272 KiB for each strategy. It
    /// bounds the table of this server, and not what a store has that several servers share.
    pub max_keys: usize,
    /// The proxies that say where requests come from.
    pub trusted_proxies: TrustedProxies,
    /// What tells the time, but not in a store.
    pub clock: Clock,
    /// Where several servers count together; each for itself unless set.
    pub shared: Option<SharedRateLimits>,
}

/// Who is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitStrategy {
    /// Whoever sends from one address, or from one network of IPv6 (`/64`). Where there is no address, as on standard
    /// input and Unix sockets, a connection stands for it.
    PerIp,
    /// Whoever is one caller, as authentication says. Of whom nobody knows who they are, the address.
    PerPrincipal,
    /// Whatever is one legacy session or one connection. Where there is neither, one caller.
    PerSession,
    /// Whoever belongs to one tenant; those that belong to none are counted together.
    PerTenant,
    /// All calls of one tool, whoever makes them; those of tools that do not exist are counted together. Other requests
    /// are not counted.
    PerTool,
    /// All requests.
    Global,
}

/// How many requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "written out by users")]
pub struct RateLimits {
    /// How many in a period, in the long run.
    pub requests_per_period: u32,
    /// How long a period is.
    pub period: Duration,
    /// How many at once. As many as in a period unless set.
    pub burst_size: Option<u32>,
}

impl RateLimits {
    /// Lets so many through in a minute, all of them at once if they come so.
    #[must_use]
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests_per_period: requests, period: Duration::from_secs(60), burst_size: None }
    }

    /// Sets how many are let through at once.
    #[must_use]
    pub const fn burst(mut self, requests: u32) -> Self {
        self.burst_size = Some(requests);
        self
    }
}

impl RateLimitConfig {
    /// Counts by one strategy.
    #[must_use]
    pub fn new(strategy: RateLimitStrategy, limits: RateLimits) -> Self {
        Self {
            strategy,
            limits,
            also: Vec::new(),
            enabled: true,
            max_keys: 16_384,
            trusted_proxies: TrustedProxies::default(),
            clock: Clock::default(),
            shared: None,
        }
    }

    /// Has several servers count together. What there is only in one of them, such as a connection, that one counts
    /// alone.
    ///
    /// [`max_keys`](Self::max_keys) does not bound the store: it has as many keys as callers have sent something since
    /// their buckets were full.
    #[must_use]
    pub fn shared(mut self, shared: SharedRateLimits) -> Self {
        self.shared = Some(shared);
        self
    }

    /// Counts by another strategy, too.
    #[must_use]
    pub fn and(mut self, strategy: RateLimitStrategy, limits: RateLimits) -> Self {
        self.also.push((strategy, limits));
        self
    }

    /// Sets the proxies that say where requests come from.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Sets for how many callers a strategy remembers what they have sent.
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets what tells the time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn ready(&self) -> Result<Option<RateLimit>, Error> {
        if !self.enabled {
            return Ok(None);
        }
        let first = (self.strategy, self.limits);
        let all = std::iter::once(&first).chain(&self.also);
        for (at, (strategy, limits)) in all.clone().enumerate() {
            let named = |field: &str| if at == 0 { format!("`limits.{field}`") } else { format!("`also.{field}`") };
            let fail = |field: &str| Err(Error::configuration(format!("{} must not be zero", named(field))));
            match limits {
                RateLimits { requests_per_period: 0, .. } => return fail("requests_per_period"),
                RateLimits { period: Duration::ZERO, .. } => return fail("period"),
                RateLimits { burst_size: Some(0), .. } => return fail("burst_size"),
                _ => {}
            }
            if all.clone().skip(at + 1).any(|(other, _)| other == strategy) {
                return Err(Error::configuration(format!("`also` has the strategy {strategy:?} a second time")));
            }
        }
        if self.max_keys == 0 || self.max_keys > LARGEST {
            return Err(Error::configuration(format!("`max_keys` must be between 1 and {LARGEST}")));
        }
        if let Some(shared) = &self.shared {
            shared.check()?;
        }
        let rule = |(strategy, limits): &(RateLimitStrategy, RateLimits)| {
            let keys = if *strategy == RateLimitStrategy::Global { 1 } else { self.max_keys };
            let burst = limits.burst_size.unwrap_or(limits.requests_per_period);
            let buckets = Buckets::new(limits.requests_per_period, limits.period, burst, keys);
            Rule { strategy: *strategy, limits: *limits, buckets }
        };
        Ok(Some(RateLimit {
            rules: all.map(rule).collect(),
            hasher: RandomState::new(),
            proxies: self.trusted_proxies.ready()?,
            clock: self.clock.clone(),
            start: Instant::now(),
            shared: self.shared.clone(),
        }))
    }
}

/// The largest table, which takes some 270 MiB.
const LARGEST: usize = 1 << 24;

/// 100 requests in a minute from each address, 20 of them at once.
impl Default for RateLimitConfig {
    fn default() -> Self {
        Self::new(RateLimitStrategy::PerIp, RateLimits::per_minute(100).burst(20))
    }
}

/// Says that whatever comes with it was counted where its connection, or its HTTP request, was accepted.
#[cfg(feature = "http")]
#[derive(Debug)]
pub(crate) struct Counted;

/// Says that a request is one of several that came in one body, which was counted as one.
#[derive(Debug)]
pub(crate) struct OneOfMany;

/// The layer.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rules: Vec<Rule>,
    hasher: RandomState,
    proxies: Proxies,
    clock: Clock,
    start: Instant,
    shared: Option<SharedRateLimits>,
}

#[derive(Debug)]
struct Rule {
    strategy: RateLimitStrategy,
    limits: RateLimits,
    buckets: Buckets,
}

/// Why a request is held back.
#[derive(Debug, Clone, Copy)]
enum Held {
    /// Too many were sent; there is one more after so long.
    TooMany(Duration),
    /// Nobody can say how many were sent.
    Uncounted,
}

impl Held {
    fn refusal(self) -> Refusal {
        match self {
            Self::TooMany(wait) => Refusal::rate_limited(TOO_MANY, wait),
            Self::Uncounted => Refusal::unavailable(UNCOUNTED).with_header("retry-after", "1"),
        }
    }

    #[cold]
    fn answer(self, request: &Request) -> Response {
        let (error, wait) = match self {
            Self::TooMany(wait) => (McpError::rate_limited(TOO_MANY), wait),
            Self::Uncounted => (McpError::unavailable(UNCOUNTED), Duration::from_secs(1)),
        };
        refuse(request, self.refusal(), error, wait)
    }
}

impl RateLimit {
    /// Counts somebody of whom only the address is known, before anything else is looked at.
    #[cfg(feature = "http")]
    pub(crate) async fn admit_head(
        &self,
        metrics: &ServerMetrics,
        peer: Option<std::net::SocketAddr>,
        headers: &http::HeaderMap,
    ) -> Result<(), Refusal> {
        self.admit(metrics, || self.proxies.client(peer.map(|peer| peer.ip()), headers)).await
    }

    /// Counts a connection that somebody opens to show credentials on.
    pub(crate) async fn admit_connection(&self, metrics: &ServerMetrics, address: IpAddr) -> Result<(), Refusal> {
        self.admit(metrics, || Some(address.to_canonical())).await
    }

    async fn admit(&self, metrics: &ServerMetrics, address: impl Fn() -> Option<IpAddr>) -> Result<(), Refusal> {
        let Some(rule) = self.rules.iter().find(|rule| rule.strategy == RateLimitStrategy::PerIp) else {
            return Ok(());
        };
        let key = Key::of_address(address());
        let held = match &self.shared {
            None => self.take(rule, &key, Instant::now()),
            Some(shared) => Box::pin(self.take_shared(shared, vec![(rule, key)], metrics, Instant::now())).await,
        };
        held.map_err(Held::refusal)
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    fn take(&self, rule: &Rule, key: &Key<'_>, now: Instant) -> Result<(), Held> {
        let now = self.clock.nanos(self.start, now);
        rule.buckets.take(key.local(&self.hasher), now).map_err(Held::TooMany)
    }

    /// Counts in the store what means something there, and the rest here.
    async fn take_shared(
        &self,
        shared: &SharedRateLimits,
        counted: Vec<(&Rule, Key<'_>)>,
        metrics: &ServerMetrics,
        now: Instant,
    ) -> Result<(), Held> {
        let mut buckets = Vec::with_capacity(counted.len());
        for (rule, key) in &counted {
            match key.shared() {
                Some(name) => buckets.push(RateBucket::new(name, rule.limits)),
                None => self.take(rule, key, now)?,
            }
        }
        if buckets.is_empty() {
            return Ok(());
        }
        match shared.take(&buckets, metrics).await {
            Some(RateVerdict::Pass) => Ok(()),
            Some(RateVerdict::Wait(wait)) => Err(Held::TooMany(wait)),
            None if shared.refuses() => Err(Held::Uncounted),
            None => {
                let known_elsewhere = counted.iter().filter(|(_, key)| key.shared().is_some());
                known_elsewhere.into_iter().try_for_each(|(rule, key)| self.take(rule, key, now))
            }
        }
    }

    /// Returns what a request counts for.
    fn counted<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = (&'a Rule, Key<'a>)> {
        let inner = request.inner();
        let caller = Caller { inner, extensions: request.extensions(), proxies: &self.proxies };
        self.rules.iter().filter_map(move |rule| {
            let key = match rule.strategy {
                RateLimitStrategy::PerIp if was_counted(caller) => return None,
                RateLimitStrategy::PerIp => caller.by_address(),
                RateLimitStrategy::PerPrincipal => caller.by_identity(),
                RateLimitStrategy::PerSession => caller.by_session(),
                RateLimitStrategy::PerTenant => caller.by_tenant(),
                RateLimitStrategy::PerTool if inner.method == Method::TOOLS_CALL => by_tool(request),
                RateLimitStrategy::PerTool => return None,
                RateLimitStrategy::Global => Key::All,
            };
            Some((rule, key))
        })
    }

    async fn check_shared(&self, shared: &SharedRateLimits, request: &Request) -> Result<(), Held> {
        let inner = request.inner();
        let counted = self.counted(request).collect();
        self.take_shared(shared, counted, inner.server.metrics(), inner.started).await
    }
}

/// Returns a key for the tool that is called; whatever there is no tool for shares one, as callers can make up any name.
fn by_tool(request: &Request) -> Key<'_> {
    let name = request.name().filter(|name| request.inner().server.snapshot().registry.tool(name).is_some());
    name.map_or(Key::NoTool, Key::Tool)
}

/// Returns true if the address was counted before there was a request.
#[cfg(feature = "http")]
fn was_counted(caller: Caller<'_>) -> bool {
    if caller.extensions.get::<OneOfMany>().is_some() {
        return false;
    }
    match &caller.inner.outlet {
        Outlet::Outbox(_) => caller.extensions.get::<Counted>().is_some(),
        _ => true,
    }
}

#[cfg(not(feature = "http"))]
fn was_counted(caller: Caller<'_>) -> bool {
    let Outlet::Outbox(_) = &caller.inner.outlet;
    false
}

impl Layer for RateLimit {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        let checked = match &self.shared {
            None => {
                let now = request.inner().started;
                self.counted(&request).try_for_each(|(rule, key)| self.take(rule, &key, now))
            }
            // In a box: most servers count for themselves.
            Some(shared) => Box::pin(self.check_shared(shared, &request)).await,
        };
        match checked {
            Ok(()) => rest.answer(request).await,
            Err(held) => held.answer(&request),
        }
    }
}

const TOO_MANY: &str = "too many requests";

const UNCOUNTED: &str = "requests cannot be counted at the moment";

/// Answers that somebody shall come back later.
#[cold]
pub(super) fn refuse(request: &Request, refusal: Refusal, error: McpError, wait: Duration) -> Response {
    // Whoever writes the response over HTTP adds its headers.
    let _ = request.inner().refusal.set(refusal);
    Response::error(error.with_data(retry_after(wait)))
}

/// Says in `data` how long to wait.
pub(crate) fn retry_after(wait: Duration) -> serde_json::Value {
    json!({ "retryAfterMs": u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &RateLimitConfig, field: &str) {
        let error = config.ready().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(field), "{error}");
    }

    #[test]
    fn limits_that_make_no_sense_are_refused_by_name() {
        let with = |limits| RateLimitConfig::new(RateLimitStrategy::PerIp, limits);
        let fine = RateLimits::per_minute(10);
        check(&with(RateLimits::per_minute(0)), "`limits.requests_per_period`");
        check(&with(RateLimits { period: Duration::ZERO, ..fine }), "`limits.period`");
        check(&with(fine.burst(0)), "`limits.burst_size`");
        check(&with(fine).and(RateLimitStrategy::Global, fine.burst(0)), "`also.burst_size`");
        check(&with(fine).and(RateLimitStrategy::PerIp, fine), "`also`");
        check(&with(fine).max_keys(0), "`max_keys`");
        check(&with(fine).max_keys(usize::MAX), "`max_keys`");
        check(&with(fine).trusted_proxies(TrustedProxies::new(["nowhere"])), "`trusted_proxies`");
        assert!(with(fine).ready().unwrap().is_some());
        // What is off is not looked at.
        assert!(RateLimitConfig { enabled: false, ..with(RateLimits::per_minute(0)) }.ready().unwrap().is_none());
    }

    #[tokio::test]
    async fn connections_from_one_address_are_counted_together() {
        let clock = Clock::from_fn(|| Duration::ZERO);
        let limits = RateLimits::per_minute(60).burst(2);
        let limit = RateLimitConfig::new(RateLimitStrategy::PerIp, limits).clock(clock).ready().unwrap().unwrap();
        let metrics = ServerMetrics::default();
        let admit = async |address: &str| limit.admit_connection(&metrics, address.parse().unwrap()).await.is_ok();
        assert!(admit("192.0.2.1").await && admit("::ffff:192.0.2.1").await && !admit("192.0.2.1").await);
        assert!(admit("192.0.2.2").await);
        // Whoever has one address of a network has them all.
        assert!(admit("2001:db8::1").await && admit("2001:db8::2").await && !admit("2001:db8::3").await);
        assert!(admit("2001:db8:0:1::1").await);
    }
}
