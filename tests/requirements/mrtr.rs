//! MRTR: asking a modern client by the answer to its request.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::transport::{Extensions, Identity, lines::Lines};
use turbomcp::{McpServer, Middleware, MiddlewareResult, Next, Request, Response};
use turbomcp_tests::{Client, fixture};

use crate::{everything, sweep};

async fn call(client: &mut Client, params: Value) -> Value {
    client.modern("tools/call", params, everything()).await
}

fn retry(tool: &str, responses: &Value, state: &Value) -> Value {
    json!({"name": tool, "inputResponses": responses, "requestState": state})
}

fn accept(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}

/// Holds MRTR-03, MRTR-04.
#[tokio::test]
async fn mrtr_01_a_question_is_a_result_with_requests_that_have_no_id() {
    let mut client = Client::connect(&fixture::server());
    let result = call(&mut client, json!({"name": "ask_all"})).await["result"].take();
    assert_eq!(result["resultType"], "input_required");
    assert!(result["requestState"].is_string());
    let requests = result["inputRequests"].as_object().unwrap();
    let methods: BTreeSet<_> = requests.values().map(|request| request["method"].as_str().unwrap()).collect();
    assert_eq!(methods, BTreeSet::from(["elicitation/create", "sampling/createMessage", "roots/list"]));
    for request in requests.values() {
        assert_eq!((request.get("jsonrpc"), request.get("id")), (None, None), "{request}");
    }
    let answers = requests.iter().map(|(key, request)| {
        let answer = match request["method"].as_str().unwrap() {
            "elicitation/create" => json!({"action": "decline"}),
            "roots/list" => json!({"roots": [{"uri": "file:///a"}]}),
            _ => json!({"role": "assistant", "content": {"type": "text", "text": "!"}, "model": "m"}),
        };
        (key.clone(), answer)
    });
    let answers: Value = answers.collect::<serde_json::Map<_, _>>().into();
    let done = call(&mut client, retry("ask_all", &answers, &result["requestState"])).await;
    assert_eq!(done["result"]["content"][0]["text"], "Decline m 1");
}

#[tokio::test]
async fn mrtr_02_only_three_methods_are_answered_by_a_question() {
    let asked: BTreeSet<_> = sweep()
        .await
        .into_iter()
        .filter(|(_, answer)| answer["result"]["resultType"] == "input_required")
        .map(|(method, _)| method)
        .collect();
    assert_eq!(asked, BTreeSet::from(["tools/call", "prompts/get", "resources/read"]));
    // The handler of a completion that asks all the same gets an error.
    let params =
        json!({"ref": {"type": "ref/resource", "uri": "test://item/{id}"}, "argument": {"name": "id", "value": ""}});
    let mut client = Client::connect(&fixture::server());
    assert_eq!(client.modern("completion/complete", params.clone(), everything()).await["error"]["code"], -32603);
    // Where the server may send a request, it can ask.
    let mut legacy = Client::legacy(&fixture::server(), "2025-11-25", everything()).await;
    let asked = legacy.call("completion/complete", params).await;
    legacy.answer(&asked, json!({"roots": [{"uri": "file:///a"}]})).await;
    assert_eq!(legacy.next().await["result"]["completion"]["values"], json!(["file:///a"]));
}

/// Holds ELIC-02, SAMP-03.
#[tokio::test]
async fn mrtr_05_nothing_is_asked_that_this_request_did_not_declare() {
    let mut client = Client::connect(&fixture::server());
    for (tool, declared) in [
        ("ask", json!({})),
        ("ask", json!({"elicitation": {"url": {}}})),
        ("visit", json!({"elicitation": {}})),
        ("visit", json!({"elicitation": {"form": {}}})),
        ("sample", json!({"elicitation": {}, "roots": {}})),
        ("roots", json!({"elicitation": {}, "sampling": {}})),
    ] {
        let params = json!({"name": tool, "arguments": {"question": "?"}});
        let answer = client.modern("tools/call", params, declared.clone()).await;
        assert_eq!(answer["error"]["code"], -32021, "{tool} {declared}: {answer}");
    }
    // Of three questions at once, those that may be asked are.
    let params = json!({"name": "ask_all"});
    let answer = client.modern("tools/call", params, json!({"elicitation": {}, "sampling": {}})).await;
    let asked = answer["result"]["inputRequests"].as_object().unwrap().values().map(|request| &request["method"]);
    assert_eq!(asked.collect::<Vec<_>>(), ["elicitation/create", "sampling/createMessage"]);
}

/// Holds MRTR-16.
#[tokio::test]
async fn mrtr_06_the_server_asks_again_until_it_has_what_it_needs() {
    let mut client = Client::connect(&fixture::server());
    let first = call(&mut client, json!({"name": "ask_twice"})).await["result"].take();
    let key = first["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    // Nothing, or something else: the question stands.
    for responses in [json!({}), json!({"other": accept("x")})] {
        let again = call(&mut client, retry("ask_twice", &responses, &first["requestState"])).await["result"].take();
        assert_eq!(again["inputRequests"], first["inputRequests"]);
    }
    let again = call(&mut client, json!({"name": "ask_twice"})).await["result"].take();
    assert_eq!(again["inputRequests"], first["inputRequests"], "a client may start over");
    let answers = json!({key.clone(): accept("Ada"), "extra": 5});
    let second = call(&mut client, retry("ask_twice", &answers, &first["requestState"])).await["result"].take();
    assert_eq!(second["resultType"], "input_required");
    let next = second["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    assert_ne!(next, key);
    // The first answer is in the state.
    let done = call(&mut client, retry("ask_twice", &json!({next: accept("Lovelace")}), &second["requestState"])).await;
    assert_eq!(done["result"]["content"][0]["text"], "Ada Lovelace");
}

#[tokio::test]
async fn mrtr_16_answers_that_are_malformed_are_an_error() {
    let mut client = Client::connect(&fixture::server());
    let first = call(&mut client, json!({"name": "roots"})).await["result"].take();
    let key = first["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    for responses in
        [json!([]), json!("x"), json!(null), json!({key.clone(): 5}), json!({key: {"roots": [{"uri": 5}]}})]
    {
        let answer = call(&mut client, retry("roots", &responses, &first["requestState"])).await;
        assert_eq!(answer["error"]["code"], -32602, "{responses}: {answer}");
    }
}

#[tokio::test]
async fn mrtr_07_a_state_that_was_changed_is_refused() {
    let mut client = Client::connect(&fixture::server());
    let mut result = call(&mut client, json!({"name": "roots"})).await["result"].take();
    let state = result["requestState"].take();
    let text = state.as_str().unwrap();
    let mut changed = vec![json!(""), json!("x"), json!(5), json!({}), json!(format!("{text}A")), json!(text[1..])];
    for at in [0, text.len() / 2, text.len() - 2] {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        changed.push(json!(String::from_utf8(bytes).unwrap()));
    }
    for state in changed {
        let answer = call(&mut client, retry("roots", &json!({}), &state)).await;
        assert_eq!(answer["error"]["code"], -32602, "{state}: {answer}");
    }
    // Another server, whose key is another.
    let mut other = Client::connect(&fixture::server());
    assert_eq!(call(&mut other, retry("roots", &json!({}), &state)).await["error"]["code"], -32602);
    // Replicas share a key, and keys rotate.
    let keyed = |keys: &[u8]| fixture::builder().request_state_keys(keys.iter().map(|byte| [*byte; 32])).build();
    let sealed =
        call(&mut Client::connect(&keyed(&[1])), json!({"name": "roots"})).await["result"]["requestState"].take();
    for (keys, accepted) in [(&[1][..], true), (&[2, 1], true), (&[2], false)] {
        let answer = call(&mut Client::connect(&keyed(keys)), retry("roots", &json!({}), &sealed)).await;
        assert_eq!(answer.get("result").is_some(), accepted, "{keys:?}: {answer}");
    }
}

/// Puts who asks into the request, as authentication does.
struct As(Option<&'static str>);

impl Middleware for As {
    async fn process(&self, mut request: Request, next: Next) -> MiddlewareResult<Response> {
        if let Some(identity) = self.0 {
            request.extensions_mut().insert(Identity::new(identity));
        }
        next.run(request).await
    }
}

fn server_for(identity: Option<&'static str>) -> McpServer {
    fixture::builder().request_state_keys([[7; 32]]).middleware(As(identity)).build()
}

/// Holds ELIC-18, ELIC-26.
#[tokio::test]
async fn mrtr_08_a_state_is_good_for_one_caller_and_one_request_and_not_for_long() {
    let callers = [None, Some(""), Some("ada"), Some("ad"), Some("\0\0\0\0\0\0\0\0tools/call")];
    for asker in callers {
        let state =
            call(&mut Client::connect(&server_for(asker)), json!({"name": "roots"})).await["result"]["requestState"]
                .take();
        for caller in callers {
            let answer = call(&mut Client::connect(&server_for(caller)), retry("roots", &json!({}), &state)).await;
            assert_eq!(answer.get("result").is_some(), asker == caller, "{asker:?} {caller:?}: {answer}");
        }
        // Who a client says it is makes no difference.
        let mut claim = retry("roots", &json!({}), &state);
        claim["_meta"] =
            json!({"io.modelcontextprotocol/clientInfo": {"name": "ada", "version": "1"}, "identity": "ada"});
        let answer = call(&mut Client::connect(&server_for(Some("eve"))), claim).await;
        assert_eq!(answer["error"]["code"], -32602);
    }
    let server = fixture::server();
    let mut client = Client::connect(&server);
    let ask = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let state = call(&mut client, ask("sample", json!({"question": "a"}))).await["result"]["requestState"].take();
    for (params, accepted) in [
        (ask("sample", json!({"question": "a"})), true),
        (ask("sample", json!({"question": "b"})), false),
        (ask("sample", json!({})), false),
        (ask("roots", json!({"question": "a"})), false),
    ] {
        let mut params = params;
        params["requestState"] = state.clone();
        assert_eq!(call(&mut client, params.clone()).await.get("result").is_some(), accepted, "{params}");
    }
    let reading = json!({"uri": "test://asking", "requestState": state});
    assert_eq!(client.modern("resources/read", reading, everything()).await["error"]["code"], -32602);
    let short = fixture::limited(|limits| limits.request_state_age = Duration::ZERO);
    let mut client = Client::connect(&short);
    let state = call(&mut client, json!({"name": "roots"})).await["result"]["requestState"].take();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(call(&mut client, retry("roots", &json!({}), &state)).await["error"]["code"], -32602);
}

/// A transport that knows its peer says who asks, too.
#[tokio::test]
async fn the_identity_of_a_transport_counts() {
    let server = fixture::server();
    let connect = |identity: &str| {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(theirs);
        let mut extensions = Extensions::new();
        extensions.insert(Identity::new(identity));
        tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
        let (reader, writer) = tokio::io::split(ours);
        Client::over(reader, writer)
    };
    let state = call(&mut connect("ada"), json!({"name": "roots"})).await["result"]["requestState"].take();
    for (identity, accepted) in [("ada", true), ("eve", false)] {
        let answer = call(&mut connect(identity), retry("roots", &json!({}), &state)).await;
        assert_eq!(answer.get("result").is_some(), accepted, "{identity}: {answer}");
    }
}
