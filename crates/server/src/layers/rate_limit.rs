//! How many requests somebody may send in a while.

use std::collections::hash_map::RandomState;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use turbomcp_protocol::{McpError, Method};
use turbomcp_transport::authenticate::Refusal;

use super::bucket::Buckets;
use super::caller::{Caller, by_address, by_tool};
use super::chain::{Answer, Layer};
use super::clock::Clock;
use super::proxies::{Proxies, TrustedProxies};
use crate::Error;
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
    /// For how many callers a strategy remembers what they have sent. 16,384, which take 272 KiB for each strategy.
    pub max_keys: usize,
    /// The proxies that say where requests come from.
    pub trusted_proxies: TrustedProxies,
    /// What tells the time.
    pub clock: Clock,
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
    /// All calls of one tool, whoever makes them. Other requests are not counted.
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
        }
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
        let rule = |(strategy, limits): &(RateLimitStrategy, RateLimits)| {
            let keys = if *strategy == RateLimitStrategy::Global { 1 } else { self.max_keys };
            let burst = limits.burst_size.unwrap_or(limits.requests_per_period);
            (*strategy, Buckets::new(limits.requests_per_period, limits.period, burst, keys))
        };
        Ok(Some(RateLimit {
            rules: all.map(rule).collect(),
            hasher: RandomState::new(),
            proxies: self.trusted_proxies.ready()?,
            clock: self.clock.clone(),
            start: Instant::now(),
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
#[cfg(feature = "http")]
#[derive(Debug)]
pub(crate) struct OneOfMany;

/// The layer.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rules: Vec<(RateLimitStrategy, Buckets)>,
    hasher: RandomState,
    proxies: Proxies,
    clock: Clock,
    start: Instant,
}

impl RateLimit {
    /// Counts somebody of whom only the address is known, before anything else is looked at.
    #[cfg(feature = "http")]
    pub(crate) fn admit_head(
        &self,
        peer: Option<std::net::SocketAddr>,
        headers: &http::HeaderMap,
    ) -> Result<(), Refusal> {
        self.admit(|| self.proxies.client(peer.map(|peer| peer.ip()), headers))
    }

    /// Counts a connection that somebody opens to show credentials on.
    pub(crate) fn admit_connection(&self, address: IpAddr) -> Result<(), Refusal> {
        self.admit(|| Some(address.to_canonical()))
    }

    fn admit(&self, address: impl Fn() -> Option<IpAddr>) -> Result<(), Refusal> {
        let Some((_, buckets)) = self.rules.iter().find(|(strategy, _)| *strategy == RateLimitStrategy::PerIp) else {
            return Ok(());
        };
        let now = self.clock.nanos(self.start, Instant::now());
        buckets.take(by_address(address(), &self.hasher), now).map_err(refusal)
    }

    fn check(&self, request: &Request) -> Result<(), Duration> {
        let inner = request.inner();
        let caller = Caller { inner, extensions: request.extensions(), proxies: &self.proxies };
        let now = self.clock.nanos(self.start, inner.started);
        for (strategy, buckets) in &self.rules {
            let key = match strategy {
                RateLimitStrategy::PerIp if was_counted(caller) => continue,
                RateLimitStrategy::PerIp => caller.by_address(&self.hasher),
                RateLimitStrategy::PerPrincipal => caller.by_identity(&self.hasher),
                RateLimitStrategy::PerSession => caller.by_session(&self.hasher),
                RateLimitStrategy::PerTenant => caller.by_tenant(&self.hasher),
                RateLimitStrategy::PerTool if inner.method == Method::TOOLS_CALL => match request.name() {
                    Some(name) => by_tool(&name, &self.hasher),
                    None => continue,
                },
                RateLimitStrategy::PerTool => continue,
                RateLimitStrategy::Global => 0,
            };
            buckets.take(key, now)?;
        }
        Ok(())
    }
}

/// Returns true if the address was counted before there was a request.
#[cfg(feature = "http")]
fn was_counted(caller: Caller<'_>) -> bool {
    match &caller.inner.outlet {
        Outlet::Outbox(_) => caller.extensions.get::<Counted>().is_some(),
        _ => caller.extensions.get::<OneOfMany>().is_none(),
    }
}

#[cfg(not(feature = "http"))]
fn was_counted(caller: Caller<'_>) -> bool {
    let Outlet::Outbox(_) = &caller.inner.outlet;
    false
}

impl Layer for RateLimit {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        match self.check(&request) {
            Ok(()) => rest.answer(request).await,
            Err(wait) => refuse(&request, refusal(wait), McpError::rate_limited(TOO_MANY), wait),
        }
    }
}

const TOO_MANY: &str = "too many requests";

fn refusal(wait: Duration) -> Refusal {
    Refusal::rate_limited(TOO_MANY, wait)
}

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

    #[test]
    fn connections_from_one_address_are_counted_together() {
        let clock = Clock::from_fn(|| Duration::ZERO);
        let limits = RateLimits::per_minute(60).burst(2);
        let limit = RateLimitConfig::new(RateLimitStrategy::PerIp, limits).clock(clock).ready().unwrap().unwrap();
        let admit = |address: &str| limit.admit_connection(address.parse().unwrap()).is_ok();
        assert!(admit("192.0.2.1") && admit("::ffff:192.0.2.1") && !admit("192.0.2.1"));
        assert!(admit("192.0.2.2"));
        // Whoever has one address of a network has them all.
        assert!(admit("2001:db8::1") && admit("2001:db8::2") && !admit("2001:db8::3"));
        assert!(admit("2001:db8:0:1::1"));
    }
}
