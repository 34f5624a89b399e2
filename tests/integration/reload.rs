//! F30: configuration that is replaced while a server runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use turbomcp::layers::{MiddlewareStack, TimeoutConfig};
use turbomcp::prelude::*;
use turbomcp::settings::Settings;
use turbomcp_tests::{Client, Site, modern};

use crate::settings::{File, builder, call, configured, names};

fn settings(text: &str) -> Settings {
    let file = File::new(text);
    Settings::from_file(&file.0).unwrap()
}

const STRICT: &str = "[rate_limit]\nstrategy = \"per_session\"\nrequests_per_period = 1\nburst_size = 1\nperiod = \"1h\"\n[limits]\npage_size = 1\n";

/// A connection over HTTP that stays open.
struct Kept(TcpStream, std::net::SocketAddr);

impl Kept {
    async fn to(site: &Site) -> Self {
        Self(TcpStream::connect(site.address).await.unwrap(), site.address)
    }

    /// Calls `tell` and returns the head of the answer.
    async fn tell(&mut self) -> String {
        self.0.write_all(&call("tell").bytes(self.1)).await.unwrap();
        let mut read = Vec::new();
        loop {
            let mut some = [0; 4096];
            let count = self.0.read(&mut some).await.unwrap();
            assert_ne!(count, 0, "the connection has ended");
            read.extend_from_slice(&some[..count]);
            let text = String::from_utf8_lossy(&read);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) {
                return head.to_owned();
            }
        }
    }
}

async fn tcp(server: &McpServer) -> Client {
    let listening = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr();
    tokio::spawn(listening.serve());
    let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
    Client::over(reader, writer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_no_call_fails_while_settings_are_replaced() {
    let (server, _gate) = configured("[timeout]\nrequest_timeout = \"1m\"\n");
    let site = Site::start(&server).await;
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = Vec::new();
    let mut kept = Kept::to(&site).await;
    let (ended, counted) = (over.clone(), calls.clone());
    callers.push(tokio::spawn(async move {
        while !ended.load(Ordering::Relaxed) {
            assert!(kept.tell().await.starts_with("HTTP/1.1 200"));
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }));
    for mut client in [Client::connect(&server), tcp(&server).await] {
        let (ended, counted) = (over.clone(), calls.clone());
        callers.push(tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                assert!(crate::text(&client.tool("tell", json!({})).await).starts_with("run "));
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for round in 0..50 {
        let before = calls.load(Ordering::Relaxed);
        let text = format!(
            "[limits]\npage_size = {}\n[timeout]\nrequest_timeout = \"{}s\"\n[concurrency]\nmax_requests = {}\n\
             [headers]\nenabled = {}\n",
            round + 1,
            round + 10,
            round + 100,
            round % 2 == 0,
        );
        server.replace_settings(settings(&text)).unwrap();
        assert_eq!(server.newest().limits().page_size, round + 1);
        while calls.load(Ordering::Relaxed) < before + 3 {
            assert!(callers.iter().all(|caller| !caller.is_finished()));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
}

async fn refused(answer: Value) {
    assert_eq!(answer["error"]["code"], 429, "{answer}");
}

#[tokio::test]
async fn f30_a_rate_limit_that_is_tightened_holds_on_open_connections() {
    let (server, _gate) = configured("");
    let site = Site::start(&server).await;
    let (mut memory, mut tcp, mut kept) = (Client::connect(&server), tcp(&server).await, Kept::to(&site).await);
    let (router, _gate) = configured("");
    let application =
        axum::serve::ListenerExt::tap_io(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), |_| {});
    let mounted = axum::serve::Listener::local_addr(&application).unwrap();
    tokio::spawn(axum::serve(application, router.clone().into_router()).into_future());
    let mut mounted = Kept(TcpStream::connect(mounted).await.unwrap(), mounted);
    for _ in 0..5 {
        memory.tool("tell", json!({})).await;
        tcp.tool("tell", json!({})).await;
        assert!(kept.tell().await.starts_with("HTTP/1.1 200"));
        assert!(mounted.tell().await.starts_with("HTTP/1.1 200"));
    }
    server.replace_settings(settings(STRICT)).unwrap();
    router.replace_settings(settings(STRICT)).unwrap();
    for client in [&mut memory, &mut tcp] {
        assert_eq!(crate::text(&client.tool("tell", json!({})).await).split(' ').next(), Some("run"));
        refused(client.tool("tell", json!({})).await).await;
    }
    for kept in [&mut kept, &mut mounted] {
        assert!(kept.tell().await.starts_with("HTTP/1.1 200"));
        assert!(kept.tell().await.starts_with("HTTP/1.1 429"));
    }
    // And those that open later, also where the limits go on as they are.
    let looser = STRICT.replace("page_size = 1", "page_size = 2");
    server.replace_settings(settings(&looser)).unwrap();
    refused(memory.tool("tell", json!({})).await).await;
    assert!(Kept::to(&site).await.tell().await.starts_with("HTTP/1.1 429"), "what was counted is not forgotten");
    // Off, by a file that says nothing of it.
    server.replace_settings(settings("")).unwrap();
    assert!(crate::text(&memory.tool("tell", json!({})).await).starts_with("run"));
    assert!(kept.tell().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn f30_browsers_are_told_what_holds_by_now() {
    let (server, _gate) = configured("");
    let site = Site::start(&server).await;
    let mut kept = Kept::to(&site).await;
    assert!(!kept.tell().await.contains("x-frame-options"));
    let text = "[headers]\nframe_options = \"deny\"\n[cors]\nallowed_origins = [\"https://a.example\"]\n";
    server.replace_settings(settings(text)).unwrap();
    assert!(kept.tell().await.contains("x-frame-options: DENY"));
    let asked = || call("tell").header("Origin", "https://a.example");
    let reply = site.client().send(asked()).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("https://a.example")));
    server.replace_settings(settings("[limits]\nbody_bytes = \"10B\"\n")).unwrap();
    assert_eq!(site.client().send(asked()).await.status, 403);
    assert!(kept.tell().await.starts_with("HTTP/1.1 413"));
}

#[tokio::test(start_paused = true)]
async fn f30_a_call_in_flight_keeps_the_time_it_began_with() {
    let (server, gate) = configured("[timeout]\nrequest_timeout = \"10s\"\n");
    let mut client = Client::connect(&server);
    let wait = |id: u64| modern(id, "tools/call", json!({"name": "wait", "arguments": {}}), json!({}));
    client.send(&wait(7)).await;
    assert_eq!(crate::text(&client.tool("tell", json!({})).await), "run 1");
    let begun = tokio::time::Instant::now();
    server.replace_settings(settings("[timeout]\nrequest_timeout = \"1s\"\n")).unwrap();
    client.send(&wait(8)).await;
    for (id, seconds) in [(8, 1), (7, 10)] {
        let answer = client.next().await;
        assert_eq!((&answer["id"], &answer["error"]["message"]), (&json!(id), &json!("the request ran out of time")));
        // Until it waits, a request's time passes by the system's clock, which is not paused.
        let passed = begun.elapsed();
        assert!(passed.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(900), "{passed:?}");
    }
    drop(gate);
}

#[tokio::test]
async fn f30_what_cannot_change_is_refused_and_all_stays() {
    let text = "[serve]\ntransport = \"http\"\naddress = \"127.0.0.1:1\"\n[limits]\npage_size = 7\n";
    let file = File::new(text);
    let server = builder().0.settings(Settings::from_file(&file.0).unwrap()).unwrap().build();
    let name = file.0.display().to_string();
    for (from, to, expected) in [
        (
            "127.0.0.1:1",
            "127.0.0.1:2",
            format!("{name}, line 3: `serve.address` cannot be changed while the server runs: start it again"),
        ),
        (
            "[limits]",
            "[metrics]\nenabled = true\n[limits]",
            format!("{name}, line 5: `metrics.enabled` cannot be changed while the server runs: start it again"),
        ),
        (
            "[limits]",
            "[limits]\nconnections = 5",
            format!("{name}, line 5: `limits.connections` cannot be changed while the server runs: start it again"),
        ),
        (
            "[limits]",
            "[limits]\nconections = 5",
            format!("{name}, line 5: `limits.conections` is not known; did you mean `limits.connections`?"),
        ),
    ] {
        file.write(&text.replace(from, to).replace("page_size = 7", "page_size = 8"));
        let error = server.reload_settings().unwrap_err();
        assert!(error.is_configuration());
        assert_eq!(error.to_string(), expected);
        assert_eq!(server.newest().limits().page_size, 7);
    }
    file.write(&text.replace("page_size = 7", "page_size = 8"));
    server.reload_settings().unwrap();
    assert_eq!((server.newest().limits().page_size, server.limits().page_size), (8, 7));
    let error = ServerBuilder::new().build().replace_settings(settings("")).unwrap_err();
    assert_eq!(error.to_string(), "the server was not made by settings");
    let server = ServerBuilder::new().settings(Settings::default()).unwrap().build();
    assert_eq!(server.reload_settings().unwrap_err().to_string(), "the settings were not read from anywhere");
}

#[tokio::test]
async fn f30_clients_hear_of_tools_that_come_and_go_with_settings() {
    let (server, _gate) = configured("");
    let mut client = Client::legacy(&server, "2025-11-25", json!({})).await;
    assert_eq!(names(&client.call("tools/list", json!({})).await), ["tell", "wait"]);
    server.replace_settings(settings("tools.hidden = [\"wait\"]")).unwrap();
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
    assert_eq!(names(&client.call("tools/list", json!({})).await), ["tell"]);
    // Tools that come later are judged by what holds then, whoever adds them.
    server.register_tool("more", |_: turbomcp::Arguments| async { "more" }).unwrap();
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
    assert_eq!(names(&client.call("tools/list", json!({})).await), ["tell", "more"]);
    server.replace_settings(settings("limits.page_size = 1")).unwrap();
    assert_eq!(client.next().await["method"], "notifications/tools/list_changed");
    assert_eq!(names(&client.call("tools/list", json!({})).await), ["tell"]);
}

#[tokio::test]
async fn f30_a_connection_that_opens_later_has_the_bounds_of_then() {
    let (server, _gate) = configured("");
    let listening = server.bind_tcp("127.0.0.1:0").await.unwrap();
    let address = listening.local_addr();
    tokio::spawn(listening.serve());
    let open = || async {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        let mut client = Client::over(reader, writer);
        // So that it is served by now.
        client.tool("tell", json!({})).await;
        client
    };
    let mut before = open().await;
    server.replace_settings(settings("limits.message_bytes = \"500B\"")).unwrap();
    let mut after = open().await;
    let long = json!({"a": "a".repeat(1000)});
    assert!(crate::text(&before.tool("tell", long.clone()).await).starts_with("run"));
    assert_eq!(after.tool("tell", long).await["error"]["code"], -32600);
}

#[tokio::test]
async fn f30_another_preset_is_taken_as_far_as_it_can_be() {
    let (server, _gate) = configured("preset = \"production\"");
    let file = File::new("preset = \"development\"");
    let error = server.replace_settings(Settings::from_file(&file.0).unwrap()).unwrap_err();
    let expected = "line 1: `limits.header_timeout` cannot be changed while the server runs: start it again";
    assert!(error.to_string().ends_with(expected), "{error}");
    let text = "preset = \"development\"\n[limits]\nheader_timeout = \"10s\"\n";
    server.replace_settings(settings(text)).unwrap();
    assert_eq!(server.newest().limits().request_timeout, Duration::from_secs(30 * 60));
}

/// Layers stand where they were put, also those outside of what is replaced.
#[tokio::test]
async fn f30_layers_of_users_stay_around_what_is_replaced() {
    struct Count(Arc<AtomicU64>);
    impl turbomcp::Middleware for Count {
        async fn process(
            &self,
            request: turbomcp::Request,
            next: turbomcp::Next,
        ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
            self.0.fetch_add(1, Ordering::SeqCst);
            next.run(request).await
        }
    }
    let (inner, outer) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let builder = builder().0.middleware(Count(inner.clone()));
    let server = builder.settings(settings("")).unwrap().middleware(Count(outer.clone())).build();
    let mut client = Client::connect(&server);
    client.tool("tell", json!({})).await;
    server.replace_settings(settings(STRICT)).unwrap();
    client.tool("tell", json!({})).await;
    refused(client.tool("tell", json!({})).await).await;
    assert_eq!((inner.load(Ordering::SeqCst), outer.load(Ordering::SeqCst)), (2, 3));
    let stack = MiddlewareStack::new().with_timeout(TimeoutConfig::default());
    assert!(ServerBuilder::new().settings(settings("")).unwrap().with_middleware_stack(stack).is_err());
}

/// A legacy session, and a stream of the first revision, go on across a change.
#[tokio::test]
async fn f30_sessions_go_on() {
    let (server, _gate) = configured("");
    let site = Site::serve(server.http().sse("/sse", "/messages")).await;
    let client = site.legacy("2025-11-25", json!({})).await;
    let mut stream = crate::first::Stream::open(&site, "/sse", "").await;
    server.replace_settings(settings("limits.page_size = 1")).unwrap();
    assert_eq!(names(&client.call("tools/list", json!({})).await), ["tell"]);
    let posted = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": turbomcp_tests::initialize_params("2024-11-05", json!({}))});
    let posted = turbomcp_tests::Request::post(&posted).path(&stream.address);
    assert_eq!(site.client().send(posted).await.status, 202);
    assert_eq!(stream.message().await["result"]["protocolVersion"], "2024-11-05");
}

#[tokio::test]
async fn f30_what_code_has_changed_stays_when_a_file_is_read_again() {
    let file = File::new("limits.page_size = 7\n");
    let mut settings = Settings::from_file(&file.0).unwrap();
    settings.config.limits.page_size = 1;
    // What only counts at the start does not keep the rest from being taken.
    settings.config.limits.connections = 99;
    let concurrency = turbomcp::layers::ConcurrencyConfig::new(5);
    settings.middleware = settings.middleware.with_concurrency(concurrency.tool("wait", 1));
    let (builder, _gate) = builder();
    let server = builder.settings(settings).unwrap().build();
    let mut client = Client::connect(&server);
    let wait = |id: u64| modern(id, "tools/call", json!({"name": "wait", "arguments": {}}), json!({}));
    client.send(&wait(7)).await;
    for (round, text) in ["limits.body_bytes = \"10B\"\n", "", "limits.page_size = 2\nlimits.body_bytes = \"11B\"\n"]
        .into_iter()
        .enumerate()
    {
        file.write(text);
        server.reload_settings().unwrap();
        let limits = server.newest().limits().clone();
        assert_eq!((limits.page_size, limits.connections), (1, 99), "{text}");
        assert_eq!(limits.body_bytes, [10, turbomcp::Limits::default().body_bytes, 11][round]);
        client.send(&wait(8)).await;
        assert_eq!(client.next().await["error"]["code"], 503, "{text}");
    }
    // Code has turned it on where nobody said anything of it; now somebody does.
    file.write("concurrency.enabled = false\n");
    server.reload_settings().unwrap();
    client.send(&wait(9)).await;
    assert_eq!(crate::text(&client.tool("tell", json!({})).await), "run 1");
    file.write("");
    server.reload_settings().unwrap();
    client.send(&wait(10)).await;
    client.send(&wait(11)).await;
    assert_eq!(client.next().await["error"]["code"], 503);
    // Whoever has turned a part off has not changed the rest of it.
    let file_of_another = File::new("[timeout]\nrequest_timeout = \"50ms\"\n");
    let mut settings = Settings::from_file(&file_of_another.0).unwrap();
    settings.middleware = MiddlewareStack::new();
    let another = crate::settings::builder().0.settings(settings).unwrap().build();
    file_of_another.write("[timeout]\nenabled = true\nrequest_timeout = \"50ms\"\n");
    another.reload_settings().unwrap();
    let answer = Client::connect(&another).tool("wait", json!({})).await;
    assert_eq!(answer["error"]["message"], "the request ran out of time");
    // What is no longer said holds no longer, also where code had changed something beside it.
    file.write("limits.sessions = 3\n");
    server.reload_settings().unwrap();
    assert_eq!((server.newest().limits().page_size, server.newest().limits().sessions), (1, 3));
}

#[tokio::test]
async fn f30_what_the_builder_is_told_after_settings_stays() {
    let file = File::new("[server]\ninstructions = \"Of a file.\"\n[limits]\nbody_bytes = \"10B\"\npage_size = 7\n");
    let (builder, _gate) = builder();
    let builder = builder.settings(Settings::from_file(&file.0).unwrap()).unwrap();
    let mut limits = turbomcp::Limits::default();
    limits.page_size = 1;
    limits.body_bytes = 10;
    let server = builder.limits(limits).instructions("Of code.").root("file:///a", Some("a".to_owned())).build();
    for page in [8, 9] {
        file.write(&format!(
            "[server]\ninstructions = \"Newer.\"\n[limits]\nbody_bytes = \"1{page}B\"\npage_size = {page}\n"
        ));
        server.reload_settings().unwrap();
        let newest = server.newest();
        assert_eq!((newest.limits().page_size, newest.config().instructions.as_deref()), (1, Some("Of code.")));
        assert_eq!(newest.roots()[0].name.as_deref(), Some("a"));
        // Only what differed was the builder's.
        assert_eq!(newest.limits().body_bytes, 10 + page);
    }
}

struct Told(Arc<AtomicU64>);

impl turbomcp::layers::AuditSink for Told {
    fn record(&self, _: &turbomcp::layers::AuditEvent<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl turbomcp::layers::RateLimitStore for Told {
    async fn take(
        &self,
        _: &[turbomcp::layers::RateBucket],
    ) -> Result<turbomcp::layers::RateVerdict, turbomcp::store::StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(turbomcp::layers::RateVerdict::Pass)
    }
}

/// A sink and a store that only code can name are there whenever their part is on.
#[tokio::test]
async fn f30_parts_that_are_turned_off_and_on_have_what_code_gave_them() {
    let (told, counted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let file = File::new("[audit]\nenabled = false\n");
    let settings = Settings::from_file(&file.0).unwrap();
    let shared = turbomcp::layers::SharedRateLimits::new(Told(counted.clone()));
    let settings = settings.audit_sink(Told(told.clone())).shared_rate_limits(shared);
    let server = builder().0.settings(settings).unwrap().build();
    let mut client = Client::connect(&server);
    let limit = "[rate_limit]\nstrategy = \"global\"\nrequests_per_period = 100\n";
    let mut expected = (0, 0);
    for (text, records, counts) in [
        ("[audit]\nenabled = false\n".to_owned(), 0, 0),
        (format!("[audit]\nenabled = true\n{limit}"), 1, 1),
        (format!("[audit]\nlog_success = false\n{limit}"), 0, 1),
        ("[audit]\nenabled = false\n[rate_limit]\nenabled = false\n".to_owned(), 0, 0),
        ("[audit]\nenabled = false\n".to_owned(), 0, 0),
        (format!("[audit]\nlog_success = true\n{limit}"), 1, 1),
        // Nothing is said of the record: it is the usual one.
        (String::new(), 1, 0),
    ] {
        file.write(&text);
        server.reload_settings().unwrap();
        client.tool("tell", json!({})).await;
        expected = (expected.0 + records, expected.1 + counts);
        assert_eq!((told.load(Ordering::SeqCst), counted.load(Ordering::SeqCst)), expected, "{text}");
    }
}
