//! Request parameters are told from arguments by their type, however it is spelled.

use turbomcp::prelude::*;
use turbomcp::{FromContext, McpError};

type Ctx = Context;
type Maybe<T> = Option<T>;

struct Caller(String);

impl FromContext for Caller {
    fn from_context(_ctx: &Context) -> Result<Self, McpError> {
        Ok(Self("nobody".to_owned()))
    }
}

// Both an argument and a part of the request: without an attribute, it is the latter.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Tenant {
    id: u32,
}

impl FromContext for Tenant {
    fn from_context(_ctx: &Context) -> Result<Self, McpError> {
        Ok(Self { id: 1 })
    }
}

struct Demo;

#[server]
impl Demo {
    #[tool]
    fn first(&self, ctx: Ctx, a: i64) -> i64 {
        let _ = ctx;
        a
    }

    #[tool]
    async fn last(&self, a: i64, b: &str, ctx: &Ctx) -> String {
        let _ = (a, ctx);
        b.to_owned()
    }

    #[tool]
    fn between(&self, a: i64, ctx: Maybe<Context>, b: Maybe<i64>, caller: &Caller) -> String {
        let _ = (a, ctx, b);
        caller.0.clone()
    }

    #[tool]
    fn tenant(&self, tenant: Tenant, #[arg(description = "Another")] other: Tenant, maybe: Option<&Caller>) -> bool {
        let _ = maybe;
        tenant.id == other.id
    }

    #[resource("app://{tenant}/{id}")]
    fn item(&self, caller: Caller, id: u64, ctx: &Ctx, #[arg(name = "tenant")] name: &str) -> String {
        let _ = (ctx, id);
        format!("{}{name}", caller.0)
    }

    #[prompt]
    fn review(&self, ctx: Option<&Ctx>, code: String, caller: Caller) -> String {
        let _ = (ctx, caller);
        code
    }
}

#[test]
fn is_accepted() {
    let _ = Demo.into_server();
}
