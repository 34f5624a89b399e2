//! Code around every request: F45, F49, F70, F71, and the responses of F75.

use std::sync::{Arc, Mutex};

use serde_json::json;
use turbomcp::prelude::*;
use turbomcp::{Arguments, Middleware, MiddlewareError, MiddlewareResult, Next, Request, Response};
use turbomcp_tests::Client;

use crate::text;

type Log = Arc<Mutex<Vec<String>>>;

struct Note(&'static str, Log);

impl Middleware for Note {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        self.1.lock().unwrap().push(format!("{} {}", self.0, request.method()));
        let response = next.run(request).await?;
        self.1.lock().unwrap().push(format!("{} done", self.0));
        Ok(response)
    }
}

/// Answers as the tool's name says.
struct Answer;

impl Middleware for Answer {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        match request.name().as_deref() {
            Some("unauthorized") => Ok(Response::unauthorized("who are you?")),
            Some("bad_request") => Ok(Response::bad_request("no such page")),
            Some("internal") => Ok(Response::internal_server_error("a secret")),
            Some("error") => Err(MiddlewareError::rate_limited("slow down")),
            Some("io") => Err(std::io::Error::other("a secret"))?,
            _ => next.run(request).await,
        }
    }
}

#[tokio::test]
async fn f70_middleware_sees_a_request_and_its_response_the_last_one_added_first() {
    let log = Log::default();
    let server = ServerBuilder::new()
        .tool("tell", |_: Arguments| async { "told" })
        .unwrap()
        .middleware(Note("inner", log.clone()))
        .middleware(Note("outer", log.clone()))
        .build();
    let mut client = Client::connect(&server);
    assert_eq!(text(&client.tool("tell", json!({})).await), "told");
    assert_eq!(*log.lock().unwrap(), ["outer tools/call", "inner tools/call", "inner done", "outer done"]);
}

/// Holds F71.
#[tokio::test]
async fn f75_a_middleware_answers_in_place_of_the_handler() {
    let mut client = Client::connect(&ServerBuilder::new().middleware(Answer).build());
    for (name, code, message) in [
        ("unauthorized", 401, "who are you?"),
        ("bad_request", -32602, "no such page"),
        ("internal", -32603, "internal error"),
        ("error", 429, "slow down"),
        ("io", -32603, "internal error"),
    ] {
        assert_eq!(client.tool(name, json!({})).await["error"], json!({"code": code, "message": message}));
    }
}

/// The stages are: the stack, validation of the arguments, the handler, validation of its result.
#[tokio::test]
async fn f45_middleware_stands_around_validation_and_the_handler() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Count {
        #[schemars(range(max = 9))]
        n: u32,
    }
    struct SeesFailure(Log);
    impl Middleware for SeesFailure {
        async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
            let response = next.run(request).await?;
            let failed = response.as_tool().is_some_and(turbomcp::types::CallToolResult::is_error);
            self.0.lock().unwrap().push(failed.to_string());
            Ok(response)
        }
    }
    let log = Log::default();
    let handled = log.clone();
    let count = move |Count { n }: Count| {
        handled.lock().unwrap().push(format!("handled {n}"));
        async move { n }
    };
    let server = ServerBuilder::new().tool("count", count).unwrap().middleware(SeesFailure(log.clone())).build();
    let mut client = Client::connect(&server);
    client.tool("count", json!({"n": 10})).await;
    client.tool("count", json!({"n": 1})).await;
    assert_eq!(*log.lock().unwrap(), ["true", "handled 1", "false"]);
}
