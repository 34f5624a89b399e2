//! What clients are told of errors: F75, F196.

use std::sync::{Arc, Mutex};

use serde_json::json;
use turbomcp::layers::{ErrorHandler, MiddlewareStack};
use turbomcp::prelude::*;
use turbomcp::{Arguments, Response, ServerError, ServerResult};
use turbomcp_tests::{Client, Site};

use super::{ByName, Work, call};

fn failing(stack: MiddlewareStack) -> McpServer {
    let fail = |arguments: Arguments| async move {
        let text = || "a secret".to_owned();
        let kind: serde_json::Value = serde_json::from_str(arguments.raw()).unwrap();
        Err::<String, _>(match kind["kind"].as_str().unwrap_or_default() {
            "validation" => McpError::from(ServerError::ValidationError(text())),
            "unauthorized" => ServerError::Unauthorized(text()).into(),
            "forbidden" => ServerError::Forbidden(text()).into(),
            "not_found" => ServerError::NotFound(text()).into(),
            "rate_limited" => ServerError::RateLimitExceeded(text()).into(),
            "database" => ServerError::Database(text()).into(),
            "internal" => ServerError::Internal(text()).into(),
            _ => panic!("a secret"),
        })
    };
    ServerBuilder::new().tool("fail", fail).unwrap().with_middleware_stack(stack).unwrap().build()
}

/// The table is that of the guide.
#[tokio::test]
async fn f196_an_error_has_a_code_a_status_and_no_secrets() {
    let site = Site::start(&failing(MiddlewareStack::production())).await;
    for (kind, code, status) in [
        ("validation", -32602, 200),
        ("unauthorized", 401, 401),
        ("forbidden", 403, 403),
        ("not_found", -32602, 200),
        ("rate_limited", 429, 429),
        ("database", -32603, 200),
        ("internal", -32603, 200),
        ("panic", -32603, 200),
    ] {
        let mut reply = site.client().send(super::call_with("fail", json!({"kind": kind}))).await;
        let error = reply.message().await["error"].take();
        assert_eq!((reply.status, &error["code"]), (status, &json!(code)), "{kind}");
        let hides = code == -32603;
        assert_eq!(error["message"] == "internal error", hides, "{kind}: {error}");
    }
}

#[tokio::test]
async fn f75_errors_are_worded_by_their_kind() {
    let causes = Arc::new(Mutex::new(Vec::new()));
    let seen = causes.clone();
    let errors = ErrorHandler::new()
        .handle_authentication_error(|_| async { Response::unauthorized("log in first") })
        .handle_validation_error(|error| async move {
            tokio::task::yield_now().await;
            Response::bad_request(&format!("please read the manual: {}", error.message()))
        })
        .handle_internal_error(move |error| {
            seen.lock().unwrap().push(error.source().map(ToString::to_string));
            async { Response::internal_server_error("the inventory is down") }
        });
    let server = failing(MiddlewareStack::new().with_error_handler(errors));
    let mut client = Client::connect(&server);
    for (kind, code, message) in [
        ("unauthorized", 401, "log in first"),
        ("forbidden", 401, "log in first"),
        ("validation", -32602, "please read the manual: a secret"),
        ("internal", -32603, "internal error"),
        ("panic", -32603, "internal error"),
        // There is no handler for these.
        ("rate_limited", 429, "a secret"),
    ] {
        let error = client.tool("fail", json!({"kind": kind})).await["error"].take();
        assert_eq!(error, json!({"code": code, "message": message}), "{kind}");
    }
    assert_eq!(*causes.lock().unwrap(), [Some("a secret".to_owned()), None]);
}

#[tokio::test]
async fn f75_whoever_is_not_let_in_is_told_in_these_words_too() {
    let errors = ErrorHandler::new()
        .handle_authentication_error(|error| async move { Response::unauthorized(&format!("{}!", error.message())) });
    let stack = MiddlewareStack::new().with_auth(ByName::default()).with_error_handler(errors);
    let site = Site::start(&Work::new().server(stack)).await;
    let mut reply = site.client().send(call("tell").header("Authorization", "nobody")).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(reply.message().await["error"], json!({"code": 401, "message": "who are you?!"}));
}

/// Holds the conversion that handlers use by `?`.
#[tokio::test]
async fn f196_a_handler_returns_a_server_result() {
    async fn fail(_: Arguments) -> ServerResult<String> {
        Err(ServerError::Database("a secret".to_owned()))
    }
    let mut client = Client::connect(&ServerBuilder::new().tool("fail", fail).unwrap().build());
    let answer = client.tool("fail", json!({})).await;
    assert!(!answer.to_string().contains("secret"), "{answer}");
}
