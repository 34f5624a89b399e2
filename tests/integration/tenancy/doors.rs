//! Where nothing has headers, and where a gateway vouches for them: F139, F144, F147.

use std::sync::{Arc, Mutex};

use serde_json::json;
use turbomcp::layers::{
    AuditConfig, AuditEvent, AuditSink, CacheConfig, MiddlewareStack, RateLimitConfig, RateLimitStrategy, RateLimits,
};
use turbomcp::prelude::*;
use turbomcp::tenancy::{
    HeaderTenantExtractor, MemoryTenantConfigs, SubdomainTenantExtractor, Tenancy, TenantConfig, TenantConfigs,
    TenantId, TenantStatus,
};
use turbomcp::transport::{Extensions, lines::Lines};
use turbomcp::{BoxError, McpServer, Principal};
use turbomcp_tests::{Client, Request, Site};

use super::world::{ACME, Caller, GLOBEX, Orders, id};

fn tenants() -> MemoryTenantConfigs {
    let configs = MemoryTenantConfigs::new();
    for tenant in [ACME, GLOBEX] {
        configs.set(id(tenant), TenantConfig::default()).unwrap();
    }
    configs
}

fn behind_a_gateway() -> Tenancy {
    Tenancy::new(tenants()).extractor(HeaderTenantExtractor::new("X-Tenant-ID").behind_trusted_gateway())
}

fn serve(tenancy: Tenancy) -> McpServer {
    Orders::new().into_builder().with_tenancy(tenancy).unwrap().build()
}

/// Opens a connection on which the transport says who is at its other end.
fn connect(server: &McpServer, principal: Option<Principal>) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let mut extensions = Extensions::new();
    if let Some(principal) = principal {
        extensions.insert(principal);
    }
    tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
    let (reader, writer) = tokio::io::split(ours);
    Client::over(reader, writer)
}

#[tokio::test]
async fn without_headers_a_tenant_is_the_principals_or_the_default_or_none() {
    let by_default = serve(behind_a_gateway().default_tenant(id(GLOBEX)));
    let strict = serve(behind_a_gateway());
    let ada = || Principal::new("ada").with_tenant(ACME);
    for server in [&strict, &by_default] {
        let answer = connect(server, Some(ada())).tool("whose", json!({})).await;
        assert_eq!(crate::text(&answer), format!("ada of {ACME}"));
    }
    for principal in [None, Some(Principal::new("bob"))] {
        let refused = connect(&strict, principal.clone()).tool("whose", json!({})).await;
        assert_eq!(refused["error"]["code"], 403, "{refused}");
        let name = principal.as_ref().map_or("nobody", |principal| principal.subject());
        let answer = connect(&by_default, principal.clone()).tool("whose", json!({})).await;
        assert_eq!(crate::text(&answer), format!("{name} of {GLOBEX}"));
    }
    // The legacy era is no way around.
    let mut client = Client::connect(&strict);
    let params = turbomcp_tests::initialize_params("2025-06-18", json!({}));
    assert_eq!(client.call("initialize", params).await["error"]["code"], 403);
    let mut client = connect(&strict, Some(ada()));
    client.initialize("2025-06-18", json!({})).await;
    assert_eq!(crate::text(&client.legacy_tool("whose", json!({})).await), format!("ada of {ACME}"));
}

#[tokio::test]
async fn f144_a_gateway_vouches_for_the_tenant_of_callers_nobody_else_knows() {
    let server = serve(behind_a_gateway());
    let site = Site::start(&server).await;
    let http = site.client();
    let from = |tenant: &str| Caller::modern(&http, "").header("X-Tenant-ID", tenant);
    let (acme, globex) = (from(ACME), from(GLOBEX));
    assert_eq!(crate::text(&acme.tool("whose", json!({})).await.1), format!("nobody of {ACME}"));
    assert_eq!(Caller::modern(&http, "").tool("whose", json!({})).await.0, 403);
    // Nobody in particular of one tenant is not nobody in particular of another.
    let state = acme.tool("ask", json!({})).await.1["result"]["requestState"].clone();
    let roots = json!({"roots_1": {"roots": []}});
    let again = json!({"name": "ask", "arguments": {}, "requestState": state, "inputResponses": roots});
    assert_eq!(globex.ask("tools/call", again.clone()).await.1["error"]["code"], -32602);
    assert_eq!(crate::text(&acme.ask("tools/call", again).await.1), "0");
    // Nor are their sessions.
    let params = turbomcp_tests::initialize_params("2025-06-18", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let reply = acme.send(Request::post(&initialize)).await;
    let session = reply.header("mcp-session-id").unwrap().to_owned();
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let within = |request: Request| request.header("Mcp-Session-Id", &session);
    assert_eq!(globex.send(within(Request::post(&ping))).await.status, 403);
    assert_eq!(globex.send(within(Request::delete())).await.status, 403);
    assert_eq!(acme.send(within(Request::post(&ping))).await.status, 200);
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn f147_the_host_names_the_tenant_where_a_gateway_sees_to_it() {
    let subdomain = SubdomainTenantExtractor::new("api.example.com").behind_trusted_gateway();
    let server = serve(Tenancy::new(tenants()).extractor(subdomain));
    let site =
        Site::serve(server.http().allow_hosts([format!("{ACME}.api.example.com"), "api.example.com".to_owned()])).await;
    let at = |host: String| {
        let caller = Caller::modern(&site.client(), "");
        let request = caller.request("tools/call", json!({"name": "whose", "arguments": {}}));
        async move { caller.send(request.header("Host", host)).await }
    };
    let mut reply = at(format!("{ACME}.api.example.com")).await;
    assert_eq!(crate::text(&reply.message().await), format!("nobody of {ACME}"));
    assert_eq!(at("api.example.com".to_owned()).await.status, 403);
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

#[tokio::test]
async fn what_is_kept_for_one_tenant_is_not_given_to_another() {
    let stack = MiddlewareStack::new().with_cache(CacheConfig::default());
    let builder = Orders::new().into_builder().with_middleware_stack(stack).unwrap();
    let server = builder.with_tenancy(behind_a_gateway()).unwrap().build();
    let site = Site::start(&server).await;
    for _ in 0..2 {
        for tenant in [ACME, GLOBEX] {
            let caller = Caller::modern(&site.client(), "").header("X-Tenant-ID", tenant);
            assert_eq!(crate::text(&caller.tool("whose", json!({})).await.1), format!("nobody of {tenant}"));
            let board = caller.ask("resources/read", json!({"uri": "notice://board"})).await.1;
            assert_eq!(board["result"]["contents"][0]["text"], format!("for {tenant}"), "{board}");
        }
    }
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

/// A database that does not answer.
struct Down;

impl TenantConfigs for Down {
    async fn load_config(&self, _: &TenantId) -> Result<Option<TenantConfig>, BoxError> {
        Err("no route to db.internal".into())
    }
}

#[tokio::test]
async fn f143_where_tenants_cannot_be_looked_up_nobody_is_let_in_and_nothing_is_told_of_it() {
    let server = serve(Tenancy::new(Down));
    let answer = connect(&server, Some(Principal::new("ada").with_tenant(ACME))).tool("whose", json!({})).await;
    assert_eq!(answer["error"]["code"], 503);
    assert!(!answer.to_string().contains("db.internal") && !answer.to_string().contains(ACME), "{answer}");
}

/// The tenants of what was recorded.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Option<String>>>>);

impl AuditSink for Kept {
    fn record(&self, event: &AuditEvent<'_>) {
        self.0.lock().unwrap().push(event.tenant_id.map(str::to_owned));
    }
}

#[tokio::test]
async fn the_middleware_stack_counts_and_records_each_tenant_apart() {
    let kept = Kept::default();
    let stack = MiddlewareStack::new()
        .with_rate_limit(RateLimitConfig::new(RateLimitStrategy::PerTenant, RateLimits::per_minute(1)))
        .with_audit(AuditConfig::default().sink(kept.clone()));
    let builder = Orders::new().into_builder().with_middleware_stack(stack).unwrap();
    let server = builder.with_tenancy(behind_a_gateway()).unwrap().build();
    let site = Site::start(&server).await;
    let http = site.client();
    for (tenant, status) in [(ACME, 200), (GLOBEX, 200), (ACME, 429), ("unknown", 403)] {
        let caller = Caller::modern(&http, "").header("X-Tenant-ID", tenant);
        assert_eq!(caller.tool("whose", json!({})).await.0, status, "{tenant}");
    }
    let heard = kept.0.lock().unwrap().clone();
    assert_eq!(heard, [Some(ACME.to_owned()), Some(GLOBEX.to_owned()), Some(ACME.to_owned()), None]);
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}

/// What was recorded, as action, name, outcome, who and whose.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<[String; 5]>>>);

impl AuditSink for Records {
    fn record(&self, event: &AuditEvent<'_>) {
        let [target, user, tenant] =
            [event.target, event.user_id, event.tenant_id].map(|text| text.unwrap_or("-").to_owned());
        let record = [event.action.to_owned(), target, event.outcome.to_string(), user, tenant];
        self.0.lock().unwrap().push(record);
    }
}

#[tokio::test]
async fn f151_a_refusal_by_the_tenancy_is_recorded_as_what_was_asked_for_and_by_whom() {
    let records = Records::default();
    let stack = MiddlewareStack::new().with_audit(AuditConfig::default().sink(records.clone()));
    let configs = tenants();
    let suspended = TenantConfig { status: TenantStatus::Suspended, ..TenantConfig::default() };
    configs.set(id(GLOBEX), suspended).unwrap();
    let server = Orders::new().into_builder().with_middleware_stack(stack).unwrap();
    let server = server.with_tenancy(Tenancy::new(configs)).unwrap().build();
    for principal in [Principal::new("ada").with_tenant(ACME), Principal::new("bob").with_tenant(GLOBEX)] {
        connect(&server, Some(principal)).tool("whose", json!({})).await;
    }
    // Whoever is of no tenant, or of one that there is not, is somebody nevertheless.
    for principal in [Some(Principal::new("cyd")), Some(Principal::new("dan").with_tenant("nowhere")), None] {
        connect(&server, principal).tool("whose", json!({})).await;
    }
    let heard = records.0.lock().unwrap().clone();
    let expected = [
        ["tools/call", "whose", "success", "ada", ACME],
        ["tools/call", "whose", "forbidden", "bob", GLOBEX],
        ["tools/call", "whose", "forbidden", "cyd", "-"],
        ["tools/call", "whose", "forbidden", "dan", "nowhere"],
        ["tools/call", "whose", "forbidden", "-", "-"],
    ];
    assert_eq!(heard, expected.map(|record| record.map(str::to_owned)));
}
