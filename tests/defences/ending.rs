//! 20, under load: a process that a signal asks to end while it has a thousand calls and a thousand streams.
//!
//! Nobody who began before the signal is cut off: each call has its answer, or hears that there will be none, and each
//! stream ends as its binding has it. Clients here read bytes, so that a reset cannot be taken for an end.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use turbomcp_tests::{Http, PATIENCE, Request, WebSocket, initialize_params, modern};

use crate::stdio::SERVER;

/// How long a call takes that comes to its end.
const SHORT_MS: u64 = 1000;

/// How long a call takes that does not.
const ENDLESS_MS: u64 = 3_600_000;

/// How long the server waits for what runs.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// How many descriptors each of the two processes wants.
const DESCRIPTORS: usize = 4096;

/// The process; it ends with the test.
struct Process {
    child: Child,
    address: SocketAddr,
    operators: Http,
}

impl Process {
    async fn start(binding: &str, shutdown: Duration) -> Self {
        // Free a moment ago; nobody else is given them so soon.
        let [address, management] = [free(), free()];
        // Few systems let a process have fewer at most, but some begin with fewer.
        let script = format!("ulimit -n {DESCRIPTORS} 2>/dev/null; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, SERVER, "--until-signal", binding]);
        command.args([address.to_string(), management.to_string(), shutdown.as_millis().to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "it does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let process = Self { child, address, operators: Http::at(management) };
        assert_eq!(process.readiness().await, 200);
        process
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    async fn readiness(&self) -> u16 {
        self.operators.send(Request::get().path("/health/ready")).await.status
    }

    /// Sends a signal, and sees what it does at once: nobody is sent here any more, and nobody who comes is served.
    async fn asked_to_end(&mut self, name: &str) -> Instant {
        let asked = Instant::now();
        self.signal(name);
        while self.readiness().await != 503 {
            assert!(asked.elapsed() < SHUTDOWN / 2, "it says that it is ready");
        }
        while TcpStream::connect(self.address).await.is_ok() {
            assert!(asked.elapsed() < SHUTDOWN / 2, "it takes connections");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(self.child.try_wait().unwrap().is_none(), "it waits for what runs");
        asked
    }

    async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Has a test go on in a process that may have enough descriptors, where this one may not; false if this one may.
fn is_elsewhere(test: &str) -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft: usize = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(DESCRIPTORS);
    if soft >= DESCRIPTORS {
        return false;
    }
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
    let status = command.args(["--exact", &format!("ending::{test}"), "--nocapture"]).status().unwrap();
    assert!(status.success(), "{test}, with more descriptors");
    true
}

fn wait(ms: u64, token: Option<u64>) -> Value {
    let mut params = json!({"name": "wait", "arguments": {"ms": ms}});
    if let Some(token) = token {
        params["_meta"] = json!({"progressToken": token});
    }
    params
}

fn legacy(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn listen(id: u64) -> Value {
    modern(id, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}), json!({}))
}

/// What became of a call.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    done: usize,
    /// It was not done, and the client was told so.
    told: usize,
}

impl Tally {
    fn count(&mut self, answer: &Value) {
        if answer["result"]["content"][0]["text"] == "done" {
            self.done += 1;
            return;
        }
        let error = &answer["error"];
        assert_eq!(error["code"], -32603, "{answer}");
        assert_eq!(error["message"], "the server has ended before the request was done", "{answer}");
        self.told += 1;
    }
}

/// A request on a connection of its own, of which everything is read until the server closes it.
struct Exchange(JoinHandle<std::io::Result<Vec<u8>>>);

impl Exchange {
    /// Sends a request, and waits for so much of the answer that it has begun, if it is to be known.
    async fn begin(address: SocketAddr, request: String, until: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while until.is_some_and(|until| !String::from_utf8_lossy(&read).contains(until)) {
            let some = tokio::time::timeout(PATIENCE, stream.read_buf(&mut read)).await.expect("it begins");
            assert_ne!(some.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        }
        Self(tokio::spawn(async move {
            stream.read_to_end(&mut read).await?;
            Ok(read)
        }))
    }

    /// Waits for the end, which is one in good order, and returns the messages that came.
    async fn messages(self) -> Vec<Value> {
        let read = tokio::time::timeout(PATIENCE, self.0).await.expect("it ends").unwrap();
        let text = String::from_utf8(read.expect("no reset")).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let head = head.to_ascii_lowercase();
        if let Some((_, length)) = head.split_once("content-length: ") {
            assert_eq!(body.len(), length.split("\r\n").next().unwrap().parse::<usize>().unwrap(), "{text}");
            return vec![serde_json::from_str(body).unwrap()];
        }
        assert!(head.contains("transfer-encoding: chunked") && body.ends_with("\r\n0\r\n\r\n"), "{text}");
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

fn http(method: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn post_modern(message: &Value) -> String {
    let method = message["method"].as_str().unwrap();
    let name = message["params"]["name"].as_str().map(|name| format!("mcp-name: {name}\r\n")).unwrap_or_default();
    let headers = format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n{name}");
    http("POST", &headers, &message.to_string())
}

/// Opens a thousand calls and a thousand streams over HTTP, in both eras; half of the calls never end.
async fn crowd_of_http(address: SocketAddr) -> (Vec<Exchange>, Vec<Exchange>) {
    const SESSIONS: u64 = 250;
    let (mut calls, mut streams) = (Vec::new(), Vec::new());
    for number in 0..SESSIONS {
        let mut client = Http::at(address);
        client.initialize("2025-11-25", json!({})).await;
        let session = client.session.unwrap();
        let headers = format!("mcp-session-id: {session}\r\nmcp-protocol-version: 2025-11-25\r\n");
        streams.push(Exchange::begin(address, http("GET", &headers, ""), Some("id: ")).await);
        let ms = if number % 2 == 0 { SHORT_MS } else { ENDLESS_MS };
        let plain = legacy(1, "tools/call", wait(ms, None)).to_string();
        calls.push(Exchange::begin(address, http("POST", &headers, &plain), None).await);
        let told = legacy(2, "tools/call", wait(ms, Some(number))).to_string();
        // A call and a stream at the same time.
        calls.push(Exchange::begin(address, http("POST", &headers, &told), Some("progressToken")).await);
        calls.push(
            Exchange::begin(address, post_modern(&modern(1, "tools/call", wait(ms, None), json!({}))), None).await,
        );
        let told = modern(2, "tools/call", wait(ms, Some(number)), json!({}));
        calls.push(Exchange::begin(address, post_modern(&told), Some("progressToken")).await);
        for id in 0..3 {
            streams.push(Exchange::begin(address, post_modern(&listen(id)), Some("acknowledged")).await);
        }
    }
    (calls, streams)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defence_20_nobody_is_cut_off_over_http_by_a_signal() {
    if is_elsewhere("defence_20_nobody_is_cut_off_over_http_by_a_signal") {
        return;
    }
    let mut process = Process::start("http", SHUTDOWN).await;
    let (calls, streams) = crowd_of_http(process.address).await;
    assert_eq!((calls.len(), streams.len()), (1000, 1000));
    let asked = process.asked_to_end("TERM").await;
    for stream in streams {
        let messages = stream.messages().await;
        // The modern era has a result for it; in the legacy era nothing comes but the end.
        if let Some(last) = messages.last() {
            assert!(last.get("result").is_some(), "{last}");
        }
    }
    assert!(asked.elapsed() < SHUTDOWN, "streams hold up nothing");
    let mut tally = Tally::default();
    for call in calls {
        tally.count(call.messages().await.last().unwrap());
    }
    assert_eq!(tally, Tally { done: 500, told: 500 });
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(asked.elapsed() < SHUTDOWN + Duration::from_secs(3), "{:?}", asked.elapsed());
}

/// Sends a hundred calls and a hundred subscriptions, or as many calls of the legacy era, by what is given.
async fn crowd_of_messages(is_modern: bool, mut send: impl AsyncFnMut(Value)) {
    for number in 0..100 {
        let ms = if number % 2 == 0 { SHORT_MS } else { ENDLESS_MS };
        if is_modern {
            send(modern(number, "tools/call", wait(ms, None), json!({}))).await;
            send(listen(1000 + number)).await;
        } else {
            send(legacy(number, "tools/call", wait(ms, None))).await;
        }
    }
}

/// Counts what was heard on a connection, and checks that all of it was.
fn check_messages(is_modern: bool, messages: &[Value]) {
    let mut tally = Tally::default();
    let mut ended = 0;
    for answer in messages.iter().filter(|message| message.get("method").is_none()) {
        match answer["id"].as_u64() {
            Some(id) if id >= 1000 => {
                assert!(answer.get("result").is_some(), "{answer}");
                ended += 1;
            }
            _ => tally.count(answer),
        }
    }
    assert_eq!((tally, ended), (Tally { done: 50, told: 50 }, if is_modern { 100 } else { 0 }));
}

/// Which connections are of which era: a thousand calls and as many subscriptions, and some calls of the other era.
const CONNECTIONS: [bool; 12] = [true, true, true, true, true, true, true, true, true, true, false, false];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defence_20_nobody_is_cut_off_over_tcp_by_a_signal() {
    let mut process = Process::start("tcp", SHUTDOWN).await;
    let mut connections = Vec::new();
    for is_modern in CONNECTIONS {
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        let mut lines = Vec::new();
        if !is_modern {
            let hello = legacy(0, "initialize", initialize_params("2025-11-25", json!({})));
            let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            stream.write_all(format!("{hello}\n{ready}\n").as_bytes()).await.unwrap();
            let mut answer = [0; 4096];
            assert_ne!(stream.read(&mut answer).await.unwrap(), 0);
        }
        crowd_of_messages(is_modern, async |message: Value| lines.push(message.to_string())).await;
        let last = if is_modern {
            modern("last", "server/discover", json!({}), json!({}))
        } else {
            legacy(999, "ping", json!({}))
        };
        stream.write_all(format!("{}\n{last}\n", lines.join("\n")).as_bytes()).await.unwrap();
        // What is answered at once shows that what came before it has been read.
        let mut read = Vec::new();
        let mark = if is_modern { r#""id":"last""# } else { r#""id":999"# };
        while !String::from_utf8_lossy(&read).contains(mark) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        connections.push((is_modern, stream, read));
    }
    let asked = process.asked_to_end("TERM").await;
    let readers: Vec<_> = connections
        .into_iter()
        .map(|(is_modern, mut stream, mut read)| {
            tokio::spawn(async move {
                // The client goes on talking: what it asks for is refused, and takes nothing with it that was said before.
                let late = format!("{}\n", modern("late", "tools/call", wait(0, None), json!({})));
                stream.write_all(late.as_bytes()).await.unwrap();
                stream.read_to_end(&mut read).await.expect("no reset");
                let text = String::from_utf8(read).unwrap();
                assert!(text.ends_with('\n'), "{text}");
                let mut messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let late = messages.iter().position(|message| message["id"] == "late").expect("it is answered");
                assert_eq!(messages.remove(late)["error"]["code"], 503);
                messages.retain(|message| message["id"] != "last" && message["id"] != 999);
                check_messages(is_modern, &messages);
            })
        })
        .collect();
    for reader in readers {
        tokio::time::timeout(PATIENCE, reader).await.expect("it ends").unwrap();
    }
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(asked.elapsed() < SHUTDOWN + Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defence_20_nobody_is_cut_off_over_websocket_by_a_signal() {
    let mut process = Process::start("websocket", SHUTDOWN).await;
    let mut connections = Vec::new();
    for is_modern in CONNECTIONS {
        let mut socket = WebSocket::connect(process.address, "/").await;
        if !is_modern {
            socket.send(&legacy(0, "initialize", initialize_params("2025-11-25", json!({})))).await;
            socket.next().await;
            socket.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        }
        crowd_of_messages(is_modern, async |message: Value| socket.send(&message).await).await;
        connections.push((is_modern, socket));
    }
    // A call on the last one shows that those before it were read; each reads what it is sent at once.
    for (is_modern, socket) in &mut connections {
        let id = if *is_modern { json!("last") } else { json!(999) };
        socket
            .send(&if *is_modern {
                modern(id, "server/discover", json!({}), json!({}))
            } else {
                legacy(999, "ping", json!({}))
            })
            .await;
    }
    let mut heard = Vec::new();
    for (is_modern, mut socket) in connections {
        let mut messages = Vec::new();
        loop {
            let message = socket.next().await;
            if message["id"] == "last" || message["id"] == 999 {
                break;
            }
            messages.push(message);
        }
        heard.push((is_modern, socket, messages));
    }
    let asked = process.asked_to_end("INT").await;
    let readers: Vec<_> = heard
        .into_iter()
        .map(|(is_modern, mut socket, mut messages)| {
            tokio::spawn(async move {
                let mut text = Vec::new();
                let code = loop {
                    let frame = socket.next_frame().await;
                    match frame.opcode {
                        0 | 1 => {
                            text.extend_from_slice(&frame.payload);
                            if frame.is_final {
                                messages.push(serde_json::from_slice(&std::mem::take(&mut text)).unwrap());
                            }
                        }
                        8 => break frame.close_code(),
                        other => panic!("opcode {other}"),
                    }
                };
                assert_eq!(code, Some(1001), "the server goes away");
                socket.send_frame(0x88, &1001u16.to_be_bytes()).await;
                assert_eq!(socket.try_next_frame().await, None);
                check_messages(is_modern, &messages);
            })
        })
        .collect();
    for reader in readers {
        tokio::time::timeout(PATIENCE, reader).await.expect("it ends").unwrap();
    }
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(asked.elapsed() < SHUTDOWN + Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn defence_20_a_second_signal_ends_at_once() {
    for (binding, signals) in [("http", ["TERM", "TERM"]), ("tcp", ["INT", "TERM"])] {
        let mut process = Process::start(binding, Duration::from_secs(600)).await;
        let call = modern(1, "tools/call", wait(ENDLESS_MS, Some(1)), json!({}));
        let request = if binding == "http" { post_modern(&call) } else { format!("{call}\n") };
        let call = Exchange::begin(process.address, request, Some("progressToken")).await;
        // One that comes with the first is the same.
        process.signal("INT");
        let asked = process.asked_to_end(signals[0]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        process.signal(signals[1]);
        // Nobody waits for the call any more, and whoever supervises the process hears that.
        assert_eq!(process.ended().await.code(), Some(1), "{binding}");
        assert!(asked.elapsed() < Duration::from_secs(20), "{binding}");
        let _ = call.0.await.unwrap();
    }
}
