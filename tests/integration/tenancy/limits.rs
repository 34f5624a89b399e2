//! Each field of a tenant's configuration, and what is counted: F140 to F143, F149, F151.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::McpServer;
use turbomcp::prelude::*;
use turbomcp::tenancy::{MemoryTenantConfigs, Quota, Tenancy, TenantConfig};
use turbomcp_tests::{Http, Request, Site};

use super::world::{ACME, ByToken, Caller, GLOBEX, Logged, MetricsOn, Orders, World, id, world};

async fn site_of(world: &World, config: TenantConfig) -> (Site, Caller, Caller) {
    world.configs.set(id(ACME), config).unwrap();
    let site = Site::start(&world.server).await;
    let http = site.client();
    let caller = |tenant: &str| Caller::modern(&http, format!("ada@{tenant}"));
    let (acme, globex) = (caller(ACME), caller(GLOBEX));
    (site, acme, globex)
}

async fn end(world: &World, site: Site) {
    world.server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn f140_a_tenant_that_sends_too_much_is_told_when_to_come_back_and_no_other_is_held_up() {
    let world = world();
    let config = TenantConfig { rate_limit_per_second: Some(2), ..TenantConfig::default() };
    let (site, acme, globex) = site_of(&world, config).await;
    let mut refused = None;
    for _ in 0..50 {
        let reply = acme.send(acme.request("tools/list", json!({}))).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        assert_eq!(reply.status, 200);
    }
    let mut refused = refused.expect("fifty requests take less than 25 seconds");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let message = refused.message().await;
    assert_eq!(message["error"]["code"], 429);
    assert!((1..=500).contains(&message["error"]["data"]["retryAfterMs"].as_u64().unwrap()), "{message}");
    for _ in 0..20 {
        assert_eq!(globex.ask("tools/list", json!({})).await.0, 200);
    }
    // What is no request does not count: it can still be said that something is cancelled.
    world.configs.set(id(ACME), TenantConfig { rate_limit_per_second: Some(1), ..TenantConfig::default() }).unwrap();
    let legacy = loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let probe = acme.ask("tools/list", json!({})).await.0;
        if probe == 200 {
            world.configs.set(id(ACME), TenantConfig::default()).unwrap();
            break Caller::legacy(&site.client(), format!("ada@{ACME}")).await;
        }
    };
    world.configs.set(id(ACME), TenantConfig { rate_limit_per_second: Some(1), ..TenantConfig::default() }).unwrap();
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    for _ in 0..20 {
        assert_eq!(legacy.send(Request::post(&cancel)).await.status, 202);
    }
    end(&world, site).await;
}

#[tokio::test]
async fn f140_so_many_requests_of_a_tenant_run_at_a_time() {
    let world = world();
    let config = TenantConfig { max_concurrent_requests: Some(2), ..TenantConfig::default() };
    let (site, acme, globex) = site_of(&world, config).await;
    let caller = |tenant: &str| Caller::modern(&site.client(), format!("ada@{tenant}"));
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let caller = caller(ACME);
            tokio::spawn(async move { caller.tool("wait", json!({})).await })
        })
        .collect();
    let in_flight = || world.server.tenants().unwrap().metrics().snapshot()[0].1.in_flight;
    while world.server.tenants().unwrap().metrics().snapshot().is_empty() || in_flight() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = acme.send(acme.request("tools/list", json!({}))).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(globex.ask("tools/list", json!({})).await.0, 200);
    // Subscriptions have a place of their own.
    let listen = json!({"notifications": {"toolsListChanged": true}});
    let mut stream = acme.send(acme.request("subscriptions/listen", listen)).await;
    assert_eq!(acme.next(&mut stream).await["method"], "notifications/subscriptions/acknowledged");
    world.go.notify_waiters();
    for waited in waiting {
        assert_eq!(crate::text(&waited.await.unwrap().1), "done");
    }
    assert_eq!(acme.ask("tools/list", json!({})).await.0, 200, "a place is free again");
    // Also where nobody waits for the answer any more.
    let gone = caller(ACME);
    let asking = tokio::spawn(async move { gone.tool("wait", json!({})).await });
    while in_flight() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asking.abort();
    while in_flight() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.server.tenants().unwrap().metrics().snapshot()[0].1.cancelled, 1);
    drop(stream);
    end(&world, site).await;
}

#[tokio::test]
async fn whoever_waits_for_a_task_takes_no_place_of_a_request() {
    let world = world();
    let config = TenantConfig { max_concurrent_requests: Some(1), ..TenantConfig::default() };
    let (site, acme, _) = site_of(&world, config).await;
    let legacy = Caller::legacy(&site.client(), format!("ada@{ACME}")).await;
    let waiting = tokio::spawn(async move { acme.tool("wait", json!({})).await });
    let in_flight = || world.server.tenants().unwrap().metrics().snapshot()[0].1.in_flight;
    while in_flight() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(legacy.ask("tools/list", json!({})).await.0, 429);
    assert_ne!(legacy.ask("tasks/result", json!({"taskId": "none"})).await.0, 429);
    world.go.notify_waiters();
    assert_eq!(crate::text(&waiting.await.unwrap().1), "done");
    end(&world, site).await;
}

#[tokio::test]
async fn so_many_subscriptions_of_a_tenant_are_open_at_a_time() {
    let world = world();
    let config = TenantConfig { max_subscriptions: Some(1), ..TenantConfig::default() };
    let (site, acme, globex) = site_of(&world, config).await;
    let listen = || json!({"notifications": {"toolsListChanged": true}});
    let mut first = acme.send(acme.request("subscriptions/listen", listen())).await;
    acme.next(&mut first).await;
    let second = acme.send(acme.request("subscriptions/listen", listen())).await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    let mut other = globex.send(globex.request("subscriptions/listen", listen())).await;
    assert_eq!(globex.next(&mut other).await["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acme.ask("tools/list", json!({})).await.0, 200);
    drop((first, other));
    end(&world, site).await;
}

#[tokio::test]
async fn f142_a_quota_is_used_up_and_one_that_is_not_granted_is_refused() {
    let world = world();
    let quotas = [("payments".to_owned(), Quota::per_day(2))].into();
    let (site, acme, globex) = site_of(&world, TenantConfig { quotas, ..TenantConfig::default() }).await;
    for _ in 0..2 {
        assert_eq!(crate::text(&acme.tool("pay", json!({})).await.1), "paid");
    }
    let call = json!({"name": "pay", "arguments": {}});
    let mut refused = acme.send(acme.request("tools/call", call)).await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&wait), "{wait}");
    assert_eq!(refused.message().await["error"]["message"], "the quota `payments` is used up");
    assert_eq!(globex.tool("pay", json!({})).await.1["error"]["message"], "there is no quota `payments`");
    end(&world, site).await;
}

async fn exposition(server: &McpServer) -> String {
    let listener = server.management().bind("127.0.0.1:0").await.unwrap();
    let operators = Http::at(listener.local_addr());
    let managing = tokio::spawn(listener.serve());
    let mut reply = operators.send(Request::get().path("/metrics")).await;
    let text = reply.text().await;
    assert_eq!(reply.status, 200, "{text}");
    managing.abort();
    text
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|known| known == line), "`{line}` is not in\n{text}");
}

#[tokio::test]
async fn f149_requests_are_counted_by_tenant_and_labels_are_bounded() {
    let configs = MemoryTenantConfigs::new();
    configs.replace((0..30).map(|n| (id(&format!("t{n:02}")), TenantConfig::default()))).unwrap();
    let claim = turbomcp::tenancy::JwtTenantExtractor::new("tenant_id");
    let tenancy = Tenancy::new(configs.clone()).extractor(claim).max_labels(5);
    let server = Orders::new().into_builder().auth(ByToken).metrics_on().with_tenancy(tenancy).unwrap().build();
    let site = Site::start(&server).await;
    let http = site.client();
    for n in 0..30 {
        let caller = Caller::modern(&http, format!("ada@t{n:02}"));
        assert_eq!(caller.tool("whose", json!({})).await.0, 200);
        caller.tool("fail", json!({})).await;
    }
    // Whoever makes up tenants makes up no labels.
    for n in 0..30 {
        assert_eq!(Caller::modern(&http, format!("ada@made-up-{n}")).ask("tools/list", json!({})).await.0, 403);
    }
    configs.set(id("t00"), TenantConfig { rate_limit_per_second: Some(1), ..TenantConfig::default() }).unwrap();
    let caller = Caller::modern(&http, "ada@t00");
    while caller.ask("tools/list", json!({})).await.0 != 429 {}
    let text = exposition(&server).await;
    has(&text, r#"turbomcp_server_tenant_requests_total{tenant="t01",status="success"} 1"#);
    has(&text, r#"turbomcp_server_tenant_requests_total{tenant="t01",status="error"} 1"#);
    has(&text, r#"turbomcp_server_tenant_requests_total{tenant="t00",status="refused"} 1"#);
    has(&text, r#"turbomcp_server_tenant_requests_total{tenant="_other",status="success"} 25"#);
    has(&text, r#"turbomcp_server_tenant_requests_in_flight{tenant="t01"} 0"#);
    has(&text, r#"turbomcp_server_tenant_refusals_total{reason="unknown"} 30"#);
    has(&text, r#"turbomcp_server_tenant_refusals_total{reason="rate_limited"} 1"#);
    let labels = text.lines().filter(|line| line.starts_with("turbomcp_server_tenant_requests_in_flight{")).count();
    assert_eq!(labels, 6, "{text}");
    assert!(!text.contains("made-up"), "{text}");
    assert!(text.contains("turbomcp_server_tenant_request_seconds_total{tenant=\"t01\"} "));
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn f151_the_span_of_a_request_says_whose_it_is() {
    let (logged, _listening) = Logged::begin();
    let world = world();
    let (site, acme, _) = site_of(&world, TenantConfig::default()).await;
    logged.take();
    assert_eq!(acme.ask("tools/list", json!({})).await.0, 200);
    let said = logged.take();
    assert!(said.lines().any(|line| line == format!("tenant={ACME:?}")), "{said}");
    let refused: (u16, Value) = Caller::modern(&site.client(), "ada@made-up").ask("tools/list", json!({})).await;
    assert_eq!(refused.0, 403);
    let said = logged.take();
    assert!(said.contains("reason=\"unknown\"") && !said.contains("made-up"), "{said}");
    end(&world, site).await;
}
