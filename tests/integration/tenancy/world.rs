//! Two companies with an employee of the same name, and a server that both use.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json, value::to_raw_value};
use tokio::sync::Notify;
use tracing::Dispatch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::Registry;
use turbomcp::prelude::*;
use turbomcp::tenancy::{
    HeaderTenantExtractor, JwtTenantExtractor, MemoryTenantConfigs, Tenancy, TenantConfig, TenantId,
};
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::types::{CacheScope, ReadResourceResult};
use turbomcp::{McpServer, Principal, ServerBuilder};
use turbomcp_tests::{Http, PATIENCE, Reply, Request, initialize_params, modern};

/// The companies, and what only they may ever see.
pub const ACME: &str = "acme-7f3a";
pub const GLOBEX: &str = "globex-91c2";
pub const SECRET_OF_ACME: &str = "anvils";
pub const SECRET_OF_GLOBEX: &str = "domination";

pub fn id(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

/// Knows `Bearer NAME@TENANT`, whose tenant is a claim; without a tenant it is one of nobody's.
pub struct ByToken;

impl Authenticate for ByToken {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let header = shown.head().and_then(|head| head.headers.get("authorization"));
        let Some(token) = header.and_then(|header| header.to_str().ok()?.strip_prefix("Bearer ")) else {
            return Ok(None);
        };
        let (name, tenant) = token.split_once('@').unwrap_or((token, ""));
        let claims = if tenant.is_empty() { json!({}) } else { json!({"tenant_id": tenant}) };
        let principal = Principal::new(name).with_issuer("https://id.example");
        Ok(Some(principal.with_claims(to_raw_value(&claims).unwrap())))
    }
}

/// What belongs to whom.
pub struct Orders {
    rows: Vec<(&'static str, &'static str, &'static str)>,
    pub go: Arc<Notify>,
}

impl Orders {
    pub fn new() -> Self {
        let rows = vec![("1", ACME, SECRET_OF_ACME), ("2", GLOBEX, SECRET_OF_GLOBEX)];
        Self { rows, go: Arc::default() }
    }

    fn find(&self, ctx: &Context, id: &str) -> McpResult<&'static str> {
        let row = self.rows.iter().find(|row| row.0 == id);
        Ok(ctx.owned(row, |row| row.1)?.2)
    }
}

#[server(name = "orders")]
impl Orders {
    /// Says whose the request is.
    #[tool(read_only, idempotent)]
    async fn whose(&self, ctx: Context) -> McpResult<String> {
        let tenant = ctx.require_tenant()?;
        assert_eq!(ctx.tenant_id(), Some(tenant.as_str()));
        Ok(format!("{} of {}", ctx.user_id().unwrap_or("nobody"), tenant.id()))
    }

    #[tool]
    async fn order(&self, id: String, ctx: Context) -> McpResult<String> {
        self.find(&ctx, &id).map(str::to_owned)
    }

    /// Counts the directories of the client.
    #[tool]
    async fn ask(&self, ctx: Context) -> McpResult<usize> {
        Ok(ctx.list_roots().await?.roots.len())
    }

    /// Lasts until it is told to end.
    #[tool]
    async fn wait(&self) -> &'static str {
        self.go.notified().await;
        "done"
    }

    #[tool]
    async fn pay(&self, ctx: Context) -> McpResult<&'static str> {
        ctx.tenant_config()?.check_quota("payments")?;
        ctx.spend_quota("payments")?;
        Ok("paid")
    }

    #[tool]
    async fn fail(&self, ctx: Context) -> McpResult<String> {
        Err(turbomcp::McpError::internal(format!("of {}", ctx.tenant_id().unwrap_or_default())))
    }

    /// What each tenant may keep for all of its people.
    #[resource("notice://board")]
    async fn notice(&self, ctx: Context) -> McpResult<ReadResourceResult> {
        let text = format!("for {}", ctx.require_tenant()?.id());
        let result = ReadResourceResult::text("notice://board", text);
        Ok(result.with_ttl(Duration::from_secs(600)).with_cache_scope(CacheScope::Public))
    }

    #[resource("orders://{id}")]
    async fn read(&self, id: String, ctx: Context) -> McpResult<String> {
        self.find(&ctx, &id).map(str::to_owned)
    }
}

/// A server for which a claim decides, and a header must say the same.
pub struct World {
    pub configs: MemoryTenantConfigs,
    pub server: McpServer,
    pub go: Arc<Notify>,
}

pub fn world() -> World {
    world_of(ServerBuilder::metrics_on)
}

/// A server of which something else is set, too.
pub fn world_of(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> World {
    let (configs, orders) = (MemoryTenantConfigs::new(), Orders::new());
    for tenant in [ACME, GLOBEX] {
        configs.set(id(tenant), TenantConfig::default()).unwrap();
    }
    let go = orders.go.clone();
    let tenancy = Tenancy::new(configs.clone())
        .extractor(HeaderTenantExtractor::new("X-Tenant-ID"))
        .extractor(JwtTenantExtractor::new("tenant_id"));
    let server = set(orders.into_builder().auth(ByToken)).with_tenancy(tenancy).unwrap().build();
    World { configs, server, go }
}

/// Counts by tenant, for Prometheus to read.
pub trait MetricsOn {
    fn metrics_on(self) -> Self;
}

impl MetricsOn for ServerBuilder {
    fn metrics_on(self) -> Self {
        self.with_metrics(turbomcp::metrics::MetricsConfig::new()).unwrap()
    }
}

/// Returns an id: 1, so that answers can be compared, unless what it is of lasts.
pub fn id_of(method: &str) -> u64 {
    static LASTING: AtomicU64 = AtomicU64::new(2);
    if method == "subscriptions/listen" { LASTING.fetch_add(1, Ordering::Relaxed) } else { 1 }
}

/// Somebody who sends requests over HTTP, and all that they were ever told.
pub struct Caller {
    pub http: Http,
    pub token: String,
    pub headers: Vec<(&'static str, String)>,
    pub legacy: bool,
    pub told: Mutex<String>,
}

impl Caller {
    pub fn modern(http: &Http, token: impl Into<String>) -> Self {
        let (http, token) = (http.another(), token.into());
        Self { http, token, headers: Vec::new(), legacy: false, told: Mutex::default() }
    }

    pub async fn legacy(http: &Http, token: impl Into<String>) -> Self {
        let mut caller = Self { legacy: true, ..Self::modern(http, token) };
        let params = initialize_params("2025-06-18", json!({"roots": {}}));
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let mut reply = caller.send(Request::post(&initialize)).await;
        caller.http.session = Some(reply.header("mcp-session-id").expect("a session").to_owned());
        assert_eq!(caller.text(&mut reply).await["result"]["protocolVersion"], "2025-06-18");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(caller.send(Request::post(&initialized)).await.status, 202);
        caller
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends a request as who they are.
    pub async fn send(&self, request: Request) -> Reply {
        let mut request = self.http.within(request);
        if !self.token.is_empty() {
            request = request.header("Authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.http.send(request).await
    }

    pub fn message(&self, method: &str, params: Value) -> Value {
        let id = id_of(method);
        match self.legacy {
            true => json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}),
            false => modern(id, method, params, json!({"roots": {}})),
        }
    }

    pub fn request(&self, method: &str, params: Value) -> Request {
        let message = self.message(method, params);
        if self.legacy { Request::post(&message) } else { Request::modern(&message) }
    }

    async fn text(&self, reply: &mut Reply) -> Value {
        let answer = reply.answer().await;
        self.told.lock().unwrap().push_str(&format!("{answer}\n"));
        answer
    }

    /// Sends a request of MCP; returns the status and the answer.
    pub async fn ask(&self, method: &str, params: Value) -> (u16, Value) {
        let mut reply = self.send(self.request(method, params)).await;
        (reply.status, self.text(&mut reply).await)
    }

    pub async fn tool(&self, name: &str, arguments: Value) -> (u16, Value) {
        self.ask("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Waits for the next message of a stream.
    pub async fn next(&self, stream: &mut Reply) -> Value {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await.expect("a message in time").unwrap();
        self.told.lock().unwrap().push_str(&format!("{next}\n"));
        next
    }
}

/// Everything that is logged, by spans and events.
#[derive(Clone, Default)]
pub struct Logged(Arc<Mutex<String>>);

impl Logged {
    /// Keeps what is logged on this thread, for as long as what is returned exists.
    pub fn begin() -> (Self, impl Sized) {
        let logged = Self::default();
        // With a second one, whether anybody listens is not decided by the thread of whichever test gets somewhere
        // first.
        let second = Dispatch::new(Registry::default().with(Self::default()));
        let first = tracing::subscriber::set_default(Registry::default().with(logged.clone()));
        (logged, (first, second))
    }

    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

struct Fields<'a>(&'a Logged);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.0.lock().unwrap().push_str(&format!("{}={value:?}\n", field.name()));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Logged {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: LayerContext<'_, S>) {
        attributes.record(&mut Fields(self));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: LayerContext<'_, S>) {
        values.record(&mut Fields(self));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: LayerContext<'_, S>) {
        event.record(&mut Fields(self));
    }
}
