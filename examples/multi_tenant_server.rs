//! A server for several customers: `cargo run --example multi_tenant_server -- 127.0.0.1:8080`
//!
//! It prints a key for each of two of them. With the key of one, its invoices are there, and those of the other are
//! not:
//!
//! ```sh
//! curl http://127.0.0.1:8080/mcp -H "X-API-Key: $KEY" -H 'Content-Type: application/json' \
//!     -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \
//!     -H 'Mcp-Method: tools/call' -H 'Mcp-Name: invoice' -d '{"jsonrpc": "2.0", "id": 1, "method": "tools/call",
//!     "params": {"name": "invoice", "arguments": {"number": 1},
//!     "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
//!     "io.modelcontextprotocol/clientCapabilities": {}}}}'
//! ```

use std::sync::Mutex;

use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{ApiKey, ApiKeyConfig, Holder};
use turbomcp::prelude::*;
use turbomcp::tenancy::{
    CompositeTenantExtractor, HeaderTenantExtractor, MemoryTenantConfigs, PrincipalTenantExtractor, Quota, Tenancy,
    TenantConfig, TenantId,
};

#[derive(Clone)]
struct Invoice {
    number: u32,
    tenant: String,
    total: u32,
}

struct Invoices {
    all: Mutex<Vec<Invoice>>,
}

// ANCHOR: handlers
#[server(name = "invoices", version = "1.0.0")]
impl Invoices {
    /// Returns what an invoice comes to.
    #[tool]
    async fn invoice(&self, number: u32, ctx: &Context) -> McpResult<u32> {
        let found = self.all.lock().expect("nobody panics").iter().find(|invoice| invoice.number == number).cloned();
        // What is not there and what belongs to somebody else has the same answer.
        Ok(ctx.owned(found, |invoice| &invoice.tenant)?.total)
    }

    /// Writes an invoice, of which a customer has only so many.
    #[tool]
    async fn write(&self, total: u32, ctx: &Context) -> McpResult<u32> {
        let tenant = ctx.require_tenant()?;
        ctx.spend_quota("invoices")?;
        let mut all = self.all.lock().expect("nobody panics");
        let number = all.len() as u32 + 1;
        all.push(Invoice { number, tenant: tenant.id().to_string(), total });
        Ok(number)
    }

    /// Exports all invoices, for customers who pay for it.
    #[tool]
    async fn export(&self, ctx: &Context) -> McpResult<Vec<u32>> {
        let tenant = ctx.require_tenant()?.as_str();
        let all = self.all.lock().expect("nobody panics");
        Ok(all.iter().filter(|invoice| invoice.tenant == tenant).map(|invoice| invoice.total).collect())
    }
}
// ANCHOR_END: handlers

// ANCHOR: configs
/// What each customer may do, and how much of it.
fn customers() -> Result<MemoryTenantConfigs, Box<dyn std::error::Error>> {
    let configs = MemoryTenantConfigs::new();
    let all = TenantConfig {
        rate_limit_per_second: Some(100),
        max_concurrent_requests: Some(10),
        quotas: [("invoices".to_owned(), Quota::per_day(1000))].into(),
        ..Default::default()
    };
    let trial = TenantConfig {
        quotas: [("invoices".to_owned(), Quota::per_day(1))].into(),
        allowed_tools: Some(["invoice", "write"].map(str::to_owned).into()),
        ..all.clone()
    };
    configs.set(TenantId::new("acme")?, all)?;
    configs.set(TenantId::new("globex")?, trial)?;
    Ok(configs)
}
// ANCHOR_END: configs

// ANCHOR: tenancy
fn tenancy(configs: MemoryTenantConfigs) -> Tenancy {
    // The key says whose a request is. A header may say the same; one that says something else is refused.
    Tenancy::new(configs).extractor(CompositeTenantExtractor::new(vec![
        Box::new(PrincipalTenantExtractor::new()),
        Box::new(HeaderTenantExtractor::new("X-Tenant-ID")),
    ]))
}
// ANCHOR_END: tenancy

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut keys = ApiKeyConfig::default().prefix("invoices");
    for tenant in ["acme", "globex"] {
        let (key, entry) = ApiKey::generate("invoices", Holder::new("ada").tenant(tenant));
        eprintln!("{tenant}: {}", key.expose());
        keys = keys.key(entry);
    }
    let first = Invoice { number: 1, tenant: "acme".to_owned(), total: 250 };
    let server = Invoices { all: Mutex::new(vec![first]) }
        .into_builder()
        .auth(AuthManager::builder().api_keys(keys).build()?)
        .with_tenancy(tenancy(customers()?))?
        .build();
    server.run_http(&*address).await?;
    Ok(())
}
