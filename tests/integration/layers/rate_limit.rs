//! How many requests somebody may send: F74, F81, F171.

use std::time::Duration;

use serde_json::json;
use turbomcp::layers::{
    ForwardedHeader, MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits, TrustedProxies,
};
use turbomcp_tests::{Client, Http, Request, Site, modern};

use super::{ByName, Hand, Work, call, status};

const TWO: RateLimits = RateLimits { requests_per_period: 30, period: Duration::from_secs(30), burst_size: Some(2) };

fn config(hand: &Hand, strategy: RateLimitStrategy) -> RateLimitConfig {
    RateLimitConfig::new(strategy, TWO).clock(hand.clock())
}

async fn site(config: RateLimitConfig, auth: Option<ByName>) -> Site {
    let stack = MiddlewareStack::new().with_rate_limit(config);
    let stack = match auth {
        Some(auth) => stack.with_auth(auth),
        None => stack,
    };
    Site::start(&Work::new().server(stack)).await
}

async fn statuses(client: &Http, request: &Request, times: usize) -> Vec<u16> {
    let mut all = Vec::new();
    for _ in 0..times {
        all.push(status(client, request.clone()).await);
    }
    all
}

#[tokio::test]
async fn f81_whoever_sends_too_much_is_told_when_to_come_back() {
    let hand = Hand::default();
    let site = site(config(&hand, RateLimitStrategy::PerIp), None).await;
    let client = site.client();
    assert_eq!(statuses(&client, &call("tell"), 2).await, [200, 200]);
    hand.advance(Duration::from_millis(250));
    let mut refused = client.send(call("tell")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    let error = refused.message().await["error"].take();
    assert_eq!((&error["code"], &error["data"]), (&json!(429), &json!({"retryAfterMs": 750})));
    hand.advance(Duration::from_millis(750));
    assert_eq!(statuses(&client, &call("tell"), 2).await, [200, 429]);
}

/// Holds DEFENCES 2: what is refused costs nothing.
#[tokio::test]
async fn f171_an_address_is_counted_before_credentials_are_looked_at() {
    let (hand, auth) = (Hand::default(), ByName::default());
    let site = site(config(&hand, RateLimitStrategy::PerIp), Some(auth.clone())).await;
    let client = site.client();
    let request = call("tell").header("Authorization", "nobody");
    assert_eq!(statuses(&client, &request, 4).await, [401, 401, 429, 429]);
    assert_eq!(auth.asked(), 2);
    // Whatever way they come: by a stream of a session, or to end one.
    assert_eq!(status(&client, Request::get()).await, 429);
    assert_eq!(status(&client, Request::delete()).await, 429);
    assert_eq!(auth.asked(), 2);
}

#[tokio::test]
async fn f171_callers_are_counted_apart_where_that_is_asked_for() {
    let of = |name: &str| call("tell").header("Authorization", name);
    let hand = Hand::default();
    let site_of = |strategy| site(config(&hand, strategy), Some(ByName::default()));

    let site = site_of(RateLimitStrategy::PerPrincipal).await;
    assert_eq!(statuses(&site.client(), &of("ada"), 3).await, [200, 200, 429]);
    assert_eq!(statuses(&site.client(), &of("ada@acme"), 3).await, [200, 200, 429]);
    // Whoever is nobody is an address.
    assert_eq!(statuses(&site.client(), &call("tell"), 3).await, [200, 200, 429]);

    let site = site_of(RateLimitStrategy::PerTenant).await;
    assert_eq!(statuses(&site.client(), &of("ada@acme"), 1).await, [200]);
    assert_eq!(statuses(&site.client(), &of("bob@acme"), 2).await, [200, 429]);
    assert_eq!(statuses(&site.client(), &of("bob@other"), 1).await, [200]);
    assert_eq!(statuses(&site.client(), &of("bob"), 2).await, [200, 200]);
    assert_eq!(statuses(&site.client(), &of("eve"), 1).await, [429]);

    let site = site_of(RateLimitStrategy::Global).await;
    assert_eq!(statuses(&site.client(), &of("ada"), 2).await, [200, 200]);
    assert_eq!(statuses(&site.client(), &of("bob"), 1).await, [429]);

    let site = site_of(RateLimitStrategy::PerTool).await;
    assert_eq!(statuses(&site.client(), &call("tell"), 3).await, [200, 200, 429]);
    assert_eq!(statuses(&site.client(), &call("look"), 3).await, [200, 200, 429]);
    // Names that somebody has made up are counted together.
    let mut made_up = Vec::new();
    for name in ["one", "two", "three"] {
        made_up.extend(statuses(&site.client(), &call(name), 1).await);
    }
    assert!(made_up[0] != 429 && made_up[1] != 429 && made_up[2] == 429, "{made_up:?}");
    let list = Request::modern(&modern(1, "tools/list", json!({}), json!({})));
    assert_eq!(statuses(&site.client(), &list, 4).await, [200; 4]);
}

#[tokio::test]
async fn f171_sessions_and_connections_are_counted_apart() {
    let hand = Hand::default();
    let stack = MiddlewareStack::new().with_rate_limit(config(&hand, RateLimitStrategy::PerSession));
    let server = Work::new().server(stack);
    for _ in 0..2 {
        let mut client = Client::connect(&server);
        for expected in [json!(null), json!(null), json!(429)] {
            assert_eq!(client.tool("tell", json!({})).await["error"]["code"], expected);
        }
    }
    let site = Site::start(&server).await;
    for _ in 0..2 {
        // The handshake is a request of the session that it opens.
        let client = site.legacy("2025-11-25", json!({})).await;
        for expected in [json!(null), json!(429)] {
            let answer = client.call("tools/call", json!({"name": "tell", "arguments": {}})).await;
            assert_eq!(answer["error"]["code"], expected);
        }
    }
}

#[tokio::test]
async fn f171_where_there_is_no_address_a_connection_stands_for_it() {
    let stack = MiddlewareStack::new().with_rate_limit(config(&Hand::default(), RateLimitStrategy::PerIp));
    let server = Work::new().server(stack);
    for _ in 0..2 {
        let mut client = Client::connect(&server);
        for expected in [json!(null), json!(null), json!(429)] {
            assert_eq!(client.tool("tell", json!({})).await["error"]["code"], expected);
        }
    }
}

#[tokio::test]
async fn f171_strategies_add_up() {
    let hand = Hand::default();
    let both = config(&hand, RateLimitStrategy::PerTool).and(RateLimitStrategy::Global, TWO.burst(3));
    let site = site(both, None).await;
    assert_eq!(statuses(&site.client(), &call("tell"), 3).await, [200, 200, 429]);
    assert_eq!(statuses(&site.client(), &call("look"), 2).await, [200, 429]);
}

#[tokio::test]
async fn f81_what_is_not_enabled_lets_everything_through() {
    let config = RateLimitConfig { enabled: false, ..config(&Hand::default(), RateLimitStrategy::Global) };
    assert_eq!(statuses(&site(config, None).await.client(), &call("tell"), 5).await, [200; 5]);
}

#[tokio::test]
async fn f171_a_proxy_that_is_trusted_says_who_sends() {
    let from = |address: &str| call("tell").header("X-Forwarded-For", address);
    let hand = Hand::default();
    let trusting = |proxies| site(config(&hand, RateLimitStrategy::PerIp).trusted_proxies(proxies), None);
    let site_of = trusting(TrustedProxies::new(["127.0.0.0/8"])).await;
    assert_eq!(statuses(&site_of.client(), &from("203.0.113.1"), 3).await, [200, 200, 429]);
    assert_eq!(statuses(&site_of.client(), &from("203.0.113.2"), 1).await, [200]);
    // What a client adds itself stands before what the proxy adds.
    assert_eq!(statuses(&site_of.client(), &from("198.51.100.7, 203.0.113.1"), 1).await, [429]);
    let site_of = trusting(TrustedProxies::new(["127.0.0.1"]).header(ForwardedHeader::Forwarded)).await;
    let forwarded = |address: &str| call("tell").header("Forwarded", format!("for={address}"));
    assert_eq!(statuses(&site_of.client(), &forwarded("203.0.113.1"), 3).await, [200, 200, 429]);
    assert_eq!(statuses(&site_of.client(), &forwarded("203.0.113.2"), 1).await, [200]);
    // Of anybody else it is not believed.
    let site_of = trusting(TrustedProxies::new(["10.0.0.0/8"])).await;
    assert_eq!(statuses(&site_of.client(), &from("203.0.113.1"), 2).await, [200, 200]);
    assert_eq!(statuses(&site_of.client(), &from("203.0.113.2"), 1).await, [429]);
}

#[tokio::test]
async fn f171_the_table_is_as_large_as_was_said() {
    for (max_keys, expected) in [(1, 200), (16_384, 429)] {
        let config = config(&Hand::default(), RateLimitStrategy::PerIp).max_keys(max_keys);
        let site = site(config.trusted_proxies(TrustedProxies::new(["127.0.0.1"])), None).await;
        let client = site.client();
        let from = |host: u32| call("tell").header("X-Forwarded-For", format!("203.0.113.{host}"));
        assert_eq!(statuses(&client, &from(0), 1).await, [200]);
        for host in 1..40 {
            // Each is held back more than the first.
            assert_eq!(statuses(&client, &from(host), 2).await, [200, 200]);
        }
        assert_eq!(statuses(&client, &from(0), 2).await, [200, expected], "{max_keys}");
    }
}

#[tokio::test]
async fn f171_the_messages_of_a_batch_are_counted_one_by_one() {
    let hand = Hand::default();
    let limits = TWO.burst(5);
    let config = RateLimitConfig::new(RateLimitStrategy::PerIp, limits).clock(hand.clock());
    let site = site(config, None).await;
    let client = site.legacy("2025-03-26", json!({})).await;
    hand.advance(Duration::from_secs(60));
    let part = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let batch: Vec<_> = (1..=6).map(part).collect();
    let mut reply = client.post(&json!(batch)).await;
    // The body is one, and so is each message.
    let answers = reply.answer().await;
    let refused = answers.as_array().unwrap().iter().filter(|answer| answer["error"]["code"] == 429).count();
    assert_eq!(refused, 2, "{answers}");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let limits = RateLimits { requests_per_period: 0, ..TWO };
    let stack = MiddlewareStack::new().with_rate_limit(RateLimitConfig::new(RateLimitStrategy::Global, limits));
    let error = Work::new().builder().with_middleware_stack(stack).unwrap_err();
    assert!(error.is_configuration());
    assert_eq!(error.to_string(), "RateLimitConfig: `limits.requests_per_period` must not be zero");
    let builder = Work::new().builder().with_middleware_stack(MiddlewareStack::new()).unwrap();
    assert!(builder.with_middleware_stack(MiddlewareStack::new()).unwrap_err().is_configuration());
}
