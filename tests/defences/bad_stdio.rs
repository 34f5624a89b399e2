//! Bad input over standard input: after each case the server still answers, and in the end its memory is where it was.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp_tests::{Child, modern};

use crate::stdio::SERVER;

/// What is expected instead of an error's code.
const RESULT: i64 = 0;
/// A result that says that the tool failed.
const IS_ERROR: i64 = 1;

/// What is sent, as one line, and the answers to it in any order.
struct Case {
    name: String,
    send: Vec<u8>,
    answers: Vec<i64>,
}

fn case(name: &str, send: impl Into<Vec<u8>>, answers: &[i64]) -> Case {
    Case { name: name.to_owned(), send: send.into(), answers: answers.to_vec() }
}

fn request(method: &str, params: Value) -> String {
    modern(1, method, params, json!({})).to_string()
}

fn call(tool: &str, arguments: Value) -> String {
    request("tools/call", json!({"name": tool, "arguments": arguments}))
}

/// Text that is no JSON.
fn malformed() -> Vec<Case> {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("an open brace", b"{".to_vec()),
        ("a closing brace", b"}".to_vec()),
        ("an open bracket", b"[".to_vec()),
        ("a missing value", br#"{"a":}"#.to_vec()),
        ("single quotes", br"{'jsonrpc':'2.0'}".to_vec()),
        ("a trailing comma", br#"{"jsonrpc":"2.0",}"#.to_vec()),
        ("a missing comma", br#"{"jsonrpc":"2.0" "id":1}"#.to_vec()),
        ("a comma in an array", b"[1,]".to_vec()),
        ("half a literal", b"nul".to_vec()),
        ("a number with a plus", b"+1".to_vec()),
        ("a leading zero", br#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#.to_vec()),
        ("no digit after the point", b"1.".to_vec()),
        ("no digit before the point", b".5".to_vec()),
        ("not a number", br#"{"jsonrpc":"2.0","id":NaN,"method":"ping"}"#.to_vec()),
        ("infinity", b"Infinity".to_vec()),
        ("an open string", br#"{"jsonrpc":"2.0"#.to_vec()),
        ("an unknown escape", br#"{"a":"\x41"}"#.to_vec()),
        ("half an escape", br#"{"a":"\u12"}"#.to_vec()),
        ("a tab in a string", b"{\"a\":\"\t\"}".to_vec()),
        ("a zero byte in a string", b"{\"a\":\"\x00\"}".to_vec()),
        ("a zero byte", b"\x00".to_vec()),
        ("a comment", format!("{ping} // comment").into_bytes()),
        ("two messages in a line", format!("{ping}{ping}").into_bytes()),
        ("text after a message", format!("{ping} x").into_bytes()),
        ("a byte order mark", [b"\xef\xbb\xbf", ping.as_bytes()].concat()),
        ("UTF-16", ping.encode_utf16().flat_map(u16::to_be_bytes).filter(|byte| *byte != b'\n').collect()),
        ("a byte that is never UTF-8", b"{\"a\":\"\xff\"}".to_vec()),
        ("half a character", b"{\"a\":\"\xc3\"}".to_vec()),
        ("an overlong character", b"{\"a\":\"\xc0\x80\"}".to_vec()),
        ("a surrogate", b"{\"a\":\"\xed\xa0\x80\"}".to_vec()),
        ("a header of HTTP", b"Content-Length: 40".to_vec()),
        ("brackets without end", b"[".repeat(200_000)),
        ("braces without end", br#"{"a":"#.repeat(200_000)),
        ("brackets nested too deep", [b"[".repeat(5000), b"]".repeat(5000)].concat()),
        ("a message cut short", ping.as_bytes()[..20].to_vec()),
    ];
    texts.into_iter().map(|(name, text)| case(name, text, &[-32700])).collect()
}

/// JSON that is no message.
fn invalid() -> Vec<Case> {
    let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":5}}"#, "x".repeat(100_000));
    let texts = [
        ("an empty array", "[]"),
        ("an empty object", "{}"),
        ("a number", "1"),
        ("a string", r#""ping""#),
        ("null", "null"),
        ("an array of numbers", "[1,2,3]"),
        ("a batch", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#),
        ("a batch in a batch", r#"[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]"#),
        ("no version", r#"{"id":1,"method":"ping"}"#),
        ("an old version", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#),
        ("a version that is a number", r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#),
        ("an id that is null", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#),
        ("a fractional id", r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#),
        ("an id with an exponent", r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#),
        ("an id that is too large", r#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#),
        ("an id of twenty digits", r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#),
        ("an id that is an object", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#),
        ("an id that is an array", r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#),
        ("an id that is a boolean", r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#),
        ("two ids", r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#),
        ("two methods", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}"#),
        ("two params", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}"#),
        ("a method that is a number", r#"{"jsonrpc":"2.0","id":1,"method":5}"#),
        ("a long id", long.as_str()),
        ("params that are an array", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#),
        ("params that are a string", r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#),
        ("a request with a result", r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#),
        ("a result and an error", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#),
        ("a result without an id", r#"{"jsonrpc":"2.0","result":{}}"#),
        ("an id and nothing else", r#"{"jsonrpc":"2.0","id":1}"#),
    ];
    texts.into_iter().map(|(name, text)| case(name, text, &[-32600])).collect()
}

/// Messages that ask for what cannot be had, or for nothing.
fn refused() -> Vec<Case> {
    let unknown_version = call("nothing", json!({})).replace("2026-07-28", "2099-01-01");
    let other = json!({"name": "nothing", "_meta": {"io.modelcontextprotocol/logLevel": "loud"}});
    vec![
        case("no metadata", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, &[-32602]),
        case("an unknown version", unknown_version, &[-32022]),
        case("an unknown method", request("no/such", json!({})), &[-32601]),
        case("an empty method", request("", json!({})), &[-32601]),
        case("a method of a megabyte", request(&"x".repeat(1 << 20), json!({})), &[-32601]),
        case("a legacy method", request("initialize", json!({})), &[-32601]),
        case("an unknown tool", call("missing", json!({})), &[-32602]),
        case("a tool whose name is a number", request("tools/call", json!({"name": 5})), &[-32602]),
        case("no name", request("tools/call", json!({})), &[-32602]),
        case("arguments that are a text", call("add", json!("{}")), &[-32602]),
        case("arguments that are an array", call("add", json!([1, 2])), &[-32602]),
        case("a missing argument", call("add", json!({"a": 1})), &[IS_ERROR]),
        case("an argument out of range", call("add", json!({"a": 1, "b": 99})), &[IS_ERROR]),
        case("an argument of another type", call("echo", json!({"text": {"deep": [[[[]]]]}})), &[IS_ERROR]),
        case("an argument beyond its schema", call("raw", json!({"n": 6})), &[IS_ERROR]),
        case("a large argument", call("echo", json!({"text": "x".repeat(4 << 20)})), &[RESULT]),
        case("many arguments", call("raw", (0..20_000).map(|n| (n.to_string(), json!(n))).collect()), &[RESULT]),
        case("a cursor nobody gave out", request("tools/list", json!({"cursor": "x"})), &[-32602]),
        case("an unknown level", request("tools/call", other), &[-32602]),
        case("a URI that is none", request("resources/read", json!({"uri": "\u{0}"})), &[-32602]),
        case(
            "a way out of a folder",
            request("resources/read", json!({"uri": "file:///srv/../etc/passwd"})),
            &[-32602],
        ),
        case("a prompt without its argument", request("prompts/get", json!({"name": "review"})), &[-32602]),
        case("a completion of nothing", request("completion/complete", json!({})), &[-32602]),
        case("a filter that is none", request("subscriptions/listen", json!({"notifications": 5})), &[-32602]),
        case("a state that is none", request("tools/call", json!({"name": "ask", "requestState": "x"})), &[-32602]),
        case("answers that are none", request("tools/call", json!({"name": "ask", "inputResponses": []})), &[-32602]),
        case("a capability that is missing", call("ask", json!({})), &[-32021]),
        case("a panic", call("panic", json!({})), &[-32603]),
        case("a panic after a while", call("panic_late", json!({})), &[-32603]),
        case("a handshake without params", r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#, &[-32602]),
        case("nothing", "", &[]),
        case("white space", " \t \r", &[]),
        case("a stray result", r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, &[]),
        case("a stray error", r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}"#, &[]),
        case("an unknown notification", r#"{"jsonrpc":"2.0","method":"notifications/x","params":{}}"#, &[]),
        case("a request without an id", r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"panic"}}"#, &[]),
        case(
            "a cancellation of nothing",
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
            &[],
        ),
        case("a cancellation without an id", r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#, &[]),
        case("a line that is too long", vec![b'x'; (16 << 20) + 1], &[-32600]),
        case("a message that is too long", call("echo", json!({"text": "x".repeat(17 << 20)})), &[-32600]),
    ]
}

/// Several lines at once.
fn crowded() -> Vec<Case> {
    let wait = call("wait", json!({"ms": 30}));
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    let flood = vec![ping; 5000].join("\n");
    let noise = vec![r#"{"jsonrpc":"2.0","method":"notifications/x"}"#; 20_000].join("\n");
    vec![
        case("an id that is in use", format!("{wait}\n{wait}"), &[-32600, RESULT]),
        case(
            "an id that was in use",
            format!("{}\n{}", call("nothing", json!({})), call("nothing", json!({}))),
            &[RESULT; 2],
        ),
        case("a flood of requests", flood, &[RESULT; 5000]),
        case("a flood of notifications", noise, &[]),
        case("a flood of broken lines", vec!["{"; 1000].join("\n"), &[-32700; 1000]),
        case("bad among good", format!("{ping}\n{{\n{ping}"), &[RESULT, -32700, RESULT]),
    ]
}

fn cases() -> Vec<Case> {
    [malformed(), invalid(), refused(), crowded()].into_iter().flatten().collect()
}

fn kind_of(answer: &Value) -> i64 {
    match answer["error"]["code"].as_i64() {
        Some(code) => code,
        None if answer["result"]["isError"] == true => IS_ERROR,
        None => RESULT,
    }
}

async fn run(child: &mut Child, case: &Case) {
    for line in case.send.split(|byte| *byte == b'\n').filter(|line| line.len() < 16 << 20) {
        // So that the client knows which answers to expect.
        if let Ok(message) = serde_json::from_slice(line) {
            child.client.expect(&message);
        }
    }
    // A pipe holds little, so who sends much has to read meanwhile; here the server is trusted to hold what it must.
    child.client.send_bytes(&case.send).await;
    child.client.send_bytes(b"\n").await;
    let mut expected = case.answers.clone();
    let mut answers = Vec::new();
    while answers.len() < expected.len() {
        answers.push(kind_of(&child.client.next().await));
    }
    expected.sort_unstable();
    answers.sort_unstable();
    assert_eq!(answers, expected, "{}", case.name);
    assert_eq!(child.client.sync().await, Vec::<Value>::new(), "{}", case.name);
}

#[tokio::test]
async fn bad_input_over_stdio_hurts_nobody_and_leaves_nothing() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut child = Child::start(SERVER);
    // First for the memory that is kept for good: buffers, tables, what the allocator holds on to in each thread.
    for case in cases.iter().chain(&cases) {
        run(&mut child, case).await;
    }
    let before = child.resident_kib();
    for _ in 0..3 {
        for case in &cases {
            run(&mut child, case).await;
        }
    }
    // One lost line of 16 MiB in each pass would be 48 MiB.
    let mut after = child.resident_kib();
    for _ in 0..50 {
        if before.zip(after).is_none_or(|(before, after)| after < before + (24 << 10)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        child.client.sync().await;
        after = child.resident_kib();
    }
    let grown = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    assert!(grown.is_none_or(|kib| kib < 24 << 10), "from {before:?} to {after:?} KiB");
    child.client.end_input().await;
    assert_eq!(child.wait().await.code(), Some(0));
}

#[tokio::test]
async fn a_slow_writer_is_waited_for() {
    let mut child = Child::start(SERVER);
    let request = call("echo", json!({"text": "ä slow one"}));
    child.client.expect(&serde_json::from_str(&request).unwrap());
    for byte in request.as_bytes() {
        child.client.send_bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    child.client.send_bytes(b"\n").await;
    assert_eq!(child.client.next().await["result"]["content"][0]["text"], "ä slow one");
    assert_eq!(child.client.sync().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_ends_the_server() {
    for half in [&b"{\"jsonrpc\":\"2.0\",\"id\":1,"[..], b"\xff", b"x", b""] {
        let mut child = Child::start(SERVER);
        child.client.sync().await;
        child.client.send_bytes(half).await;
        child.client.end_input().await;
        for message in child.client.rest().await {
            assert!(message.get("error").is_some(), "{message}");
        }
        assert_eq!(child.wait().await.code(), Some(0));
    }
}
