//! A record of who has done what: F79, F151.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::Registry;
use turbomcp::layers::{
    AuditConfig, AuditEvent, AuditLogLevel, AuditSink, MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits,
    TrustedProxies,
};
use turbomcp::prelude::*;
use turbomcp::{Access, Arguments, FnTool};
use turbomcp_tests::{Client, Request, Site, modern};

use super::{ByName, Work, call, call_with, status};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl AuditSink for Kept {
    fn record(&self, event: &AuditEvent<'_>) {
        assert!(event.at <= SystemTime::now() && event.duration.as_secs() < 60);
        let mut line = format!("{} {}: {}", event.action, event.target.unwrap_or("-"), event.outcome);
        for (name, value) in [("user", event.user_id), ("tenant", event.tenant_id), ("arguments", event.arguments)] {
            if let Some(value) = value {
                line += &format!(" {name}={value}");
            }
        }
        if let Some(code) = event.error_code {
            line += &format!(" code={code}");
        }
        if let Some(peer) = event.peer {
            line += &format!(" peer={peer}");
        }
        if let Some(session) = event.session {
            line += &format!(" session={}", session.len());
        }
        self.0.lock().unwrap().push(line);
    }
}

impl Kept {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Waits for the next event.
    async fn next(&self) -> String {
        loop {
            if let Some(line) = self.0.lock().unwrap().pop() {
                return line;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn server(work: &Work, config: AuditConfig) -> McpServer {
    let guarded = FnTool::new(|_: Arguments| async { "erased" }).access(Access::new().roles(["admin"]));
    let fail = |_: Arguments| async { Err::<String, _>(turbomcp::ToolError::new("no")) };
    let panic = |_: Arguments| async { panic!("a secret") as String };
    let builder =
        work.builder().tool("erase", guarded).unwrap().tool("fail", fail).unwrap().tool("panic", panic).unwrap();
    let stack = MiddlewareStack::new().with_auth(ByName::default()).with_audit(config);
    builder.with_middleware_stack(stack).unwrap().build()
}

#[tokio::test]
async fn f151_who_has_done_what_is_recorded() {
    let (kept, work) = (Kept::default(), Work::new());
    let site = Site::start(&server(&work, AuditConfig::default().sink(kept.clone()))).await;
    let client = site.client();
    let of = |tool: &str, name: &str| call_with(tool, json!({"password": "hunter2"})).header("Authorization", name);
    for (tool, name, expected) in [
        ("tell", "ada@acme", "tools/call tell: success user=ada tenant=acme peer=127.0.0.1"),
        ("tell", "bob", "tools/call tell: success user=bob peer=127.0.0.1"),
        ("fail", "bob", "tools/call fail: failure user=bob peer=127.0.0.1"),
        ("panic", "bob", "tools/call panic: failure user=bob code=-32603 peer=127.0.0.1"),
        ("none", "bob", "tools/call none: failure user=bob code=-32602 peer=127.0.0.1"),
        ("erase", "bob", "tools/call erase: forbidden user=bob code=403 peer=127.0.0.1"),
        ("tell", "nobody", "authenticate -: unauthenticated code=401 peer=127.0.0.1"),
    ] {
        client.send(of(tool, name)).await;
        assert_eq!(kept.take(), [expected]);
    }
    client.send(call("erase")).await;
    assert_eq!(kept.take(), ["tools/call erase: unauthenticated code=401 peer=127.0.0.1"]);
}

#[tokio::test]
async fn f151_what_ends_without_an_answer_is_recorded_too() {
    let (kept, work) = (Kept::default(), Work::new());
    let server = server(&work, AuditConfig::default().sink(kept.clone()));
    let mut client = Client::connect(&server);
    client.send(&modern(7, "tools/call", json!({"name": "wait", "arguments": {}}), json!({}))).await;
    work.begun(1).await;
    client.notify("notifications/cancelled", json!({"requestId": 7})).await;
    assert_eq!(kept.next().await, "tools/call wait: cancelled");

    let site = Site::start(&server).await;
    let legacy = site.legacy("2025-11-25", json!({})).await;
    assert_eq!(kept.take(), ["initialize -: success peer=127.0.0.1 session=12"]);
    legacy.call("tools/list", json!({})).await;
    assert_eq!(kept.take(), ["tools/list -: success peer=127.0.0.1 session=12"]);
}

#[tokio::test]
async fn f151_a_client_that_is_asked_first_is_no_failure() {
    async fn ask(_: Arguments, ctx: Context) -> McpResult<String> {
        let roots = ctx.list_roots().await?;
        Ok(format!("{}", roots.roots.len()))
    }
    let kept = Kept::default();
    let stack = MiddlewareStack::new().with_audit(AuditConfig::default().sink(kept.clone()));
    let server = ServerBuilder::new().tool("ask", ask).unwrap().with_middleware_stack(stack).unwrap().build();
    let mut client = Client::connect(&server);
    let answer = client.modern("tools/call", json!({"name": "ask", "arguments": {}}), json!({"roots": {}})).await;
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    assert_eq!(kept.take(), ["tools/call ask: input_required"]);
}

#[tokio::test]
async fn f79_each_kind_is_recorded_only_if_that_is_wanted() {
    let all = AuditConfig::default();
    for (config, silent) in [
        (AuditConfig { log_success: false, ..all.clone() }, 0),
        (AuditConfig { log_failures: false, ..all.clone() }, 1),
        (AuditConfig { log_auth_events: false, ..all.clone() }, 2),
        (AuditConfig { log_authz_events: false, ..all.clone() }, 3),
    ] {
        let kept = Kept::default();
        let site = Site::start(&server(&Work::new(), config.sink(kept.clone()))).await;
        let requests = [
            call("tell"),
            call("fail"),
            call("tell").header("Authorization", "nobody"),
            call("erase").header("Authorization", "ada"),
        ];
        for (at, request) in requests.into_iter().enumerate() {
            status(&site.client(), request).await;
            assert_eq!(kept.take().len(), usize::from(at != silent), "{at} of {silent}");
        }
    }
}

#[tokio::test]
async fn f79_arguments_are_recorded_where_that_is_asked_for() {
    let kept = Kept::default();
    let config = AuditConfig { log_arguments: true, ..AuditConfig::default() };
    let server = server(&Work::new(), config.sink(kept.clone()));
    Client::connect(&server).tool("tell", json!({"a": 1})).await;
    assert_eq!(kept.take(), [r#"tools/call tell: success arguments={"a":1}"#]);
}

#[tokio::test]
async fn f151_a_proxy_that_is_trusted_says_who_sends() {
    let kept = Kept::default();
    let config = AuditConfig { trusted_proxies: TrustedProxies::new(["127.0.0.1"]), ..AuditConfig::default() };
    let site = Site::start(&server(&Work::new(), config.sink(kept.clone()))).await;
    let from = |request: Request| request.header("X-Forwarded-For", "203.0.113.9");
    status(&site.client(), from(call("tell"))).await;
    assert_eq!(kept.take(), ["tools/call tell: success peer=203.0.113.9"]);
    status(&site.client(), from(call("tell").header("Authorization", "nobody"))).await;
    assert_eq!(kept.take(), ["authenticate -: unauthenticated code=401 peer=203.0.113.9"]);
}

#[tokio::test]
async fn f151_whoever_sends_too_much_is_recorded() {
    let kept = Kept::default();
    let limits = RateLimits::per_minute(1);
    let stack = MiddlewareStack::new()
        .with_audit(AuditConfig::default().sink(kept.clone()))
        .with_rate_limit(RateLimitConfig::new(RateLimitStrategy::PerIp, limits));
    let site = Site::start(&Work::new().server(stack)).await;
    for _ in 0..2 {
        status(&site.client(), call("tell")).await;
    }
    assert_eq!(kept.take()[1], "authenticate -: failure code=429 peer=127.0.0.1");
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<HashMap<&'static str, String>>>>);

#[derive(Default)]
struct Fields(HashMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Seen {
    fn on_event(&self, event: &tracing::Event<'_>, _: LayerContext<'_, S>) {
        if event.metadata().target() == "turbomcp::audit" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            fields.0.insert("level", event.metadata().level().to_string());
            self.0.lock().unwrap().push(fields.0);
        }
    }
}

#[tokio::test]
async fn f151_the_record_is_an_event_with_fields() {
    // Other tests come and go with subscribers of their own; one that stays has every event wanted meanwhile.
    let _ = tracing::subscriber::set_global_default(Registry::default());
    let seen = Seen::default();
    let _subscribed = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    for (log_level, expected) in
        [(AuditLogLevel::Debug, "DEBUG"), (AuditLogLevel::Info, "INFO"), (AuditLogLevel::Warn, "WARN")]
    {
        let config = AuditConfig { log_level, ..AuditConfig::default() };
        let site = Site::start(&server(&Work::new(), config)).await;
        status(&site.client(), call_with("tell", json!({"a": 1})).header("Authorization", "ada@acme")).await;
        let events = std::mem::take(&mut *seen.0.lock().unwrap());
        assert_eq!(events.len(), 1);
        let event = |name: &str| events[0].get(name).map(String::as_str);
        assert_eq!((event("level"), event("message")), (Some(expected), Some("AUDIT: tools/call success")));
        assert_eq!((event("user_id"), event("tenant_id")), (Some("ada"), Some("acme")));
        assert_eq!((event("action"), event("name")), (Some("tools/call"), Some("tell")));
        assert_eq!((event("outcome"), event("peer")), (Some("success"), Some("127.0.0.1")));
        assert!(event("duration_us").is_some() && event("arguments").is_none());
        status(&site.client(), call("none")).await;
        let events = std::mem::take(&mut *seen.0.lock().unwrap());
        assert_eq!((&*events[0]["level"], &*events[0]["error_code"]), ("WARN", "-32602"));
    }
}

#[tokio::test]
async fn f151_a_method_that_a_client_makes_up_is_not_in_the_text() {
    let seen = Seen::default();
    let _subscribed = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let mut client = Client::connect(&server(&Work::new(), AuditConfig::default()));
    client.modern("no\nAUDIT: tools/call success", json!({}), json!({})).await;
    let events = std::mem::take(&mut *seen.0.lock().unwrap());
    assert_eq!(events[0]["message"], "AUDIT: other failure");
}

#[tokio::test]
async fn f171_proxies_are_trusted_by_the_whole_stack() {
    let kept = Kept::default();
    let own = AuditConfig { trusted_proxies: TrustedProxies::new(["10.0.0.0/8"]), ..AuditConfig::default() };
    for (audit, expected) in [(AuditConfig::default(), "203.0.113.9"), (own, "127.0.0.1")] {
        let stack = MiddlewareStack::new()
            .with_audit(audit.sink(kept.clone()))
            .with_rate_limit(RateLimitConfig::new(RateLimitStrategy::PerIp, RateLimits::per_minute(1)))
            .trusted_proxies(TrustedProxies::new(["127.0.0.1"]));
        let site = Site::start(&Work::new().server(stack)).await;
        let from = |address: &str| call("tell").header("X-Forwarded-For", address);
        assert_eq!(status(&site.client(), from("203.0.113.9")).await, 200);
        assert_eq!(kept.take(), [format!("tools/call tell: success peer={expected}")]);
        assert_eq!(status(&site.client(), from("203.0.113.8")).await, 200);
        assert_eq!(status(&site.client(), from("203.0.113.8")).await, 429);
        kept.take();
    }
}
