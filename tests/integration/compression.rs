//! Messages that are compressed.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, Era, TcpTarget};
use turbomcp::transport::compression::CompressionAlgorithm::{Brotli, Gzip, Lz4};
use turbomcp::transport::compression::CompressionConfig;
use turbomcp::transport::metrics::{Binding, MetricsConfig, MetricsSnapshot, TransportMetrics};
use turbomcp::transport::tcp;
use turbomcp::{Context, Limits, McpServer, ServerBuilder};
use turbomcp_tests::http::Site;

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize, JsonSchema)]
struct Echo {
    text: String,
    #[serde(default = "once")]
    times: usize,
    #[serde(default)]
    aloud: bool,
}

fn once() -> usize {
    1
}

fn server(edit: impl FnOnce(&mut Limits)) -> McpServer {
    let mut limits = Limits::default();
    edit(&mut limits);
    builder().limits(limits).build()
}

fn measured(metrics: &TransportMetrics) -> McpServer {
    builder().transport_metrics(metrics.clone()).build()
}

/// Repeats what it is told; `aloud`, after it has said that it will.
fn builder() -> ServerBuilder {
    let echo = |Echo { text, times, aloud }: Echo, ctx: Context| async move {
        if aloud {
            ctx.progress(1.0).await;
        }
        text.repeat(times)
    };
    ServerBuilder::new().name("echo").tool("echo", echo).unwrap()
}

/// What does not become smaller: letters in no order.
fn noise(length: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                [usize::from(state.to_be_bytes()[0] & 63)],
        )
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn call(arguments: &Value) -> String {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}, "progressToken": 1});
    let params = json!({"name": "echo", "arguments": arguments, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

const HEAD: [&str; 6] = [
    "host: localhost",
    "content-type: application/json",
    "accept: application/json, text/event-stream",
    "mcp-method: tools/call",
    "mcp-name: echo",
    "mcp-protocol-version: 2026-07-28",
];

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn has(&self, line: &str) -> bool {
        self.head.lines().any(|found| found.eq_ignore_ascii_case(line))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Posts bytes as they are, and returns the answer as it came, its chunks put together.
async fn post(address: SocketAddr, headers: &[&str], body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let lines = [&HEAD[..], headers].concat().join("\r\n");
    let head = format!("POST /mcp HTTP/1.1\r\n{lines}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut rest = &answer[end + 4..];
    let mut body = Vec::new();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        loop {
            let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            body.extend_from_slice(&rest[line + 2..][..length]);
            rest = &rest[line + 2 + length + 2..];
            if length == 0 {
                break;
            }
        }
    } else {
        body.extend_from_slice(rest);
    }
    Reply { status: head[9..12].parse().unwrap(), head, body }
}

fn gunzip(bytes: &[u8]) -> String {
    std::io::read_to_string(flate2::read::GzDecoder::new(bytes)).unwrap()
}

fn unbrotli(bytes: &[u8]) -> String {
    std::io::read_to_string(brotli::Decompressor::new(bytes, 4096)).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(bytes).unwrap();
    encoder.into_inner()
}

#[tokio::test]
async fn f175_an_answer_is_in_the_coding_that_the_client_likes_best() {
    let config = CompressionConfig::adaptive().algorithms([Brotli, Gzip, Lz4]);
    let site = Site::serve(server(|_| {}).http().compression(config.clone())).await;
    for (times, in_pieces) in [(1000, false), (20_000, true)] {
        let call = call(&json!({"text": "over and over ", "times": times}));
        let plain = post(site.address, &[], call.as_bytes()).await;
        assert!(plain.has("vary: accept-encoding") && !plain.head.to_ascii_lowercase().contains("content-encoding"));
        assert!(plain.body.len() > 14 * times, "{}", plain.head);
        for (accept, coding, decode) in [
            ("gzip", "gzip", gunzip as fn(&[u8]) -> String),
            ("gzip, br", "br", unbrotli),
            ("br;q=0.5, gzip;q=0.8", "gzip", gunzip),
        ] {
            let reply = post(site.address, &[&format!("accept-encoding: {accept}")], call.as_bytes()).await;
            assert!(reply.has(&format!("content-encoding: {coding}")), "{}", reply.head);
            assert!(reply.has("vary: accept-encoding") && reply.has("accept-encoding: br, gzip"), "{}", reply.head);
            assert_eq!(reply.has("transfer-encoding: chunked"), in_pieces, "{}", reply.head);
            assert_eq!(decode(&reply.body), plain.text());
            assert!(reply.body.len() < plain.body.len() / 10);
        }
        let reply = post(site.address, &["accept-encoding: zstd, identity"], call.as_bytes()).await;
        assert_eq!(reply.text(), plain.text());
    }
    let stats = config.stats();
    assert_eq!((stats.compressed, stats.left), (6, 0), "{stats:?}");
    assert!(stats.ratio().unwrap() > 10.0, "{stats:?}");
}

#[tokio::test]
async fn f175_what_is_small_or_compressed_already_is_sent_as_it_is() {
    let config = CompressionConfig::adaptive().min_size(2000);
    let site = Site::serve(server(|_| {}).http().compression(config.clone())).await;
    let always = CompressionConfig::new();
    let other = Site::serve(server(|_| {}).http().compression(always)).await;
    for (text, is_left, is_always_left) in
        [("a".repeat(1500), true, false), ("a".repeat(3000), false, false), (noise(50_000), true, false)]
    {
        let call = call(&json!({"text": text}));
        for (address, is_left) in [(site.address, is_left), (other.address, is_always_left)] {
            let reply = post(address, &["accept-encoding: gzip"], call.as_bytes()).await;
            assert_eq!(reply.has("content-encoding: gzip"), !is_left, "{}", reply.head);
        }
    }
    assert_eq!((config.stats().compressed, config.stats().left), (1, 2));
}

#[tokio::test]
async fn f175_an_event_stream_is_not_compressed() {
    let site = Site::serve(server(|_| {}).http().compression(CompressionConfig::new())).await;
    let call = call(&json!({"text": "over and over ", "times": 1000, "aloud": true}));
    let reply = post(site.address, &["accept-encoding: gzip, br"], call.as_bytes()).await;
    assert!(reply.has("content-type: text/event-stream"), "{}", reply.head);
    assert!(!reply.head.to_ascii_lowercase().contains("content-encoding"), "{}", reply.head);
    assert!(reply.text().contains("over and over"));
}

#[tokio::test]
async fn f175_requests_are_decoded_and_others_are_refused() {
    let limit = 100_000;
    let config = CompressionConfig::new();
    let site = Site::serve(server(|limits| limits.body_bytes = limit).http().compression(config.clone())).await;
    let body = call(&json!({"text": "one and the same ", "times": 2}));
    for (coding, bytes) in
        [("gzip", gzip(body.as_bytes())), ("x-gzip", gzip(body.as_bytes())), ("br", brotli(body.as_bytes()))]
    {
        let reply = post(site.address, &[&format!("content-encoding: {coding}")], &bytes).await;
        assert!(reply.status == 200 && reply.text().contains("one and the same one and"), "{coding}: {}", reply.text());
    }
    assert_eq!(config.stats().expanded, 3);
    let reply = post(site.address, &["content-encoding: identity"], body.as_bytes()).await;
    assert_eq!(reply.status, 200);

    for coding in ["zstd", "deflate", "gzip, br"] {
        let reply = post(site.address, &[&format!("content-encoding: {coding}")], body.as_bytes()).await;
        assert!(reply.status == 415 && reply.has("accept-encoding: br, gzip"), "{coding}: {}", reply.head);
    }
    for coding in ["gzip", "br"] {
        let reply = post(site.address, &[&format!("content-encoding: {coding}")], body.as_bytes()).await;
        assert_eq!(reply.status, 400, "{coding}: {}", reply.head);
    }
    // As long as a message may be, and longer; and what becomes a thousand times as large.
    let room = limit - call(&json!({"text": ""})).len();
    let (fits, over) = (call(&json!({"text": noise(room)})), call(&json!({"text": noise(room + 1)})));
    let bomb = vec![b' '; 4 << 20];
    for (bytes, status) in [(gzip(fits.as_bytes()), 200), (gzip(over.as_bytes()), 413), (gzip(&bomb), 413)] {
        let reply = post(site.address, &["content-encoding: gzip"], &bytes).await;
        assert_eq!(reply.status, status, "{}", reply.head);
    }
    let reply = post(site.address, &["content-encoding: br"], &brotli(&bomb)).await;
    assert_eq!(reply.status, 413, "{}", reply.head);
}

#[tokio::test]
async fn f175_a_server_that_does_not_compress_says_so_to_who_does() {
    let site = Site::serve(server(|_| {}).http()).await;
    let body = call(&json!({"text": "one and the same ", "times": 2}));
    for headers in [&["content-encoding: gzip"][..], &["content-encoding: identity", "content-encoding: br"]] {
        let reply = post(site.address, headers, &gzip(body.as_bytes())).await;
        assert!(reply.status == 415 && reply.text().contains("in a content coding"), "{headers:?}: {}", reply.head);
    }
    let reply = post(site.address, &["content-encoding: Identity"], body.as_bytes()).await;
    assert!(reply.status == 200 && reply.text().contains("one and the same one and"), "{}", reply.head);
}

#[tokio::test]
async fn f175_a_client_and_a_server_compress_for_one_another() {
    for (algorithm, aloud) in [(Brotli, false), (Gzip, false), (Gzip, true)] {
        for era in ERAS {
            let (ours, theirs) = (CompressionConfig::adaptive(), CompressionConfig::adaptive().algorithms([algorithm]));
            let site = Site::serve(server(|_| {}).http().compression(theirs.clone())).await;
            let target = HttpTarget::new(format!("http://{}/mcp", site.address)).compression(ours.clone());
            let client = Client::builder().era(era).connect(target).await.unwrap();
            for length in [4000, 200_000] {
                let text = "to and fro ".repeat(length / 11);
                let answer =
                    client.call_tool("echo", json!({"text": text, "aloud": aloud})).on_progress(|_| {}).await.unwrap();
                assert_eq!(answer.content[0].as_text().unwrap(), text);
            }
            client.close().await;
            // The first request went before the server had said what it takes, and was small.
            let (ours, theirs) = (ours.stats(), theirs.stats());
            assert_eq!(ours.compressed, 2, "{algorithm:?} {era:?}: {ours:?}");
            assert_eq!((theirs.expanded, theirs.expanded_bytes), (2, ours.bytes_in), "{theirs:?}");
            let answers = if aloud && era == Era::Modern { 0 } else { 2 };
            assert!(theirs.compressed >= answers || aloud, "{theirs:?}");
            assert_eq!(
                (ours.expanded, ours.expanded_bytes),
                (theirs.compressed, theirs.bytes_in),
                "{ours:?} {theirs:?}"
            );
        }
    }
}

#[tokio::test]
async fn f176_metrics_say_what_compression_has_saved() {
    let metrics = || TransportMetrics::new(MetricsConfig::new().compression_ratio_tracking(true));
    let (ours, theirs, config) = (metrics(), metrics(), CompressionConfig::new());
    let server = measured(&theirs);
    let site = Site::serve(server.http().compression(config.clone())).await;
    let target = HttpTarget::new(format!("http://{}/mcp", site.address)).compression(CompressionConfig::new());
    let over_http = Client::builder().transport_metrics(ours.clone()).connect(target).await.unwrap();
    let listener = server.bind_tcp("127.0.0.1:0").await.unwrap().compression(CompressionConfig::new()).unwrap();
    let target = TcpTarget::new(listener.local_addr().to_string()).compression(CompressionConfig::new());
    let serving = tokio::spawn(listener.serve());
    let over_tcp = Client::builder().transport_metrics(ours.clone()).connect(target).await.unwrap();
    for client in [&over_http, &over_tcp] {
        client.call_tool("echo", json!({"text": "to and fro ", "times": 1000})).await.unwrap();
    }
    let (ours, theirs) = (ours.snapshot(), theirs.snapshot());
    let of = |snapshot: &MetricsSnapshot, binding| snapshot.bindings[&binding].compression.clone().unwrap();
    assert_eq!(of(&ours, Binding::Http), of(&theirs, Binding::Http));
    assert_eq!(of(&theirs, Binding::Http).packed_bytes, config.stats().bytes_out);
    for binding in [Binding::Http, Binding::Tcp] {
        assert!(of(&ours, binding).ratio > 10.0);
        let counted = of(&theirs, binding);
        assert!(counted.plain_bytes > 11_000 && counted.ratio > 10.0, "{counted:?}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_client_keeps_to_plain_text_with_a_server_that_does_not_compress() {
    let config = CompressionConfig::new();
    let site = Site::start(&server(|_| {})).await;
    let target = HttpTarget::new(format!("http://{}/mcp", site.address)).compression(config.clone());
    let client = Client::connect(target).await.unwrap();
    let answer = client.call_tool("echo", json!({"text": "a", "times": 5000})).await.unwrap();
    assert_eq!(answer.content[0].as_text().unwrap().len(), 5000);
    assert_eq!((config.stats().compressed, config.stats().expanded), (0, 0));
}

/// What a server of others does with what ours answers: it says that it takes gzip, refuses it all the same, and
/// compresses event streams, each event so that it can be read at once.
async fn otherwise(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    if request.headers().contains_key("content-encoding") {
        REFUSED.fetch_add(1, Ordering::Relaxed);
        return axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let (mut parts, body) = next.run(request).await.into_parts();
    parts.headers.insert("accept-encoding", "gzip".parse().unwrap());
    if parts.headers["content-type"] != "text/event-stream" {
        return axum::response::Response::from_parts(parts, body);
    }
    let plain = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    for event in plain.split_inclusive(|byte| *byte == b'\n') {
        encoder.write_all(event).unwrap();
        encoder.flush().unwrap();
    }
    parts.headers.insert("content-encoding", "gzip".parse().unwrap());
    axum::response::Response::from_parts(parts, encoder.finish().unwrap().into())
}

static REFUSED: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn f175_a_client_copes_with_servers_of_others() {
    let router = server(|_| {}).into_router::<()>().layer(axum::middleware::from_fn(otherwise));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let config = CompressionConfig::new();
    let target = HttpTarget::new(url).compression(config.clone());
    let client = Client::builder().era(Era::Modern).connect(target).await.unwrap();
    for aloud in [false, true, false] {
        let answer = client
            .call_tool("echo", json!({"text": "to and fro ".repeat(500), "aloud": aloud}))
            .on_progress(|_| {})
            .await
            .unwrap();
        assert_eq!(answer.content[0].as_text().unwrap().len(), 5500);
    }
    assert_eq!(REFUSED.load(Ordering::Relaxed), 1, "it is tried no more than once");
    assert_eq!(config.stats().expanded, 1);
    serving.abort();
}

#[tokio::test]
async fn settings_that_a_binding_cannot_follow_are_refused() {
    let server = server(|_| {});
    let bind = |config| server.http().compression(config).bind("127.0.0.1:0");
    for config in [CompressionConfig::new().algorithms([Lz4]), CompressionConfig::new().quality_level(12)] {
        assert!(bind(config.clone()).await.unwrap_err().is_configuration());
        let target = HttpTarget::new("http://127.0.0.1:1/mcp").compression(config);
        assert!(Client::connect(target).await.unwrap_err().to_string().contains("compression cannot be set up"));
    }
    let listener = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let refused = listener.compression(CompressionConfig::new().algorithms([Gzip, Brotli])).unwrap_err();
    assert!(refused.is_configuration() && refused.to_string().contains("[Lz4]"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_reads_what_is_compressed() {
    let config = CompressionConfig::new();
    let site = Site::serve(server(|_| {}).http().compression(config.clone())).await;
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--compressed",
        "--data",
        &call(&json!({"text": "curl ", "times": 30_000})),
    ]);
    for header in &HEAD[1..] {
        command.args(["-H", header]);
    }
    command.arg(format!("http://{}/mcp", site.address)).stdin(Stdio::null());
    let Ok(output) = command.output() else {
        eprintln!("SKIPPED: there is no program `curl`, so no stranger has read what is compressed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains(&"curl ".repeat(30_000)));
    assert_eq!(config.stats().compressed, 1);
}

#[tokio::test]
async fn f175_lines_are_compressed_between_peers_that_agree() {
    let theirs = CompressionConfig::adaptive().streaming_threshold(16 << 10);
    let listener = server(|_| {}).bind_tcp("127.0.0.1:0").await.unwrap().compression(theirs.clone()).unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    for era in ERAS {
        let ours = CompressionConfig::adaptive();
        let before = theirs.stats();
        let lines = tcp::over(TcpStream::connect(address).await.unwrap());
        let client = Client::builder().era(era).connect(lines.offer_compression(&ours).await.unwrap()).await.unwrap();
        for text in ["short".to_owned(), "to and fro ".repeat(20_000), noise(100_000)] {
            let answer = client.call_tool("echo", json!({"text": text})).await.unwrap();
            assert_eq!(answer.content[0].as_text().unwrap(), text);
        }
        client.close().await;
        let (ours, after) = (ours.stats(), theirs.stats());
        // 220,000 bytes in pieces of 64 KiB; what is short or noise is left.
        assert_eq!(ours.compressed, 4, "{ours:?}");
        assert!(ours.ratio().unwrap() > 50.0 && ours.left >= 3, "{ours:?}");
        assert_eq!((after.expanded_bytes - before.expanded_bytes, ours.expanded), (ours.bytes_in, 14), "{ours:?}");

        // Who does not offer it is served as ever.
        let plain = tcp::over(TcpStream::connect(address).await.unwrap());
        let client = Client::builder().era(era).connect(plain).await.unwrap();
        let answer = client.call_tool("echo", json!({"text": "plain "})).await.unwrap();
        assert_eq!(answer.content[0].as_text().unwrap(), "plain ");
        client.close().await;
    }
    serving.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn f175_unix_sockets_are_compressed_as_well() {
    let config = CompressionConfig::new();
    let path = std::env::temp_dir().join(format!("turbomcp-{}-compressed", std::process::id()));
    let listener = server(|_| {}).bind_unix(&path).unwrap().compression(config.clone()).unwrap();
    let serving = tokio::spawn(listener.serve());
    let target = turbomcp::client::UnixTarget::new(&path).compression(CompressionConfig::new());
    let client = Client::connect(target).await.unwrap();
    let answer = client.call_tool("echo", json!({"text": "to and fro ", "times": 1000})).await.unwrap();
    assert_eq!(answer.content[0].as_text().unwrap().len(), 11_000);
    assert_eq!(config.stats().compressed, 1);
    serving.abort();
    let _ = serving.await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_server_that_does_not_know_the_offer_is_told_by_its_answer() {
    let listener = server(|_| {}).bind_tcp("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    let lines = tcp::over(TcpStream::connect(address).await.unwrap());
    let error = lines.offer_compression(&CompressionConfig::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the peer sent plain text, although compression was offered");
    let target = TcpTarget::new(address.to_string());
    let error = Client::connect(target.clone().compression(CompressionConfig::new())).await.unwrap_err();
    assert!(error.to_string().contains("does not agree to compress"), "{error}");
    Client::connect(target).await.unwrap();
    serving.abort();
}

#[tokio::test]
async fn a_peer_that_breaks_the_rules_of_compression_is_let_go() {
    let server = server(|_| {});
    let listener = server.bind_tcp("127.0.0.1:0").await.unwrap().compression(CompressionConfig::new()).unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    for (case, sent) in [
        ("half an offer", &b"\xf5MCPLZ5\n"[..]),
        ("no kind of piece", b"\xf5MCPLZ4\n\x02\0\0\x01\0\0\0\x01x"),
        ("a piece that is larger than any", b"\xf5MCPLZ4\n\0\x10\0\x01\0\x10\0\x01x"),
        ("a plain piece of two lengths", b"\xf5MCPLZ4\n\0\0\0\x01\0\0\0\x02x"),
        ("no LZ4", b"\xf5MCPLZ4\n\x01\0\0\x04\0\0\x01\0\xff\xff\xff\xff"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        let _ = ended.unwrap_or_else(|_| panic!("{case}: the connection goes on"));
        assert!(answer.is_empty() || answer == b"\xf5MCPLZ4\n", "{case}: {answer:?}");
    }
    // Who says nothing is not waited for when the server ends.
    let _silent = TcpStream::connect(address).await.unwrap();
    server.shutdown_handle().shutdown();
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
}
