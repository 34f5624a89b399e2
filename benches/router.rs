//! A whole server behind an axum router, without a socket.

use axum::Router;
use axum::body::Body;
use http::Request;
use http::header::HeaderMap;
use tokio::runtime::Runtime;
use tower_service::Service;
use turbomcp::auth::server::{Algorithm, VerifyingKey};
use turbomcp::auth::{AuthManager, JwtConfig, Secret};
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::{Limits, Principal};

use crate::layers;
use crate::server::{builder, runtime};
use crate::{INITIALIZE, call, legacy_call};

pub(crate) fn tool_call() -> Box<dyn FnMut(u64)> {
    let [version, method, name, _] = head_with_token();
    repeated(runtime(), builder(100).build().into_router(), [version, method, name], call("add"))
}

/// The same with a token that the server does not look at.
pub(crate) fn tool_call_token() -> Box<dyn FnMut(u64)> {
    repeated(runtime(), builder(100).build().into_router(), head_with_token(), call("add"))
}

fn head_with_token() -> [(&'static str, String); 4] {
    [
        ("mcp-protocol-version", "2026-07-28".to_owned()),
        ("mcp-method", "tools/call".to_owned()),
        ("mcp-name", "add".to_owned()),
        // It expires with the century, and is as long as those of the large providers.
        ("authorization", format!("Bearer {}", include_str!("token.txt"))),
    ]
}

/// The same behind all that suits a server which strangers reach.
pub(crate) fn production() -> Box<dyn FnMut(u64)> {
    let head = [
        ("mcp-protocol-version", "2026-07-28".to_owned()),
        ("mcp-method", "tools/call".to_owned()),
        ("mcp-name", "add".to_owned()),
        ("authorization", "ada".to_owned()),
    ];
    repeated(runtime(), layers::production(builder(100).auth(ByName)).into_router(), head, call("add"))
}

/// Takes everybody for who they say they are, so that there is a caller, and next to nothing to be measured for it.
struct ByName;

impl Authenticate for ByName {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let name = shown.head().and_then(|head| head.headers.get("authorization")?.to_str().ok());
        Ok(name.map(Principal::new))
    }
}

/// The same for a caller whose token was verified before.
pub(crate) fn tool_call_jwt() -> Box<dyn FnMut(u64)> {
    let key = VerifyingKey::from_secret(&Secret::new("a secret that is no secret: 32 bytes and more"));
    let config = JwtConfig::new("https://id.example", "https://notes.example/mcp")
        .algorithms([Algorithm::HS256])
        .keys([key.expect("the secret is long enough")]);
    let manager =
        AuthManager::builder().resource("https://notes.example/mcp").jwt(config).required_scopes(["notes.read"]);
    let server = builder(100).auth(manager.build().expect("the settings fit")).build();
    repeated(runtime(), server.into_router(), head_with_token(), call("add"))
}

/// Calls a tool in one of so many sessions.
pub(crate) fn session(sessions: usize) -> Box<dyn FnMut(u64)> {
    let runtime = runtime();
    let mut limits = Limits::default();
    limits.sessions = sessions;
    let mut router: Router = builder(100).limits(limits).build().into_router();
    let mut last = String::new();
    for _ in 0..sessions {
        let headers = runtime.block_on(send(&mut router, &[], INITIALIZE));
        last = headers["mcp-session-id"].to_str().expect("the id is text").to_owned();
    }
    let head = [("mcp-session-id", last), ("mcp-protocol-version", "2025-11-25".to_owned())];
    repeated(runtime, router, head, legacy_call("add"))
}

fn repeated<const N: usize>(
    runtime: Runtime,
    mut router: Router,
    head: [(&'static str, String); N],
    body: String,
) -> Box<dyn FnMut(u64)> {
    Box::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                send(&mut router, &head, &body).await;
            }
        });
    })
}

async fn send(router: &mut Router, head: &[(&'static str, String)], body: &str) -> HeaderMap {
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in head {
        request = request.header(*name, value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("the head is well-formed");
    let response = router.call(request).await.expect("a router does not fail");
    assert_eq!(response.status(), 200, "the benchmark measures an error");
    response.headers().clone()
}
