//! The example that gets tokens, against a protected server and an authorization server in this process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, body::Body};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use turbomcp::prelude::*;

use crate::child::path_of;

struct Kitchen;

#[server(name = "kitchen", version = "1.0.0")]
impl Kitchen {
    /// What nobody else knows.
    #[tool]
    async fn secret_recipe(&self) -> &'static str {
        "salt"
    }
}

/// What the authorization server was asked for.
type Log = Arc<Mutex<Vec<String>>>;

/// Both servers, on one port.
struct World {
    base: String,
    log: Log,
    _stop: oneshot::Sender<()>,
}

impl World {
    fn start() -> Self {
        let (send, receive) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let log = Log::default();
        let taken = log.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let base = format!("http://{}", listener.local_addr().unwrap());
                send.send(base.clone()).unwrap();
                let serving = axum::serve(listener, app(base, taken));
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self { base: receive.recv().unwrap(), log, _stop: stop }
    }

    fn count(&self, what: &str) -> usize {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|line| line.contains(what)).count()
    }

    fn example(&self, arguments: &[&str], tokens: &PathBuf) -> Child {
        let mut command = Command::new(path_of("client_oauth"));
        command.args(arguments).arg(format!("{}/mcp", self.base));
        // Where no program is found, there is no browser, and the URL is shown.
        command.env("PATH", "").env("TOKENS", tokens).env("CLIENT_ID", "job").env("CLIENT_SECRET", "s3cret");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

fn app(base: String, log: Log) -> Router {
    let resource = json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]});
    let server = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "registration_endpoint": format!("{base}/register"),
        "device_authorization_endpoint": format!("{base}/device"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    });
    let device = json!({
        "device_code": "D", "user_code": "AB-CD", "verification_uri": format!("{base}/go"), "expires_in": 60,
        "interval": 1,
    });
    let token = json!({"access_token": "good", "token_type": "Bearer", "expires_in": 3600});
    let published = |value: Value| move || async move { answer(200, &[], value.to_string()) };
    let mcp = Kitchen.into_server().into_router();
    Router::new()
        .route("/.well-known/oauth-protected-resource/mcp", get(published(resource)))
        .route("/.well-known/oauth-authorization-server", get(published(server)))
        .route("/register", post(published(json!({"client_id": "dynamic"}))))
        .route("/device", post(published(device)))
        .route("/token", post(published(token)))
        .route("/authorize", get(authorize))
        .merge(mcp)
        .layer(from_fn_with_state((base, log), guard))
}

/// The user agrees at once.
async fn authorize(uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
    let redirect = value("redirect_uri").replace("%3A", ":").replace("%2F", "/");
    answer(302, &[("location", format!("{redirect}?code=C&state={}", value("state")))], String::new())
}

async fn guard(State((base, log)): State<(String, Log)>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("none");
    log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{path} {authorization}"));
    if path != "/mcp" || authorization == "Bearer good" {
        return next.run(request).await;
    }
    let metadata = format!("{base}/.well-known/oauth-protected-resource/mcp");
    answer(401, &[("www-authenticate", format!("Bearer resource_metadata=\"{metadata}\""))], String::new())
}

fn answer(status: u16, headers: &[(&str, String)], body: String) -> Response {
    let mut response = Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(body)).unwrap()
}

/// Opens the URL that an example shows on its standard error.
fn open_what_is_shown(child: &mut Child) {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut url = lines.into_iter().find(|line| line.starts_with("http://"));
    while let Some(shown) = url {
        let (authority, path) = shown.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        url = page.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned);
    }
}

#[track_caller]
fn assert_lists_the_tool(child: Child) {
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(printed.lines().last(), Some("secret_recipe"));
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("turbomcp-client-oauth-{name}-{}", std::process::id()))
}

#[test]
fn client_oauth_asks_the_user_once_and_remembers() {
    let (world, tokens) = (World::start(), folder("user"));
    let mut first = world.example(&[], &tokens);
    open_what_is_shown(&mut first);
    assert_lists_the_tool(first);
    assert_lists_the_tool(world.example(&[], &tokens));
    assert_eq!((world.count("/authorize"), world.count("/token")), (1, 1));
    std::fs::remove_dir_all(tokens).unwrap();
}

#[test]
fn client_oauth_has_a_code_entered_on_another_device() {
    let (world, tokens) = (World::start(), folder("device"));
    assert_lists_the_tool(world.example(&["--device"], &tokens));
    assert_eq!((world.count("/device"), world.count("/authorize")), (1, 0));
    std::fs::remove_dir_all(tokens).unwrap();
}

#[test]
fn client_oauth_acts_for_itself() {
    let (world, tokens) = (World::start(), folder("service"));
    assert_lists_the_tool(world.example(&["--service"], &tokens));
    // `job:s3cret`
    assert_eq!(world.count("/token Basic am9iOnMzY3JldA=="), 1);
    assert!(!tokens.exists(), "a service keeps its tokens in memory");
}
