//! Three replicas in processes of their own, behind a balancer that knows of nothing but connections.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use turbomcp_tests::{PATIENCE, Request, engines, modern};

use crate::folder::Folder;

/// How many callers there are, and how many notes each has to add.
const CALLERS: usize = 6;
const NOTES: usize = 40;

/// How many clients listen.
const LISTENERS: usize = 6;

/// How long a caller waits for an answer before it asks again.
const ANSWER: Duration = Duration::from_secs(20);

/// The example, in a process of its own.
struct Replica {
    child: Child,
    address: SocketAddr,
}

impl Replica {
    async fn start(redis: &str, notes: &Path) -> Self {
        let folder = std::env::var_os("TURBOMCP_EXAMPLES").expect("`cargo xtask stores` builds the examples");
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(PathBuf::from(folder).join("replicas"));
        command.arg(address.to_string()).arg(redis).arg(notes).env("REPLICA_KEY", "5e".repeat(32));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let replica = Self { child: command.spawn().unwrap(), address };
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("it listens");
        replica
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives each connection to any replica that takes it.
struct Balancer {
    address: SocketAddr,
    /// How many connections each replica was given.
    given: Arc<Vec<AtomicUsize>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    async fn start(replicas: Vec<SocketAddr>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let given: Arc<Vec<_>> = Arc::new(replicas.iter().map(|_| AtomicUsize::new(0)).collect());
        let counts = given.clone();
        let accepting = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while let Ok((client, _)) = listener.accept().await {
                while passing.try_join_next().is_some() {}
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let first = usize::try_from(random >> 33).unwrap();
                passing.spawn(pass(client, first, replicas.clone(), counts.clone()));
            }
        });
        Self { address, given, accepting }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(mut client: TcpStream, first: usize, replicas: Vec<SocketAddr>, given: Arc<Vec<AtomicUsize>>) {
    for number in first..first + replicas.len() {
        let number = number % replicas.len();
        if let Ok(mut replica) = TcpStream::connect(replicas[number]).await {
            given[number].fetch_add(1, Ordering::Relaxed);
            let _ = tokio::io::copy_bidirectional(&mut client, &mut replica).await;
            return;
        }
    }
}

/// Sends a request once, on a connection of its own; none if there is no whole answer.
async fn attempt(address: SocketAddr, message: &Value) -> Option<Value> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = Request::modern(message).header("Connection", "close");
        stream.write_all(&request.bytes(address)).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        serde_json::from_slice(&answer[end + 4..]).ok()
    };
    tokio::time::timeout(ANSWER, exchange).await.ok()?
}

/// Sends a request until there is an answer, as clients do that know that it may be sent twice.
async fn insist(address: SocketAddr, id: &str, method: &str, params: Value) -> Value {
    let message = modern(id, method, params, json!({"elicitation": {}}));
    let answered = async {
        loop {
            if let Some(answer) = attempt(address, &message).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answered).await.expect("somebody answers");
    assert_eq!(answer["id"], id, "somebody else's answer: {answer}");
    answer
}

async fn tool(address: SocketAddr, id: &str, name: &str, arguments: Value) -> Value {
    insist(address, id, "tools/call", json!({"name": name, "arguments": arguments})).await
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// What one client hears, which opens another stream whenever one ends.
#[derive(Default)]
struct Ear {
    heard: Mutex<String>,
    more: Notify,
    is_connected: AtomicBool,
    streams: AtomicUsize,
}

impl Ear {
    async fn listen(&self, address: SocketAddr) {
        let filter = json!({"resourcesListChanged": true, "resourceSubscriptions": ["notes://"]});
        let message = modern(1, "subscriptions/listen", json!({"notifications": filter}), json!({}));
        loop {
            if let Ok(mut stream) = TcpStream::connect(address).await
                && stream.write_all(&Request::modern(&message).bytes(address)).await.is_ok()
            {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..read]);
                    if text.contains("subscriptions/acknowledged") {
                        self.streams.fetch_add(1, Ordering::Relaxed);
                        self.is_connected.store(true, Ordering::Relaxed);
                    }
                    self.heard.lock().unwrap().push_str(&text);
                    self.more.notify_one();
                }
            }
            self.is_connected.store(false, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until something is heard that was not before this many bytes.
    async fn hears(&self, what: &str, after: usize, patience: Duration) -> bool {
        let heard = async {
            while !self.heard.lock().unwrap()[after..].contains(what) {
                self.more.notified().await;
            }
        };
        tokio::time::timeout(patience, heard).await.is_ok()
    }

    fn length(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

/// Adds notes, one after the other; returns those that were acknowledged.
async fn caller(address: SocketAddr, caller: usize, added: Arc<AtomicUsize>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0..NOTES {
        let note = format!("note {number} of caller {caller}");
        let id = format!("{caller}-{number}");
        let answer = tool(address, &id, "add_note", json!({"topic": "all", "text": note})).await;
        assert_eq!(text(&answer), note);
        acknowledged.push(note);
        added.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_stand_in_for_each_other() {
    let mut redis = engines::Redis::start();
    let folder = Folder::new();
    let url = redis.url();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Replica::start(&url, folder.path()).await);
    }
    let balancer = Balancer::start(replicas.iter().map(|replica| replica.address).collect()).await;
    let address = balancer.address;
    let ears: Vec<_> = (0..LISTENERS).map(|_| Arc::new(Ear::default())).collect();
    let mut listening = JoinSet::new();
    for ear in &ears {
        let ear = ear.clone();
        listening.spawn(async move { ear.listen(address).await });
    }
    let everybody_listens = async {
        while !ears.iter().all(|ear| ear.is_connected.load(Ordering::Relaxed)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, everybody_listens).await.expect("everybody listens");
    // Of three, one has at least a third of those who listen.
    let listened: Vec<_> = balancer.given.iter().map(|given| given.load(Ordering::Relaxed)).collect();
    let victim = (0..replicas.len()).max_by_key(|&number| listened[number]).unwrap();
    let added = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(caller(address, number, added.clone()));
    }
    // While they call: a replica is killed, then the engine, which comes back later.
    let passed = async |share: usize| {
        while added.load(Ordering::Relaxed) < CALLERS * NOTES * share / 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    passed(2).await;
    let given: Vec<_> = balancer.given.iter().map(|given| given.load(Ordering::Relaxed)).collect();
    assert!(given.iter().zip(&listened).all(|(given, listened)| given > listened), "{given:?}, {listened:?} listen");
    replicas[victim].kill();
    passed(4).await;
    redis.kill();
    // Nobody needs it to be answered.
    passed(7).await;
    redis.start_again();
    let mut acknowledged: HashSet<_> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(acknowledged.len(), CALLERS * NOTES);

    let answer = insist(address, "all", "resources/read", json!({"uri": "notes://all"})).await;
    for note in answer["result"]["contents"][0]["text"].as_str().unwrap().lines() {
        acknowledged.remove(note);
    }
    assert!(acknowledged.is_empty(), "acknowledged, and lost: {acknowledged:?}");

    // A question that one has asked is answered at whichever.
    for number in 0..6 {
        let topic = format!("topic-{number}");
        tool(address, &topic, "add_note", json!({"topic": topic, "text": "."})).await;
        let asked = tool(address, &topic, "forget", json!({"topic": topic})).await["result"].take();
        let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
        let params = json!({"name": "forget", "arguments": {"topic": topic}, "requestState": asked["requestState"],
            "inputResponses": {key: {"action": "accept", "content": {}}}});
        let message = modern("answer", "tools/call", params, json!({"elicitation": {}}));
        assert_eq!(text(&attempt(address, &message).await.expect("an answer")), "forgotten");
    }

    // Everybody listens again, and hears what whichever replica is told.
    for ear in &ears {
        for number in 0.. {
            assert!(number < 100, "a listener never hears of a note");
            let topic = format!("probe-{number}");
            let before = ear.length();
            tool(address, &topic, "add_note", json!({"topic": topic, "text": "."})).await;
            if ear.hears(&format!("\"notes://{topic}\""), before, Duration::from_millis(500)).await {
                break;
            }
        }
        assert!(ear.is_connected.load(Ordering::Relaxed));
    }
    let again = ears.iter().filter(|ear| ear.streams.load(Ordering::Relaxed) > 1).count();
    assert_eq!(again, listened[victim], "those that listened to the one that was killed listen to another");
    for number in 0..4 {
        let before: Vec<_> = ears.iter().map(|ear| ear.length()).collect();
        let topic = format!("pinned-{number}");
        assert_eq!(text(&tool(address, &topic, "pin", json!({"topic": topic})).await), topic);
        for (ear, before) in ears.iter().zip(before) {
            assert!(ear.hears("resources/list_changed", before, PATIENCE).await, "a listener hears of no {topic}");
        }
    }
}
