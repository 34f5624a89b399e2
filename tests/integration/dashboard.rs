//! The dashboard: F68.

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use turbomcp::metrics::MetricsConfig;
use turbomcp::prelude::*;
use turbomcp::types::{ContentBlock, ImageContent};
use turbomcp::{DashboardConfig, Error, FnTool, Middleware, MiddlewareResult, Next, Principal, ServerBuilder};
use turbomcp_tests::{Client, Http, Reply, Request, Site, modern};

const LOOPBACK: &str = "127.0.0.1:0";

const EVIL: &str = "<script>alert('\"&')</script>";

struct Desk;

#[server(name = "desk", version = "1.2.3")]
impl Desk {
    /// Adds.
    #[tool]
    async fn add(&self, #[arg(range = 0..=100)] a: i64, #[arg(default)] b: i64) -> i64 {
        a + b
    }

    /// Keeps what nobody is to see.
    #[tool]
    async fn keep(&self, password: String, note: String) -> usize {
        password.len() + note.len()
    }

    /// Draws.
    #[tool]
    async fn draw(&self) -> Vec<ContentBlock> {
        vec![ContentBlock::text(EVIL), ImageContent::new("iVBORw0KGgo=", "image/png").into()]
    }

    /// Reads.
    #[resource("desk://note/{name}")]
    async fn note(&self, name: String) -> String {
        format!("note {name}")
    }

    /// Asks.
    #[prompt]
    async fn ask(&self, what: String) -> String {
        format!("ask {what}")
    }
}

/// A dashboard that is served, and what talks to it.
struct Shown {
    client: Http,
    serving: JoinHandle<Result<(), Error>>,
}

impl Shown {
    async fn of(server: &McpServer) -> Self {
        let dashboard = server.bind_dashboard().await.unwrap();
        assert_eq!(dashboard.url(), format!("http://{}/", dashboard.local_addr()));
        Self { client: Http::at(dashboard.local_addr()), serving: tokio::spawn(dashboard.serve()) }
    }

    async fn start(config: DashboardConfig) -> (McpServer, Self) {
        let server = Desk.into_builder().with_dashboard(config).unwrap().build();
        let shown = Self::of(&server).await;
        (server, shown)
    }

    async fn send(&self, request: Request) -> (u16, Reply, String) {
        let mut reply = self.client.send(request).await;
        let text = reply.text().await;
        (reply.status, reply, text)
    }

    async fn page(&self, path: &str) -> String {
        let (status, _, text) = self.send(page(path)).await;
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    async fn json(&self, path: &str) -> Value {
        let (_, reply, text) = self.send(page(path).with("Accept", "application/json")).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Submits a form as a browser does that has loaded its page.
    async fn submit(&self, path: &str, about: &str, fields: &str) -> (u16, String) {
        let form = self.page(&format!("{path}?{about}")).await;
        let token = form.split(r#"name="token" value=""#).nth(1).and_then(|rest| rest.split('"').next());
        let body = format!("token={}&{about}&{fields}", token.unwrap_or_else(|| panic!("no token in {form}")));
        let (status, _, text) = self.send(post(path, &body)).await;
        (status, text)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn page(path: &str) -> Request {
    Request::get().path(path).with("Accept", "text/html")
}

fn post(path: &str, body: &str) -> Request {
    Request::post_text(body).path(path).with("Content-Type", "application/x-www-form-urlencoded")
}

#[track_caller]
fn has(page: &str, part: &str) {
    assert!(page.contains(part), "`{part}` is not in {page}");
}

#[track_caller]
fn lacks(page: &str, part: &str) {
    assert!(!page.contains(part), "`{part}` is in {page}");
}

#[tokio::test]
async fn f68_the_dashboard_shows_what_was_sent_over_two_transports() {
    let (server, shown) = Shown::start(DashboardConfig::new(LOOPBACK)).await;
    let mut memory = Client::connect(&server);
    for a in 1..=3 {
        memory.tool("add", json!({"a": a, "b": 2})).await;
    }
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut traced = modern(9, "tools/call", json!({"name": "nobody", "arguments": {}}), json!({}));
    traced["params"]["_meta"]["traceparent"] = format!("00-{trace}-b7ad6b7169203331-01").into();
    memory.send(&traced).await;
    memory.next().await;
    let site = Site::start(&server).await;
    let http = site.legacy("2025-06-18", json!({})).await;
    http.call("tools/call", json!({"name": "add", "arguments": {"a": 1}})).await;

    let status = shown.json("/status").await;
    assert_eq!((&status["name"], &status["ready"], &status["sessions"]), (&json!("desk"), &json!(true), &json!(1)));
    let requests = &status["requests"];
    assert_eq!((&requests["total"], &requests["in_flight"]), (&json!(6), &json!(0)), "{status}");
    assert_eq!(requests["by_revision"]["2026-07-28"], 4, "{status}");
    // That of `initialize` is agreed on by it.
    assert_eq!(requests["by_revision"]["2025-06-18"], 1, "{status}");
    assert!(
        requests["latency_seconds"]["p99"].as_f64().unwrap() >= requests["latency_seconds"]["p50"].as_f64().unwrap()
    );
    assert_eq!(status["connections"]["other"], 1, "{status}");
    let metrics = shown.json("/metrics").await;
    assert_eq!((&metrics["tool_calls_total"], &metrics["requests_failed"]), (&json!(4), &json!(1)), "{metrics}");
    assert_eq!(metrics["transport"]["bindings"]["http"]["messages_received"], 3, "{metrics}");

    let calls = shown.page("/calls").await;
    assert_eq!(calls.matches("<tr><td>").count(), 6, "{calls}");
    for part in
        [trace, "validation</span>", "<td>http</td>", "<td>other</td>", "<td>legacy</td>", "nobody", "tools/call"]
    {
        has(&calls, part);
    }
    assert_eq!(shown.page("/calls?q=nobody").await.matches("<tr><td>").count(), 1);
    let sessions = shown.page("/sessions").await;
    has(&sessions, "<th scope=\"row\" class=\"cut\">test");
    has(&sessions, "2025-06-18");
    lacks(&sessions, http.session.as_deref().unwrap());
    let text = shown.page("/metrics?q=tools/call+success").await;
    has(&text, r#"method=&quot;tools/call&quot;,status=&quot;success&quot;</td><td class="end">4</td>"#);
    has(&shown.page("/").await, "<td class=\"end\">4</td>");
    // Prometheus was not promised anything by a dashboard.
    assert_eq!(site.client().send(Request::get().path("/metrics")).await.status, 404);

    http.send(http.within(Request::delete())).await;
    lacks(&shown.page("/sessions").await, "2025-06-18");
}

#[tokio::test]
async fn what_others_have_written_stays_text() {
    let said = |_: turbomcp::Arguments| async { EVIL };
    let tool = FnTool::new(said).title(EVIL).description(EVIL);
    let builder = Desk.into_builder().name(EVIL).tool("say", tool).unwrap();
    let server = builder.with_dashboard(DashboardConfig::new(LOOPBACK).record_arguments(1000)).unwrap().build();
    Client::connect(&server).tool(EVIL, json!({EVIL: EVIL})).await;
    let shown = Shown::of(&server).await;
    let escaped = "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;";
    let mut pages = vec![shown.submit("/tool", "name=say", "arguments=").await.1];
    pages.push(shown.submit("/tool", "name=draw", "").await.1);
    pages.push(
        shown.submit("/resource", "uri=desk%3A%2F%2Fnote%2F%7Bname%7D", "uri=desk%3A%2F%2Fnote%2F%3Cscript%3E").await.1,
    );
    for path in ["/", "/tools", "/calls", "/sessions", "/metrics", "/config", "/tools?q=%3Cscript%3E", "/tool?name=say"]
    {
        pages.push(shown.page(path).await);
    }
    for page in &pages {
        has(page, escaped);
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        lacks(page, "style=");
    }
    has(&pages[1], r#"<img src="data:image/png;base64,iVBORw0KGgo=""#);
    let missing = shown.send(page("/tool?name=%3Cscript%3E")).await;
    assert_eq!((missing.0, missing.2.matches("<script").count()), (404, 1));
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let (_server, shown) = Shown::start(DashboardConfig::new(LOOPBACK)).await;
    let requests = [
        page("/"),
        page("/nowhere"),
        page("/style.css"),
        page("/script.js"),
        page("/status"),
        page("/").with("Host", "rebound.example"),
        page("/").method("PUT"),
        post("/tool", "name=add"),
    ];
    for (at, request) in requests.into_iter().enumerate() {
        let (_, reply, _) = shown.send(request).await;
        // Browsers take the origin from a form whose page sends no referrer to anybody.
        let referrer = if at == 7 { "same-origin" } else { "no-referrer" };
        assert_eq!(reply.header("referrer-policy"), Some(referrer));
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("script-src 'self';"), "{policy}");
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ];
        for (name, value) in expected {
            assert_eq!(reply.header(name), Some(value));
        }
    }
}

#[tokio::test]
async fn hosts_origins_and_forms_of_others_are_refused() {
    let (server, shown) = Shown::start(DashboardConfig::new(LOOPBACK)).await;
    let form = shown.page("/tool?name=add").await;
    let token = form.split(r#"name="token" value=""#).nth(1).unwrap().split('"').next().unwrap();
    let body = format!("token={token}&name=add&arg.a=1&arg.b=2");
    let right = || post("/tool", &body);
    let own = format!("http://{}", shown.client.address());
    let check = async |request: Request, expected: u16| {
        let (status, _, text) = shown.send(request).await;
        assert_eq!(status, expected, "{text}");
    };
    check(page("/").with("Host", "rebound.example"), 403).await;
    check(page("/").header("Origin", "https://evil.example"), 403).await;
    check(right().with("Host", "rebound.example"), 403).await;
    check(right().header("Origin", "https://evil.example"), 403).await;
    check(right().header("Origin", "null"), 403).await;
    // A page of another port of this computer.
    check(right().header("Origin", "http://127.0.0.1:1"), 403).await;
    check(right().header("Sec-Fetch-Site", "same-site"), 403).await;
    check(post("/tool", "name=add&arg.a=1"), 403).await;
    check(post("/tool", &format!("token={}&name=add&arg.a=1", token.to_lowercase())), 403).await;
    check(right().with("Content-Type", "text/plain"), 415).await;
    check(post("/tool", &format!("{body}&arg.c={}", "x".repeat(2 << 20))), 413).await;
    check(post("/tool", &format!("token={token}&name=add&arg.a=%f")), 400).await;
    check(post("/", &body), 405).await;
    check(right().method("DELETE"), 405).await;
    assert_eq!(server.metrics().request_count(), 0);
    check(right().header("Origin", own).header("Sec-Fetch-Site", "same-origin"), 200).await;
    assert_eq!(server.metrics().request_count(), 1);
}

struct Stamp;

impl Middleware for Stamp {
    async fn process(&self, request: turbomcp::Request, next: Next) -> MiddlewareResult<turbomcp::Response> {
        if request.name().as_deref() == Some("draw") {
            return Err(McpError::forbidden("not today"));
        }
        next.run(request).await
    }
}

#[tokio::test]
async fn what_a_form_sends_passes_the_stack() {
    let builder = Desk.into_builder().middleware(Stamp).with_dashboard(DashboardConfig::new(LOOPBACK)).unwrap();
    let shown = Shown::of(&builder.build()).await;
    let form = shown.page("/tool?name=add").await;
    has(
        &form,
        r#"<input type="number" autocomplete="off" id="arg-0" name="arg.a" required step="1" min="0" max="100""#,
    );
    let (status, added) = shown.submit("/tool", "name=add", "arg.a=40&arg.b=2").await;
    assert_eq!(status, 200);
    has(&added, "Succeeded");
    has(&added, ">42</pre>");
    has(&added, r#"name="arg.a" required step="1" min="0" max="100" value="40""#);
    let (_, invalid) = shown.submit("/tool", "name=add", "arg.a=1000").await;
    has(&invalid, "Failed");
    has(&invalid, "1000");
    let (status, unread) = shown.submit("/tool", "name=add", "arg.a=much").await;
    assert_eq!(status, 422);
    has(&unread, "aria-invalid=\"true\"");
    has(&unread, "is not a whole number");
    let (_, refused) = shown.submit("/tool", "name=draw", "").await;
    has(&refused, "Error");
    has(&refused, "not today");
    let (_, got) = shown.submit("/prompt", "name=ask", "arg.what=why").await;
    has(&got, "ask why");
    let about = "uri=desk%3A%2F%2Fnote%2F%7Bname%7D";
    let (_, read) = shown.submit("/resource", about, "arg.uri=desk%3A%2F%2Fnote%2Fmilk").await;
    has(&read, "note milk");
    let calls = shown.page("/calls").await;
    assert_eq!(calls.matches("<td>dashboard</td>").count(), 5, "{calls}");
}

#[tokio::test]
async fn the_dashboard_calls_as_whom_it_is_told() {
    struct Nobody;

    impl turbomcp::transport::authenticate::Authenticate for Nobody {
        async fn authenticate(
            &self,
            _: turbomcp::transport::authenticate::Shown<'_>,
        ) -> Result<Option<Principal>, turbomcp::transport::authenticate::Refusal> {
            Err(turbomcp::transport::authenticate::Refusal::unauthorized("strangers stay outside"))
        }
    }

    let whoami = |_: turbomcp::Arguments, ctx: Context| async move {
        ctx.principal().map_or("nobody", |principal| principal.subject()).to_owned()
    };
    let builder = || Desk.into_builder().auth(Nobody).tool("whoami", whoami).unwrap();
    let config = DashboardConfig::new(LOOPBACK);
    let unknown = Shown::of(&builder().with_dashboard(config.clone()).unwrap().build()).await;
    let (status, refused) = unknown.submit("/tool", "name=whoami", "").await;
    assert_eq!(status, 502);
    has(&refused, "strangers stay outside");
    let known = config.call_as(Principal::new("ada"));
    let known = Shown::of(&builder().with_dashboard(known).unwrap().build()).await;
    has(&known.submit("/tool", "name=whoami", "").await.1, ">ada</pre>");
    has(&known.page("/calls").await, "<td class=\"cut\">ada</td>");
}

#[tokio::test]
async fn a_dashboard_that_only_shows_has_no_forms() {
    let (_server, shown) = Shown::start(DashboardConfig::new(LOOPBACK).read_only()).await;
    lacks(&shown.page("/tool?name=add").await, "method=\"post\"");
    assert_eq!(shown.send(post("/tool", "name=add&arg.a=1")).await.0, 405);
}

#[tokio::test]
async fn a_dashboard_listens_where_it_was_told() {
    let taken = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let config = || DashboardConfig::new(taken.local_addr().unwrap().to_string());
    let server = |config| Desk.into_builder().with_dashboard(config).unwrap().build();
    let Err(error) = server(config()).bind_dashboard().await else { panic!("somebody else listens there") };
    assert!(error.is_bind(), "{error}");
    let dashboard = server(DashboardConfig::new(LOOPBACK)).bind_dashboard().await.unwrap();
    assert_eq!(dashboard.local_addr().ip().to_string(), "127.0.0.1");
}

#[tokio::test]
async fn a_dashboard_that_others_reach_needs_a_password() {
    let with = |config| ServerBuilder::new().with_dashboard(config).map(|_| ());
    for address in ["0.0.0.0:3001", "192.0.2.1:3001", "[::]:3001"] {
        let error = with(DashboardConfig::new(address)).unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("basic_auth"), "{error}");
        with(DashboardConfig::new(address).basic_auth("ada", "secret")).unwrap();
    }
    for wrong in [
        DashboardConfig::new("localhost"),
        DashboardConfig::new(LOOPBACK).recent_calls(0),
        DashboardConfig::new(LOOPBACK).recent_calls(10_001),
        DashboardConfig::new(LOOPBACK).record_arguments(0),
        DashboardConfig::new(LOOPBACK).record_arguments(1 << 20),
        DashboardConfig::new(LOOPBACK).allow_hosts(["not a host"]),
        DashboardConfig::new(LOOPBACK).basic_auth("a:b", "secret"),
    ] {
        assert!(with(wrong.clone()).unwrap_err().is_configuration(), "{wrong:?}");
    }
    let config = DashboardConfig::new(LOOPBACK).basic_auth("ada", "se:cret").allow_hosts(["desk.example"]);
    assert!(!format!("{config:?}").contains("cret"));
    let (_server, shown) = Shown::start(config).await;
    let at = |host: &str| page("/style.css").with("Host", host);
    let (status, reply, _) = shown.send(at("desk.example")).await;
    assert_eq!((status, reply.header("www-authenticate").is_some()), (401, true));
    // ada:se:cret
    let right = |host: &str| at(host).header("Authorization", "Basic YWRhOnNlOmNyZXQ=");
    assert_eq!(shown.send(right("desk.example")).await.0, 200);
    assert_eq!(shown.send(right("127.0.0.1")).await.0, 403);
    assert_eq!(shown.send(at("desk.example").header("Authorization", "Basic YWRhOng=")).await.0, 401);
}

#[tokio::test]
async fn only_the_last_calls_are_kept_and_arguments_only_if_asked_for() {
    let (server, shown) = Shown::start(DashboardConfig::new(LOOPBACK).recent_calls(3).record_arguments(40)).await;
    let mut client = Client::connect(&server);
    for number in 0..5 {
        client.tool(&format!("tool-{number}"), json!({})).await;
    }
    client.tool("keep", json!({"password": "hunter2", "note": "n".repeat(100)})).await;
    let calls = shown.page("/calls").await;
    assert_eq!(calls.matches("<tr><td>").count(), 3, "{calls}");
    has(&calls, "tool-3");
    lacks(&calls, "tool-2");
    lacks(&calls, "hunter2");
    has(&calls, r#"{&quot;note&quot;:&quot;nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…"#);
    let (server, shown) = Shown::start(DashboardConfig::new(LOOPBACK)).await;
    Client::connect(&server).tool("keep", json!({"password": "x", "note": "confided"})).await;
    lacks(&shown.page("/calls").await, "confided");
}

#[tokio::test]
async fn the_configuration_is_shown_without_what_is_secret() {
    let config =
        DashboardConfig::new(LOOPBACK).basic_auth("ada", "hunter2").call_as(Principal::new("bob")).recent_calls(7);
    let builder = Desk.into_builder().root("https://ada:hunter2@files.example/?token=hunter2", None);
    let builder = builder.with_metrics(MetricsConfig::new()).unwrap().with_dashboard(config).unwrap();
    let stack = turbomcp::layers::MiddlewareStack::development();
    let shown = Shown::of(&builder.with_middleware_stack(stack).unwrap().build()).await;
    let get = |accept: &str| page("/config").with("Accept", accept).header("Authorization", "Basic YWRhOmh1bnRlcjI=");
    for accept in ["text/html", "*/*"] {
        let (status, _, text) = shown.send(get(accept)).await;
        assert_eq!(status, 200);
        has(&text, "https://[redacted]@files.example/?token=[redacted]");
        lacks(&text, "hunter2");
    }
    let config: Value = serde_json::from_str(&shown.send(get("application/json")).await.2).unwrap();
    assert_eq!(config["limits"]["shutdown_seconds"], 30.0);
    assert_eq!(config["primitives"], json!({"tools": 3, "resources": 0, "resource_templates": 1, "prompts": 1}));
    assert_eq!((&config["layers"], &config["metrics"]["endpoint"]), (&json!(["audit", "timeout"]), &json!("/metrics")));
    let expected = json!({
        "address": LOOPBACK, "asks_for_password": true, "recent_calls": 7, "argument_bytes": null, "calls_as": "bob",
        "read_only": false,
    });
    assert_eq!(config["dashboard"], expected);
}

#[tokio::test]
async fn a_configuration_that_was_replaced_is_shown_at_once() {
    let config = DashboardConfig::new(LOOPBACK);
    let builder = Desk.into_builder().with_dashboard(config).unwrap();
    let server = builder.settings(turbomcp::settings::Settings::default()).unwrap().build();
    let shown = Shown::of(&server).await;
    let mut settings = turbomcp::settings::Settings::default();
    settings.config.limits.page_size = 7;
    server.replace_settings(settings).unwrap();
    assert_eq!(shown.json("/config").await["limits"]["page_size"], 7);
    has(&shown.page("/config").await, "&quot;page_size&quot;: 7");
}

#[tokio::test]
async fn a_uri_is_shown_without_what_is_secret_in_it() {
    let (server, shown) = Shown::start(DashboardConfig::new(LOOPBACK)).await;
    let uri = "desk://ada:hunter2@files/?access_token=hunter2&signature=hunter2&page=3";
    Client::connect(&server).modern("resources/read", json!({"uri": uri}), json!({})).await;
    let calls = shown.page("/calls").await;
    has(&calls, "desk://[redacted]@files/?access_token=[redacted]&amp;signature=[redacted]&amp;page=3");
    lacks(&calls, "hunter2");
}

#[tokio::test]
async fn a_server_without_a_dashboard_has_none_and_one_with_it_ends_it() {
    let error = Desk.into_server().bind_dashboard().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(Desk.into_server().transport_metrics().is_none());
    let (server, mut shown) = Shown::start(DashboardConfig::new(LOOPBACK)).await;
    has(&shown.page("/").await, "Ready");
    server.shutdown_handle().shutdown();
    let ended = tokio::time::timeout(turbomcp_tests::PATIENCE, &mut shown.serving).await;
    ended.expect("it ends with the server").unwrap().unwrap();
}
