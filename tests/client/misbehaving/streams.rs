//! Event streams: cut in any way, too large, broken off, endless.

use std::time::Duration;

use serde_json::{Value, json};

use crate::peer::{failure, soon, text};
use crate::web::{Reply, Request, Web, calling, connect, legacy, response};

/// Holds HTTP-13, HTTP-19.
#[tokio::test]
async fn defence_22_an_answer_is_read_from_a_stream_in_any_chunks_and_line_ends() {
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        for step in [1, 2, 3, 7, 64, 4096] {
            let answer = move |request: &Request| {
                let answer = response(request, &text("stre\u{e4}med"));
                let half = answer.find(",\"result").unwrap();
                let mut stream = format!("\u{feff}: hello{end}{end}retry: 10{end}event: ping{end}data: x{end}{end}");
                stream.push_str(&format!("data{end}{end}id: 7{end}data:{end}{end}"));
                let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
                stream.push_str(&format!("event: message{end}data: {log}{end}{end}"));
                // The data of one event may be cut at any place where JSON allows white space.
                stream.push_str(&format!("data: {}{end}data:{}{end}{end}", &answer[..half], &answer[half..]));
                let mut reply = Reply::events("");
                for chunk in stream.as_bytes().chunks(step) {
                    reply = reply.then(chunk);
                }
                reply
            };
            assert_eq!(calling(answer).await.unwrap(), "stre\u{e4}med", "{name}, {step}");
        }
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_stream_to_end() {
    let answer =
        |request: &Request| Reply::events(&format!("data: {}\n\n", response(request, &text("early")))).holding();
    assert_eq!(calling(answer).await.unwrap(), "early");
}

#[tokio::test]
async fn http_22_a_modern_stream_that_ends_early_has_lost_its_request() {
    for stream in ["", ": nothing\n\n", "id: 1\ndata: \n\n", "data: {\"jsonrpc\":", "retry: 1\n\n"] {
        let error = calling(move |_| Reply::events(stream)).await.unwrap_err();
        assert!(error.is_closed(), "{stream:?}: {error}");
    }
}

#[tokio::test]
async fn defence_22_what_is_too_large_is_a_protocol_error() {
    let large = || "x".repeat(100_000);
    for reply in [
        Reply::events(&format!("data: {}\n\n", large())),
        Reply::events(&"data: x\n".repeat(40_000)),
        Reply::status(200, "content-type: application/json\r\n", &format!("\"{}\"", large())),
        Reply::raw(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n\"{}\"", large())),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n"),
    ] {
        let error = calling(move |_| reply.clone()).await.unwrap_err();
        assert!(error.is_protocol(), "{error}");
    }
}

/// What is no part of an event is not kept, however long it is.
#[tokio::test]
async fn defence_22_an_endless_comment_is_skipped() {
    let comment = format!(": {}\n\n", "x".repeat(300_000));
    let answer = move |request: &Request| {
        Reply::events(&comment).then(format!("data: {}\n\n", response(request, &text("after"))))
    };
    let outcome = calling(answer).await;
    assert!(outcome.as_ref().is_ok_and(|text| text == "after") || outcome.unwrap_err().is_protocol());
}

/// Holds RESUM-03, LHTTP-09.
#[tokio::test]
async fn lhttp_08_a_legacy_stream_is_resumed_after_the_time_the_server_asks_for() {
    let web = Web::legacy(|request| match request.verb.as_str() {
        "POST" => Reply::events("id: s-1\nretry: 300\ndata: \n\n"),
        _ => {
            assert_eq!(request.header("last-event-id"), Some("s-1"));
            assert_eq!(request.header("accept"), Some("text/event-stream"));
            // The call is the third request of the handshake's client: probe, initialize, call.
            let result = json!({"jsonrpc": "2.0", "id": 3, "result": text("resumed")});
            Reply::events(&format!("id: s-2\ndata: {result}\n\n"))
        }
    })
    .await;
    let client = connect(&web).await;
    let result = soon(client.call_tool("x", ()).into_future()).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("resumed"));
    let requests = web.requests();
    let call = requests.iter().find(|request| request.method() == "tools/call").unwrap();
    let resumed = requests.iter().find(|request| request.header("last-event-id").is_some()).unwrap();
    assert!(resumed.at - call.at >= Duration::from_millis(300), "{:?}", resumed.at - call.at);
}

#[tokio::test]
async fn a_legacy_stream_that_cannot_be_resumed_fails_its_call_in_time() {
    for refusal in [404, 405, 400, 500] {
        let web = Web::legacy(move |request| match request.verb.as_str() {
            "POST" => Reply::events("id: 1\ndata: \n\n"),
            _ => Reply::status(refusal, "", ""),
        })
        .await;
        let client = connect(&web).await;
        let error = failure(client.call_tool("x", ()).timeout(Duration::from_secs(2)).into_future()).await;
        assert!(error.is_closed() || error.is_timeout(), "{refusal}: {error}");
    }
    let web = Web::legacy(|_| Reply::events(": no id\n\n")).await;
    let client = connect(&web).await;
    assert!(failure(client.call_tool("x", ()).into_future()).await.is_closed());
}

/// A server whose streams end as fast as they are opened gets no storm of connections.
#[tokio::test]
async fn defence_22_reconnections_back_off() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("GET", _) => Reply::events("id: 1\nretry: 0\ndata: \n\n"),
        ("POST", "tools/call") => Reply::events("id: 2\nretry: 0\ndata: \n\n"),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let client = connect(&web).await;
    let error = failure(client.call_tool("x", ()).timeout(Duration::from_secs(3)).into_future()).await;
    assert!(error.is_timeout() || error.is_closed(), "{error}");
    let gets = web.requests().iter().filter(|request| request.verb == "GET").count();
    assert!(gets < 60, "{gets} connections");
}

#[tokio::test]
async fn sub_10_a_listen_stream_that_breaks_is_an_error_and_one_that_is_answered_is_not() {
    for graceful in [true, false] {
        let web = Web::modern(move |request| {
            let tag = json!({"io.modelcontextprotocol/subscriptionId": request.body["id"]});
            let message = |method: &str, params: Value| {
                format!("data: {}\n\n", json!({"jsonrpc": "2.0", "method": method, "params": params}))
            };
            let mut stream = message(
                "notifications/subscriptions/acknowledged",
                json!({"notifications": {"toolsListChanged": true}, "_meta": tag}),
            );
            stream.push_str(&message("notifications/tools/list_changed", json!({"_meta": tag})));
            if graceful {
                stream.push_str(&format!("data: {}\n\n", response(request, &json!({"resultType": "complete"}))));
            }
            Reply::events(&stream)
        })
        .await;
        let client = connect(&web).await;
        let filter = turbomcp::types::SubscriptionFilter::new().with_tools_list_changed(true);
        let mut subscription = soon(client.subscribe(filter)).await.unwrap();
        assert!(soon(subscription.next()).await.unwrap().is_ok());
        match soon(subscription.next()).await {
            None => assert!(graceful),
            Some(end) => assert!(!graceful && end.unwrap_err().is_closed()),
        }
    }
}

/// Neither comments nor notifications nor other answers are signs of life.
#[tokio::test]
async fn a_stream_that_says_everything_but_the_answer_runs_into_the_deadline() {
    let log = r#"data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
    let other = r#"data: {"jsonrpc":"2.0","id":"x","result":{}}"#;
    for event in [": still here", log, other, "event: ping\ndata: 1", "data: garbage", "id: 7"] {
        let web = Web::modern(move |_| {
            let mut reply = Reply::events("");
            for _ in 0..200 {
                reply = reply.then(format!("{event}\n\n"));
            }
            reply.holding()
        })
        .await;
        let client = connect(&web).await;
        let error = failure(client.call_tool("x", ()).timeout(Duration::from_millis(300)).into_future()).await;
        assert!(error.is_timeout(), "{event}: {error}");
    }
}

#[tokio::test]
async fn a_second_answer_on_a_stream_is_ignored() {
    let answer = |request: &Request| {
        let [first, second] = ["first", "second"].map(|said| response(request, &text(said)));
        Reply::events(&format!("data: {first}\n\ndata: {second}\n\n"))
    };
    assert_eq!(calling(answer).await.unwrap(), "first");
}

/// However long a server wants to be left alone, the call ends in its time.
#[tokio::test]
async fn a_stream_that_is_to_be_resumed_in_a_year_runs_into_the_deadline() {
    let web = Web::legacy(|_| Reply::events("id: 1\nretry: 31536000000\ndata: \n\n")).await;
    let client = connect(&web).await;
    let error = failure(client.call_tool("x", ()).timeout(Duration::from_millis(500)).into_future()).await;
    assert!(error.is_timeout(), "{error}");
}

/// A listening stream without a head holds neither the handshake nor a call up for long.
#[tokio::test]
async fn a_listening_stream_that_never_begins_holds_nothing_up() {
    let web = Web::start(|request| match (request.verb.as_str(), request.method()) {
        ("GET", _) => Reply::raw("").holding(),
        ("POST", "tools/call") => Reply::result(request, text("served")),
        _ => legacy(request).unwrap_or_else(Reply::accepted),
    })
    .await;
    let started = std::time::Instant::now();
    let client = connect(&web).await;
    assert_eq!(soon(client.call_tool("x", ()).into_future()).await.unwrap().content[0].as_text(), Some("served"));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

/// Most legacy servers have none, and say so at once: that costs no time.
#[tokio::test]
async fn a_server_without_a_listening_stream_is_connected_to_at_once() {
    let web = Web::legacy(|request| Reply::result(request, text("served"))).await;
    let started = std::time::Instant::now();
    connect(&web).await;
    assert!(started.elapsed() < Duration::from_millis(450), "{:?}", started.elapsed());
    assert_eq!(web.requests().iter().filter(|request| request.verb == "GET").count(), 1);
}
