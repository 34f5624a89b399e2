//! `turbomcp-bench-rmcp-server --stdio | --http ADDRESS:PORT`: a server of rmcp with the tool `add`, written by hand and
//! with the settings under which it is fastest.

use std::error::Error;

use axum::serve::ListenerExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};

#[derive(Clone)]
struct Add;

impl ServerHandler for Add {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let number = |name: &str| request.arguments.as_ref()?.get(name)?.as_i64();
        match (request.name.as_ref(), number("a"), number("b")) {
            ("add", Some(a), Some(b)) => {
                Ok(CallToolResult::success(vec![ContentBlock::text((a + b).to_string())]).into())
            }
            _ => Err(ErrorData::invalid_params("this is no call of `add`", None)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--stdio"] => {
            Add.serve(rmcp::transport::io::stdio_pipes()).await?.waiting().await?;
        }
        ["--http", address] => {
            let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
            let service = StreamableHttpService::new(|| Ok(Add), LocalSessionManager::default().into(), config);
            let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|stream| _ = stream.set_nodelay(true));
            axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?;
        }
        _ => return Err("usage: turbomcp-bench-rmcp-server --stdio | --http ADDRESS:PORT".into()),
    }
    Ok(())
}
