//! A server that says who is calling.

use serde_json::{Value, json};
use turbomcp::auth::{AuthManager, AuthManagerBuilder, JwtConfig};
use turbomcp::transport::http::HttpRequest;
use turbomcp::types::{CallToolResult, Tool};
use turbomcp::{Context, FnTool, McpServer, ServerBuilder};
use turbomcp_tests::client::modern;
use turbomcp_tests::{Request, Site};

use crate::issuer::{Issuer, RESOURCE};

/// Where requests become WebSockets.
pub const WEBSOCKET: &str = "/ws";

/// Tools that tell who calls them, what they see of the request, and that need more scopes than the server does.
pub fn builder() -> ServerBuilder {
    let who = FnTool::from_request(Tool::new("who"), |_, ctx: Context| async move {
        let Some(principal) = ctx.principal() else { return Ok(CallToolResult::text("nobody")) };
        #[derive(serde::Deserialize)]
        struct Claims {
            client_id: Option<String>,
        }
        let claims: Claims = principal.claims().map_err(|error| turbomcp::McpError::internal(error.to_string()))?;
        let told = json!({
            "subject": principal.subject(), "issuer": principal.issuer(), "tenant": principal.tenant(),
            "scopes": principal.scopes(), "roles": principal.roles(), "permissions": principal.permissions(),
            "client": claims.client_id,
        });
        Ok(CallToolResult::text(told.to_string()))
    });
    let headers = FnTool::from_request(Tool::new("headers"), |_, ctx: Context| async move {
        let head = ctx.extensions().get::<HttpRequest>().map(|head| format!("{:?}", head.parts()));
        Ok(CallToolResult::text(head.unwrap_or_default()))
    });
    let write = FnTool::from_request(Tool::new("write"), |_, ctx: Context| async move {
        ctx.check_scopes(&["notes.write", "notes.erase"])?;
        Ok(CallToolResult::text("written"))
    });
    let slow = FnTool::from_request(Tool::new("slow_write"), |_, ctx: Context| async move {
        tokio::task::yield_now().await;
        ctx.check_scopes(&["notes.write"])?;
        Ok(CallToolResult::text("written"))
    });
    let server = ServerBuilder::new().name("who").tool("who", who).unwrap().tool("headers", headers).unwrap();
    server.tool("write", write).unwrap().tool("slow_write", slow).unwrap()
}

pub fn server(auth: AuthManager) -> McpServer {
    builder().auth(auth).build()
}

pub async fn open(auth: AuthManager) -> Site {
    Site::serve(server(auth).http().websocket(WEBSOCKET)).await
}

/// Takes the tokens of an issuer, for a server that clients reach by another name.
pub fn auth(issuer: &Issuer) -> AuthManagerBuilder {
    AuthManager::builder().resource(RESOURCE).jwt(jwt(issuer)).required_scopes(["notes.read"])
}

pub fn jwt(issuer: &Issuer) -> JwtConfig {
    JwtConfig::new(&*issuer.url, RESOURCE).tenant_claim("org")
}

pub fn call(tool: &str) -> Value {
    modern(1, "tools/call", json!({"name": tool}), json!({}))
}

/// A request to say who is calling.
pub fn who() -> Request {
    Request::modern(&call("who"))
}

pub fn bearer(token: &str) -> Request {
    who().header("Authorization", format!("Bearer {token}"))
}

/// Returns who the server says is calling.
pub async fn answer(site: &Site, request: Request) -> Value {
    let mut reply = site.client().send(request).await;
    let message = reply.message().await;
    assert_eq!(reply.status, 200, "{message}");
    let text = message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}"));
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

pub async fn status(site: &Site, request: Request) -> u16 {
    site.client().send(request).await.status
}
