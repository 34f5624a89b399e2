//! What browsers are told: F73, F76, F169, F170.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use turbomcp::CorsConfig;
use turbomcp::health::HealthChecker;
use turbomcp::layers::{
    ContentSecurityPolicy, Hsts, MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits, SecurityConfig,
    SecurityHeaders,
};
use turbomcp_tests::{Http, Reply, Request, Site, modern};

use super::{ByName, Work, call};

const APP: &str = "https://app.example";

#[track_caller]
fn assert_strict(reply: &Reply, what: &str) {
    assert_eq!(
        reply.header("content-security-policy"),
        Some("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
        "{what}"
    );
    assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{what}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{what}");
    // There is no TLS here.
    assert_eq!(reply.header("strict-transport-security"), None, "{what}");
}

fn stack() -> MiddlewareStack {
    let limits = RateLimits::per_minute(60).burst(20);
    MiddlewareStack::new()
        .with_security(SecurityConfig::strict().cors(CorsConfig::new().allowed_origins([APP])))
        .with_auth(ByName::default())
        .with_rate_limit(RateLimitConfig::new(RateLimitStrategy::Global, limits))
}

async fn every_kind_of_answer(client: &Http) {
    let listen = modern(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}), json!({}));
    for (what, request, status) in [
        ("a result", call("tell"), 200),
        ("an error", call("none"), 200),
        ("a stream", Request::modern(&listen), 200),
        ("nobody", call("tell").header("Authorization", "nobody"), 401),
        ("a stranger", call("tell").header("Origin", "https://evil.example"), 403),
        ("no session", Request::get(), 405),
        ("no JSON", Request::post_text("{"), 400),
        ("a method", Request::get().method("PUT"), 405),
        ("health", Request::get().path("/health/live"), 200),
    ] {
        let reply = client.send(request).await;
        assert_eq!(reply.status, status, "{what}");
        assert_strict(&reply, what);
    }
    let preflight = Request::get().method("OPTIONS").header("Origin", APP);
    let reply = client.send(preflight.header("Access-Control-Request-Method", "POST")).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(APP)));
    assert_strict(&reply, "a preflight");
    let mut last = client.send(call("tell")).await;
    while last.status == 200 {
        last = client.send(call("tell")).await;
    }
    assert_eq!(last.status, 429);
    assert_strict(&last, "too many");
}

#[tokio::test]
async fn f170_every_response_has_the_headers() {
    let builder = Work::new().builder().with_health_checks(HealthChecker::new()).unwrap();
    let server = builder.with_middleware_stack(stack()).unwrap().build();
    let site = Site::start(&server).await;
    let reply = site.client().send(Request::get().path("/nowhere")).await;
    assert_eq!(reply.status, 404);
    assert_strict(&reply, "nowhere");
    every_kind_of_answer(&site.client()).await;
}

#[tokio::test]
async fn f170_every_response_of_a_router_has_the_headers() {
    let builder = Work::new().builder().with_health_checks(HealthChecker::new()).unwrap();
    let server = builder.with_middleware_stack(stack()).unwrap().build();
    let router: axum::Router = server.into_router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    every_kind_of_answer(&Http::at(address)).await;
    serving.abort();
}

#[tokio::test]
async fn f73_headers_are_what_was_said() {
    let headers = SecurityHeaders::new()
        .with_csp(ContentSecurityPolicy::new().default_src(["'self'"]).connect_src(["'self'", "wss:"]))
        .with_hsts(Hsts::new(Duration::from_secs(31_536_000)).behind_proxy());
    let stack = MiddlewareStack::new().with_security(SecurityConfig::default().headers(headers));
    let site = Site::start(&Work::new().server(stack)).await;
    let reply = site.client().send(call("tell")).await;
    assert_eq!(reply.header("content-security-policy"), Some("default-src 'self'; connect-src 'self' wss:"));
    assert_eq!(reply.header("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(reply.header("x-frame-options"), None);
}

#[tokio::test]
async fn f76_pages_of_other_origins_are_those_of_both_settings() {
    let cors = CorsConfig::new().allowed_origins([APP]).allowed_methods(["GET", "POST"]);
    let cors = cors.max_age(Duration::from_secs(86_400));
    let stack = MiddlewareStack::new().with_security(SecurityConfig { cors, ..SecurityConfig::default() });
    let server = Work::new().server(stack);
    let site = Site::serve(server.http().allow_origins(["https://other.example"])).await;
    for (origin, granted) in [(APP, Some(APP)), ("https://other.example", Some("https://other.example"))] {
        let request = Request::get().method("OPTIONS").header("Origin", origin);
        let reply = site.client().send(request.header("Access-Control-Request-Method", "POST")).await;
        assert_eq!(reply.header("access-control-allow-origin"), granted);
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET,POST"));
        assert_eq!(reply.header("access-control-max-age"), Some("86400"));
    }
}

#[tokio::test]
async fn what_is_off_sends_nothing() {
    let site = Site::start(&Work::new().server(MiddlewareStack::new())).await;
    let reply = site.client().send(call("tell")).await;
    for name in ["content-security-policy", "x-frame-options", "x-content-type-options", "referrer-policy"] {
        assert_eq!(reply.header(name), None);
    }
}
