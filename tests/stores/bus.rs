//! Replicas that tell each other of changes: in one process, over Redis and over PostgreSQL.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use turbomcp::bus::{Bus, BusFuture, Heard, MemoryBus, PostgresBus, RedisBus, Subscription};
use turbomcp::sessions::{
    self, EventBounds, NewEvents, SessionConfig, SessionKey, SessionManager, SessionStore, StoredEvents, StoredSession,
};
use turbomcp::store::{Postgres, Redis, StoreError};
use turbomcp::tenancy::{HeaderTenantExtractor, MemoryTenantConfigs, Tenancy, TenantConfig, TenantId};
use turbomcp::transport::Principal;
use turbomcp::transport::http::HttpRequest;
use turbomcp::{Access, Arguments, FnTool, McpServer, Middleware, MiddlewareResult, Next, Response, Visibility};
use turbomcp_tests::{Http, PATIENCE, Reply, Request, Site, engines, fixture, modern};

/// Hears of whatever is beneath it, so that markers can be told from everything.
const BENEATH: &str = "file:///srv/";

const TOOLS: &str = "notifications/tools/list_changed";
const PROMPTS: &str = "notifications/prompts/list_changed";
const RESOURCES: &str = "notifications/resources/list_changed";

/// What is between the replicas of a test.
enum Between {
    Memory(MemoryBus),
    Redis(String),
    Postgres(String),
}

impl Between {
    /// Connects as a replica does, which shares nothing else with the others.
    async fn bus(&self) -> Arc<dyn Bus> {
        match self {
            Self::Memory(bus) => Arc::new(bus.clone()),
            Self::Redis(url) => Arc::new(RedisBus::new(Redis::connect(url).await.unwrap())),
            Self::Postgres(url) => Arc::new(PostgresBus::new(Postgres::connect(url).await.unwrap())),
        }
    }

    /// A replica whose sessions are in the engine, too.
    async fn with_sessions(&self) -> Replica {
        let manager = match self {
            Self::Redis(url) => SessionManager::new(SessionConfig::new(), sessions::redis(url).await.unwrap()),
            Self::Postgres(url) => SessionManager::new(SessionConfig::new(), sessions::postgres(url).await.unwrap()),
            Self::Memory(_) => unreachable!("it reaches no other process"),
        };
        let builder = fixture::builder().with_bus(self.bus().await);
        Replica::of(builder.with_session_management(manager.unwrap()).build()).await
    }

    async fn two(&self) -> (Replica, Replica) {
        (Replica::start(self.bus().await).await, Replica::start(self.bus().await).await)
    }
}

struct Replica {
    server: McpServer,
    site: Site,
}

impl Replica {
    async fn start(bus: Arc<dyn Bus>) -> Self {
        Self::of(fixture::builder().with_bus(bus).build()).await
    }

    async fn of(server: McpServer) -> Self {
        let site = Site::start(&server).await;
        Self { server, site }
    }

    /// Opens a modern subscription to everything that can be listened to.
    async fn listen(&self) -> Listener {
        listen(&self.site.client(), "").await
    }

    fn add_tool(&self, name: &str) {
        self.server.register_tool(name, fixture::raw_tool(name, json!({"type": "object"}))).unwrap();
    }
}

async fn listen(client: &Http, role: &str) -> Listener {
    listen_with(client, ("X-Role", role)).await
}

async fn listen_with(client: &Http, (header, value): (&str, &str)) -> Listener {
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["test://fixed", BENEATH]});
    let request = modern(1, "subscriptions/listen", json!({"notifications": filter}), json!({}));
    let mut reply = client.send(Request::modern(&request).header(header, value)).await;
    let first = reply.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    Listener(reply)
}

/// A stream on which changes are told.
struct Listener(Reply);

impl Listener {
    /// Waits for the next change, as the URI or the list it is of.
    async fn next(&mut self) -> String {
        let message = self.0.next().await.expect("the stream goes on");
        change(&message)
    }

    /// Waits for a change, past all others.
    async fn hears(&mut self, expected: &str) {
        let heard = async { while self.next().await != expected {} };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("{expected} is heard"));
    }

    /// Waits until all of these were heard, in any order and past all others.
    async fn hears_all(&mut self, expected: &[&str]) {
        let mut missing = expected.to_vec();
        let heard = async {
            while !missing.is_empty() {
                let next = self.next().await;
                missing.retain(|expected| *expected != next);
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, heard).await;
        assert!(outcome.is_ok(), "{missing:?} are heard");
    }

    /// Returns what is heard before a change.
    async fn before(&mut self, marker: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                next if next == marker => return all,
                next => all.push(next),
            }
        }
    }

    /// Updates resources of one replica until one of the updates comes by here: from then on everything does.
    async fn joined_with(&mut self, replica: &Replica) {
        // Nobody else has it, so that it comes from there.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let own = NEXT.fetch_add(1, Ordering::Relaxed);
        for number in 0.. {
            let uri = format!("{BENEATH}joined/{own}/{number}");
            replica.server.resource_updated(&uri);
            let heard = async { while self.next().await != uri {} };
            if tokio::time::timeout(Duration::from_millis(300), heard).await.is_ok() {
                return;
            }
            assert!(number < 300, "the replicas never hear each other");
        }
    }
}

fn change(message: &Value) -> String {
    message["params"]["uri"].as_str().or(message["method"].as_str()).unwrap().to_owned()
}

async fn changes_reach_the_clients_of_every_replica(between: Between) {
    let (a, b) = between.two().await;
    let (mut at_a, mut at_b) = (a.listen().await, b.listen().await);
    at_b.joined_with(&a).await;
    at_a.joined_with(&b).await;
    let legacy = b.site.legacy("2025-06-18", json!({})).await;
    let mut stream = Listener(legacy.listen().await);
    legacy.call("resources/subscribe", json!({"uri": BENEATH})).await;
    a.add_tool("new");
    assert!(a.server.remove_prompt("gallery") && a.server.remove_resource("test://blob"));
    for uri in ["test://fixed", "test://other", "file:///srv/end"] {
        a.server.resource_updated(uri);
    }
    for listener in [&mut at_a, &mut at_b] {
        // The markers by which they were joined may still be under way.
        let mut heard = listener.before("file:///srv/end").await;
        heard.retain(|uri| !uri.contains("joined"));
        assert_eq!(heard, [TOOLS, PROMPTS, RESOURCES, "test://fixed"]);
    }
    let mut heard = stream.before("file:///srv/end").await;
    heard.retain(|uri| !uri.contains("joined"));
    assert_eq!(heard, [TOOLS, PROMPTS, RESOURCES]);
    // Its own announcements do not come back to a replica, or they would be heard twice.
    b.server.resource_updated("file:///srv/behind");
    assert_eq!(at_a.before("file:///srv/behind").await, Vec::<String>::new());
    // What is told is told to others, and not handed on by them.
    a.server.resource_updated("file:///srv/last");
    assert_eq!(at_b.before("file:///srv/last").await, ["file:///srv/behind"]);
}

#[tokio::test]
async fn changes_reach_the_clients_of_every_server_of_a_process() {
    changes_reach_the_clients_of_every_replica(Between::Memory(MemoryBus::new())).await;
}

#[tokio::test]
async fn changes_reach_the_clients_of_every_replica_over_redis() {
    changes_reach_the_clients_of_every_replica(Between::Redis(engines::Redis::shared().url())).await;
}

#[tokio::test]
async fn changes_reach_the_clients_of_every_replica_over_postgres() {
    changes_reach_the_clients_of_every_replica(Between::Postgres(engines::Postgres::shared().url())).await;
}

#[tokio::test]
async fn servers_of_other_databases_channels_and_prefixes_hear_nothing() {
    let (redis, postgres) = (engines::Redis::shared(), engines::Postgres::shared().url());
    let (one, two) = (redis.url(), redis.url());
    let prefixed = Redis::connect(&one).await.unwrap().with_prefix("notes:");
    let of_postgres = PostgresBus::new(Postgres::connect(&postgres).await.unwrap());
    let a = Between::Redis(one).bus().await;
    let others: [Arc<dyn Bus>; 3] = [
        Between::Redis(two).bus().await,
        Arc::new(RedisBus::new(prefixed)),
        Arc::new(of_postgres.clone().with_channel("a \"channel\" of ours").unwrap()),
    ];
    let mut subscriptions = Vec::new();
    for other in &others {
        subscriptions.push(other.subscribe().await.unwrap());
    }
    a.publish("not for them").await.unwrap();
    of_postgres.publish("not for them").await.unwrap();
    for (other, subscription) in others.iter().zip(&mut subscriptions) {
        other.publish("for them").await.unwrap();
        assert_eq!(subscription.next().await.unwrap(), turbomcp::bus::Heard::Message("for them".into()));
    }
    for name in ["", "a\0b", &"x".repeat(64)] {
        assert!(of_postgres.clone().with_channel(name).unwrap_err().is_configuration(), "{name:?}");
    }
}

/// Takes a header for the role of whoever asks, as authentication takes a token.
struct Roles;

impl Middleware for Roles {
    async fn process(&self, mut request: turbomcp::Request, next: Next) -> MiddlewareResult<Response> {
        let parts = request.extensions().get::<HttpRequest>();
        let role = parts.and_then(|parts| parts.headers().get("x-role")).and_then(|role| role.to_str().ok());
        if let Some(role) = role.filter(|role| !role.is_empty()).map(str::to_owned) {
            request.extensions_mut().insert(Principal::new(role.clone()).with_roles([role]));
        }
        next.run(request).await
    }
}

fn secret(role: &str) -> FnTool {
    FnTool::new(|_: Arguments| async { "" }).access(Access::new().visible_to_roles([role]))
}

async fn a_tenant_hears_of_its_own_everywhere_and_nobody_else_does(between: &Between) {
    const OWN: &str = "file:///srv/of/one/tenant";
    let tenants = ["acme", "globex"];
    let replica = async || {
        let configs = MemoryTenantConfigs::new();
        for tenant in tenants {
            configs.set(TenantId::new(tenant).unwrap(), TenantConfig::default()).unwrap();
        }
        let gateway = HeaderTenantExtractor::new("X-Tenant-ID").behind_trusted_gateway();
        let builder = fixture::builder().with_tenancy(Tenancy::new(configs).extractor(gateway)).unwrap();
        Replica::of(builder.with_bus(between.bus().await).build()).await
    };
    let (here, there) = (replica().await, replica().await);
    let mut listeners = Vec::new();
    for site in [&here.site, &there.site] {
        for tenant in tenants {
            let mut listener = listen_with(&site.client(), ("X-Tenant-ID", tenant)).await;
            listener.joined_with(&here).await;
            listeners.push((tenant, listener));
        }
    }
    for (round, tenant) in tenants.into_iter().enumerate() {
        here.server.tenant_resource_updated(&TenantId::new(tenant).unwrap(), OWN);
        let marker = format!("{BENEATH}round/{round}");
        here.server.resource_updated(&marker);
        for (whose, listener) in &mut listeners {
            let before = listener.before(&marker).await;
            let told = before.iter().filter(|change| *change == OWN).count();
            assert_eq!(told, usize::from(*whose == tenant), "{tenant} has changed, {whose} hears {before:?}");
        }
    }
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_at_every_replica() {
    a_tenant_hears_of_its_own_everywhere_and_nobody_else_does(&Between::Memory(MemoryBus::new())).await;
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_at_every_replica_over_redis() {
    let between = Between::Redis(engines::Redis::shared().url());
    a_tenant_hears_of_its_own_everywhere_and_nobody_else_does(&between).await;
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_at_every_replica_over_postgres() {
    let between = Between::Postgres(engines::Postgres::shared().url());
    a_tenant_hears_of_its_own_everywhere_and_nobody_else_does(&between).await;
}

#[tokio::test]
async fn nobody_hears_of_what_is_hidden_by_the_rules_of_either_replica() {
    let bus = MemoryBus::new();
    let a = Replica::of(fixture::builder().middleware(Roles).with_bus(bus.clone()).build()).await;
    // What A hides nothing of, B may hide, and the other way around.
    let visibility = Visibility::by(|principal, primitive| {
        !primitive.name().starts_with("internal") || principal.is_some_and(|principal| principal.has_role("staff"))
    });
    let b = fixture::builder().middleware(Roles).visibility(visibility).with_bus(bus.clone());
    let b = Replica::of(b.tool("open_there", secret("staff")).unwrap().build()).await;
    let c = Replica::of(fixture::builder().middleware(Roles).with_bus(bus).build()).await;
    let (b_client, c_client) = (b.site.client(), c.site.client());
    let mut staff = listen(&b_client, "staff").await;
    let mut guest = listen(&b_client, "guest").await;
    let mut nobody = listen(&c_client, "").await;
    let mut staff_of_c = listen(&c_client, "staff").await;
    for listener in [&mut staff, &mut guest, &mut nobody, &mut staff_of_c] {
        listener.joined_with(&a).await;
    }
    for (name, tool, heard) in [
        ("plain", FnTool::new(|_: Arguments| async { "" }), [1, 1, 1, 1]),
        // Known to A alone.
        ("hidden", secret("staff"), [1, 0, 0, 1]),
        // Hidden by what B decides.
        ("internal_1", FnTool::new(|_: Arguments| async { "" }), [1, 0, 1, 1]),
        // Hidden by what B has under that name.
        ("open_there", FnTool::new(|_: Arguments| async { "" }), [1, 0, 1, 1]),
        ("for_guests", secret("guest"), [0, 1, 0, 0]),
    ] {
        a.server.register_tool(name, tool).unwrap();
        let marker = format!("{BENEATH}{name}");
        a.server.resource_updated(&marker);
        let listeners = [&mut staff, &mut guest, &mut nobody, &mut staff_of_c];
        for (number, (listener, expected)) in listeners.into_iter().zip(heard).enumerate() {
            let before = listener.before(&marker).await;
            let told = before.iter().filter(|change| *change == TOOLS).count();
            assert_eq!(told, expected, "{name}, listener {number}: {before:?}");
        }
        assert!(a.server.remove_tool(name));
        a.server.resource_updated(BENEATH);
        for (number, (listener, expected)) in
            [&mut staff, &mut guest, &mut nobody, &mut staff_of_c].into_iter().zip(heard).enumerate()
        {
            let told = listener.before(BENEATH).await.iter().filter(|change| *change == TOOLS).count();
            assert_eq!(told, expected, "{name} is gone, listener {number}");
        }
    }
}

/// Counts what is published, as fast as it is allowed to.
struct Counting {
    bus: MemoryBus,
    published: Arc<AtomicUsize>,
    allowed: Arc<Semaphore>,
}

impl Bus for Counting {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move {
            self.allowed.acquire().await?.forget();
            self.published.fetch_add(1, Ordering::Relaxed);
            self.bus.publish(message).await
        })
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        self.bus.subscribe()
    }
}

#[tokio::test]
async fn a_flood_becomes_few_messages_and_nothing_is_lost_in_it() {
    let bus = MemoryBus::new();
    let (published, allowed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(1000)));
    let counting = Counting { bus: bus.clone(), published: published.clone(), allowed: allowed.clone() };
    let (a, b) = (Replica::start(Arc::new(counting)).await, Replica::start(Arc::new(bus)).await);
    let mut at_b = b.listen().await;
    at_b.joined_with(&a).await;
    // Again and again the same: the one that is under way, and one more.
    let spare = allowed.forget_permits(usize::MAX);
    let before = published.load(Ordering::Relaxed);
    for _ in 0..10_000 {
        a.server.resource_updated("file:///srv/same");
        tokio::task::yield_now().await;
    }
    allowed.add_permits(spare);
    a.server.resource_updated("file:///srv/end");
    at_b.hears("file:///srv/end").await;
    assert!(published.load(Ordering::Relaxed) - before <= 3, "{published:?}");
    // Always another.
    let spare = allowed.forget_permits(usize::MAX);
    let before = published.load(Ordering::Relaxed);
    for number in 0..10_000 {
        a.server.resource_updated(&format!("file:///srv/{number}"));
        tokio::task::yield_now().await;
    }
    allowed.add_permits(spare);
    at_b.hears_all(&[TOOLS, PROMPTS, RESOURCES, "test://fixed", BENEATH]).await;
    a.server.resource_updated("file:///srv/end");
    at_b.hears("file:///srv/end").await;
    assert!(published.load(Ordering::Relaxed) - before <= 3, "{published:?}");
}

/// The shared engines are for those that run all the time.
trait Engine {
    fn between(&self) -> Between;
    fn kill(&mut self);
    fn start_again(&mut self);
    /// Cuts every connection, whatever it is for.
    fn cut(&self);
    /// Sends what no replica would.
    fn send(&self, message: &str);
}

struct RedisEngine(engines::Redis, String);

impl Engine for RedisEngine {
    fn between(&self) -> Between {
        Between::Redis(self.1.clone())
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn start_again(&mut self) {
        self.0.start_again();
    }

    fn cut(&self) {
        self.0.cut();
        self.0.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    }

    fn send(&self, message: &str) {
        self.0.command(&["PUBLISH", "turbomcp:bus:0", message]);
    }
}

struct PostgresEngine(engines::Postgres, String);

impl Engine for PostgresEngine {
    fn between(&self) -> Between {
        Between::Postgres(self.1.clone())
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn start_again(&mut self) {
        self.0.start_again();
    }

    fn cut(&self) {
        self.0.cut();
    }

    fn send(&self, message: &str) {
        let name = self.1.rsplit('/').next().unwrap();
        // It carries no more.
        let message: String = message.chars().take(7_999).collect();
        self.0.statement(name, &format!("NOTIFY turbomcp_bus, '{message}'"));
    }
}

fn redis() -> RedisEngine {
    let engine = engines::Redis::start();
    let url = engine.url();
    RedisEngine(engine, url)
}

fn postgres() -> PostgresEngine {
    let engine = engines::Postgres::start();
    let url = engine.url();
    PostgresEngine(engine, url)
}

async fn what_was_missed_is_made_good_for(mut engine: impl Engine) {
    let (a, b) = engine.between().two().await;
    let mut at_b = b.listen().await;
    at_b.joined_with(&a).await;
    let legacy = b.site.legacy("2025-06-18", json!({})).await;
    let mut stream = Listener(legacy.listen().await);
    legacy.call("resources/subscribe", json!({"uri": BENEATH})).await;
    let everything = [TOOLS, PROMPTS, RESOURCES, "test://fixed", BENEATH];
    let of_legacy = [TOOLS, PROMPTS, RESOURCES, BENEATH];
    for _ in 0..2 {
        engine.cut();
        at_b.hears_all(&everything).await;
        stream.hears_all(&of_legacy).await;
        at_b.joined_with(&a).await;
    }
    engine.kill();
    // The server itself goes on, and nobody waits for the engine.
    a.add_tool("new");
    let mut at_a = a.listen().await;
    a.server.resource_updated("file:///srv/here");
    assert!(at_a.before("file:///srv/here").await.iter().all(|change| change != TOOLS));
    tokio::time::sleep(Duration::from_millis(300)).await;
    engine.start_again();
    at_b.hears_all(&everything).await;
    stream.hears_all(&of_legacy).await;
    at_b.joined_with(&a).await;
    at_a.joined_with(&b).await;
    stream.joined_with(&a).await;
}

#[tokio::test]
async fn what_was_missed_is_made_good_for_over_redis() {
    what_was_missed_is_made_good_for(redis()).await;
}

#[tokio::test]
async fn what_was_missed_is_made_good_for_over_postgres() {
    what_was_missed_is_made_good_for(postgres()).await;
}

async fn what_nobody_of_us_has_sent_is_skipped(engine: impl Engine) {
    let (a, b) = engine.between().two().await;
    let mut at_b = b.listen().await;
    at_b.joined_with(&a).await;
    for broken in ["", "not JSON", "{}", r#"{"v":1,"from":"x","what":{"tools":7}}"#, &"x".repeat(50_000)] {
        engine.send(broken);
    }
    engine.send(r#"{"v":1,"from":"x","what":{"updated":"file:///srv/by-hand"}}"#);
    // Of what nobody listens to, nobody is told.
    engine.send(r#"{"v":1,"from":"x","what":{"updated":"test://other"}}"#);
    engine.send(r#"{"v":7,"from":"x","what":{"of a later version":7}}"#);
    let mut heard = at_b.before(TOOLS).await;
    heard.retain(|uri| !uri.contains("joined"));
    assert_eq!(heard, ["file:///srv/by-hand"]);
    at_b.hears_all(&[PROMPTS, RESOURCES, "test://fixed", BENEATH]).await;
    a.server.resource_updated("file:///srv/end");
    at_b.hears("file:///srv/end").await;
}

#[tokio::test]
async fn what_nobody_of_us_has_sent_is_skipped_over_redis() {
    what_nobody_of_us_has_sent_is_skipped(redis()).await;
}

#[tokio::test]
async fn what_nobody_of_us_has_sent_is_skipped_over_postgres() {
    what_nobody_of_us_has_sent_is_skipped(postgres()).await;
}

/// The fields of what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut line = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            write!(line, "{field}={value:?} ").unwrap();
        });
        self.0.lock().unwrap().push(line);
    }
}

/// As while replicas are replaced, one after the other, by newer ones.
async fn what_only_newer_replicas_have_a_word_for_is_skipped(between: Between) {
    let log = Log::default();
    let _logged = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let (a, b) = between.two().await;
    let mut at_b = b.listen().await;
    at_b.joined_with(&a).await;
    let newer = between.bus().await;
    let session = SessionKey::of("a session");
    for what in [
        r#""new to you""#.to_owned(),
        r#"{"new to you":{"of":["anything"]}}"#.to_owned(),
        format!(r#"{{"session":["{session}","new to you"]}}"#),
    ] {
        newer.publish(&format!(r#"{{"v":1,"from":"a newer one","what":{what}}}"#)).await.unwrap();
    }
    // What it has a word for it understands, whatever else that says.
    let known = r#"{"v":1,"from":"a newer one","when":7,"what":{"tools":[{"name":"t","shape":"round"}]}}"#;
    newer.publish(known).await.unwrap();
    a.server.resource_updated("file:///srv/end");
    let mut heard = at_b.before("file:///srv/end").await;
    heard.retain(|uri| !uri.contains("joined"));
    assert_eq!(heard, [TOOLS]);
    let count = |what: &str| log.0.lock().unwrap().iter().filter(|line| line.contains(what)).count();
    // Both replicas hear each, the other one when it comes to it.
    let heard = async {
        while count("new to you") < 6 {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("each is an event");
    assert_eq!((count("new to you"), count("malformed")), (6, 0), "{:?}", log.0);
}

#[tokio::test]
async fn what_only_newer_servers_of_a_process_have_a_word_for_is_skipped() {
    what_only_newer_replicas_have_a_word_for_is_skipped(Between::Memory(MemoryBus::new())).await;
}

#[tokio::test]
async fn what_only_newer_replicas_have_a_word_for_is_skipped_over_redis() {
    what_only_newer_replicas_have_a_word_for_is_skipped(Between::Redis(engines::Redis::shared().url())).await;
}

#[tokio::test]
async fn what_only_newer_replicas_have_a_word_for_is_skipped_over_postgres() {
    what_only_newer_replicas_have_a_word_for_is_skipped(Between::Postgres(engines::Postgres::shared().url())).await;
}

/// A call that has asked for something, and what its client is to answer: more than any bus carries at once.
struct Sampling {
    call: Reply,
    text: String,
    answer: Value,
}

impl Sampling {
    async fn of(client: &Http) -> Self {
        let params = json!({"name": "sample", "arguments": {"question": "?"}});
        let request = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params});
        let mut call = client.post(&request).await;
        let question = call.next().await.unwrap();
        assert_eq!(question["method"], "sampling/createMessage");
        let text = "ä\"".repeat(10_000);
        let answer = json!({"role": "assistant", "content": {"type": "text", "text": text}, "model": "m"});
        Self { call, text, answer: json!({"jsonrpc": "2.0", "id": question["id"], "result": answer}) }
    }

    async fn is_answered(&mut self) {
        let sampled = tokio::time::timeout(PATIENCE, self.call.next()).await.expect("the answer has arrived").unwrap();
        assert!(sampled["result"]["content"][0]["text"] == self.text, "{sampled}");
    }
}

async fn a_long_answer_comes_through_though_the_engine_was_away(mut engine: impl Engine) {
    let between = engine.between();
    let (a, b) = (between.with_sessions().await, between.with_sessions().await);
    let at_a = a.site.legacy("2025-11-25", json!({"sampling": {}})).await;
    let at_b = at_a.moved_to(&b.site);
    let mut sampling = Sampling::of(&at_a).await;
    engine.kill();
    let mut refused = at_b.post(&sampling.answer).await;
    assert_eq!((refused.status, &refused.message().await["error"]["code"]), (503, &json!(503)));
    engine.start_again();
    // Whoever was refused says it again; whoever was not, does not.
    let accepted = async { while at_b.post(&sampling.answer).await.status != 202 {} };
    tokio::time::timeout(PATIENCE, accepted).await.expect("the engine is found again");
    sampling.is_answered().await;
    for replica in [&a, &b] {
        assert_eq!(replica.server.metrics().bus_answers_dropped.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_long_answer_comes_through_though_redis_was_away() {
    a_long_answer_comes_through_though_the_engine_was_away(redis()).await;
}

#[tokio::test]
async fn a_long_answer_comes_through_though_postgres_was_away() {
    a_long_answer_comes_through_though_the_engine_was_away(postgres()).await;
}

/// Carries messages between two servers, but loses those that are published while it is told to.
#[derive(Clone, Default)]
struct Lossy {
    bus: MemoryBus,
    loses: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Bus for Lossy {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        match self.loses.load(Ordering::SeqCst) {
            true => Box::pin(std::future::ready(Ok(()))),
            false => self.bus.publish(message),
        }
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        let cut = self.cut.clone();
        Box::pin(async { Ok(Box::new(Cut(self.bus.subscribe().await?, cut)) as _) })
    }
}

struct Cut(Box<dyn Subscription>, Arc<Notify>);

impl Subscription for Cut {
    fn next(&mut self) -> BusFuture<'_, Heard> {
        Box::pin(async {
            tokio::select! {
                heard = self.0.next() => heard,
                () = self.1.notified() => Err("the connection was cut".into()),
            }
        })
    }
}

/// Keeps sessions in memory, but not while it is away for one kind of call.
#[derive(Clone)]
struct Away {
    store: sessions::MemorySessions,
    adding: Arc<AtomicBool>,
    reading: Arc<AtomicBool>,
}

impl Away {
    fn unless(away: &AtomicBool) -> Result<(), StoreError> {
        match away.load(Ordering::SeqCst) {
            true => Err(StoreError::unavailable("it is away")),
            false => Ok(()),
        }
    }
}

impl SessionStore for Away {
    async fn create(&self, key: &SessionKey, record: &[u8], ttl: Duration, cap: usize) -> Result<bool, StoreError> {
        self.store.create(key, record, ttl, cap).await
    }

    async fn visit(&self, key: &SessionKey, ttl: Duration, requests: u64) -> Result<Option<StoredSession>, StoreError> {
        self.store.visit(key, ttl, requests).await
    }

    async fn update(&self, key: &SessionKey, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        self.store.update(key, version, record).await
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreError> {
        self.store.remove(key).await
    }

    async fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> Result<bool, StoreError> {
        Self::unless(&self.adding)?;
        self.store.append(key, stream, events, bounds).await
    }

    async fn events(&self, key: &SessionKey, stream: u32, after: u64) -> Result<Option<StoredEvents>, StoreError> {
        Self::unless(&self.reading)?;
        self.store.events(key, stream, after).await
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        self.store.sweep().await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        self.store.count().await
    }
}

/// Two replicas, each with what stands between it and the store.
async fn two_over(bus: &Lossy) -> [(Replica, Away); 2] {
    let store = sessions::memory();
    let replica = async || {
        let away = Away { store: store.clone(), adding: Arc::default(), reading: Arc::default() };
        let manager = SessionManager::new(SessionConfig::new(), away.clone()).unwrap();
        let builder = fixture::builder().with_bus(bus.clone()).with_session_management(manager);
        (Replica::of(builder.build()).await, away)
    };
    [replica().await, replica().await]
}

#[tokio::test]
async fn a_long_answer_is_acknowledged_once_it_is_in_the_store_and_fetched_when_it_can_be_read() {
    let [(a, store_of_a), (b, store_of_b)] = two_over(&Lossy::default()).await;
    let at_a = a.site.legacy("2025-11-25", json!({"sampling": {}})).await;
    let at_b = at_a.moved_to(&b.site);
    let mut sampling = Sampling::of(&at_a).await;
    // The session is found, and what is said in it cannot be left.
    store_of_b.adding.store(true, Ordering::SeqCst);
    let mut refused = at_b.post(&sampling.answer).await;
    let error = refused.message().await["error"].take();
    assert_eq!((refused.status, &error["message"]), (503, &json!("the sessions are out of reach")), "{error}");
    store_of_b.adding.store(false, Ordering::SeqCst);
    // It is left, and whoever waits for it cannot fetch it.
    store_of_a.reading.store(true, Ordering::SeqCst);
    assert_eq!(at_b.post(&sampling.answer).await.status, 202);
    let early = tokio::time::timeout(Duration::from_millis(300), sampling.call.next()).await;
    assert!(early.is_err(), "{early:?}");
    store_of_a.reading.store(false, Ordering::SeqCst);
    sampling.is_answered().await;
    for replica in [&a, &b] {
        assert_eq!(replica.server.metrics().bus_answers_dropped.load(Ordering::Relaxed), 0);
    }
}

/// As when whoever waits for it was not connected to the bus, or whoever took it was killed.
#[tokio::test]
async fn a_long_answer_that_was_acknowledged_is_found_though_nobody_was_told_of_it() {
    let bus = Lossy::default();
    let [(a, _), (b, _)] = two_over(&bus).await;
    let at_a = a.site.legacy("2025-11-25", json!({"sampling": {}})).await;
    let at_b = at_a.moved_to(&b.site);
    for is_cut in [true, false] {
        let mut sampling = Sampling::of(&at_a).await;
        bus.loses.store(true, Ordering::SeqCst);
        assert_eq!(at_b.post(&sampling.answer).await.status, 202);
        let early = tokio::time::timeout(Duration::from_millis(300), sampling.call.next()).await;
        assert!(early.is_err(), "{early:?}");
        bus.loses.store(false, Ordering::SeqCst);
        if is_cut {
            bus.cut.notify_waiters();
        }
        sampling.is_answered().await;
    }
}

/// The sessions are in the engine, too: what a client says to one replica is about what runs at another.
async fn answers_and_cancellations_reach_the_replica_that_waits_for_them(between: Between) {
    let (a, b) = (between.with_sessions().await, between.with_sessions().await);
    let (mut listening_at_a, mut listening_at_b) = (a.listen().await, b.listen().await);
    listening_at_a.joined_with(&b).await;
    listening_at_b.joined_with(&a).await;
    let at_a = a.site.legacy("2025-11-25", json!({"elicitation": {}, "sampling": {}})).await;
    let at_b = at_a.moved_to(&b.site);
    let call = |id: u32, name: &str, arguments: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": name, "arguments": arguments}})
    };
    let mut asking = at_a.post(&call(1, "ask", json!({}))).await;
    let question = asking.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
    assert_eq!(at_b.post(&answer).await.status, 202);
    assert_eq!(asking.next().await.unwrap()["result"]["content"][0]["text"], "Hello, Ada!");
    // A long one arrives as well, though no bus carries so much at once.
    let mut sampling = Sampling::of(&at_a).await;
    assert_eq!(at_b.post(&sampling.answer).await.status, 202);
    sampling.is_answered().await;
    assert_eq!(b.server.metrics().bus_answers_dropped.load(Ordering::Relaxed), 0);
    let waiting = call(2, "wait", json!({"ms": 600_000}));
    let posting = at_a.clone();
    let mut waiting = tokio::spawn(async move { posting.post(&waiting).await.status });
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    // Nothing tells when the call has begun, and what is not there yet cannot be cancelled.
    let cancelled = async {
        loop {
            assert_eq!(at_b.post(&cancel).await.status, 202);
            if tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, cancelled).await.expect("it is cancelled");
    // What ends at one ends its streams at the other.
    let mut listening = at_a.listen().await;
    assert_eq!(at_b.send(at_b.within(Request::delete())).await.status, 204);
    listening.rest().await;
}

#[tokio::test]
async fn answers_and_cancellations_reach_the_replica_that_waits_for_them_over_redis() {
    let url = engines::Redis::shared().url();
    answers_and_cancellations_reach_the_replica_that_waits_for_them(Between::Redis(url)).await;
}

#[tokio::test]
async fn answers_and_cancellations_reach_the_replica_that_waits_for_them_over_postgres() {
    let url = engines::Postgres::shared().url();
    answers_and_cancellations_reach_the_replica_that_waits_for_them(Between::Postgres(url)).await;
}

#[tokio::test]
async fn a_round_begun_at_one_replica_goes_on_at_another_if_they_share_keys() {
    let with_key = |key: u8| fixture::builder().request_state_keys([[key; 32]]).build();
    let (a, b) = (Replica::of(with_key(1)).await, Replica::of(with_key(1)).await);
    let stranger = Replica::of(with_key(2)).await;
    let capabilities = json!({"roots": {}});
    let call = async |replica: &Replica, params: Value| {
        replica.site.client().modern("tools/call", params, capabilities.clone()).await
    };
    let first = call(&a, json!({"name": "roots"})).await["result"].take();
    let key = first["inputRequests"].as_object().unwrap().keys().next().unwrap();
    let answer = json!({key.clone(): {"roots": [{"uri": "file:///a"}]}});
    let params = json!({"name": "roots", "inputResponses": answer, "requestState": first["requestState"]});
    let done = call(&b, params.clone()).await;
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    assert!(done["result"]["content"][0]["text"].as_str().unwrap().contains("file:///a"), "{done}");
    assert_eq!(call(&stranger, params).await["error"]["code"], -32602);
}

/// Carries messages between two servers, but none until it is let to, and fails for those that are not let through.
#[derive(Clone)]
struct Gate {
    bus: MemoryBus,
    fails: Arc<AtomicUsize>,
}

impl Bus for Gate {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        let fails = self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        match fails {
            true => Box::pin(std::future::ready(Err("not now".into()))),
            false => self.bus.publish(message),
        }
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        self.bus.subscribe()
    }
}

#[tokio::test]
async fn an_answer_arrives_however_many_hints_wait_and_though_the_bus_fails() {
    let gate = Gate { bus: MemoryBus::new(), fails: Arc::default() };
    let url = engines::Redis::shared().url();
    let server = async || {
        let manager = SessionManager::new(SessionConfig::new(), sessions::redis(&url).await.unwrap()).unwrap();
        fixture::builder().with_bus(gate.clone()).with_session_management(manager).build()
    };
    let (one, other) = (server().await, server().await);
    let (a, b) = (Site::start(&one).await, Site::start(&other).await);
    let at_a = a.legacy("2025-11-25", json!({"elicitation": {}})).await;
    let at_b = at_a.moved_to(&b);
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": {}}});
    let mut asking = at_a.post(&ask).await;
    let question = asking.next().await.unwrap();
    assert_eq!(question["method"], "elicitation/create");
    // The hints and changes of a minute, none of which gets through, nor does the answer at first.
    gate.fails.store(3, Ordering::SeqCst);
    for number in 0..2000 {
        other.resource_updated(&format!("test://flood/{number}"));
    }
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
    assert_eq!(at_b.post(&answer).await.status, 202);
    let greeted = tokio::time::timeout(PATIENCE, asking.next()).await.expect("the answer has arrived");
    assert_eq!(greeted.unwrap()["result"]["content"][0]["text"], "Hello, Ada!");
    assert_eq!(other.metrics().bus_answers_dropped.load(Ordering::Relaxed), 0);
}
