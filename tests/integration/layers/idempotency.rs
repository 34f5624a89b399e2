//! Calls that are run once, however often they are sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use turbomcp::client::{BackoffStrategy, Client, Era, RetryConfig, RetryPolicy};
use turbomcp::layers::{
    Begun, IdempotencyConfig, IdempotencyStore, MemoryIdempotency, MiddlewareStack, OnceBounds, OnceCall, TimeoutConfig,
};
use turbomcp::store::StoreError;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::types::{CallToolResult, ElicitationSchema, IDEMPOTENCY_EXTENSION, Meta};
use turbomcp::{Arguments, Context, ErrorCode, FnTool, McpError, McpServer, Principal};
use turbomcp_tests::{Request, Site, modern};

use super::{ByName, Work, call, call_with, status};

const SHORT: Duration = Duration::from_millis(50);

fn stack(config: IdempotencyConfig) -> MiddlewareStack {
    MiddlewareStack::new().with_auth(ByName::default()).with_idempotency(config)
}

fn server(work: &Work) -> McpServer {
    work.server(stack(IdempotencyConfig::default()))
}

fn keyed(tool: &str, key: &str) -> Request {
    call(tool).header("Idempotency-Key", format!("\"{key}\""))
}

/// A call whose key is among its metadata, which every binding has.
fn keyed_within(tool: &str, key: &str) -> Value {
    json!({"name": tool, "arguments": {}, "_meta": {Meta::IDEMPOTENCY_KEY: key}})
}

async fn answer(site: &Site, request: Request) -> Value {
    site.client().send(request).await.message().await
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn a_call_with_a_key_is_run_once() {
    let work = Work::new();
    let site = Site::start(&server(&work)).await;
    for _ in 0..3 {
        assert_eq!(text(&answer(&site, keyed("tell", "one")).await), "run 1");
    }
    assert_eq!(text(&answer(&site, keyed("tell", "another")).await), "run 2");
    // Without a key, each is a call of its own.
    assert_eq!(text(&answer(&site, call("tell")).await), "run 3");
    // A bare text is the same key, and so is one among the metadata.
    assert_eq!(text(&answer(&site, call("tell").header("Idempotency-Key", "one")).await), "run 1");
    let mut message = modern(1, "tools/call", json!({"name": "tell", "arguments": {}}), json!({}));
    message["params"]["_meta"][Meta::IDEMPOTENCY_KEY] = json!("one");
    assert_eq!(text(&answer(&site, Request::modern(&message)).await), "run 1");
    let both = Request::modern(&message).header("Idempotency-Key", "\"one\"");
    assert_eq!(text(&answer(&site, both).await), "run 1");
    let two = Request::modern(&message).header("Idempotency-Key", "\"two\"");
    assert_eq!(answer(&site, two).await["error"]["code"], -32602);
    assert_eq!(work.runs(), 3);
}

#[tokio::test]
async fn the_same_key_with_other_arguments_is_refused() {
    let work = Work::new();
    let site = Site::start(&server(&work)).await;
    let with = |arguments: Value| call_with("tell", arguments).header("Idempotency-Key", "\"one\"");
    assert_eq!(text(&answer(&site, with(json!({"a": 1, "b": 2}))).await), "run 1");
    // However they are written.
    assert_eq!(text(&answer(&site, with(json!({"b": 2, "a": 1}))).await), "run 1");
    let refused = answer(&site, with(json!({"a": 1, "b": 3}))).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert_eq!(work.runs(), 1);
}

#[tokio::test]
async fn keys_of_others_have_nothing_to_do_with_each_other() {
    let work = Work::new();
    let site = Site::start(&server(&work)).await;
    let mut runs = 0;
    for name in ["ada@acme", "ada@globex", "eve@acme"] {
        runs += 1;
        for _ in 0..2 {
            let request = keyed("tell", "one").header("Authorization", name);
            assert_eq!(text(&answer(&site, request).await), format!("run {runs}"), "{name}");
        }
    }
    assert_eq!(text(&answer(&site, keyed("look", "one").header("Authorization", "ada@acme")).await), "run 4");
}

#[tokio::test]
async fn whoever_sends_a_call_that_runs_waits_for_it_for_a_while() {
    let work = Work::new();
    let site = Site::start(&server(&work)).await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let client = site.client();
            tokio::spawn(async move { client.send(keyed("wait", "one")).await.message().await })
        })
        .collect();
    work.begun(1).await;
    work.let_go(1);
    for waited in waiting {
        assert_eq!(text(&waited.await.unwrap()), "run 1");
    }
    let site = Site::start(&work.server(stack(IdempotencyConfig { wait: SHORT, ..Default::default() }))).await;
    let client = site.client();
    let held = tokio::spawn(async move { client.send(keyed("wait", "one")).await.message().await });
    work.begun(2).await;
    let started = std::time::Instant::now();
    let mut refused = site.client().send(keyed("wait", "one")).await;
    assert_eq!(refused.status, 409);
    assert!(started.elapsed() < Duration::from_secs(8), "the usual ten seconds were not waited for");
    let error = refused.message().await["error"].take();
    assert_eq!((&error["code"], &error["data"]), (&json!(409), &json!({"retryAfterMs": 500})));
    // Other arguments are no reason to wait.
    let other = call_with("wait", json!({"a": 1})).header("Idempotency-Key", "\"one\"");
    assert_eq!(answer(&site, other).await["error"]["code"], -32602);
    work.let_go(1);
    assert_eq!(text(&held.await.unwrap()), "run 2");
    assert_eq!(text(&answer(&site, keyed("wait", "one")).await), "run 2");
}

#[tokio::test]
async fn what_was_cancelled_or_ran_out_of_time_is_run_again_if_that_does_no_harm() {
    let work = Work::new();
    let time = TimeoutConfig::new(Duration::from_secs(60)).tool("peek", SHORT);
    let site = Site::start(&work.server(stack(IdempotencyConfig::default()).with_timeout(time))).await;
    assert_eq!(answer(&site, keyed("peek", "one")).await["error"]["message"], "the request ran out of time");
    let client = site.client();
    let held = tokio::spawn(async move { status(&client, keyed("peek", "one")).await });
    work.begun(2).await;
    held.abort();
    let client = site.client();
    let again = tokio::spawn(async move { client.send(keyed("peek", "one")).await.message().await });
    work.begun(3).await;
    work.let_go(1);
    assert_eq!(text(&again.await.unwrap()), "run 3");
}

#[tokio::test]
async fn of_a_tool_that_was_begun_and_lost_it_is_said_that_nobody_knows() {
    let work = Work::new();
    let time = TimeoutConfig::new(Duration::from_secs(60)).tool("wait", SHORT * 4);
    let site = Site::start(&work.server(stack(IdempotencyConfig::default()).with_timeout(time))).await;
    assert_eq!(answer(&site, keyed("wait", "one")).await["error"]["message"], "the request ran out of time");
    let client = site.client();
    let held = tokio::spawn(async move { status(&client, keyed("wait", "two")).await });
    work.begun(2).await;
    held.abort();
    for key in ["one", "two"] {
        let error = answer(&site, keyed("wait", key)).await["error"].take();
        let unknown = "a call with this idempotency key was begun, and how it ended is not known";
        assert_eq!(error, json!({"code": -32603, "message": unknown}), "{key}");
    }
    assert_eq!(work.runs(), 2);
}

/// Carries connections to a server until it is told to cut those there are.
async fn relay(to: SocketAddr, cut: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (mut far, cut) = (TcpStream::connect(to).await.unwrap(), cut.clone());
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = cut.notified() => {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_client_whose_connection_is_cut_has_its_call_run_once() {
    let work = Work::new();
    let site = Site::start(&work.server(MiddlewareStack::new().with_idempotency(IdempotencyConfig::default()))).await;
    let cut = Arc::new(Notify::new());
    let address = relay(site.client().address(), cut.clone()).await;
    let fixed = BackoffStrategy::Fixed { delay: SHORT };
    let policy = RetryPolicy::custom(RetryConfig::new().max_attempts(5).strategy(fixed));
    let builder = Client::builder().era(Era::Modern).reconnect().retry(policy);
    let client = builder.connect(format!("http://{address}/mcp")).await.unwrap();
    let calling = client.clone();
    let calling = tokio::spawn(async move { calling.call_tool("wait", json!({})).await });
    work.begun(1).await;
    cut.notify_waiters();
    let lost = tokio::select! {
        lost = calling => lost.unwrap().unwrap_err(),
        () = work.begun(2) => panic!("it was run twice"),
    };
    assert_eq!(lost.as_mcp().map(McpError::code), Some(ErrorCode::INTERNAL_ERROR), "{lost}");
    assert!(client.health().retries > 0, "it was sent again");
    assert_eq!(work.runs(), 1);
}

/// A store that does not get done with what it is told not to.
#[derive(Clone, Default)]
struct Slow {
    memory: MemoryIdempotency,
    /// How many answers never get kept.
    hanging: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
}

impl IdempotencyStore for Slow {
    async fn begin(&self, call: OnceCall<'_>, lease: Duration) -> Result<Begun, StoreError> {
        self.memory.begin(call, lease).await
    }

    async fn renew(&self, call: OnceCall<'_>, lease: Duration) -> Result<bool, StoreError> {
        self.memory.renew(call, lease).await
    }

    async fn finish(
        &self,
        call: OnceCall<'_>,
        answer: &[u8],
        ttl: Duration,
        bounds: OnceBounds,
    ) -> Result<bool, StoreError> {
        let hangs = self.hanging.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if hangs {
            std::future::pending::<()>().await;
        }
        self.memory.finish(call, answer, ttl, bounds).await
    }

    async fn release(&self, call: OnceCall<'_>) -> Result<(), StoreError> {
        tokio::time::sleep(SHORT).await;
        self.memory.release(call).await?;
        self.released.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn an_answer_that_was_known_when_its_call_was_lost_is_kept() {
    let (work, store) = (Work::new(), Slow::default());
    let site = Site::start(&work.server(stack(IdempotencyConfig::new(store.clone())))).await;
    store.hanging.store(1, Ordering::SeqCst);
    let client = site.client();
    let held = tokio::spawn(async move { status(&client, keyed("tell", "one")).await });
    while store.hanging.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
    held.abort();
    assert_eq!(text(&answer(&site, keyed("tell", "one")).await), "run 1");
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_before_it_is_answered() {
    let (work, store) = (Work::new(), Slow::default());
    let site = Site::start(&failing(&work, IdempotencyConfig::new(store.clone()))).await;
    for run in 1..=2 {
        assert_eq!(answer(&site, keyed("refuses", "one")).await["error"]["message"], format!("run {run}"));
        assert_eq!(store.released.load(Ordering::SeqCst), run);
    }
}

#[tokio::test]
async fn a_call_that_asks_for_input_is_one_call() {
    let work = Work::new();
    let runs = work.runs.clone();
    let ask = FnTool::new(move |_: Arguments, ctx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            ctx.elicit("Sure?", ElicitationSchema::new()).key("sure").await?;
            Ok::<_, McpError>(format!("run {run}"))
        }
    });
    let builder = work.builder().tool("ask", ask).unwrap();
    let site = Site::start(&builder.with_middleware_stack(stack(IdempotencyConfig::default())).unwrap().build()).await;
    let sent = |more: Value| {
        let mut params = json!({"name": "ask", "arguments": {}});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let message = modern(1, "tools/call", params, json!({"elicitation": {}}));
        Request::modern(&message).header("Idempotency-Key", "one")
    };
    let asked = answer(&site, sent(json!({}))).await["result"].take();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let given =
        json!({"inputResponses": {"sure": {"action": "accept", "content": {}}}, "requestState": asked["requestState"]});
    for _ in 0..2 {
        assert_eq!(text(&answer(&site, sent(given.clone())).await), "run 2");
    }
}

/// Lets in whoever says their name and a right.
struct WithRight;

impl Authenticate for WithRight {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let said = shown.head().and_then(|head| head.headers.get("authorization")?.to_str().ok());
        Ok(said.and_then(|said| said.split_once(' ')).map(|(name, right)| Principal::new(name).with_scopes([right])))
    }
}

#[tokio::test]
async fn the_same_key_with_other_rights_or_for_a_task_is_refused() {
    let work = Work::new();
    let stack = MiddlewareStack::new().with_auth(WithRight).with_idempotency(IdempotencyConfig::default());
    let site = Site::start(&work.server(stack)).await;
    let with = |said: &str| keyed("tell", "one").header("Authorization", said);
    for _ in 0..2 {
        assert_eq!(text(&answer(&site, with("ada read")).await), "run 1");
    }
    assert_eq!(answer(&site, with("ada write")).await["error"]["code"], -32602);
    let message = modern(1, "tools/call", json!({"name": "tell", "arguments": {}, "task": {}}), json!({}));
    let task = Request::modern(&message).header("Idempotency-Key", "one").header("Authorization", "ada read");
    assert_eq!(answer(&site, task).await["error"]["code"], -32602);
    assert_eq!(work.runs(), 1);
}

/// A server whose tools count and then fail, each in its way.
fn failing(work: &Work, config: IdempotencyConfig) -> McpServer {
    let counting = |work: &Work, then: fn(u64) -> Result<CallToolResult, McpError>| {
        let work = work.clone();
        FnTool::new(move |_: Arguments| {
            let run = work.runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            std::future::ready(then(run))
        })
    };
    let fails = |run| Ok(CallToolResult::error(format!("run {run}")));
    let breaks = |run| Err(McpError::new(ErrorCode(-7), format!("run {run}")).with_data(json!([1])));
    let tells_much = |run| Ok(CallToolResult::text(format!("run {run} {}", "x".repeat(1000))));
    let builder = work.builder().tool("fails", counting(work, fails));
    let busy = |run| Err(McpError::unavailable(format!("run {run}")));
    let refuses = |run| Err(McpError::unauthorized(format!("run {run}")));
    let builder = builder.and_then(|builder| builder.tool("breaks", counting(work, breaks)));
    let builder = builder.and_then(|builder| builder.tool("busy", counting(work, busy)));
    let builder = builder.and_then(|builder| builder.tool("refuses", counting(work, refuses)));
    let builder = builder.and_then(|builder| builder.tool("much", counting(work, tells_much))).unwrap();
    builder.with_middleware_stack(stack(config)).unwrap().build()
}

#[tokio::test]
async fn what_a_tool_fails_with_is_kept_as_any_answer() {
    let work = Work::new();
    let config = IdempotencyConfig { max_answer_bytes: 500, ..Default::default() };
    let site = Site::start(&failing(&work, config)).await;
    for _ in 0..2 {
        let failed = answer(&site, keyed("fails", "one")).await;
        assert_eq!((text(&failed), &failed["result"]["isError"]), ("run 1", &json!(true)));
    }
    for _ in 0..2 {
        let error = answer(&site, keyed("breaks", "one")).await["error"].take();
        assert_eq!(error, json!({"code": -7, "message": "run 2", "data": [1]}));
    }
    // Of what is too long it is kept that there was something.
    assert!(text(&answer(&site, keyed("much", "one")).await).starts_with("run 3"));
    // By an error that no client takes for a passing one.
    assert_eq!(answer(&site, keyed("much", "one")).await["error"]["code"], -32603);
    for _ in 0..2 {
        assert_eq!(answer(&site, keyed("busy", "one")).await["error"]["message"], "run 4");
    }
    assert_eq!(work.runs(), 4);
}

#[tokio::test]
async fn the_oldest_answers_make_room_and_all_are_forgotten_in_time() {
    let work = Work::new();
    let config = IdempotencyConfig { max_entries: 2, ..Default::default() };
    let site = Site::start(&work.server(stack(config))).await;
    for key in ["one", "two", "three"] {
        answer(&site, keyed("tell", key)).await;
    }
    assert_eq!(text(&answer(&site, keyed("tell", "three")).await), "run 3");
    assert_eq!(text(&answer(&site, keyed("tell", "one")).await), "run 4");
    let site = Site::start(&work.server(stack(IdempotencyConfig { ttl: SHORT, ..Default::default() }))).await;
    answer(&site, keyed("tell", "one")).await;
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(text(&answer(&site, keyed("tell", "one")).await), "run 6");
}

#[tokio::test]
async fn who_is_answered_too_much_pushes_out_only_its_own_answers() {
    let work = Work::new();
    let config = IdempotencyConfig { max_entries_per_caller: 2, ..Default::default() };
    let site = Site::start(&work.server(stack(config))).await;
    let told = async |name: &str, key: &str| {
        text(&answer(&site, keyed("tell", key).header("Authorization", name)).await).to_owned()
    };
    assert_eq!(told("eve", "one").await, "run 1");
    for (key, run) in [("one", 2), ("two", 3), ("three", 4), ("two", 3), ("three", 4), ("one", 5)] {
        assert_eq!(told("ada", key).await, format!("run {run}"), "{key}");
    }
    assert_eq!(told("eve", "one").await, "run 1");
    // Of a tenant, and of one of whom nobody knows who it is, too.
    for name in ["ada@acme", "ada@globex"] {
        told(name, "one").await;
    }
    for key in ["one", "two", "three"] {
        answer(&site, keyed("tell", key)).await;
    }
    let runs = work.runs();
    for name in ["eve", "ada", "ada@acme", "ada@globex"] {
        told(name, "one").await;
    }
    assert_eq!(work.runs(), runs);
}

#[tokio::test]
async fn who_is_answered_at_length_pushes_out_only_its_own_answers() {
    let work = Work::new();
    let config = IdempotencyConfig { max_bytes_per_caller: 2500, ..Default::default() };
    let site = Site::start(&failing(&work, config)).await;
    let asked = [("eve", "one", 1), ("ada", "one", 2), ("ada", "two", 3), ("ada", "three", 4), ("ada", "two", 3)];
    for (name, key, run) in asked.into_iter().chain([("ada", "one", 5), ("ada", "three", 4), ("eve", "one", 1)]) {
        let told = answer(&site, keyed("much", key).header("Authorization", name)).await;
        assert!(text(&told).starts_with(&format!("run {run} ")), "{name} {key}: {told}");
    }
}

#[tokio::test]
async fn in_memory_answers_take_so_many_bytes_at_most() {
    let work = Work::new();
    let store = MemoryIdempotency::new().max_bytes(2500);
    let site = Site::start(&failing(&work, IdempotencyConfig::new(store))).await;
    for (key, run) in [("one", 1), ("two", 2), ("two", 2), ("one", 1), ("three", 3), ("two", 2), ("three", 3)] {
        let told = answer(&site, keyed("much", key)).await;
        assert!(text(&told).starts_with(&format!("run {run} ")), "{key}");
    }
    assert!(text(&answer(&site, keyed("much", "one")).await).starts_with("run 4 "), "it was the oldest");
    // One that is too long by itself is kept until there is another.
    let site = Site::start(&failing(&work, IdempotencyConfig::new(MemoryIdempotency::new().max_bytes(1)))).await;
    for (key, run) in [("one", 5), ("one", 5), ("two", 6), ("two", 6), ("one", 7)] {
        assert!(text(&answer(&site, keyed("much", key)).await).starts_with(&format!("run {run} ")), "{key}");
    }
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let work = Work::new();
    let server = server(&work);
    let site = Site::start(&server).await;
    let long = "x".repeat(256);
    for key in ["", "\"\"", "\"a", "\"a b\"", "\"a\"b\"", &long] {
        let refused = answer(&site, call("tell").header("Idempotency-Key", key)).await;
        assert_eq!(refused["error"]["code"], -32602, "{key}");
    }
    let twice = keyed("tell", "one").header("Idempotency-Key", "\"two\"");
    assert_eq!(answer(&site, twice).await["error"]["code"], -32602);
    let client = site.legacy("2025-06-18", json!({})).await;
    let mut wrong = keyed_within("tell", "");
    wrong["_meta"][Meta::IDEMPOTENCY_KEY] = json!(7);
    for params in [keyed_within("tell", ""), keyed_within("tell", "ä"), wrong] {
        assert_eq!(client.call("tools/call", params).await["error"]["code"], -32602);
    }
    assert_eq!(work.runs(), 0);
}

#[tokio::test]
async fn every_binding_and_era_has_it() {
    let work = Work::new();
    let server = server(&work);
    let site = Site::start(&server).await;
    let legacy = site.legacy("2025-06-18", json!({})).await;
    for _ in 0..2 {
        assert_eq!(text(&legacy.call("tools/call", keyed_within("tell", "one")).await), "run 1");
        // Nobody knows who these are, which is somebody.
        for era in [Era::Modern, Era::Legacy] {
            let client = Client::builder().era(era).connect(&server).await.unwrap();
            let result = client.call_tool("tell", json!({})).idempotency_key("one").await.unwrap();
            assert_eq!(result.content[0].as_text(), Some("run 1"), "{era:?}");
        }
    }
    let client = Client::connect(&server).await.unwrap();
    let error = client.call_tool("tell", json!({})).idempotency_key("a b").await.unwrap_err();
    assert!(error.is_usage(), "{error}");
}

#[tokio::test]
async fn servers_say_that_they_have_it_and_clients_then_give_keys_to_what_they_may_repeat() {
    let work = Work::new();
    for has in [true, false] {
        let stack = MiddlewareStack::new();
        let stack = if has { stack.with_idempotency(IdempotencyConfig::default()) } else { stack };
        let server = work.server(stack);
        // A tool that is registered later changes nothing about it.
        server.register_tool("new", |_: turbomcp::Params| async { "new" }).unwrap();
        for era in [Era::Modern, Era::Legacy] {
            let client = Client::builder().era(era).connect(&server).await.unwrap();
            let capabilities = client.capabilities();
            let experimental = capabilities.experimental.unwrap_or_default();
            assert_eq!(experimental.contains_key(IDEMPOTENCY_EXTENSION), has, "{era:?}");
            let is_modern = era == Era::Modern;
            let extensions = capabilities.extensions.unwrap_or_default();
            assert_eq!(extensions.contains_key(IDEMPOTENCY_EXTENSION), has && is_modern);
        }
    }
    let policy = RetryPolicy::custom(RetryConfig::new().max_attempts(2));
    let client = Client::builder().retry(policy).connect(&server(&work)).await.unwrap();
    let runs = work.runs();
    client.call_tool("tell", json!({})).await.unwrap();
    client.call_tool("tell", json!({})).await.unwrap();
    assert_eq!(work.runs(), runs + 2, "each call has a key of its own");
}
