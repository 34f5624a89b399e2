//! 13–20: what every transport shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use turbomcp::transport::memory;
use turbomcp::types::{CallToolResult, ReadResourceResult, Tool};
use turbomcp::{Arguments, Context, FnResource, FnTool, ResourceDefinition, ServerBuilder};
use turbomcp_tests::{Client, Request, Site, WebSocket, fixture, modern};

#[tokio::test]
async fn defence_13_a_panic_ends_its_request_and_nothing_else() {
    let handler = |_: serde_json::Map<String, Value>, _: Context| async move {
        tokio::task::yield_now().await;
        std::fs::read_to_string("/no/such/secret").expect("a secret path")
    };
    let broken = |_: turbomcp::ReadResourceRequest, _: Context| async move {
        if true {
            panic!("secret");
        }
        Ok(ReadResourceResult::text("x:y", ""))
    };
    let resource = FnResource::from_request(ResourceDefinition::new("broken"), broken);
    let builder = fixture::builder().tool("expects", handler).unwrap().resource("x:y", resource).unwrap();
    let server = builder.build();
    let mut client = Client::connect(&server);
    let mut slow = None;
    client.send(&modern("slow", "tools/call", json!({"name": "wait", "arguments": {"ms": 100}}), json!({}))).await;
    for (method, params) in [
        ("tools/call", json!({"name": "panic"})),
        ("tools/call", json!({"name": "panic_late"})),
        ("tools/call", json!({"name": "expects"})),
        ("resources/read", json!({"uri": "x:y"})),
    ] {
        let mut answer = client.modern(method, params.clone(), json!({})).await;
        if answer["id"] == "slow" {
            slow = Some(std::mem::replace(&mut answer, client.next().await));
        }
        assert_eq!(answer["error"], json!({"code": -32603, "message": "internal error"}), "{params}");
    }
    // Whenever it was ready: writing a panic's backtrace takes a while.
    let slow = match slow {
        Some(slow) => slow,
        None => client.next().await,
    };
    assert_eq!(slow["result"]["content"][0]["text"], "done");
    // Nor are other connections hurt, or the server's own locks.
    assert_eq!(Client::connect(&server).sync().await, Vec::<Value>::new());
    assert!(server.remove_tool("panic"));
}

#[tokio::test]
async fn defence_13_a_panic_before_there_is_anything_to_wait_for_is_no_other() {
    let hasty = |_: Arguments| {
        assert!(std::env::args().len() == 0, "a secret");
        async { "never" }
    };
    let calm = |_: Arguments| async { "calm" };
    let server = ServerBuilder::new().tool("hasty", hasty).unwrap().tool("calm", calm).unwrap().build();
    let mut client = Client::connect(&server);
    let answer = client.modern("tools/call", json!({"name": "hasty"}), json!({})).await;
    assert_eq!(answer["error"], json!({"code": -32603, "message": "internal error"}));
    let answer = client.modern("tools/call", json!({"name": "calm"}), json!({})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "calm");
}

#[tokio::test]
async fn defence_14_a_peer_that_does_not_read_is_not_read_from() {
    let server = fixture::server();
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    tokio::spawn(server.serve(memory::over(theirs)));
    let (mut reader, mut writer) = tokio::io::split(ours);
    let request =
        modern(1, "tools/call", json!({"name": "large", "arguments": {"bytes": 100_000}}), json!({})).to_string();
    let mut taken = 0;
    loop {
        let line = format!("{request}\n");
        let write = tokio::io::AsyncWriteExt::write_all(&mut writer, line.as_bytes());
        match tokio::time::timeout(Duration::from_millis(300), write).await {
            Ok(written) => written.unwrap(),
            Err(_) => break,
        }
        taken += 1;
        assert!(taken < 5000, "the server reads without end");
    }
    // What it holds is what it was willing to have on the way out, not an answer for each request it was sent.
    let mut answered = 0;
    let mut buffer = vec![0; 64 << 10];
    while answered < taken {
        let read = tokio::io::AsyncReadExt::read(&mut reader, &mut buffer);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await.expect("it goes on").unwrap();
        answered += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
    }
}

#[tokio::test]
async fn defence_14_so_many_bytes_wait_for_a_peer_and_no_more() {
    let mut counts = Vec::new();
    for bytes in [1 << 10, 100 << 10] {
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let tool = FnTool::from_request(Tool::new("tell"), move |_, ctx: Context| {
            let count = count.clone();
            async move {
                loop {
                    let number = f64::from(u32::try_from(count.fetch_add(1, Ordering::Relaxed)).unwrap());
                    ctx.progress(number).await;
                    if number == f64::MAX {
                        return Ok(CallToolResult::text("done"));
                    }
                }
            }
        });
        let mut limits = turbomcp::Limits::default();
        limits.outgoing_bytes = bytes;
        let server = ServerBuilder::new().limits(limits).tool("tell", tool).unwrap().build();
        // Nobody reads, and what is between has no room for a second message.
        let (ours, theirs) = tokio::io::duplex(100);
        let (reader, writer) = tokio::io::split(theirs);
        let serving = tokio::spawn(server.serve(turbomcp::transport::lines::Lines::new(reader, writer)));
        let (_unread, mut writer) = tokio::io::split(ours);
        let params = json!({"name": "tell", "arguments": {}, "_meta": {"progressToken": 1}});
        let call = format!("{}\n", modern(1, "tools/call", params, json!({})));
        tokio::spawn(async move { writer.write_all(call.as_bytes()).await.map(|()| writer) });
        let mut last = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match told.load(Ordering::Relaxed) {
                now if now == last && now > 0 => break,
                now => last = now,
            }
        }
        counts.push(last * 100 / bytes);
        serving.abort();
    }
    // A message has about a hundred bytes; what was handed on for writing does not wait any more.
    assert!(counts.iter().all(|filled| (0..4).contains(filled)) && counts[1] > 0, "{counts:?}");
}

#[tokio::test]
async fn defence_14_a_batch_is_bounded_and_so_are_its_answers() {
    let server = fixture::limited(|limits| {
        limits.requests_in_flight = 5;
        limits.message_bytes = 10_000;
    });
    let call = |id: usize, bytes: usize| {
        let params = json!({"name": "large", "arguments": {"bytes": bytes}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    let batch = |length: usize, bytes: usize| Value::Array((0..length).map(|id| call(id, bytes)).collect());
    let failed = |answers: &Value| {
        answers.as_array().unwrap().iter().map(|answer| answer.get("error").is_some()).collect::<Vec<_>>()
    };
    let mut client = Client::legacy(&server, "2025-03-26", json!({})).await;
    let session = Site::start(&server).await.legacy("2025-03-26", json!({})).await;
    for (length, bytes, expected) in
        [(5, 1000, vec![false; 5]), (4, 6000, vec![false, false, true, true]), (1, 20_000, vec![false])]
    {
        client.send(&batch(length, bytes)).await;
        assert_eq!(failed(&client.next().await), expected);
        assert_eq!(failed(&session.post(&batch(length, bytes)).await.message().await), expected);
    }
    client.send(&batch(6, 1)).await;
    assert_eq!(client.next().await["error"]["code"], -32600);
    let mut refused = session.post(&batch(6, 1)).await;
    assert_eq!((refused.status, &refused.message().await["error"]["code"]), (400, &json!(-32600)));
}

#[tokio::test]
async fn defence_14_requests_in_flight_are_bounded() {
    let server = fixture::limited(|limits| limits.requests_in_flight = 10);
    let mut client = Client::connect(&server);
    for id in 0..30 {
        client.send(&modern(id, "tools/call", json!({"name": "wait", "arguments": {"ms": 500}}), json!({}))).await;
    }
    let mut refused = 0;
    for _ in 0..30 {
        let answer = client.next().await;
        refused += usize::from(answer["error"]["code"] == 503);
    }
    assert_eq!(refused, 20);
    assert_eq!(client.sync().await, Vec::<Value>::new());
}

/// Counts handlers that run.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server whose tool `endless` never ends, and how many calls of it there are.
pub(crate) fn endless(limits: turbomcp::Limits) -> (turbomcp::McpServer, Arc<AtomicUsize>) {
    endless_in(fixture::builder().limits(limits))
}

/// Adds a tool that never ends, and counts how often it runs.
pub(crate) fn endless_in(builder: ServerBuilder) -> (turbomcp::McpServer, Arc<AtomicUsize>) {
    let running = Arc::new(AtomicUsize::new(0));
    let counter = running.clone();
    let handler = move |_: serde_json::Map<String, Value>, ctx: Context| {
        let counter = counter.clone();
        async move {
            counter.fetch_add(1, Ordering::SeqCst);
            let running = Running(counter);
            ctx.progress(1.0).await;
            std::future::pending::<()>().await;
            drop(running);
        }
    };
    (builder.tool("endless", handler).unwrap().build(), running)
}

pub(crate) async fn until(count: &AtomicUsize, expected: usize) {
    let reached = async {
        while count.load(Ordering::SeqCst) != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .unwrap_or_else(|_| panic!("{count:?}, not {expected}"));
}

#[tokio::test]
async fn defence_15_a_cancellation_is_exact_final_and_leaves_nothing() {
    let (server, running) = endless(turbomcp::Limits::default());
    let mut client = Client::connect(&server);
    for id in [json!(1), json!("1"), json!("a"), json!("\u{e9}")] {
        client.send(&modern(id, "tools/call", json!({"name": "endless"}), json!({}))).await;
    }
    client.sync().await;
    until(&running, 4).await;
    for (id, left) in [(json!(2), 4), (json!("1"), 3), (json!("1"), 3), (json!(1), 2), (json!("b"), 2)] {
        client.notify("notifications/cancelled", json!({"requestId": id})).await;
        assert_eq!(client.sync().await, Vec::<Value>::new());
        until(&running, left).await;
    }
    // The same id, spelled with an escape.
    client.send_text(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0061"}}"#).await;
    until(&running, 1).await;
    client.send(&modern(1, "tools/call", json!({"name": "endless"}), json!({}))).await;
    until(&running, 2).await;
    drop(client);
    until(&running, 0).await;
}

#[tokio::test]
async fn defence_16_json_is_read_strictly() {
    let mut client = Client::connect(&fixture::server());
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let echo = |raw: &str| {
        let params = json!({"name": "echo", "arguments": {"text": "x", "more": "RAW"}});
        modern(1, "tools/call", params, json!({})).to_string().replace("\"RAW\"", raw)
    };
    for (text, code) in [
        (echo(&nested(200)), json!(-32700)),
        (echo(&nested(100_000)), json!(-32700)),
        // Not the method, but some other member.
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x"}"#.to_owned(), json!(null)),
        (r#"{"JSONRPC":"2.0","id":1,"method":"ping"}"#.to_owned(), json!(-32600)),
        (r#"{"jsonrpc":"2.0","ID":1,"method":"ping","id":1,"id":2}"#.to_owned(), json!(-32600)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#.to_owned(), json!(-32600)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"x"}"#.to_owned(), json!(-32600)),
        (r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#.to_owned(), json!(-32600)),
        (echo("1},\"name\":\"add\",\"x\":{\"y\":2"), json!(-32600)),
        (echo("1},\"arguments\":{\"text\":\"y\""), json!(-32600)),
        (echo("1},\"_meta\":{\"x\":2"), json!(-32600)),
    ] {
        client.send_text(text.as_bytes()).await;
        let answer = client.next().await;
        assert_eq!(answer["error"]["code"], code, "{}", &text[..text.len().min(200)]);
        assert_eq!(client.sync().await, Vec::<Value>::new());
    }
    let wrong = client.modern("tools/call", json!({"name": 5}), json!({})).await;
    assert_eq!(wrong["error"]["code"], -32602);
}

/// Of two arguments with one name, what checks them must not see one and the handler the other.
#[tokio::test]
async fn defence_16_an_argument_that_stands_twice_reaches_no_handler() {
    let by_name = |arguments: Arguments| async move { arguments.get::<i64>("b").map(|b| b.to_string()) };
    let schema = json!({"type": "object", "properties": {"b": {"type": "integer", "maximum": 10}}});
    let by_name = FnTool::new(by_name).input_schema(schema.as_object().unwrap().clone());
    let mut client = Client::connect(&fixture::builder().tool("by_name", by_name).unwrap().build());
    for tool in ["add", "by_name"] {
        for b in [r#""b":99,"b":5"#, r#""b":5,"b":99"#, r#""\u0062":99,"b":5"#] {
            let call = modern(1, "tools/call", json!({"name": tool, "arguments": {"a": 1, "b": "RAW"}}), json!({}));
            client.send_text(call.to_string().replace(r#""b":"RAW""#, b).as_bytes()).await;
            let answer = client.next().await;
            assert_eq!(answer["result"]["isError"], true, "{tool} {b}: {answer}");
        }
    }
}

#[tokio::test]
async fn defence_17_variables_of_a_template_are_screened_in_linear_time() {
    let text = |request: turbomcp::ReadResourceRequest, _: Context| async move {
        Ok(ReadResourceResult::text(request.uri(), request.variable("a").unwrap_or_default()))
    };
    let template = "x://{a}-{b}-{c}-{d}/{+rest}/end";
    let resource = FnResource::from_request(ResourceDefinition::new("x"), text);
    let mut client = Client::connect(&fixture::builder().resource(template, resource).unwrap().build());
    let started = std::time::Instant::now();
    for uri in [format!("x://{}", "-".repeat(100_000)), format!("x://{}/{}", "a-".repeat(50_000), "/en".repeat(30_000))]
    {
        let answer = client.modern("resources/read", json!({"uri": uri}), json!({})).await;
        assert_eq!(answer["error"]["code"], -32602);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    for variable in ["..", "%2e%2e", "a%2f..%2fb", "%00", "a%5c..", "a/b", ".%2e"] {
        let uri = format!("test://item/{variable}");
        let answer = client.modern("resources/read", json!({"uri": uri}), json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{uri}");
    }
    for path in ["../x", "a/../../x", "/x", "%2fx", "a%00", "a/%2e%2e/%2e%2e/x"] {
        let uri = format!("file:///srv/{path}");
        let answer = client.modern("resources/read", json!({"uri": uri}), json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{uri}");
    }
}

/// The bounds themselves are tested with the schemas.
#[test]
fn defence_18_a_schema_is_bounded_and_nothing_is_fetched() {
    let mut registry = turbomcp::HandlerRegistry::new();
    let mut register = |schema: Value| registry.register_tool("raw", fixture::raw_tool("raw", schema));
    let deep = (0..1000).fold(json!({}), |inner, _| json!({"allOf": [inner]}));
    for schema in [
        json!({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}}),
        json!({"type": "object", "properties": {"a": deep}}),
        json!({"type": "object", "allOf": [{"$ref": "#"}]}),
    ] {
        assert!(register(schema.clone()).is_err_and(|error| error.is_registration()));
    }
    assert!(register(json!({"type": "object"})).is_ok());
}

#[tokio::test]
async fn defence_19_what_waits_for_a_client_is_bound_to_it_and_capped() {
    let server = fixture::limited(|limits| {
        limits.subscriptions = 3;
        limits.subscribed_resources = 2;
        limits.outgoing_notifications = 5;
    });
    let mut client = Client::connect(&server);
    let listen =
        |id: i64, filter: Value| modern(id, "subscriptions/listen", json!({"notifications": filter}), json!({}));
    client.send(&listen(9, json!({"resourceSubscriptions": ["a:1", "a:2", "a:3"]}))).await;
    assert_eq!(client.next().await["error"]["code"], -32602);
    for id in 1..=4 {
        client.send(&listen(id, json!({"toolsListChanged": true}))).await;
        let answer = client.next().await;
        match id {
            4 => assert_eq!(answer["error"]["code"], 503),
            _ => assert_eq!(answer["method"], "notifications/subscriptions/acknowledged"),
        }
    }
    client.notify("notifications/cancelled", json!({"requestId": 1})).await;
    client.sync().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.send(&listen(5, json!({"resourceSubscriptions": ["test://fixed"]}))).await;
    assert_eq!(client.next().await["method"], "notifications/subscriptions/acknowledged");
    // A subscriber that does not read loses changes, and holds nobody up.
    for _ in 0..10_000 {
        server.resource_updated("test://fixed");
    }
    let heard = client.sync().await.len();
    assert!((1..=6).contains(&heard), "{heard}");
    // A state that was sealed for one caller is no use to another: MRTR-08.
    let state =
        client.modern("tools/call", json!({"name": "roots"}), json!({"roots": {}})).await["result"]["requestState"]
            .take();
    let elsewhere = json!({"name": "ask", "requestState": state});
    assert_eq!(client.modern("tools/call", elsewhere, json!({"elicitation": {}})).await["error"]["code"], -32602);
}

#[tokio::test(start_paused = true)]
async fn defence_20_shutdown_is_not_held_up_by_a_peer_that_reads_nothing() {
    // What waits for it may leave room for more, or not.
    for (pings, outgoing_bytes) in [(4, 1 << 20), (10_000, 100)] {
        let server = fixture::limited(|limits| limits.outgoing_bytes = outgoing_bytes);
        let (ours, theirs) = tokio::io::duplex(64);
        let running = tokio::spawn(server.serve(memory::over(theirs)));
        let (_reader, mut writer) = tokio::io::split(ours);
        let asking = tokio::spawn(async move {
            for id in 0..pings {
                let ping = format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": "ping"}));
                if writer.write_all(ping.as_bytes()).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let started = tokio::time::Instant::now();
        let ended = async { server.shutdown_handle().shutdown().await };
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the server ends");
        assert!(started.elapsed() >= server.limits().shutdown, "it had its time: {:?}", started.elapsed());
        running.await.unwrap().unwrap();
        asking.abort();
    }
}

#[tokio::test]
async fn a_sign_of_life_may_be_asked_for_later_than_any_clock_goes() {
    let server = fixture::limited(|limits| limits.keep_alive = Duration::MAX);
    let listener = server.bind_websocket("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let serving = tokio::spawn(listener.serve());
    let mut socket = WebSocket::connect(address, "/").await;
    let echo = json!({"name": "echo", "arguments": {"text": "here"}});
    socket.send(&modern(1, "tools/call", echo, json!({}))).await;
    assert_eq!(socket.next().await["result"]["content"][0]["text"], "here");
    serving.abort();
}

#[tokio::test]
async fn defence_20_shutdown_drains_to_a_deadline_and_no_stream_holds_it() {
    let mut limits = turbomcp::Limits::default();
    limits.shutdown = Duration::from_millis(500);
    let (server, running) = endless(limits);
    let site = Site::start(&server).await;
    let session = site.legacy("2025-11-25", json!({})).await;
    let mut listening = session.listen().await;
    listening.event().await.unwrap();
    let subscribe = modern(1, "subscriptions/listen", json!({"notifications": {}}), json!({}));
    let mut subscription = site.client().send(Request::modern(&subscribe)).await;
    subscription.next().await.unwrap();
    let mut memory = Client::connect(&server);
    memory.send(&modern(1, "tools/call", json!({"name": "endless"}), json!({}))).await;
    memory.send(&modern(2, "tools/call", json!({"name": "wait", "arguments": {"ms": 100}}), json!({}))).await;
    memory.sync().await;
    let mut endless = modern(1, "tools/call", json!({"name": "endless"}), json!({}));
    endless["params"]["_meta"]["progressToken"] = json!("p");
    let mut hanging = site.client().send(Request::modern(&endless)).await;
    hanging.next().await.unwrap();
    until(&running, 2).await;
    let finishing = tokio::spawn({
        let client = site.client();
        async move { client.tool("wait", json!({"ms": 100})).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = std::time::Instant::now();
    server.shutdown_handle().shutdown();
    // Open streams end at once, what was in flight may finish, and what does not is cancelled, which is told.
    assert_eq!(subscription.rest().await.len(), 1);
    assert!(listening.next().await.is_none());
    assert_eq!(finishing.await.unwrap()["result"]["content"][0]["text"], "done");
    let address = site.address;
    site.ended().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nothing is accepted any more");
    let rest = memory.rest().await;
    assert_eq!((rest.len(), &rest[0]["id"], &rest[1]["id"]), (2, &json!(2), &json!(1)), "{rest:?}");
    assert_eq!(rest[1]["error"]["message"], "the server has ended before the request was done");
    let last = hanging.rest().await.pop().unwrap();
    assert_eq!(last["error"]["code"], -32603, "{last}");
    until(&running, 0).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
