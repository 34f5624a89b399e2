//! One server on every binding, whose every time is short.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Command, IntoTarget, Target, TlsTarget, WsConfig};
use turbomcp::prelude::*;
use turbomcp::transport::metrics::TransportMetrics;
use turbomcp::transport::{tcp, unix};
use turbomcp::types::{ElicitationSchema, StringSchema};
use turbomcp::{Error, Limits};

use crate::authority::Authority;

struct Server;

#[server(name = "soak", version = "1.0.0")]
impl Server {
    /// Adds two numbers.
    #[tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    /// Returns what it is given.
    #[tool]
    async fn echo(&self, text: String) -> String {
        text
    }

    /// Reports progress now and then, for longer than anybody listens.
    #[tool]
    async fn steps(&self, ctx: Context) -> &'static str {
        for step in 1..=100 {
            ctx.progress(f64::from(step)).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        "done"
    }

    /// Asks for a name.
    #[tool]
    async fn ask(&self, ctx: Context) -> McpResult<String> {
        let schema = ElicitationSchema::new().string("name", StringSchema::new()).required("name");
        let answer = ctx.elicit("What is your name?", schema).key("name").await?;
        Ok(format!("{:?}", answer.action))
    }

    /// A text.
    #[resource("soak://text")]
    async fn text(&self) -> String {
        "text".repeat(1000)
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.request_timeout = Duration::from_secs(5);
    limits.client_answer_timeout = Duration::from_millis(500);
    limits.end_of_input = Duration::from_millis(200);
    limits.shutdown = Duration::from_secs(2);
    limits.body_timeout = Duration::from_millis(500);
    limits.header_timeout = Duration::from_secs(2);
    // Longer than a busy machine takes for a handshake.
    limits.handshake_timeout = Duration::from_secs(5);
    limits.keep_alive = Duration::from_millis(300);
    limits.session_idle = Duration::from_secs(1);
    limits.replay_age = Duration::from_millis(500);
    limits
}

pub struct Site {
    server: McpServer,
    pub metrics: TransportMetrics,
    authority: Authority,
    http: SocketAddr,
    https: SocketAddr,
    tcp: SocketAddr,
    tls: SocketAddr,
    unix: PathBuf,
    serving: tokio::sync::Mutex<Vec<JoinHandle<Result<(), Error>>>>,
}

/// How a client reaches the server.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    Http,
    Https,
    WebSocket,
    Wss,
    Tcp,
    Tls,
    Unix,
    Process,
}

pub const WAYS: [Way; 8] =
    [Way::Http, Way::Https, Way::WebSocket, Way::Wss, Way::Tcp, Way::Tls, Way::Unix, Way::Process];

impl Site {
    pub async fn open() -> Self {
        let authority = Authority::new();
        let config = || authority.server("localhost").config();
        let metrics = TransportMetrics::default();
        let server = Server.into_builder().limits(limits()).transport_metrics(metrics.clone()).build();
        let unix = authority.folder.write("placeholder", "").with_file_name("socket");
        let http = server.http().websocket("/ws").bind("127.0.0.1:0").await.unwrap();
        let https = server.http().websocket("/ws").tls(config()).bind("127.0.0.1:0").await.unwrap();
        let tcp = server.bind_tcp("127.0.0.1:0").await.unwrap();
        let tls = server.bind_tls("127.0.0.1:0", config()).await.unwrap();
        let socket = server.bind_unix(&unix).unwrap();
        Self {
            http: http.local_addr(),
            https: https.local_addr(),
            tcp: tcp.local_addr(),
            tls: tls.local_addr(),
            unix,
            serving: tokio::sync::Mutex::new(vec![
                tokio::spawn(http.serve()),
                tokio::spawn(https.serve()),
                tokio::spawn(tcp.serve()),
                tokio::spawn(tls.serve()),
                tokio::spawn(socket.serve()),
            ]),
            server,
            metrics,
            authority,
        }
    }

    pub async fn target(&self, way: Way) -> Target {
        let trusted = || self.authority.trusted();
        let (http, https, tls) = (self.http.port(), self.https.port(), self.tls.port());
        match way {
            Way::Http => format!("http://localhost:{http}/mcp").into_target().unwrap(),
            Way::Https => {
                HttpTarget::new(format!("https://localhost:{https}/mcp")).tls(trusted()).into_target().unwrap()
            }
            Way::WebSocket => format!("ws://localhost:{http}/ws").into_target().unwrap(),
            Way::Wss => {
                let config = WsConfig::new().url(format!("wss://localhost:{https}/ws")).tls(trusted());
                config.into_target().unwrap()
            }
            Way::Tcp => Target::transport(tcp::over(self.tcp().await)),
            Way::Tls => TlsTarget::new(format!("localhost:{tls}"), trusted()).into_target().unwrap(),
            Way::Unix => Target::transport(unix::over(UnixStream::connect(&self.unix).await.unwrap())),
            Way::Process => Command::new(env!("CARGO_BIN_EXE_fixture-server")).into_target().unwrap(),
        }
    }

    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.tcp).await.unwrap()
    }

    pub async fn http(&self) -> TcpStream {
        TcpStream::connect(self.http).await.unwrap()
    }

    /// Connects to one of the ports.
    pub async fn any_port(&self, which: usize) -> TcpStream {
        let ports = [self.http, self.https, self.tcp, self.tls];
        TcpStream::connect(ports[which % ports.len()]).await.unwrap()
    }

    pub async fn close(&self) {
        self.server.shutdown_handle().shutdown();
        for serving in self.serving.lock().await.drain(..) {
            serving.await.unwrap().unwrap();
        }
    }
}
