//! Rate limits that replicas count together in Redis.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use turbomcp::health::{HealthCheck, HealthStatus, checks};
use turbomcp::layers::{
    MiddlewareStack, RateBucket, RateLimitConfig, RateLimitStore, RateLimitStrategy, RateLimits, RateVerdict,
    RedisRateLimits, SharedRateLimits, WhenUnavailable,
};
use turbomcp::sessions::{self, SessionConfig, SessionManager};
use turbomcp::store::Redis;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::{McpServer, Principal};
use turbomcp_tests::{PATIENCE, Request, Site, engines, fixture, modern};

/// So many at once, and the next after three minutes.
const BURST: usize = 12;
const INTERVAL: Duration = Duration::from_secs(180);

fn limits() -> RateLimits {
    let burst = u32::try_from(BURST).unwrap();
    RateLimits { requests_per_period: burst, period: INTERVAL * burst, burst_size: None }
}

/// Lets in whoever says their name: `name@tenant`.
struct ByName;

impl Authenticate for ByName {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let Some(head) = shown.head() else { return Ok(None) };
        let name = head.headers.get("authorization").and_then(|value| value.to_str().ok());
        Ok(name.and_then(|name| name.split_once('@')).map(|(name, tenant)| Principal::new(name).with_tenant(tenant)))
    }
}

async fn shared(url: &str) -> SharedRateLimits {
    SharedRateLimits::new(RedisRateLimits::new(Redis::connect(url).await.unwrap())).timeout(PATIENCE)
}

/// A replica, which shares nothing with the others but the engine.
async fn replica(url: &str, config: RateLimitConfig) -> (McpServer, Site) {
    let manager = SessionManager::new(SessionConfig::new(), sessions::redis(url).await.unwrap()).unwrap();
    let stack = MiddlewareStack::new().with_auth(ByName).with_rate_limit(config);
    let server = fixture::builder().with_session_management(manager).with_middleware_stack(stack).unwrap().build();
    let site = Site::start(&server).await;
    (server, site)
}

fn call(tool: &str, name: &str) -> Request {
    let arguments = json!({"a": 1, "b": 2});
    let message = modern(1, "tools/call", json!({"name": tool, "arguments": arguments}), json!({}));
    Request::modern(&message).header("Authorization", name)
}

/// Sends requests to all of the replicas at once, and returns with which statuses they are answered.
async fn flood(sites: &[Site], count: usize, request: impl Fn(usize) -> Request) -> Vec<u16> {
    let sending: Vec<_> = (0..count)
        .map(|number| {
            let (client, request) = (sites[number % sites.len()].client(), request(number));
            tokio::spawn(async move { client.send(request).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for sent in sending {
        statuses.push(sent.await.unwrap());
    }
    statuses
}

fn passed(statuses: &[u16]) -> usize {
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_pass_in_all_and_not_so_many_at_each_replica() {
    use RateLimitStrategy::{Global, PerIp, PerPrincipal, PerTenant, PerTool};

    let one = |_| call("add", "ada@acme");
    for strategy in [PerIp, PerPrincipal, PerTenant, PerTool, Global] {
        let url = engines::Redis::shared().url();
        let mut sites = Vec::new();
        for _ in 0..3 {
            let config = RateLimitConfig::new(strategy, limits()).shared(shared(&url).await);
            sites.push(replica(&url, config).await.1);
        }
        let began = Instant::now();
        assert_eq!(passed(&flood(&sites, BURST * 3, one).await), BURST, "{strategy:?}");
        // The time to wait is that until there is one more, wherever it is asked for.
        for site in &sites {
            let mut refused = site.client().send(call("add", "ada@acme")).await;
            let header: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            let least = INTERVAL.saturating_sub(began.elapsed());
            assert!((least.as_secs()..=INTERVAL.as_secs()).contains(&header), "{header} {least:?}");
            let data = refused.message().await["error"]["data"]["retryAfterMs"].as_u64().unwrap();
            assert!(u128::from(data) <= INTERVAL.as_millis() && u128::from(data) + 1 >= least.as_millis(), "{data}");
        }
        // Others have their own, by each strategy.
        let other = match strategy {
            PerPrincipal => call("add", "eve@acme"),
            PerTenant => call("add", "ada@globex"),
            PerTool => call("who", "ada@acme"),
            _ => continue,
        };
        assert_eq!(sites[0].client().send(other).await.status, 200, "{strategy:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_counted_wherever_it_is_served_and_several_strategies_at_once() {
    let url = engines::Redis::shared().url();
    let mut sites = Vec::new();
    for _ in 0..3 {
        let config = RateLimitConfig::new(RateLimitStrategy::PerSession, limits())
            .and(RateLimitStrategy::PerTenant, RateLimits { burst_size: Some(100), ..limits() })
            .shared(shared(&url).await);
        sites.push(replica(&url, config).await.1);
    }
    let opened = sites[0].legacy("2025-11-25", json!({})).await;
    let ping = Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    let mut pass = 0;
    for number in 0..BURST * 3 {
        let client = opened.moved_to(&sites[number % 3]);
        pass += usize::from(client.send(client.within(ping.clone())).await.status == 200);
    }
    // To open it has counted, too.
    assert_eq!(pass, BURST - 1);
    let another = sites[1].legacy("2025-11-25", json!({})).await;
    assert_eq!(another.send(another.within(ping)).await.status, 200);
    // All that was counted is forgotten once it counts no more, and has no session in the clear.
    let database = url.rsplit('/').next().unwrap();
    let keys = engines::Redis::shared().command(&["-n", database, "--scan", "--pattern", "turbomcp:rate:*"]);
    let keys: Vec<_> = keys.lines().collect();
    assert!(keys.len() >= 3, "{keys:?}");
    for key in keys {
        let left: i64 = engines::Redis::shared().command(&["-n", database, "PTTL", key]).parse().unwrap();
        let most = INTERVAL.as_millis() * 100;
        assert!(left > 0 && u128::try_from(left).unwrap() <= most, "{key} {left}");
        assert!(!key.contains(opened.session.as_deref().unwrap()), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_counts_for_itself_or_refuses_and_with_it_again_together() {
    let mut engine = engines::Redis::start();
    let url = engine.url();
    for when in [WhenUnavailable::CountLocally, WhenUnavailable::Refuse] {
        // Sessions and limits are on engines of their own.
        let of_sessions = engines::Redis::shared().url();
        let (mut sites, mut servers, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2 {
            let limit = shared(&url).await.when_unavailable(when).timeout(Duration::from_secs(2));
            let config = RateLimitConfig::new(RateLimitStrategy::PerPrincipal, limits()).shared(limit.clone());
            let (server, site) = replica(&of_sessions, config).await;
            servers.push(server);
            sites.push(site);
            all.push(limit);
        }
        let name = format!("{when:?}@acme");
        let mine = |_| call("add", &name);
        assert_eq!(passed(&flood(&sites, BURST, mine).await), BURST);
        assert_eq!(passed(&flood(&sites, 2, mine).await), 0);
        assert_eq!(checks::rate_limits(&all[0]).check().await, HealthStatus::Healthy);
        engine.kill();
        let mut statuses = flood(&sites, 4, mine).await;
        let health = checks::rate_limits(&all[0]).check().await;
        if when == WhenUnavailable::Refuse {
            assert_eq!(statuses, [503; 4]);
            let refused = sites[0].client().send(call("add", &name)).await;
            assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
            assert!(!health.is_healthy(), "{health:?}");
        } else {
            statuses.extend(flood(&sites, BURST * 3, mine).await);
            assert_eq!(passed(&statuses), BURST * 2, "as many at each");
            assert!(matches!(health, HealthStatus::Degraded(_)), "{health:?}");
        }
        assert!(servers[0].metrics().rate_limit_store_failures.load(Ordering::Relaxed) >= 2);
        engine.start_again();
        let together = async {
            while all.iter().any(SharedRateLimits::is_failing) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                flood(&sites, 2, |_| call("add", "somebody@else")).await;
            }
        };
        tokio::time::timeout(PATIENCE, together).await.expect("they count together again");
        assert_eq!(checks::rate_limits(&all[0]).check().await, HealthStatus::Healthy);
        // The engine has kept what was counted before.
        assert_eq!(passed(&flood(&sites, 4, mine).await), 0);
    }
}

/// A bucket that is filled up at each look, by a clock of which only bounds are known: how many there are at least and
/// at most.
struct Naive {
    least: f64,
    most: f64,
    before: Instant,
    after: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_in_redis_holds_what_a_naive_one_does() {
    let store = RedisRateLimits::new(Redis::connect(&engines::Redis::shared().url()).await.unwrap());
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..4 {
        let (interval, burst) = (Duration::from_millis(150 + random(100)), 1 + u32::try_from(random(4)).unwrap());
        let limits = RateLimits { requests_per_period: 1, period: interval, burst_size: Some(burst) };
        let buckets = [RateBucket::new(format!("naive:{round}"), limits)];
        let mut naive: Option<Naive> = None;
        let (mut pass, mut wait) = (0, 0);
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(random(120))).await;
            let before = Instant::now();
            let verdict = store.take(&buckets).await.unwrap();
            let after = Instant::now();
            let share = |time: Duration| time.as_secs_f64() / interval.as_secs_f64();
            let full = f64::from(burst);
            let (mut least, mut most) = match &naive {
                None => (full, full),
                Some(last) => (
                    (last.least + share(before.saturating_duration_since(last.after))).min(full),
                    (last.most + share(after.saturating_duration_since(last.before))).min(full),
                ),
            };
            match verdict {
                RateVerdict::Pass => {
                    assert!(most >= 0.999, "{most}");
                    // It was let through, so there was one.
                    (least, most) = (least.max(1.0) - 1.0, most - 1.0);
                    pass += 1;
                }
                RateVerdict::Wait(time) => {
                    assert!(least < 1.001, "{least}");
                    // What is missing, to the microsecond, is the time until there is one.
                    let missing = 1.0 - share(time);
                    assert!(missing <= most + 0.001 && missing >= least - 0.001, "{least} {missing} {most}");
                    (least, most) = (missing, missing);
                    wait += 1;
                }
            }
            naive = Some(Naive { least, most, before, after });
        }
        assert!(pass > 5 && wait > 5, "{pass} {wait}");
    }
}

#[tokio::test]
async fn a_request_counts_for_those_before_the_one_that_refuses_it() {
    let store = RedisRateLimits::new(Redis::connect(&engines::Redis::shared().url()).await.unwrap());
    let bucket = |key: &str, burst| RateBucket::new(key, RateLimits { burst_size: Some(burst), ..limits() });
    let both = [bucket("first", 3), bucket("second", 1)];
    assert_eq!(store.take(&both).await.unwrap(), RateVerdict::Pass);
    assert!(matches!(store.take(&both).await.unwrap(), RateVerdict::Wait(wait) if wait <= INTERVAL));
    assert_eq!(store.take(&both[..1]).await.unwrap(), RateVerdict::Pass);
    assert!(matches!(store.take(&both[..1]).await.unwrap(), RateVerdict::Wait(_)));
    assert_eq!(store.take(&[]).await.unwrap(), RateVerdict::Pass);
}
