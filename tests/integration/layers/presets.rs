//! Presets, and what a stack hands on: F48, F72, F76, F77, F80, F83.

use std::time::Duration;

use serde_json::json;
use turbomcp::layers::MiddlewareStack;
use turbomcp::prelude::*;
use turbomcp::{Arguments, FnTool, Limits, ServerConfig, ValidationConfig};
use turbomcp_tests::{Client, Site};

use super::{ByName, Work, call, status};

#[test]
fn f48_a_preset_says_what_a_server_takes_on() {
    let (production, default) = (ServerConfig::production().limits, Limits::default());
    assert_eq!((production.message_bytes, production.body_bytes), (1 << 20, 1 << 20));
    assert_eq!((production.request_timeout, production.requests_in_flight), (Duration::from_secs(30), 64));
    assert_eq!(
        (production.header_timeout, production.body_timeout),
        (Duration::from_secs(10), Duration::from_secs(10))
    );
    assert_eq!((production.connections, production.sessions), (default.connections, default.sessions));
    let development = ServerConfig::development().limits;
    assert_eq!(development.request_timeout, Duration::from_secs(30 * 60));
    assert_eq!(development.client_answer_timeout, Duration::from_secs(30 * 60));
    assert_eq!(development.body_bytes, default.body_bytes);
}

#[tokio::test]
async fn f76_production_limits_and_dresses_what_it_answers() {
    let work = Work::new();
    let site = Site::start(&work.server(MiddlewareStack::production())).await;
    let reply = site.client().send(call("tell")).await;
    assert_eq!((reply.status, reply.header("x-content-type-options")), (200, Some("nosniff")));
    let mut passed = 1;
    loop {
        match status(&site.client(), call("tell")).await {
            200 => passed += 1,
            other => break assert_eq!(other, 429),
        }
        assert!(passed < 100);
    }
    // 20 at once, and what came meanwhile at two in a second.
    assert!(passed >= 20, "{passed}");
}

#[tokio::test]
async fn f76_production_lets_one_caller_run_64_requests_at_once() {
    let work = Work::new();
    let stack = MiddlewareStack::production();
    let mut client = Client::connect(&work.server(stack.with_rate_limit(off())));
    for id in 0..65 {
        client
            .send(&turbomcp_tests::modern(id, "tools/call", json!({"name": "wait", "arguments": {}}), json!({})))
            .await;
    }
    assert_eq!(client.next().await["error"]["code"], 503);
    assert_eq!(work.runs(), 64);
}

fn off() -> turbomcp::layers::RateLimitConfig {
    turbomcp::layers::RateLimitConfig { enabled: false, ..Default::default() }
}

#[tokio::test]
async fn f76_development_refuses_nobody() {
    let site = Site::start(&Work::new().server(MiddlewareStack::development())).await;
    for _ in 0..40 {
        assert_eq!(status(&site.client(), call("tell")).await, 200);
    }
}

#[tokio::test]
async fn f72_and_f80_a_stack_says_who_may_call() {
    let auth = ByName::default();
    let stack = MiddlewareStack::new().with_auth(auth.clone());
    let site = Site::start(&Work::new().server(stack)).await;
    assert_eq!(status(&site.client(), call("tell").header("Authorization", "nobody")).await, 401);
    assert_eq!(status(&site.client(), call("tell").header("Authorization", "ada")).await, 200);
    assert_eq!(auth.asked(), 2);
}

#[tokio::test]
async fn f77_a_stack_says_what_calls_are_held_against() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let tool = || FnTool::new(|_: Nothing| async { "told" });
    let stack = MiddlewareStack::new().with_validation(ValidationConfig::strict());
    let strict = ServerBuilder::new().tool("tell", tool()).unwrap().with_middleware_stack(stack).unwrap().build();
    let lax = ServerBuilder::new().tool("tell", tool()).unwrap().build();
    for (server, fails) in [(strict, true), (lax, false)] {
        let answer = Client::connect(&server).tool("tell", json!({"more": 1})).await;
        assert_eq!(answer["result"]["isError"] == true, fails, "{answer}");
    }
    let unknown = ValidationConfig::default().custom_formats(["no-such-format"]);
    let stack = MiddlewareStack::new().with_validation(unknown);
    assert!(ServerBuilder::new().with_middleware_stack(stack).is_err());
}

/// What is added behind the stack stands outside of it.
#[tokio::test]
async fn f49_layers_stand_where_they_were_added() {
    struct Stop(&'static str);
    impl turbomcp::Middleware for Stop {
        async fn process(
            &self,
            request: turbomcp::Request,
            next: turbomcp::Next,
        ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
            match request.name().as_deref() == Some(self.0) {
                true => Err(McpError::forbidden(self.0)),
                false => next.run(request).await,
            }
        }
    }
    let errors = turbomcp::layers::ErrorHandler::new()
        .handle_authentication_error(|error| async move { turbomcp::Response::bad_request(error.message()) });
    let builder = ServerBuilder::new().tool("tell", |_: Arguments| async { "told" }).unwrap();
    let builder = builder.middleware(Stop("inner"));
    let builder = builder.with_middleware_stack(MiddlewareStack::new().with_error_handler(errors)).unwrap();
    let mut client = Client::connect(&builder.middleware(Stop("outer")).build());
    assert_eq!(client.tool("inner", json!({})).await["error"], json!({"code": -32602, "message": "inner"}));
    assert_eq!(client.tool("outer", json!({})).await["error"], json!({"code": 403, "message": "outer"}));
    assert_eq!(crate::text(&client.tool("tell", json!({})).await), "told");
}
