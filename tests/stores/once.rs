//! Calls that are run once: what any store of their keys does, and three replicas of which one is lost.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::layers::{
    Begun, IdempotencyConfig, IdempotencyStore, MemoryIdempotency, MiddlewareStack, OnceBounds, OnceCall,
    PostgresIdempotency, RedisIdempotency,
};
use turbomcp::store::{Postgres, Redis};
use turbomcp::{Arguments, FnTool, McpServer, ServerBuilder};
use turbomcp_tests::{Http, PATIENCE, Request, Site, engines, modern};

const LONG: Duration = Duration::from_secs(600);

/// What the tests wait for that wait for an end; longer than a busy machine takes for one thing.
const AGE: Duration = Duration::from_millis(1500);

/// Bounds that nothing here reaches.
fn many() -> OnceBounds {
    OnceBounds::new(100, 100, 10_000)
}

fn call<'a>(key: &'a str, owner: &'a str) -> OnceCall<'a> {
    OnceCall::new(key, "arguments", owner)
}

fn running() -> Begun {
    Begun::Running("arguments".to_owned())
}

fn done(answer: &[u8]) -> Begun {
    Begun::Done("arguments".to_owned(), answer.to_vec())
}

async fn a_call_is_run_by_one_and_its_answer_is_kept(store: impl IdempotencyStore) {
    let (mine, other) = (call("a", "me"), call("a", "you"));
    // Twice, as when the first answer was lost.
    for _ in 0..2 {
        assert_eq!(store.begin(mine, LONG).await.unwrap(), Begun::Mine);
    }
    assert_eq!(store.begin(other, LONG).await.unwrap(), running());
    assert!(store.renew(mine, LONG).await.unwrap() && !store.renew(other, LONG).await.unwrap());
    assert!(!store.finish(other, b"theirs", LONG, many()).await.unwrap());
    let answer: Vec<u8> = (0..=255).collect();
    for _ in 0..2 {
        assert!(store.finish(mine, &answer, LONG, many()).await.unwrap());
    }
    for who in [mine, other] {
        assert_eq!(store.begin(who, LONG).await.unwrap(), done(&answer));
        // What was done is not undone.
        store.release(who).await.unwrap();
        assert!(!store.renew(who, LONG).await.unwrap());
    }
    assert_eq!(store.begin(OnceCall::new("b", "others", "you"), LONG).await.unwrap(), Begun::Mine);
    assert_eq!(store.begin(call("b", "me"), LONG).await.unwrap(), Begun::Running("others".to_owned()));
    store.release(call("b", "me")).await.unwrap();
    assert_eq!(store.begin(call("b", "me"), LONG).await.unwrap(), Begun::Running("others".to_owned()));
    store.release(call("b", "you")).await.unwrap();
    assert_eq!(store.begin(call("b", "me"), LONG).await.unwrap(), Begun::Mine);
}

async fn whoever_is_lost_loses_the_call(store: impl IdempotencyStore) {
    let (lost, next) = (call("a", "lost"), call("a", "next"));
    assert_eq!(store.begin(lost, AGE).await.unwrap(), Begun::Mine);
    assert_eq!(store.begin(next, LONG).await.unwrap(), running());
    tokio::time::sleep(AGE * 2).await;
    assert_eq!(store.begin(next, LONG).await.unwrap(), Begun::Mine);
    assert!(!store.renew(lost, LONG).await.unwrap() && !store.finish(lost, b"late", LONG, many()).await.unwrap());
    store.release(lost).await.unwrap();
    assert!(store.finish(next, b"next", AGE, many()).await.unwrap());
    assert_eq!(store.begin(lost, LONG).await.unwrap(), done(b"next"));
    tokio::time::sleep(AGE * 2).await;
    assert_eq!(store.begin(lost, LONG).await.unwrap(), Begun::Mine);
}

/// A machine that was busy for longer than a lease has not lost the call to anybody.
async fn who_is_late_still_owns_what_nobody_has_taken(store: impl IdempotencyStore) {
    let (late, next) = (call("a", "late"), call("a", "next"));
    for renews in [false, true] {
        let short = Duration::from_millis(50);
        assert_eq!(store.begin(late, short).await.unwrap(), Begun::Mine);
        tokio::time::sleep(short * 4).await;
        if renews {
            assert!(store.renew(late, LONG).await.unwrap());
            assert_eq!(store.begin(next, LONG).await.unwrap(), running());
        }
        let ttl = if renews { LONG } else { AGE };
        assert!(store.finish(late, b"late", ttl, many()).await.unwrap());
        assert_eq!(store.begin(next, LONG).await.unwrap(), done(b"late"));
        if !renews {
            tokio::time::sleep(AGE * 2).await;
        }
    }
}

async fn the_oldest_answers_make_room(store: impl IdempotencyStore) {
    let keys: Vec<_> = (0..6).map(|number| format!("key {number}")).collect();
    assert_eq!(store.begin(call("running", "me"), LONG).await.unwrap(), Begun::Mine);
    for key in &keys {
        assert_eq!(store.begin(call(key, "me"), LONG).await.unwrap(), Begun::Mine);
        assert!(store.finish(call(key, "me"), key.as_bytes(), LONG, OnceBounds::new(3, 100, 10_000)).await.unwrap());
        // So that the order is one also by a clock that knows only milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (number, key) in keys.iter().enumerate() {
        if number >= 3 {
            assert_eq!(store.begin(call(key, "you"), LONG).await.unwrap(), done(key.as_bytes()), "{key}");
        } else {
            let newest = (call("key 5", "me"), &b"key 5"[..], OnceBounds::new(3, 100, 10_000));
            made_room(&store, call(key, "you"), newest).await;
        }
    }
    assert_eq!(store.begin(call("running", "you"), LONG).await.unwrap(), running());
}

/// Waits until an answer is gone: a store may make room when it has answered, and leaves alone what is looked at then until
/// it makes room again.
async fn made_room(
    store: &impl IdempotencyStore,
    call: OnceCall<'_>,
    (newest, answer, bounds): (OnceCall<'_>, &[u8], OnceBounds),
) {
    let made = async {
        while store.begin(call, LONG).await.unwrap() != Begun::Mine {
            assert!(store.finish(newest, answer, LONG, bounds).await.unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, made).await.unwrap_or_else(|_| panic!("{} is still there", call.key));
}

async fn the_oldest_answers_of_a_caller_make_room_and_those_of_no_other(store: impl IdempotencyStore) {
    let long = "x".repeat(40);
    let (few, short) = (OnceBounds::new(100, 3, 10_000), OnceBounds::new(100, 100, 100));
    let finish = async |key: &str, caller: &str, ttl: Duration, bounds: OnceBounds| {
        let call = call(key, "me").of(caller);
        assert_eq!(store.begin(call, LONG).await.unwrap(), Begun::Mine, "{key}");
        assert!(store.finish(call, long.as_bytes(), ttl, bounds).await.unwrap(), "{key}");
        // So that the order is one also by a clock that knows only milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // They are the oldest of all.
    finish("other", "other", LONG, few).await;
    assert_eq!(store.begin(call("running", "me").of("one"), LONG).await.unwrap(), Begun::Mine);
    // Those that are over do not count.
    finish("over 1", "two", AGE, few).await;
    finish("over 2", "two", AGE, few).await;
    for number in 1..=6 {
        finish(&format!("few {number}"), "one", LONG, few).await;
    }
    for number in 1..=3 {
        let newest = (call("few 6", "me").of("one"), long.as_bytes(), few);
        made_room(&store, call(&format!("few {number}"), "you").of("one"), newest).await;
    }
    tokio::time::sleep(AGE * 2).await;
    // What is begun again when it is over is not taken for the answer that was there.
    assert_eq!(store.begin(call("over 1", "again").of("two"), LONG).await.unwrap(), Begun::Mine);
    for number in 1..=4 {
        finish(&format!("short {number}"), "two", LONG, short).await;
    }
    for number in 1..=2 {
        let newest = (call("short 4", "me").of("two"), long.as_bytes(), short);
        made_room(&store, call(&format!("short {number}"), "you").of("two"), newest).await;
    }
    let kept = ["other", "few 4", "few 5", "few 6", "short 3", "short 4"];
    for key in kept {
        assert_eq!(store.begin(call(key, "you"), LONG).await.unwrap(), done(long.as_bytes()), "{key}");
    }
    for key in ["running", "over 1"] {
        assert_eq!(store.begin(call(key, "you"), LONG).await.unwrap(), running(), "{key}");
    }
    // One that is too long by itself is kept until there is another.
    let shorter = OnceBounds::new(100, 100, 10);
    finish("alone", "two", LONG, shorter).await;
    let newest = (call("alone", "me").of("two"), long.as_bytes(), shorter);
    made_room(&store, call("short 4", "you").of("two"), newest).await;
    assert_eq!(store.begin(call("alone", "you"), LONG).await.unwrap(), done(long.as_bytes()));
}

async fn of_many_at_once_one_runs_it(store: impl IdempotencyStore) {
    let store = Arc::new(store);
    for round in 0..5 {
        let beginning: Vec<_> = (0..16)
            .map(|who| {
                let store = store.clone();
                tokio::spawn(async move {
                    let (key, owner) = (format!("round {round}"), format!("owner {who}"));
                    store.begin(call(&key, &owner), LONG).await.unwrap() == Begun::Mine
                })
            })
            .collect();
        let mut mine = 0;
        for begun in beginning {
            mine += usize::from(begun.await.unwrap());
        }
        assert_eq!(mine, 1);
    }
}

macro_rules! suite {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::MemoryIdempotency::new()).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::of_redis(&super::engines::Redis::shared().url()).await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::of_postgres(&super::engines::Postgres::shared().url()).await).await;
            })*
        }
    };
}

suite! {
    a_call_is_run_by_one_and_its_answer_is_kept
    whoever_is_lost_loses_the_call
    who_is_late_still_owns_what_nobody_has_taken
    the_oldest_answers_make_room
    the_oldest_answers_of_a_caller_make_room_and_those_of_no_other
    of_many_at_once_one_runs_it
}

async fn of_redis(url: &str) -> RedisIdempotency {
    RedisIdempotency::new(Redis::connect(url).await.unwrap())
}

async fn of_postgres(url: &str) -> PostgresIdempotency {
    PostgresIdempotency::new(Postgres::connect(url).await.unwrap()).await.unwrap()
}

/// Connects as a replica does, which shares nothing else with the others.
async fn config(url: &str) -> IdempotencyConfig {
    let config = match url.starts_with("redis") {
        true => IdempotencyConfig::new(of_redis(url).await),
        false => IdempotencyConfig::new(of_postgres(url).await),
    };
    IdempotencyConfig { lease: AGE, wait: PATIENCE, ..config }
}

/// A server whose tool `pay` does this.
async fn server<Fut>(url: &str, pay: impl Fn() -> Fut + Send + Sync + 'static) -> McpServer
where
    Fut: Future<Output = String> + Send + 'static,
{
    let stack = MiddlewareStack::new().with_idempotency(config(url).await);
    let pay = FnTool::new(move |_: Arguments| pay());
    ServerBuilder::new().tool("pay", pay).unwrap().with_middleware_stack(stack).unwrap().build()
}

async fn pay(client: &Http, key: &str) -> Value {
    let message = modern(1, "tools/call", json!({"name": "pay", "arguments": {}}), json!({}));
    client.send(Request::modern(&message).header("Idempotency-Key", format!("\"{key}\""))).await.message().await
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

async fn three_replicas_run_a_call_once(url: &str) {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut sites = Vec::new();
    for _ in 0..3 {
        let runs = runs.clone();
        let pay = move || {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                format!("run {run}")
            }
        };
        sites.push(Site::start(&server(url, pay).await).await);
    }
    for round in 1..=10 {
        let paying: Vec<_> = (0..9)
            .map(|number| {
                let client = sites[number % 3].client();
                tokio::spawn(async move { pay(&client, &format!("round {round}").replace(' ', "-")).await })
            })
            .collect();
        for paid in paying {
            assert_eq!(text(&paid.await.unwrap()), format!("run {round}"));
        }
    }
    assert_eq!(runs.load(Ordering::SeqCst), 10);
}

/// A replica in a process of its own, which never gets done.
struct Lost(Child);

impl Drop for Lost {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes a call, and is killed while it runs. The tests beside it start this.
#[tokio::test]
#[ignore = "the tests of replicas start it"]
async fn the_other_process() {
    let say = |text: String| {
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n{text}").unwrap();
        output.flush().unwrap();
    };
    let url = std::env::var("ONCE_URL").unwrap();
    let pay = move || {
        say("begun".to_owned());
        std::future::pending()
    };
    let site = Site::start(&server(&url, pay).await).await;
    say(format!("at {}", site.client().address()));
    std::future::pending::<()>().await;
}

async fn a_call_of_a_killed_replica_is_run_by_another(url: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "once::the_other_process", "--nocapture"]).env("ONCE_URL", url);
    let mut lost = Lost(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(lost.0.stdout.take().unwrap()).lines();
    let mut expect = move |begin: &str| loop {
        let line = lines.next().expect("it still runs").unwrap();
        if let Some(rest) = line.strip_prefix(begin) {
            return rest.to_owned();
        }
    };
    let address = expect("at ").parse().unwrap();
    let first = tokio::spawn(async move { pay(&Http::at(address), "one").await });
    tokio::task::spawn_blocking(move || expect("begun")).await.unwrap();
    let survivor = Site::start(&server(url, || async { "paid".to_owned() }).await).await;
    let client = survivor.client();
    let second = tokio::spawn(async move { pay(&client, "one").await });
    // It keeps its lease for as long as it runs.
    tokio::time::sleep(AGE * 2).await;
    assert!(!second.is_finished());
    lost.0.kill().unwrap();
    let paid = tokio::time::timeout(PATIENCE, second).await.expect("the key is free in time").unwrap();
    assert_eq!(text(&paid), "paid");
    first.abort();
}

async fn without_its_store_a_call_with_a_key_is_refused(url: &str, gone: impl FnOnce()) {
    let site = Site::start(&server(url, || async { "paid".to_owned() }).await).await;
    assert_eq!(text(&pay(&site.client(), "one").await), "paid");
    gone();
    assert_eq!(pay(&site.client(), "two").await["error"]["code"], 503);
    // One without is none of its business.
    let message = modern(1, "tools/call", json!({"name": "pay", "arguments": {}}), json!({}));
    assert_eq!(text(&site.client().send(Request::modern(&message)).await.message().await), "paid");
}

mod replicas_of_redis {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn three_replicas_run_a_call_once_over_redis() {
        super::three_replicas_run_a_call_once(&engines::Redis::shared().url()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_call_of_a_killed_replica_is_run_by_another_over_redis() {
        super::a_call_of_a_killed_replica_is_run_by_another(&engines::Redis::shared().url()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_its_store_a_call_with_a_key_is_refused() {
        let mut engine = engines::Redis::start();
        super::without_its_store_a_call_with_a_key_is_refused(&engine.url(), || engine.kill()).await;
    }
}

mod replicas_of_postgres {
    use super::*;

    /// A call whose lease ran out is taken over at the moment at which what is over is deleted.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_just_taken_over_is_not_deleted() {
        let engine = engines::Postgres::shared();
        let url = engine.url();
        let database = url.rsplit('/').next().unwrap().to_owned();
        let store = of_postgres(&url).await;
        let (lost, other) = (call("lost", "me"), call("other", "me"));
        assert_eq!(store.begin(lost, LONG).await.unwrap(), Begun::Mine);
        assert_eq!(store.begin(other, LONG).await.unwrap(), Begun::Mine);
        let sql = |statement: &'static str| {
            let database = database.clone();
            tokio::task::spawn_blocking(move || engine.statement(&database, statement))
        };
        sql("UPDATE turbomcp_idempotency SET expires = now() - INTERVAL '1 day' WHERE key = 'lost'").await.unwrap();
        let taking = sql(
            "UPDATE turbomcp_idempotency SET owner = 'next', expires = now() + INTERVAL '1 hour' WHERE key = 'lost';
            SELECT pg_sleep(2)",
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(store.finish(other, b"paid", LONG, many()).await.unwrap());
        taking.await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(store.begin(lost, LONG).await.unwrap(), running());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn three_replicas_run_a_call_once_over_postgres() {
        super::three_replicas_run_a_call_once(&engines::Postgres::shared().url()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_call_of_a_killed_replica_is_run_by_another_over_postgres() {
        super::a_call_of_a_killed_replica_is_run_by_another(&engines::Postgres::shared().url()).await;
    }
}
