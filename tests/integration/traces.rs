//! Traces: F126.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use turbomcp::metrics::{Counter, Gauge, MetricsConfig};
use turbomcp::otel::Otlp;
use turbomcp::prelude::*;
use turbomcp_tests::{Client, PATIENCE, Request, Site, modern};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

struct Desk;

#[server(name = "desk")]
impl Desk {
    /// Says where in a trace it was asked.
    #[tool]
    async fn place(&self, secret: Option<String>, ctx: Context) -> String {
        let _ = secret;
        tracing::info_span!("inside").in_scope(|| {});
        tokio::task::yield_now().await;
        let Some(context) = ctx.trace_context() else { return "nowhere".to_owned() };
        assert_eq!((context.trace_id(), context.parent_id()), (TRACE, PARENT));
        format!("{} {:?} {:?}", context.traceparent(), context.tracestate(), context.baggage())
    }

    /// Fails.
    #[tool]
    async fn fail(&self) -> Result<String, turbomcp::ToolError> {
        Err(turbomcp::ToolError::new("no"))
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<HashMap<&'static str, String>>>>);

#[derive(Default)]
struct Fields(HashMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: LayerContext<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        fields.0.insert("span", attributes.metadata().name().to_owned());
        let parent = ctx.span(id).unwrap().parent();
        fields.0.insert("parent", parent.map_or_else(String::new, |parent| parent.name().to_owned()));
        ctx.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: LayerContext<'_, S>) {
        values.record(ctx.span(id).unwrap().extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: Id, ctx: LayerContext<'_, S>) {
        let fields = ctx.span(&id).unwrap().extensions_mut().remove::<Fields>().unwrap();
        self.0.lock().unwrap().push(fields.0);
    }
}

impl Seen {
    fn take(&self, name: &str) -> Vec<HashMap<&'static str, String>> {
        std::mem::take(&mut *self.0.lock().unwrap()).into_iter().filter(|span| span["span"] == name).collect()
    }
}

fn call(name: &str, meta: serde_json::Value) -> serde_json::Value {
    let params = json!({"name": name, "arguments": {"secret": "hunter2"}, "_meta": meta});
    modern("an id", "tools/call", params, json!({}))
}

#[tokio::test]
async fn f126_each_request_has_a_span_without_what_is_secret() {
    let seen = Seen::default();
    let _subscribed = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let mut client = Client::connect(&Desk.into_server());
    client.send(&call("place", json!({}))).await;
    assert_eq!(crate::text(&client.next().await), "nowhere");
    let inside = seen.0.lock().unwrap().iter().find(|span| span["span"] == "inside").cloned().unwrap();
    assert_eq!(inside["parent"], "request", "what a handler opens lies within the span of its request");
    let spans = seen.take("request");
    let span = &spans[0];
    assert_eq!((spans.len(), &*span["otel.name"], &*span["otel.kind"]), (1, "tools/call place", "server"));
    assert_eq!((&*span["mcp.method.name"], &*span["gen_ai.tool.name"]), ("tools/call", "place"));
    assert_eq!((&*span["mcp.era"], &*span["mcp.protocol.version"]), ("modern", "2026-07-28"));
    assert_eq!(span["jsonrpc.request.id"], "an id");
    assert!(!span.contains_key("error.type") && !span.contains_key("trace_id"));
    assert!(!format!("{spans:?}").contains("hunter2"));

    // What clients make up is not shown.
    client.modern("x/made-up", json!({"name": "made-up"}), json!({})).await;
    client.tool("made-up", json!({})).await;
    let spans = seen.take("request");
    assert_eq!((&*spans[0]["mcp.method.name"], &*spans[0]["error.type"]), ("other", "not_found"));
    assert_eq!(spans[0]["otel.status_code"], "ERROR");
    assert_eq!(spans[1]["error.type"], "validation");
    assert!(!format!("{spans:?}").contains("made-up"), "{spans:?}");

    client.send(&call("fail", json!({}))).await;
    client.next().await;
    assert_eq!(seen.take("request")[0]["error.type"], "tool");

    let long = modern("x".repeat(1000), "tools/list", json!({}), json!({}));
    client.send(&long).await;
    client.next().await;
    assert_eq!(seen.take("request")[0]["jsonrpc.request.id"].len(), 64);
}

#[tokio::test]
async fn f126_a_session_is_shown_so_that_nobody_can_use_it() {
    let seen = Seen::default();
    let _subscribed = tracing::subscriber::set_default(Registry::default().with(seen.clone()));
    let site = Site::start(&Desk.into_server()).await;
    let client = site.legacy("2025-11-25", json!({})).await;
    client.call("tools/list", json!({})).await;
    let spans = seen.take("request");
    let [opened, listed] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&*listed["mcp.era"], &opened["session"], listed["session"].len()), ("legacy", &listed["session"], 12));
    assert!(!format!("{spans:?}").contains(client.session.as_deref().unwrap()));
}

#[tokio::test]
async fn a_trace_goes_on_from_meta_or_from_headers() {
    let server = Desk.into_server();
    let mut client = Client::connect(&server);
    let meta = json!({"traceparent": traceparent(), "tracestate": "a=1", "baggage": "tenant=blue"});
    client.send(&call("place", meta)).await;
    let expected = format!("{} Some(\"a=1\") Some(\"tenant=blue\")", traceparent());
    assert_eq!(crate::text(&client.next().await), expected);
    for broken in [json!({"traceparent": "00-0-0-01"}), json!({"traceparent": 7}), json!({"tracestate": "a=1"})] {
        client.send(&call("place", broken)).await;
        assert_eq!(crate::text(&client.next().await), "nowhere");
    }

    let site = Site::start(&server).await;
    let by_header = Request::modern(&call("place", json!({}))).header("traceparent", traceparent());
    let answer = site.client().send(by_header.clone().header("tracestate", "b=2")).await.message().await;
    assert_eq!(crate::text(&answer), format!("{} Some(\"b=2\") None", traceparent()));
    // What the client of MCP says is nearer than what stands in the way.
    let other = format!("00-{}-{PARENT}-01", "a".repeat(32));
    let both = Request::modern(&call("place", json!({"traceparent": traceparent()}))).header("traceparent", other);
    assert!(crate::text(&site.client().send(both).await.message().await).starts_with(&traceparent()));
}

/// Answers each request as a collector does, and keeps it.
async fn collector() -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let keep = keep.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                loop {
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
                    if let (Some(end), Some(length)) = (find(&request, b"\r\n\r\n"), length)
                        && request.len() >= end + 4 + length.trim().parse::<usize>().unwrap()
                    {
                        break;
                    }
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                keep.lock().unwrap().push(request);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            });
        }
    });
    (url, kept)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn has(requests: &[Vec<u8>], path: &str, part: impl AsRef<[u8]>) -> bool {
    requests.iter().any(|request| request.starts_with(path.as_bytes()) && find(request, part.as_ref()).is_some())
}

#[tokio::test]
async fn spans_and_metrics_are_exported_over_otlp() {
    let (url, kept) = collector().await;
    let export = Otlp::new(&url)
        .service_name("front desk")
        .header("x-key", "open sesame")
        .timeout(Duration::from_secs(20))
        .metrics_interval(Duration::from_secs(3600));
    assert!(!format!("{export:?}").contains("open sesame"));
    let export = export.start().unwrap();
    let _subscribed = tracing::subscriber::set_default(Registry::default().with(export.layer()));
    let lookups = Counter::new("user_lookups", "Users.");
    let depth = Gauge::new("queue_depth", "Jobs.");
    let builder = Desk.into_builder().with_metrics(MetricsConfig::new()).unwrap();
    let server = builder.with_custom_metrics(vec![lookups.clone().into(), depth.into()]).unwrap().build();
    export.observe(&server);
    lookups.with_label("source", "the cache").inc();
    let mut client = Client::connect(&server);
    client.send(&call("place", json!({"traceparent": traceparent()}))).await;
    client.next().await;
    export.flush().await.unwrap();
    let requests = kept.lock().unwrap().clone();
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    for part in ["tools/call place", "front desk", "x-key: open sesame", "inside"] {
        assert!(has(&requests, "POST /v1/traces ", part), "{part}");
    }
    assert!(has(&requests, "POST /v1/traces ", bytes(TRACE)) && has(&requests, "POST /v1/traces ", bytes(PARENT)));
    for part in ["mcp.server.operation.duration", "turbomcp.server.requests", "user_lookups", "the cache", "front desk"]
    {
        assert!(has(&requests, "POST /v1/metrics ", part), "{part}");
    }
    export.shutdown().await.unwrap();
}

#[tokio::test]
async fn metrics_are_exported_again_and_again_and_a_collector_that_is_silent_is_given_up() {
    let (url, kept) = collector().await;
    let export = Otlp::new(url).metrics_interval(Duration::from_millis(50)).start().unwrap();
    export.observe(&Desk.into_server());
    let twice = async {
        while kept.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, twice).await.expect("they are sent by themselves");

    // It accepts, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let export = Otlp::new(url).timeout(Duration::from_millis(100)).start().unwrap();
    export.observe(&Desk.into_server());
    let ended = tokio::time::timeout(PATIENCE, export.shutdown()).await.expect("it ends");
    assert!(ended.is_err());
}

#[test]
fn an_export_that_makes_no_sense_is_refused() {
    for export in [
        Otlp::new("https://collector.example"),
        Otlp::new("http://"),
        Otlp::new("collector:4318"),
        Otlp::new("http://a").header("a b", "c"),
        Otlp::new("http://a").header("a", "b\nc"),
        Otlp::new("http://a").timeout(Duration::ZERO),
        Otlp::new("http://a").metrics_interval(Duration::ZERO),
    ] {
        assert!(export.start().unwrap_err().is_configuration());
    }
}
