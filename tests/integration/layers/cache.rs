//! Results that are kept for a while: F194.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::layers::{CacheConfig, Clock, MiddlewareStack, Which};
use turbomcp::prelude::*;
use turbomcp::types::{CacheScope, ReadResourceResult};
use turbomcp::{Access, Arguments, FnResource, FnTool, ReadResourceRequest, ResourceDefinition};
use turbomcp_tests::{Client, Request, Site, modern};

use super::{ByName, Hand, Names, Work, call, call_with};

fn stack(config: CacheConfig) -> MiddlewareStack {
    MiddlewareStack::new().with_auth(ByName::default()).with_cache(config)
}

async fn said(site: &Site, request: Request) -> String {
    crate::text(&site.client().send(request).await.message().await).to_owned()
}

#[tokio::test]
async fn f194_a_result_is_kept_for_its_caller() {
    let site = Site::start(&Work::new().server(stack(CacheConfig::default()))).await;
    let of = |name: &str, arguments: Value| call_with("look", arguments).header("Authorization", name);
    assert_eq!(said(&site, of("ada", json!({"a": 1, "b": "x"}))).await, "run 1");
    assert_eq!(said(&site, of("ada", json!({"b": "x", "a": 1}))).await, "run 1");
    assert_eq!(said(&site, of("ada", json!({"a": 1}))).await, "run 2");
    assert_eq!(said(&site, of("bob", json!({"a": 1}))).await, "run 3");
    assert_eq!(said(&site, of("ada@acme", json!({"a": 1}))).await, "run 4");
    assert_eq!(said(&site, call_with("look", json!({"a": 1}))).await, "run 5");
    assert_eq!(said(&site, of("ada", json!({"a": 1}))).await, "run 2");
    // This one does not say that it changes nothing.
    assert_eq!(said(&site, call("tell")).await, "run 6");
    assert_eq!(said(&site, call("tell")).await, "run 7");
}

#[tokio::test]
async fn f194_a_result_is_kept_for_as_long_as_was_said() {
    let hand = Hand::default();
    let config = CacheConfig { ttl: Duration::from_secs(60), clock: hand.clock(), ..CacheConfig::default() };
    let mut client = Client::connect(&Work::new().server(stack(config)));
    for (advance, expected) in [(0, "run 1"), (59, "run 1"), (1, "run 2"), (59, "run 2")] {
        hand.advance(Duration::from_secs(advance));
        assert_eq!(crate::text(&client.tool("look", json!({})).await), expected);
    }
}

#[tokio::test]
async fn f194_tools_are_named_where_they_do_not_say_so() {
    let config = CacheConfig { tools: Which::named(["tell"]), ..CacheConfig::default() };
    let mut client = Client::connect(&Work::new().server(stack(config)));
    for (tool, expected) in [("tell", "run 1"), ("tell", "run 1"), ("look", "run 2"), ("look", "run 3")] {
        assert_eq!(crate::text(&client.tool(tool, json!({})).await), expected);
    }
}

#[tokio::test]
async fn f194_what_is_too_long_or_has_failed_is_not_kept() {
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let answer = move |arguments: Arguments| {
        counted.fetch_add(1, Ordering::SeqCst);
        let arguments: Value = serde_json::from_str(arguments.raw()).unwrap();
        async move {
            match arguments["bytes"].as_u64() {
                Some(bytes) => Ok("x".repeat(usize::try_from(bytes).unwrap())),
                None => Err(turbomcp::ToolError::new("no")),
            }
        }
    };
    let config = CacheConfig { tools: Which::named(["answer"]), max_value_bytes: 1000, ..CacheConfig::default() };
    let builder = ServerBuilder::new().tool("answer", answer).unwrap();
    let mut client = Client::connect(&builder.with_middleware_stack(stack(config)).unwrap().build());
    for (arguments, expected) in [(json!({"bytes": 900}), 1), (json!({"bytes": 1000}), 2), (json!({}), 2)] {
        runs.store(0, Ordering::SeqCst);
        client.tool("answer", arguments.clone()).await;
        client.tool("answer", arguments).await;
        assert_eq!(runs.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn f194_no_more_is_kept_than_was_said() {
    let work = Work::new();
    let config = CacheConfig { max_entries: 4, ..CacheConfig::default() };
    let mut client = Client::connect(&work.server(stack(config)));
    for _ in 0..2 {
        for number in 0..2000 {
            client.tool("look", json!({"number": number})).await;
        }
    }
    // All but a few had to be computed again.
    assert!(work.runs() > 3000, "{}", work.runs());
}

#[tokio::test]
async fn f194_a_tool_that_is_replaced_takes_its_results_with_it() {
    let work = Work::new();
    let server = work.server(stack(CacheConfig { tools: Which::named(["look", "tell"]), ..CacheConfig::default() }));
    let mut client = Client::connect(&server);
    assert_eq!(crate::text(&client.tool("look", json!({})).await), "run 1");
    assert_eq!(crate::text(&client.tool("tell", json!({})).await), "run 2");
    assert!(server.remove_tool("look"));
    server.register_tool("look", |_: Arguments| async { "another" }).unwrap();
    assert_eq!(crate::text(&client.tool("look", json!({})).await), "another");
    // The others are as they were.
    assert_eq!(crate::text(&client.tool("tell", json!({})).await), "run 2");
    assert!(server.remove_tool("tell"));
    assert_eq!(client.tool("tell", json!({})).await["error"]["code"], -32602);
}

#[tokio::test]
async fn f194_whoever_may_not_call_is_given_nothing() {
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let look = move |_: Arguments| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { "seen" }
    };
    let guarded = FnTool::new(look).access(Access::new().roles(["admin"]));
    let config = CacheConfig { tools: Which::named(["look"]), ..CacheConfig::default() };
    let builder = ServerBuilder::new().tool("look", guarded).unwrap().with_middleware_stack(stack(config)).unwrap();
    // Who says who they are is a layer of the user's, which stands outside.
    let server = builder.middleware(Roles).build();
    let site = Site::start(&server).await;
    let of = |role: &str| call("look").header("X-Role", role);
    assert_eq!(said(&site, of("admin")).await, "seen");
    assert_eq!(said(&site, of("admin")).await, "seen");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let mut refused = site.client().send(of("guest")).await;
    assert_eq!((refused.status, &refused.message().await["error"]["code"]), (403, &json!(403)));
}

/// Says what role the same caller has.
struct Roles;

impl turbomcp::Middleware for Roles {
    async fn process(
        &self,
        mut request: turbomcp::Request,
        next: turbomcp::Next,
    ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
        let head = request.extensions().get::<turbomcp::transport::http::HttpRequest>().unwrap();
        let role = head.headers()["x-role"].to_str().unwrap().to_owned();
        request.extensions_mut().insert(turbomcp::Principal::new("ada").with_roles([role]));
        next.run(request).await
    }
}

#[tokio::test]
async fn f194_contents_are_kept_as_they_say_themselves() {
    let (hand, runs) = (Hand::default(), Arc::new(AtomicU64::new(0)));
    let counted = runs.clone();
    let read = move |request: ReadResourceRequest, _: Context| {
        let run = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            let result = ReadResourceResult::text(request.uri(), format!("run {run}"));
            Ok::<_, McpError>(match request.variable("kind") {
                Some("common") => result.with_ttl(Duration::from_secs(60)).with_cache_scope(CacheScope::Public),
                Some("own") => result.with_ttl(Duration::from_secs(60)),
                _ => result,
            })
        }
    };
    let resource = FnResource::new(ResourceDefinition::new("note"), read);
    let config = CacheConfig { clock: hand.clock(), ..CacheConfig::default() };
    let builder = ServerBuilder::new().resource("note://{kind}", resource).unwrap();
    let server = builder.with_middleware_stack(stack(config)).unwrap().build();
    let site = Site::start(&server).await;
    let read = async |kind: &str, name: &str| {
        let request = modern(1, "resources/read", json!({"uri": format!("note://{kind}")}), json!({}));
        let mut reply = site.client().send(Request::modern(&request).header("Authorization", name)).await;
        let result = reply.message().await["result"].take();
        (result["contents"][0]["text"].as_str().unwrap().to_owned(), result["ttlMs"].as_u64().unwrap())
    };
    assert_eq!(read("common", "ada").await, ("run 1".to_owned(), 60_000));
    hand.advance(Duration::from_secs(20));
    assert_eq!(read("common", "bob").await, ("run 1".to_owned(), 40_000));
    assert_eq!(read("own", "ada").await.0, "run 2");
    assert_eq!(read("own", "bob").await.0, "run 3");
    assert_eq!(read("own", "ada").await.0, "run 2");
    assert_eq!(read("none", "ada").await.0, "run 4");
    assert_eq!(read("none", "ada").await.0, "run 5");
    server.resource_updated("note://own");
    assert_eq!(read("own", "ada").await.0, "run 6");
    assert_eq!(read("common", "ada").await.0, "run 1");
    hand.advance(Duration::from_secs(40));
    assert_eq!(read("common", "ada").await.0, "run 7");
}

#[tokio::test]
async fn f194_contents_that_change_while_they_are_put_there_are_not_kept() {
    let (runs, server) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::<McpServer>::new()));
    let (counted, announces) = (runs.clone(), Arc::new(AtomicBool::new(true)));
    let read = move |request: ReadResourceRequest, _: Context| {
        let run = counted.fetch_add(1, Ordering::SeqCst) + 1;
        let result = ReadResourceResult::text(request.uri(), format!("run {run}"));
        async { Ok::<_, McpError>(result.with_ttl(Duration::from_secs(60))) }
    };
    // Once they were read, the time is looked at to keep them: the contents change at that very moment.
    let (changing, has_run) = (server.clone(), runs.clone());
    let clock = Clock::from_fn(move || {
        if has_run.load(Ordering::SeqCst) == 1 && announces.swap(false, Ordering::SeqCst) {
            changing.get().unwrap().resource_updated("note://all");
        }
        Duration::ZERO
    });
    let resource = FnResource::new(ResourceDefinition::new("note"), read);
    let builder = ServerBuilder::new().resource("note://all", resource).unwrap();
    let stack = MiddlewareStack::new().with_cache(CacheConfig { clock, ..CacheConfig::default() });
    let server = server.get_or_init(|| builder.with_middleware_stack(stack).unwrap().build());
    let mut client = Client::connect(server);
    for expected in ["run 1", "run 2", "run 2"] {
        let answer = client.modern("resources/read", json!({"uri": "note://all"}), json!({})).await;
        assert_eq!(answer["result"]["contents"][0]["text"], expected, "{answer}");
    }
}

#[tokio::test]
async fn f194_a_call_that_is_to_become_a_task_is_answered_as_without_a_cache() {
    let (with, without) = (stack(CacheConfig::default()), MiddlewareStack::new());
    let mut answers = Vec::new();
    for stack in [with, without] {
        let mut client = Client::legacy(&Work::new().server(stack), "2025-11-25", json!({})).await;
        let params = json!({"name": "look", "arguments": {}});
        assert_eq!(crate::text(&client.call("tools/call", params.clone()).await), "run 1");
        let mut params = params;
        params["task"] = json!({"ttl": 1000});
        answers.push(client.call("tools/call", params).await);
    }
    assert_eq!(answers[0], answers[1]);
}

/// Says who calls by a layer of the user's that stands inside of the stack.
fn named_inside(stack: MiddlewareStack, work: &Work) -> McpServer {
    let read = async |_: ReadResourceRequest, ctx: Context| {
        let name = ctx.extensions().get::<turbomcp::Principal>().map_or("nobody", turbomcp::Principal::subject);
        let result = ReadResourceResult::text("note://all", name).with_ttl(Duration::from_secs(60));
        Ok::<_, McpError>(result.with_cache_scope(CacheScope::Public))
    };
    let builder = work.builder().resource("note://all", FnResource::new(ResourceDefinition::new("note"), read));
    builder.unwrap().middleware(Names).with_middleware_stack(stack).unwrap().build()
}

#[tokio::test]
async fn f194_what_a_layer_inside_has_found_out_keeps_results_from_strangers() {
    let work = Work::new();
    let site = Site::start(&named_inside(MiddlewareStack::new().with_cache(CacheConfig::default()), &work)).await;
    let ada = |request: Request| request.header("X-Name", "ada@acme");
    assert_eq!(said(&site, ada(call("look"))).await, "run 1");
    assert_eq!(said(&site, call("look")).await, "run 2");
    assert_eq!(said(&site, call("look")).await, "run 2");
    let read = || Request::modern(&modern(1, "resources/read", json!({"uri": "note://all"}), json!({})));
    for (request, expected) in [(ada(read()), "ada"), (read(), "nobody")] {
        let answer = site.client().send(request).await.message().await;
        assert_eq!(answer["result"]["contents"][0]["text"], expected, "{answer}");
    }
}

#[tokio::test]
async fn f194_callers_who_are_not_known_are_told_by_session_and_connection() {
    let server = Work::new().server(MiddlewareStack::new().with_cache(CacheConfig::default()));
    let (mut first, mut second) = (Client::connect(&server), Client::connect(&server));
    for (client, expected) in [(&mut first, "run 1"), (&mut second, "run 2")] {
        assert_eq!(crate::text(&client.tool("look", json!({})).await), expected);
        assert_eq!(crate::text(&client.tool("look", json!({})).await), expected);
    }
    let site = Site::start(&server).await;
    for expected in ["run 3", "run 4"] {
        let session = site.legacy("2025-11-25", json!({})).await;
        for _ in 0..2 {
            let answer = session.call("tools/call", json!({"name": "look", "arguments": {}})).await;
            assert_eq!(crate::text(&answer), expected);
        }
    }
}

#[tokio::test]
async fn f194_what_takes_too_much_to_ask_for_is_not_kept() {
    let work = Work::new();
    let read = async |request: ReadResourceRequest, _: Context| {
        let result = ReadResourceResult::text(request.uri(), "read").with_ttl(Duration::from_secs(60));
        Ok::<_, McpError>(result)
    };
    let resource = FnResource::new(ResourceDefinition::new("note"), read);
    let builder = work.builder().resource("note://{kind}", resource).unwrap();
    let mut client = Client::connect(&builder.with_middleware_stack(stack(CacheConfig::default())).unwrap().build());
    for (bytes, is_kept) in [(3 << 10, true), (4 << 10, false)] {
        let text = "x".repeat(bytes);
        let before = work.runs();
        for _ in 0..2 {
            client.tool("look", json!({"text": text})).await;
        }
        assert_eq!(work.runs() - before == 1, is_kept, "{bytes}");
        let mut times = Vec::new();
        for _ in 0..2 {
            let params = json!({"uri": format!("note://{text}")});
            times.push(client.modern("resources/read", params, json!({})).await["result"]["ttlMs"].as_u64().unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(times[1] < times[0], is_kept, "{bytes}");
    }
}
