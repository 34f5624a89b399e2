//! The table of refusals, at every place where a credential can be shown.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use turbomcp::transport::tls::TlsConfig;
use turbomcp_tests::client::initialize_params;
use turbomcp_tests::{Http, PATIENCE, Request, Site, websocket};

use crate::authority::Authority;
use crate::cases::{Case, World, cases, proof};
use crate::relay::Relay;
use crate::site::{WEBSOCKET, call, server};

/// Where streams of HTTP+SSE are opened, and where is posted for them.
const STREAM: &str = "/sse";
const MESSAGES: &str = "/messages";

/// A place where a credential can be shown over HTTP.
struct Door {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    request: Request,
    /// What is answered to those who may go in.
    open: u16,
}

fn doors() -> Vec<Door> {
    let params = initialize_params("2025-11-25", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let upgrade = websocket::UPGRADE
        .iter()
        .fold(Request::get().without("Accept"), |request, header| request.header(header.0, header.1));
    let within = |request: Request| request.header("Mcp-Session-Id", "x");
    let door = |name, method, path, request, open| Door { name, method, path, request, open };
    vec![
        door("modern", "POST", "/mcp", Request::modern(&call("who")), 200),
        door("legacy", "POST", "/mcp", Request::post(&initialize), 200),
        // Whoever is not let in does not learn what is wrong with the rest.
        door("broken", "POST", "/mcp", Request::post_text("{").without("Content-Type"), 415),
        door("listen", "GET", "/mcp", within(Request::get()), 404),
        door("end", "DELETE", "/mcp", within(Request::delete()), 404),
        door("websocket", "GET", WEBSOCKET, upgrade, 101),
        door("stream", "GET", STREAM, Request::get(), 200),
        door("messages", "POST", MESSAGES, Request::post(&initialize), 400),
    ]
}

/// Opens a server at every door.
async fn site(world: &World, tls: Option<TlsConfig>) -> Site {
    let http = server(world.manager()).http().websocket(WEBSOCKET).sse(STREAM, MESSAGES);
    Site::serve(match tls {
        Some(tls) => http.tls(tls),
        None => http,
    })
    .await
}

/// Tries every door with every credential that is no good, and then with some that are.
async fn try_doors(client: &Http, world: &World, doors: &[Door]) {
    let cases = cases();
    assert!(cases.len() >= 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for Case { name, query, shown, answer } in &cases {
        for Door { name: door, method, path, request, .. } in doors {
            let request = request.clone().path(&format!("{path}{query}"));
            let request =
                shown(world, method).iter().fold(request, |request, (name, value)| request.header(name, value));
            let mut reply = client.send(request).await;
            let challenges: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "www-authenticate").collect();
            let challenges: Vec<_> = challenges.iter().map(|(_, value)| value.clone()).collect();
            let body = if reply.header("content-type").is_some() { reply.message().await } else { Value::Null };
            let (is, ought) = ((reply.status, challenges, body), (answer.status(), answer.challenges(), answer.body()));
            if is != ought {
                wrong.push(format!("{name} at {door}: {is:?}\n  instead of {ought:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The same doors are open to those who may go in, so it was not something else that kept them shut.
    for Door { name: door, method, path, request, open } in doors {
        let request = request.clone().path(path);
        let reply = client.send(request.clone().header("X-API-Key", &world.api_key)).await;
        assert_eq!(reply.status, *open, "{door}");
        let signed = proof(json!({}))(world, method);
        let signed = signed.iter().fold(request, |all, (name, value)| all.header(name, value));
        assert_eq!(client.send(signed).await.status, *open, "{door}");
    }
}

/// Holds AUTHS-03, AUTHS-04, AUTHS-05, AUTHS-06, AUTHS-07 and AUTHS-15.
#[tokio::test]
async fn whoever_is_not_known_is_refused_at_every_door_and_told_why() {
    let world = World::start().await;
    let site = site(&world, None).await;
    try_doors(&site.client(), &world, &doors()).await;
    // A stranger's key, an unknown key and so on were asked for, but not each time.
    assert!(world.issuer.fetched() <= 3, "{}", world.issuer.fetched());
}

/// A client that is refused goes on with a token, on the same connection, whether or not it has sent its body by then.
#[tokio::test]
async fn a_refusal_does_not_cost_the_connection() {
    let world = World::start().await;
    let site = site(&world, None).await;
    for path in ["/mcp", MESSAGES] {
        let refused = Request::post_text("x".repeat(2000)).path(path).bytes(site.address);
        let (head, body) = refused.split_at(refused.len() - 2000);
        let mut stream = BufReader::new(TcpStream::connect(site.address).await.unwrap());
        for _ in 0..3 {
            stream.write_all(head).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(body).await.unwrap();
            let head = head_of(&mut stream).await;
            assert!(head.starts_with("HTTP/1.1 401") && !head.contains("connection: close"), "{head}");
        }
        // Nobody waits for ever, or for all of it, and then it is said that this connection is at its end.
        let late = head;
        let long = Request::post_text("").path(path).header("Content-Length", "1000000").bytes(site.address);
        for unsent in [late, &long] {
            let mut stream = BufReader::new(TcpStream::connect(site.address).await.unwrap());
            stream.write_all(unsent).await.unwrap();
            let head = head_of(&mut stream).await;
            assert!(head.starts_with("HTTP/1.1 401") && head.contains("connection: close"), "{head}");
        }
    }
}

/// Reads an answer, and returns its head in lower case but for its first line.
async fn head_of(stream: &mut BufReader<TcpStream>) -> String {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await.expect("an answer in time");
        assert_ne!(read.unwrap(), 0, "the connection is at its end: {head}");
        if head.is_empty() {
            head = line;
            continue;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    head
}

#[tokio::test]
async fn whoever_is_not_known_is_refused_beneath_tls_as_well() {
    let (world, authority) = (World::start().await, Authority::new());
    let site = site(&world, Some(authority.server("localhost").config())).await;
    let relay = Relay::start(site.address, &authority.path(), None).await;
    let doors: Vec<_> =
        doors().into_iter().filter(|door| matches!(door.name, "modern" | "legacy" | "websocket" | "stream")).collect();
    try_doors(&Http::at(relay.address), &world, &doors).await;
}
