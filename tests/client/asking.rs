//! What the server asks the client for: what is declared, answered and refused.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::client::{Client, ClientBuilder, Era};
use turbomcp::types::{CreateMessageResult, ElicitAction, ElicitResult, Root, SamplingMessageContentBlock};
use turbomcp::{ErrorCode, McpError};

use crate::peer::{Peer, connected, failure, pair, soon, text};
use crate::web::{Reply, Web};

fn sampling() -> ClientBuilder {
    Client::builder()
        .on_sample(|_| async { Ok(CreateMessageResult::new(SamplingMessageContentBlock::text("said"), "tiny")) })
}

/// Returns what a client declares in its first message of an era.
async fn declared(builder: ClientBuilder, era: Era) -> Value {
    let (transport, mut peer) = pair();
    let client = tokio::spawn(builder.era(era).without_tasks().connect(transport));
    let capabilities = match era {
        Era::Legacy => peer.initialize("2025-11-25").await["params"]["capabilities"].take(),
        _ => peer.discover().await["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].take(),
    };
    soon(client).await.unwrap().unwrap();
    capabilities
}

/// Holds SAMP-02, ROOT-01, ELIC-01.
#[tokio::test]
async fn samp_01_what_is_handled_is_declared() {
    assert_eq!(declared(sampling(), Era::Modern).await, json!({"sampling": {}}));
    assert_eq!(declared(sampling().sample_with_tools(), Era::Legacy).await, json!({"sampling": {"tools": {}}}));
    let roots = || Client::builder().roots([Root::new("file:///a")]);
    assert_eq!(declared(roots(), Era::Modern).await, json!({"roots": {}}));
    assert_eq!(declared(roots(), Era::Legacy).await, json!({"roots": {"listChanged": true}}));
    assert_eq!(declared(Client::builder(), Era::Legacy).await, json!({}));
}

async fn ask(peer: &mut Peer, method: &str, params: Value) -> Value {
    peer.send(json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params})).await;
    let answer = peer.next().await;
    assert_eq!(answer["id"], "q");
    answer
}

fn message() -> Value {
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 5})
}

#[tokio::test]
async fn samp_04_tools_that_were_not_declared_are_refused() {
    let mut with_tools = message();
    with_tools["tools"] = json!([{"name": "t", "inputSchema": {"type": "object"}}]);
    let (_client, mut peer) = connected(sampling(), Era::Legacy).await;
    assert_eq!(ask(&mut peer, "sampling/createMessage", with_tools.clone()).await["error"]["code"], -32602);
    assert_eq!(ask(&mut peer, "sampling/createMessage", message()).await["result"]["model"], "tiny");
    let (_client, mut peer) = connected(sampling().sample_with_tools(), Era::Legacy).await;
    assert_eq!(ask(&mut peer, "sampling/createMessage", with_tools.clone()).await["result"]["model"], "tiny");

    let (client, mut peer) = connected(sampling(), Era::Modern).await;
    let call = tokio::spawn(client.call_tool("x", ()).into_future());
    let request = json!({"k": {"method": "sampling/createMessage", "params": with_tools}});
    peer.serve("tools/call", json!({"resultType": "input_required", "inputRequests": request})).await;
    assert!(failure(async { call.await.unwrap() }).await.is_refused());
}

#[tokio::test]
async fn samp_11_a_users_refusal_reaches_the_server_with_its_code() {
    let builder = Client::builder()
        .on_sample(|_| async { Err(McpError::new(ErrorCode::USER_REJECTED, "User rejected sampling request")) });
    let (_client, mut peer) = connected(builder, Era::Legacy).await;
    let answer = ask(&mut peer, "sampling/createMessage", message()).await;
    assert_eq!(answer["error"], json!({"code": -1, "message": "User rejected sampling request"}));
}

/// Holds ROOT-04.
#[tokio::test]
async fn root_03_roots_are_listed_and_their_changes_told_in_the_legacy_era() {
    let builder = Client::builder().roots([Root::new("file:///a").with_name("a".to_owned())]);
    let (client, mut peer) = connected(builder, Era::Legacy).await;
    let answer = ask(&mut peer, "roots/list", json!({})).await;
    assert_eq!(answer["result"], json!({"roots": [{"uri": "file:///a", "name": "a"}]}));
    client.roots_changed().await.unwrap();
    assert!(peer.expect("notifications/roots/list_changed").await.get("params").is_none());

    let broken = Client::builder().on_list_roots(|| async { Err(McpError::internal_error()) });
    let (_client, mut peer) = connected(broken, Era::Legacy).await;
    assert_eq!(ask(&mut peer, "roots/list", json!({})).await["error"]["code"], -32603);
    let (_client, mut peer) = connected(Client::builder(), Era::Legacy).await;
    assert_eq!(ask(&mut peer, "roots/list", json!({})).await["error"]["code"], -32601);
}

/// A user may take longer than a server: while the server waits for the user, nobody waits for the server.
#[tokio::test(start_paused = true)]
async fn a_question_to_the_user_stops_the_clock_of_the_call() {
    for era in [Era::Modern, Era::Legacy] {
        let builder = Client::builder().request_timeout(Duration::from_secs(5)).on_elicit(|_| async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(ElicitResult::decline())
        });
        let (client, mut peer) = connected(builder, era).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        let params = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
        let request = peer.expect("tools/call").await;
        let request = if era == Era::Modern {
            let wanted = json!({"k": {"method": "elicitation/create", "params": params}});
            peer.answer(&request, json!({"resultType": "input_required", "inputRequests": wanted})).await;
            peer.expect("tools/call").await
        } else {
            assert_eq!(ask(&mut peer, "elicitation/create", params).await["result"]["action"], "decline");
            request
        };
        peer.answer(&request, text("ok")).await;
        call.await.unwrap().unwrap();
    }
}

/// Holds ELIC-08.
#[tokio::test]
async fn elic_12_content_goes_with_an_accepted_form_only() {
    for action in [ElicitAction::Accept, ElicitAction::Decline, ElicitAction::Cancel] {
        let builder = Client::builder().on_elicit(move |_| async move {
            let mut result = ElicitResult::accept(json!({"n": 1}).as_object().cloned().unwrap());
            result.action = action;
            Ok(result)
        });
        let (client, mut peer) = connected(builder, Era::Modern).await;
        let call = tokio::spawn(client.call_tool("x", ()).into_future());
        let params = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
        let request = json!({"k": {"method": "elicitation/create", "params": params}});
        peer.serve("tools/call", json!({"resultType": "input_required", "inputRequests": request})).await;
        let again = peer.serve("tools/call", text("ok")).await;
        let answer = &again["params"]["inputResponses"]["k"];
        assert_eq!(answer.get("content").is_some(), action == ElicitAction::Accept, "{answer}");
        assert!(answer.get("resultType").is_none());
        soon(call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn mrtr_14_the_states_of_parallel_calls_are_kept_apart() {
    let (client, mut peer) = connected(Client::builder(), Era::Modern).await;
    let calls: Vec<_> = ["a", "b", "c"].map(|name| tokio::spawn(client.call_tool(name, ()).into_future())).into();
    for _ in 0..2 {
        // A third call is answered at once, and brings no state of the others.
        let request = peer.expect("tools/call").await;
        let state = format!("state of {}", request["params"]["name"].as_str().unwrap());
        assert!(request["params"].get("requestState").is_none());
        peer.answer(&request, json!({"resultType": "input_required", "requestState": state})).await;
    }
    let mut answered = 0;
    while answered < 3 {
        let request = peer.expect("tools/call").await;
        let name = request["params"]["name"].as_str().unwrap().to_owned();
        if let Some(state) = request["params"].get("requestState") {
            assert_eq!(*state, format!("state of {name}"));
        }
        peer.answer(&request, text("ok")).await;
        answered += 1;
    }
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn hdr_03_requests_about_tasks_name_the_task() {
    let web = Web::modern(|request| Reply::result(request, json!({"resultType": "complete"}))).await;
    let client = Client::connect(web.url.as_str()).await.unwrap();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        client.request::<Value>(method, json!({"taskId": "t-1"})).await.unwrap();
        assert_eq!(web.of(method)[0].header("mcp-name"), Some("t-1"));
    }
}

/// What the server was found to be is remembered: a legacy one is not probed again.
#[tokio::test]
async fn ver_16_the_era_is_remembered_while_the_client_lives() {
    let sessions = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = sessions.clone();
    let web = Web::start(move |request| match (request.verb.as_str(), request.method()) {
        ("POST", "initialize") => {
            let number = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let result = crate::peer::initialized("2025-11-25");
            let body = json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result});
            let headers = format!("content-type: application/json\r\nmcp-session-id: s{number}\r\n");
            Reply::status(200, &headers, &body.to_string())
        }
        ("POST", "ping") if request.header("mcp-session-id") == Some("s0") => Reply::status(404, "", ""),
        ("POST", "ping") => Reply::result(request, json!({})),
        _ => crate::web::legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = Client::connect(web.url.as_str()).await.unwrap();
    client.ping().await.unwrap();
    assert_eq!((web.of("server/discover").len(), web.of("initialize").len()), (1, 2));
}
