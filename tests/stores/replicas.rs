//! Two servers over one store: a session is served by whichever is asked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::sessions::{
    self, EventBounds, NewEvents, SessionConfig, SessionKey, SessionManager, SessionStore, StoredEvents, StoredSession,
};
use turbomcp::store::StoreError;
use turbomcp::transport::Identity;
use turbomcp::transport::http::HttpRequest;
use turbomcp::{McpServer, Middleware, MiddlewareResult, Next, Response};
use turbomcp_tests::{Http, PATIENCE, Reply, Request, Site, engines, fixture};

use crate::folder::Folder;

/// Takes a header for who asks, as authentication takes a token.
struct Caller;

impl Middleware for Caller {
    async fn process(&self, mut request: turbomcp::Request, next: Next) -> MiddlewareResult<Response> {
        let parts = request.extensions().get::<HttpRequest>();
        let caller = parts.and_then(|parts| parts.headers().get("x-caller")).and_then(|caller| caller.to_str().ok());
        if let Some(identity) = caller.map(Identity::new) {
            request.extensions_mut().insert(identity);
        }
        next.run(request).await
    }
}

pub fn server(sessions: &SessionManager) -> McpServer {
    fixture::builder().middleware(Caller).with_session_management(sessions.clone()).build()
}

/// Which engine is behind a test.
#[derive(Debug, Clone)]
enum Store {
    Redis(String),
    Postgres(String),
}

impl Store {
    /// Connects as a replica does, which shares nothing else with the others.
    async fn manager(&self, config: SessionConfig) -> SessionManager {
        match self {
            Self::Redis(url) => SessionManager::new(config, sessions::redis(url).await.unwrap()),
            Self::Postgres(url) => SessionManager::new(config, sessions::postgres(url).await.unwrap()),
        }
        .unwrap()
    }

    async fn two(&self, config: SessionConfig) -> (Site, Site) {
        let (a, b) = (self.manager(config.clone()).await, self.manager(config).await);
        (Site::start(&server(&a)).await, Site::start(&server(&b)).await)
    }
}

fn tool(name: &str, arguments: Value) -> Value {
    json!({"name": name, "arguments": arguments})
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Waits for the next message, and returns it with the id of its event.
async fn heard(stream: &mut Reply) -> (Value, String) {
    loop {
        let event = stream.event().await.expect("an event");
        if let Some(message) = event.message {
            return (message, event.id.expect("it has an id"));
        }
    }
}

async fn status(client: &Http, request: Request) -> u16 {
    client.send(client.within(request)).await.status
}

fn ping() -> Request {
    Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
}

async fn a_session_of_one_is_a_session_of_the_other(store: Store) {
    let (a, b) = store.two(SessionConfig::new()).await;
    let at_a = a.legacy("2025-06-18", json!({"elicitation": {}})).await;
    let at_b = at_a.moved_to(&b);
    for client in [&at_a, &at_b] {
        let who = client.call("tools/call", tool("who", json!({}))).await;
        assert_eq!(text(&who), "test", "{who}");
        let abilities = client.call("tools/call", tool("abilities", json!({}))).await;
        assert!(text(&abilities).contains("elicitation"), "{abilities}");
    }
    // What the client says to one of them, the other knows.
    at_b.call("logging/setLevel", json!({"level": "error"})).await;
    let mut logged = at_a
        .post(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": tool("log", json!({}))}))
        .await;
    let levels: Vec<_> =
        logged.rest().await.iter().filter_map(|it| it["params"]["level"].as_str().map(str::to_owned)).collect();
    assert_eq!(levels, ["error"]);
    assert_eq!(status(&at_b, Request::delete()).await, 204);
    for client in [&at_a, &at_b] {
        assert_eq!(status(client, ping()).await, 404);
        assert_eq!(status(client, Request::delete()).await, 404);
    }
    let made_up = Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    assert_eq!(at_a.another().send(made_up.header("Mcp-Session-Id", "A".repeat(32))).await.status, 404);
}

async fn a_session_is_that_of_whoever_opened_it(store: Store) {
    let (a, b) = store.two(SessionConfig::new()).await;
    let params = turbomcp_tests::initialize_params("2025-11-25", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let opened = a.client().send(Request::post(&initialize).header("X-Caller", "ada")).await;
    let mut at_a = a.client();
    at_a.session = opened.header("mcp-session-id").map(str::to_owned);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}});
    for site in [&b, &a] {
        let client = at_a.moved_to(site);
        for (caller, expected) in [("eve", 403), ("ada", 200)] {
            assert_eq!(status(&client, ping().header("X-Caller", caller)).await, expected);
        }
        for request in [ping(), Request::get(), Request::delete(), Request::post(&cancel)] {
            assert_eq!(status(&client, request.clone()).await, 403, "nobody");
            assert_eq!(status(&client, request.header("X-Caller", "eve")).await, 403, "somebody else");
        }
    }
    assert_eq!(status(&at_a.moved_to(&b), Request::delete().header("X-Caller", "ada")).await, 204);
    assert_eq!(status(&at_a, ping().header("X-Caller", "ada")).await, 404);
}

async fn there_is_one_bound_for_all_replicas(store: Store) {
    let (a, b) = store.two(SessionConfig::new().max_sessions(2)).await;
    let first = a.legacy("2025-11-25", json!({})).await;
    b.legacy("2025-11-25", json!({})).await;
    let params = turbomcp_tests::initialize_params("2025-11-25", json!({}));
    let initialize = Request::post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
    for site in [&a, &b] {
        let refused = site.client().send(initialize.clone()).await;
        assert_eq!((refused.status, refused.header("mcp-session-id")), (503, None));
    }
    assert_eq!(status(&first.moved_to(&b), Request::delete()).await, 204);
    assert_eq!(a.client().send(initialize).await.status, 200);
}

async fn a_session_nobody_uses_ends_on_both(store: Store) {
    let config = SessionConfig::new().ttl(Duration::from_secs(3)).cleanup_interval(Duration::from_millis(50));
    let (a, b) = store.two(config).await;
    let at_a = a.legacy("2025-11-25", json!({})).await;
    let (idle, listening) = (a.legacy("2025-11-25", json!({})).await, b.legacy("2025-11-25", json!({})).await);
    let stream = listening.listen().await;
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // It is used there, and lasts here.
        assert_eq!(status(&at_a.moved_to(&b), ping()).await, 200);
    }
    assert_eq!(status(&at_a, ping()).await, 200);
    assert_eq!(status(&idle, ping()).await, 404);
    assert_eq!(status(&idle.moved_to(&b), ping()).await, 404);
    assert_eq!(status(&listening.moved_to(&a), ping()).await, 200, "somebody listens");
    drop(stream);
}

async fn a_stream_that_broke_goes_on_elsewhere(store: Store) {
    let (a, b) = store.two(SessionConfig::new()).await;
    let at_a = a.legacy("2025-11-25", json!({})).await;
    let mut call = tool("wait", json!({"ms": 1500}));
    call["_meta"] = json!({"progressToken": "p"});
    let request = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call});
    let mut broken = at_a.post(&request).await;
    let primed = broken.event().await.unwrap().id.expect("the stream says where it is");
    let (first, id) = heard(&mut broken).await;
    assert_eq!(first["params"]["progress"], 1.0);
    drop(broken);
    let at_b = at_a.moved_to(&b);
    at_b.expect(&request);
    let rest = at_b.resume(&id).await.rest().await;
    assert_eq!(rest[0]["params"]["progress"], 1.5, "{rest:?}");
    assert_eq!((rest.len(), &rest[1]["id"], text(&rest[1])), (2, &json!(9), "done"));
    // It is over by now, and there is all of it, on both.
    for client in [&at_a, &at_b] {
        client.expect(&request);
        assert_eq!(client.resume(&primed).await.rest().await.len(), 3);
    }
    for unknown in ["1-1", "x", "7-", "99999999999-1"] {
        assert_eq!(at_b.resume(unknown).await.status, 400, "{unknown}");
    }
}

async fn what_one_announces_is_heard_by_who_listens_at_the_other(store: Store) {
    let (a, b) = (store.manager(SessionConfig::new()).await, store.manager(SessionConfig::new()).await);
    let (a, b) = (server(&a), server(&b));
    let (site_a, site_b) = (Site::start(&a).await, Site::start(&b).await);
    let at_a = site_a.legacy("2025-11-25", json!({})).await;
    let at_b = at_a.moved_to(&site_b);
    let add = |name: &'static str| {
        a.register_tool(name, |_: turbomcp::Params| async { "new" }).unwrap();
    };
    let mut listening = at_b.listen().await;
    let opening = listening.event().await.unwrap().id.unwrap();
    assert_eq!(opening, "0-0");
    add("first");
    let (message, id) = heard(&mut listening).await;
    assert_eq!((message["method"].as_str(), id.as_str()), (Some("notifications/tools/list_changed"), "0-1"));
    // While nobody listens, too: who comes back says where it was.
    drop(listening);
    add("second");
    add("third");
    for client in [&at_b, &at_a] {
        let mut resumed = client.resume("0-1").await;
        let ids = [heard(&mut resumed).await.1, heard(&mut resumed).await.1];
        assert_eq!(ids, ["0-2", "0-3"]);
    }
    // One reader at a time: the one before finds its end.
    let mut before = at_b.listen().await;
    let _after = at_b.listen().await;
    before.rest().await;
}

/// Names each of them once for each engine.
macro_rules! replicas {
    ($($name:ident),*) => {
        mod redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Store::Redis(super::engines::Redis::shared().url())).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Store::Postgres(super::engines::Postgres::shared().url())).await;
            })*
        }
    };
}

replicas! {
    a_session_of_one_is_a_session_of_the_other,
    a_session_is_that_of_whoever_opened_it,
    there_is_one_bound_for_all_replicas,
    a_session_nobody_uses_ends_on_both,
    a_stream_that_broke_goes_on_elsewhere,
    what_one_announces_is_heard_by_who_listens_at_the_other
}

#[tokio::test]
async fn answers_and_cancellations_reach_whoever_waits_for_them() {
    // They tell each other, as those do that share a manager.
    let manager = SessionManager::new(SessionConfig::new(), sessions::memory()).unwrap();
    let one = server(&manager);
    let (a, b) = (Site::start(&one).await, Site::start(&server(&manager)).await);
    let at_a = a.legacy("2025-11-25", json!({"elicitation": {}})).await;
    let at_b = at_a.moved_to(&b);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool("ask", json!({}))});
    let mut asking = at_a.post(&request).await;
    let question = asking.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
    assert_eq!(at_b.post(&answer).await.status, 202);
    let greeted = tokio::time::timeout(PATIENCE, asking.next()).await.expect("the answer has arrived");
    assert_eq!(text(&greeted.unwrap()), "Hello, Ada!");
    let waiting =
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": tool("wait", json!({"ms": 600_000}))});
    let (posting, client) = (at_a.clone(), at_a.clone());
    let waiting = tokio::spawn(async move { posting.post(&waiting).await.status });
    // The stream of a call that reports nothing does not begin before its end.
    while one.metrics().requests_in_flight.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    assert_eq!(at_b.post(&cancel).await.status, 202);
    tokio::time::timeout(PATIENCE, waiting).await.expect("it is cancelled").unwrap();
    let info = manager.sessions();
    assert_eq!((info.len(), info[0].elicitations, info[0].elicitations_answered), (1, 1, 1));
    // What ends at one ends its streams at the other at once.
    let mut listening = client.listen().await;
    assert_eq!(status(&at_b, Request::delete()).await, 204);
    assert!(listening.rest().await.is_empty());
}

#[tokio::test]
async fn a_server_that_is_started_again_has_the_sessions_it_had() {
    let folder = Folder::new();
    let manager = async || {
        let store = sessions::memory_with_persistence(folder.path()).await.unwrap();
        SessionManager::new(SessionConfig::new(), store).unwrap()
    };
    let before = server(&manager().await);
    let site = Site::start(&before).await;
    let client = site.legacy("2025-06-18", json!({"roots": {}})).await;
    client.call("logging/setLevel", json!({"level": "warning"})).await;
    let mut call = tool("wait", json!({"ms": 1}));
    call["_meta"] = json!({"progressToken": "p"});
    let request = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call});
    let mut stream = client.post(&request).await;
    let mut ids = Vec::new();
    while let Some(event) = stream.event().await {
        ids.extend(event.id);
    }
    // By then all of the stream is kept.
    before.shutdown_handle().shutdown().await;
    site.ended().await.unwrap();
    drop(before);
    let site = Site::start(&server(&manager().await)).await;
    let client = client.moved_to(&site);
    let abilities = client.call("tools/call", tool("abilities", json!({}))).await;
    assert!(text(&abilities).contains("roots"), "{abilities}");
    let mut logged = client
        .post(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": tool("log", json!({}))}))
        .await;
    let levels: Vec<_> =
        logged.rest().await.iter().filter_map(|it| it["params"]["level"].as_str().map(str::to_owned)).collect();
    assert_eq!(levels, ["warning", "error"]);
    client.expect(&request);
    let rest = client.resume(&ids[0]).await.rest().await;
    assert_eq!(text(rest.last().unwrap()), "done", "{rest:?}");
}

/// Keeps sessions in memory, and takes its time for events.
#[derive(Clone)]
struct Slow(sessions::MemorySessions);

impl SessionStore for Slow {
    async fn create(&self, key: &SessionKey, record: &[u8], ttl: Duration, cap: usize) -> Result<bool, StoreError> {
        self.0.create(key, record, ttl, cap).await
    }

    async fn visit(&self, key: &SessionKey, ttl: Duration, requests: u64) -> Result<Option<StoredSession>, StoreError> {
        self.0.visit(key, ttl, requests).await
    }

    async fn update(&self, key: &SessionKey, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        self.0.update(key, version, record).await
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreError> {
        self.0.remove(key).await
    }

    async fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> Result<bool, StoreError> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.0.append(key, stream, events, bounds).await
    }

    async fn events(&self, key: &SessionKey, stream: u32, after: u64) -> Result<Option<StoredEvents>, StoreError> {
        self.0.events(key, stream, after).await
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        self.0.sweep().await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        self.0.count().await
    }
}

#[tokio::test]
async fn a_server_has_ended_when_all_it_has_said_is_kept() {
    let store = Slow(sessions::memory());
    let manager = SessionManager::new(SessionConfig::new(), store.clone()).unwrap();
    let server = server(&manager);
    let site = Site::start(&server).await;
    let client = site.legacy("2025-11-25", json!({})).await;
    let key = SessionKey::of(client.session.as_deref().unwrap());
    let mut call = tool("wait", json!({"ms": 1}));
    call["_meta"] = json!({"progressToken": "p"});
    let mut stream = client.post(&json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call})).await;
    let mut id = String::new();
    while let Some(event) = stream.event().await {
        id = event.id.unwrap_or(id);
    }
    // What belongs to no request, too.
    drop(client.listen().await);
    server.register_tool("new", |_: turbomcp::Params| async { "new" }).unwrap();
    let number: u32 = id.split('-').next().unwrap().parse().unwrap();
    tokio::time::timeout(PATIENCE, server.shutdown_handle().shutdown().into_future()).await.expect("it ends");
    let of_the_call = store.events(&key, number, 0).await.unwrap().expect("the stream is kept");
    assert!(of_the_call.is_over, "{of_the_call:?}");
    let others = store.events(&key, 0, 0).await.unwrap().expect("the other stream is kept");
    assert_eq!(others.events.len(), 1, "{others:?}");
}

#[tokio::test]
async fn an_engine_that_is_gone_is_no_end_of_a_session() {
    let (mut redis, mut postgres) = (engines::Redis::start(), engines::Postgres::start());
    for is_redis in [true, false] {
        let store = match is_redis {
            true => Store::Redis(redis.url()),
            false => Store::Postgres(postgres.url()),
        };
        let (a, b) = store.two(SessionConfig::new()).await;
        let client = a.legacy("2025-11-25", json!({})).await;
        if is_redis {
            redis.cut()
        } else {
            postgres.cut()
        }
        assert_eq!(status(&client.moved_to(&b), ping()).await, 200);
        if is_redis {
            redis.kill()
        } else {
            postgres.kill()
        }
        assert_eq!(status(&client, ping()).await, 503);
        if is_redis {
            redis.start_again()
        } else {
            postgres.start_again()
        }
        for site in [&a, &b] {
            assert_eq!(status(&client.moved_to(site), ping()).await, 200);
        }
    }
}
