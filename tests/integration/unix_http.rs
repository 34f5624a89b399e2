//! HTTP on a Unix socket.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tokio::task::JoinHandle;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, Era};
use turbomcp::transport::PeerCredentials;
use turbomcp::transport::tls::TlsConfig;
use turbomcp::{Context, Error, FnTool, McpServer, ServerBuilder};

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];

/// A server on a socket in a directory of its own, which goes with the test.
struct Site {
    directory: PathBuf,
    server: McpServer,
    serving: JoinHandle<Result<(), Error>>,
}

/// Says who is at the other end.
fn server() -> McpServer {
    let definition = turbomcp::types::Tool::new("who");
    let who = FnTool::from_request(definition, |_, ctx: Context| async move {
        let peer = ctx.extensions().get::<PeerCredentials>().copied();
        let text = match (peer, ctx.peer_addr()) {
            (Some(peer), None) => format!("user {} of group {}, process {:?}", peer.uid, peer.gid, peer.pid),
            other => format!("{other:?}"),
        };
        Ok(turbomcp::types::CallToolResult::text(text))
    });
    ServerBuilder::new().name("who").tool("who", who).unwrap().build()
}

/// What the server is to say of this process.
fn ours(socket: &Path) -> String {
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_nonblocking(true).unwrap();
    let peer = tokio::net::UnixStream::from_std(stream).unwrap().peer_cred().unwrap();
    format!("user {} of group {}, process {:?}", peer.uid(), peer.gid(), peer.pid())
}

impl Site {
    fn open(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("turbomcp-{}-http-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let server = server();
        let listener = server.http().bind_unix(directory.join("socket")).unwrap();
        assert_eq!(listener.path(), directory.join("socket"));
        Self { directory, server, serving: tokio::spawn(listener.serve()) }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// Sends a call by a program that knows nothing of us, and returns the status and the answer.
    fn curl(&self, url: &str, headers: &[&str]) -> Option<(u16, String)> {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--write-out",
            "\n%{http_code}",
            "--unix-socket",
        ]);
        command.arg(self.socket()).args(["-H", "content-type: application/json"]);
        command.args(["-H", "accept: application/json, text/event-stream", "-H", "mcp-method: tools/call"]);
        command.args(["-H", "mcp-name: who", "-H", "mcp-protocol-version: 2026-07-28"]);
        for header in headers {
            command.args(["-H", header]);
        }
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        let params = json!({"name": "who", "arguments": {}, "_meta": meta});
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        command.args(["--data", &call.to_string(), url]).stdin(Stdio::null());
        let output = command.output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        Some((status.parse().unwrap(), body.to_owned()))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn who(client: &Client) -> String {
    let answer = client.call_tool("who", json!({})).await.unwrap();
    answer.content[0].as_text().unwrap().to_owned()
}

#[tokio::test]
async fn http_on_a_unix_socket_serves_both_eras_and_says_who_calls() {
    let mut site = Site::open("eras");
    let socket = site.socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let expected = ours(&socket);
    let escaped = socket.to_str().unwrap().replace('/', "%2F");
    for era in ERAS {
        let builder = Client::builder().era(era);
        let client = builder.clone().connect(HttpTarget::unix(&socket)).await.unwrap();
        assert_eq!(client.revision().is_modern(), era == Era::Modern);
        assert_eq!(who(&client).await, expected);
        client.close().await;
        let by_text = builder.clone().connect(format!("http+unix://{escaped}/mcp")).await.unwrap();
        assert_eq!(who(&by_text).await, expected);
        by_text.close().await;
        let elsewhere = builder.connect(format!("http+unix://{escaped}/elsewhere")).await;
        assert!(elsewhere.is_err(), "the path counts");
    }
    // Somebody listens there already.
    assert!(site.server.http().bind_unix(&socket).unwrap_err().is_bind());
    site.server.shutdown_handle().shutdown();
    (&mut site.serving).await.unwrap().unwrap();
    assert!(!socket.exists(), "the socket goes with the server");
    assert!(Client::connect(HttpTarget::unix(&socket)).await.unwrap_err().is_connect());
    // A socket that was left behind is no hindrance.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    drop(site.server.http().bind_unix(&socket).unwrap());
}

#[tokio::test]
async fn the_hosts_of_a_unix_socket_are_those_of_a_loopback_address() {
    let site = Site::open("hosts");
    let client = |url: &str| Client::connect(HttpTarget::new(url).socket(site.socket()));
    who(&client("http://127.0.0.1:99/mcp").await.unwrap()).await;
    assert_eq!(client("http://notes.example/mcp").await.unwrap_err().status(), Some(403));

    let socket = site.directory.join("named");
    let listener = site.server.http().allow_hosts(["notes.example"]).bind_unix(&socket).unwrap();
    let serving = tokio::spawn(listener.serve());
    let target = HttpTarget::new("http://notes.example/mcp").socket(&socket);
    who(&Client::connect(target).await.unwrap()).await;
    assert_eq!(Client::connect(HttpTarget::unix(&socket)).await.unwrap_err().status(), Some(403));
    serving.abort();
}

#[tokio::test]
async fn nobody_speaks_tls_on_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("turbomcp-{}-http-tls", std::process::id()));
    let refused = server().http().tls(TlsConfig::new("a", "b")).bind_unix(&path).unwrap_err();
    assert!(refused.is_configuration() && !path.exists(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_calls_a_tool_through_a_unix_socket() {
    let site = Site::open("curl");
    let Some((status, body)) = site.curl("http://localhost/mcp", &[]) else {
        eprintln!("SKIPPED: there is no program `curl`, so no stranger has called through a Unix socket");
        return;
    };
    assert_eq!(status, 200, "{body}");
    let uid = ours(&site.socket()).split(',').next().unwrap().to_owned();
    assert!(body.contains(&uid), "{body}");
    assert_eq!(site.curl("http://docker/mcp", &[]).unwrap().0, 403);
    // What a page of a browser would send by way of a proxy.
    assert_eq!(site.curl("http://localhost/mcp", &["origin: https://evil.example"]).unwrap().0, 403);
    assert_eq!(site.curl("http://localhost/mcp", &["origin: http://localhost"]).unwrap().0, 200);
}
