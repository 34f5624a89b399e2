//! A server on a port of its own, and clients for it.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, Era, Error, TlsTarget, WsConfig};
use turbomcp::transport::tls::TlsConfig;
use turbomcp::transport::{Identity, TlsIdentity};
use turbomcp::{Context, FnTool, Limits, McpServer, ServerBuilder};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// What carries messages over TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Binding {
    Https,
    Tls,
    Wss,
}

/// Where requests over HTTPS become WebSockets.
pub const WEBSOCKET: &str = "/ws";

pub const BINDINGS: [Binding; 3] = [Binding::Https, Binding::Tls, Binding::Wss];

pub const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

pub struct Site {
    pub port: u16,
    binding: Binding,
    serving: JoinHandle<Result<(), turbomcp::Error>>,
}

/// Says what certificate its caller has shown.
fn server(limits: Limits) -> McpServer {
    let definition = turbomcp::types::Tool::new("who");
    let who = FnTool::from_request(definition, |_, ctx: Context| async move {
        let shown = ctx.extensions().get::<TlsIdentity>();
        let who = ctx.extensions().get::<Identity>();
        assert_eq!(shown.map(Identity::from).as_ref(), who);
        let text = shown.map_or_else(|| "nobody".to_owned(), TlsIdentity::fingerprint);
        Ok(turbomcp::types::CallToolResult::text(text))
    });
    ServerBuilder::new().name("who").limits(limits).tool("who", who).unwrap().build()
}

impl Site {
    pub async fn open(binding: Binding, config: TlsConfig) -> Self {
        Self::limited(binding, config, |_| {}).await
    }

    pub async fn limited(binding: Binding, config: TlsConfig, edit: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        edit(&mut limits);
        Self::serve(binding, config, &server(limits)).await
    }

    pub async fn serve(binding: Binding, config: TlsConfig, server: &McpServer) -> Self {
        let (port, serving) = match binding {
            Binding::Https => {
                let listener = server.http().tls(config).websocket(WEBSOCKET).bind("127.0.0.1:0").await.unwrap();
                (listener.local_addr().port(), tokio::spawn(listener.serve()))
            }
            Binding::Tls => {
                let listener = server.bind_tls("127.0.0.1:0", config).await.unwrap();
                (listener.local_addr().port(), tokio::spawn(listener.serve()))
            }
            Binding::Wss => {
                let listener = server.http().websocket_only(WEBSOCKET).tls(config).bind("127.0.0.1:0").await.unwrap();
                (listener.local_addr().port(), tokio::spawn(listener.serve()))
            }
        };
        Self { port, binding, serving }
    }

    /// Connects to the site by the name `localhost`.
    pub async fn connect(&self, config: TlsConfig) -> Result<Client, Error> {
        self.connect_as(config, "localhost", Era::Auto).await
    }

    pub async fn connect_as(&self, config: TlsConfig, host: &str, era: Era) -> Result<Client, Error> {
        let builder = Client::builder().era(era).request_timeout(PATIENCE);
        let address = format!("{host}:{}", self.port);
        match self.binding {
            Binding::Https => builder.connect(HttpTarget::new(format!("https://{address}/mcp")).tls(config)).await,
            Binding::Tls => builder.connect(TlsTarget::new(address, config)).await,
            Binding::Wss => {
                builder.connect(WsConfig::new().url(format!("wss://{address}{WEBSOCKET}")).tls(config)).await
            }
        }
    }

    /// Connects, and returns whom the server sees.
    pub async fn who(&self, config: TlsConfig) -> Result<String, Error> {
        who(&self.connect(config).await?).await
    }

    /// Checks that a client is turned away before it has heard anything of the server.
    #[track_caller]
    pub fn refused(outcome: Result<String, Error>, case: &str) {
        let error = outcome.expect_err(case);
        assert!(error.is_connect() || error.is_closed(), "{case}: {error:?}");
        assert!(!format!("{error:#?}").contains("Timeout"), "{case}: {error:?}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub async fn who(client: &Client) -> Result<String, Error> {
    let answer = client.call_tool("who", json!({})).await?;
    Ok(answer.content[0].as_text().unwrap().to_owned())
}

/// Returns an error as it is told to users: itself, and what caused it.
pub fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
