//! What is kept for a caller between requests is nobody else's.

use serde_json::{Value, json};
use turbomcp_tests::{Client, Request, Site, modern};

use super::people::{Answer, Caller, connect, named, server};

fn forbidden(status: u16, message: &Value) {
    assert_eq!((status, &message["error"]["message"]), (403, &json!("the session belongs to somebody else")));
}

#[tokio::test]
async fn a_session_is_of_whoever_opened_it() {
    let site = Site::start(&server()).await;
    let owner = Caller::legacy(site.client(), "reader").await;
    let id = owner.http.session.clone().unwrap();
    let listening = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for stranger in ["", "eve", "admin"] {
        let within = |request: Request| named(request.header("Mcp-Session-Id", &id), stranger);
        for request in [
            Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})),
            Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})),
            Request::post(&json!({"jsonrpc": "2.0", "id": 1, "method": "resources/unsubscribe",
                "params": {"uri": "notes://7"}})),
            Request::post(&listening),
            Request::get(),
            Request::delete(),
        ] {
            let mut reply = site.client().send(within(request)).await;
            forbidden(reply.status, &reply.message().await);
        }
    }
    assert_eq!(owner.tool("open", json!({})).await.0, 200, "the session is still there");
    assert_eq!(site.client().send(owner.request(&listening)).await.status, 202);
    // Somebody nobody knows does not get so far.
    let unknown = named(Request::delete().header("Mcp-Session-Id", &id), "x");
    assert_eq!(site.client().send(unknown).await.status, 401);
}

#[tokio::test]
async fn a_caller_with_more_scopes_is_still_the_same() {
    let server = server();
    let site = Site::start(&server).await;
    let mut caller = Caller::legacy(site.client(), "reader").await;
    let mut stream = caller.http.send(named(caller.http.within(Request::get()), "reader")).await;
    assert_eq!(stream.status, 200);
    let plan = json!({"uri": "notes://plan"});
    assert_eq!(caller.ask("resources/subscribe", plan.clone()).await.0, 403);
    caller.name = "reader+";
    assert_eq!(caller.ask("resources/subscribe", plan.clone()).await.0, 200, "it goes on in its session");
    server.resource_updated("notes://plan");
    assert_eq!(stream.next().await.unwrap()["params"], plan);
    // What it is told follows what it may do now.
    caller.name = "reader";
    assert_eq!(caller.ask("resources/subscribe", json!({"uri": "notes://7"})).await.0, 200);
    server.resource_updated("notes://plan");
    server.resource_updated("notes://7");
    assert_eq!(stream.next().await.unwrap()["params"]["uri"], "notes://7");
    server.shutdown_handle().shutdown();
}

fn asked(answer: &Answer) -> String {
    let (status, _, message) = answer;
    assert_eq!((*status, &message["result"]["resultType"]), (200, &json!("input_required")), "{message}");
    message["result"]["requestState"].as_str().unwrap().to_owned()
}

fn answered(state: &str) -> Value {
    json!({"name": "ask", "arguments": {}, "requestState": state, "inputResponses": {"roots_1": {"roots": []}}})
}

#[tokio::test]
async fn a_request_state_is_of_whoever_it_was_given_to() {
    let server = server();
    let site = Site::start(&server).await;
    let caller = |name| Caller::modern(site.client(), name);
    for owner in ["", "eve", "admin"] {
        let state = asked(&caller(owner).tool("ask", json!({})).await);
        for other in ["", "eve", "admin"] {
            let (status, _, message) = caller(other).ask("tools/call", answered(&state)).await;
            assert_eq!(status, 200);
            if other == owner {
                assert_eq!(message["result"]["content"][0]["text"], "0", "{message}");
            } else {
                let refusal = "the request state is not one this server gave out for this request";
                assert_eq!(message["error"], json!({"code": -32602, "message": refusal}), "{owner:?} {other:?}");
            }
        }
        // Neither does it matter how it comes back.
        for other in ["eve", "admin"] {
            let mut client = connect(&server, other);
            let answer = client.modern("tools/call", answered(&state), json!({"roots": {}})).await;
            assert_eq!(answer.get("result").is_some(), owner == other, "{owner:?} {other:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_subscription_is_of_the_connection_it_was_made_on() {
    let server = server();
    let listen = modern("s", "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}), json!({}));
    let mut owner = connect(&server, "reader");
    owner.send(&listen).await;
    assert_eq!(owner.next().await["method"], "notifications/subscriptions/acknowledged");
    let site = Site::start(&server).await;
    let mut over_http = site.client().send(named(Request::modern(&listen), "reader")).await;
    assert_eq!(over_http.next().await.unwrap()["method"], "notifications/subscriptions/acknowledged");

    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "s"}});
    let mut stranger = connect(&server, "eve");
    stranger.send(&cancel).await;
    stranger.sync().await;
    let same: &mut Client = &mut connect(&server, "reader");
    same.send(&cancel).await;
    same.sync().await;
    let request = named(Request::post(&cancel).header("MCP-Protocol-Version", "2026-07-28"), "eve");
    assert_eq!(site.client().send(request).await.status, 202, "it is taken, and has no effect");

    assert!(server.remove_tool("look"));
    assert_eq!(owner.next().await["method"], "notifications/tools/list_changed");
    assert_eq!(over_http.next().await.unwrap()["method"], "notifications/tools/list_changed");
    server.shutdown_handle().shutdown();
}
