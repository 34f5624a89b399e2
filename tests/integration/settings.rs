//! What a file says is what clients see.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use turbomcp::layers::{AuditConfig, AuditEvent, AuditSink, ErrorHandler};
use turbomcp::prelude::*;
use turbomcp::settings::Settings;
use turbomcp::types::ToolAnnotations;
use turbomcp::{Arguments, FnTool, Response};
use turbomcp_tests::{Client, Request, Site, modern};

/// A file of a test, which goes with it.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("turbomcp-file-{}-{number}.toml", std::process::id()));
        let file = Self(path);
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What handlers wait for.
pub(crate) type Gate = Arc<Semaphore>;

/// Tools: `tell` answers at once with how often it has, `wait` once it is let go.
pub(crate) fn builder() -> (ServerBuilder, Gate) {
    let gate = Arc::new(Semaphore::new(0));
    let (wait, count) = (gate.clone(), Arc::new(AtomicU64::new(0)));
    let harmless = ToolAnnotations::new().with_read_only_hint(true).with_idempotent_hint(true);
    let tell = FnTool::new(move |_: Arguments| {
        let run = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move { format!("run {run}") }
    });
    let builder = ServerBuilder::new()
        .name("desk")
        .tool("tell", tell.annotations(harmless))
        .and_then(|builder| {
            builder.tool("wait", move |_: Arguments| {
                let gate = wait.clone();
                async move {
                    gate.acquire().await.unwrap().forget();
                    "waited"
                }
            })
        })
        .unwrap();
    (builder, gate)
}

pub(crate) fn configured(text: &str) -> (McpServer, Gate) {
    let (builder, gate) = builder();
    let file = File::new(text);
    (builder.settings(Settings::from_file(&file.0).unwrap()).unwrap().build(), gate)
}

pub(crate) fn call(tool: &str) -> Request {
    Request::modern(&modern(1, "tools/call", json!({"name": tool, "arguments": {}}), json!({})))
}

pub(crate) fn names(answer: &Value) -> Vec<&str> {
    answer["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn limits_of_a_file_hold() {
    let (server, _gate) = configured("[limits]\nbody_bytes = \"2KiB\"\npage_size = 1\nrequest_timeout = \"50ms\"\n");
    let site = Site::start(&server).await;
    let long = modern(1, "tools/call", json!({"name": "tell", "arguments": {"a": "a".repeat(4000)}}), json!({}));
    assert_eq!(site.client().send(Request::modern(&long)).await.status, 413);
    let answer = site.client().modern("tools/list", json!({}), json!({})).await;
    assert_eq!((names(&answer), answer["result"]["nextCursor"].is_string()), (vec!["tell"], true));
    assert_eq!(site.client().tool("wait", json!({})).await["error"]["message"], "the request ran out of time");
    let mut client = Client::connect(&server);
    assert_eq!(client.tool("wait", json!({})).await["error"]["message"], "the request ran out of time");
}

#[tokio::test]
async fn layers_of_a_file_stand_around_every_request() {
    let text = "[rate_limit]\nstrategy = \"global\"\nrequests_per_period = 2\nburst_size = 2\nperiod = \"1h\"\n[cache]\nttl = \"1h\"\n\
        [headers]\nhsts_behind_proxy = true\nhsts = \"1h\"\nframe_options = \"same_origin\"\ncsp = \"none\"\n\
        [cors]\nallowed_origins = [\"https://a.example\"]\nallowed_methods = [\"POST\"]\nmax_age = \"90s\"\n";
    let (server, _gate) = configured(text);
    let site = Site::start(&server).await;
    let reply = site.client().send(call("tell").header("Origin", "https://a.example")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("strict-transport-security"), Some("max-age=3600"));
    assert_eq!(reply.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(reply.header("content-security-policy"), None);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://a.example"));
    let asked = Request::get().method("OPTIONS").header("Origin", "https://a.example");
    let asked = site.client().send(asked.header("Access-Control-Request-Method", "POST")).await;
    assert_eq!(asked.header("access-control-max-age"), Some("90"));
    assert_eq!(asked.header("access-control-allow-methods"), Some("POST"));
    // What is known is told again, and counts.
    assert_eq!(crate::text(&site.client().tool("tell", json!({})).await), "run 1");
    assert_eq!(site.client().send(call("tell")).await.status, 429);
    assert_eq!(Client::connect(&server).tool("tell", json!({})).await["error"]["code"], 429);
}

#[tokio::test]
async fn timeouts_and_places_of_a_file_hold() {
    let text = "[timeout]\ntools.wait = \"50ms\"\n[concurrency]\nmax_requests = 5\nmax_per_tool.wait = 1\n";
    let (server, _gate) = configured(text);
    let mut client = Client::connect(&server);
    let wait = |id: u64| modern(id, "tools/call", json!({"name": "wait", "arguments": {}}), json!({}));
    client.send(&wait(7)).await;
    client.send(&wait(8)).await;
    assert_eq!(client.next().await["error"]["code"], 503);
    assert_eq!(client.next().await["error"]["message"], "the request ran out of time");
}

#[tokio::test]
async fn http_is_offered_as_a_file_says() {
    let text = "[serve]\ntransport = \"http\"\n[http]\npath = \"/tools\"\nsse_path = \"/sse\"\nmessages_path = \"/m\"\n\
        hosts = [\"a.example\"]\n[metrics]\nendpoint = \"/m2\"\nuser = \"ada\"\npassword = \"secret\"\n\
        [health]\nreadiness_endpoint = \"/r\"\n[proxies]\nunix_sockets = true\n";
    let (server, _gate) = configured(text);
    let site = Site::start(&server).await;
    let at = |request: Request, path: &str| request.path(path).header("Host", "a.example");
    let client = site.client();
    assert_eq!(client.send(at(call("tell"), "/mcp")).await.status, 404);
    assert_eq!(client.send(at(call("tell"), "/tools")).await.status, 200);
    assert_eq!(client.send(call("tell").path("/tools").header("Host", "b.example")).await.status, 403);
    assert!(client.send(at(Request::get(), "/sse").with("Accept", "text/event-stream")).await.is_stream());
    assert_eq!(client.send(at(Request::get(), "/r")).await.status, 200);
    assert_eq!(client.send(at(Request::get(), "/m2")).await.status, 401);
    let shown = at(Request::get(), "/m2").header("Authorization", "Basic YWRhOnNlY3JldA==");
    assert_eq!(client.send(shown).await.status, 200);
}

#[tokio::test]
async fn a_server_is_called_what_a_file_says_and_what_code_says_otherwise() {
    let (server, _gate) = configured("[server]\ntitle = \"The desk\"\ninstructions = \"Ask.\"\n");
    let answer = Client::connect(&server).modern("server/discover", json!({}), json!({})).await;
    let info = &answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!((&info["name"], &info["title"]), (&json!("desk"), &json!("The desk")), "{answer}");
    assert_eq!(answer["result"]["instructions"], "Ask.");
    let (server, _gate) = configured("server.name = \"table\"");
    assert_eq!(server.config().name, "table");
}

#[tokio::test]
async fn tools_that_a_file_hides_are_not_there() {
    for text in ["tools.hidden = [\"wait\"]", "tools.only = [\"tell\"]"] {
        let (server, _gate) = configured(text);
        let mut client = Client::connect(&server);
        assert_eq!(names(&client.modern("tools/list", json!({}), json!({})).await), ["tell"]);
        assert_eq!(client.tool("wait", json!({})).await["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn keys_of_a_file_open_what_another_server_with_them_has_sealed() {
    let text = "request_state.keys = [\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"]";
    let asking = || {
        let tool = FnTool::from_request(turbomcp::types::Tool::new("ask"), |_, ctx: Context| async move {
            let answer = ctx.list_roots().await?;
            Ok(turbomcp::types::CallToolResult::text(answer.roots.len().to_string()))
        });
        let file = File::new(text);
        let settings = Settings::from_file(&file.0).unwrap();
        ServerBuilder::new().tool("ask", tool).unwrap().settings(settings).unwrap().build()
    };
    let capabilities = json!({"roots": {}});
    let mut params = json!({"name": "ask", "arguments": {}});
    let asked = Client::connect(&asking()).modern("tools/call", params.clone(), capabilities.clone()).await;
    let (name, _) =
        asked["result"]["inputRequests"].as_object().unwrap_or_else(|| panic!("{asked}")).iter().next().unwrap();
    params["requestState"] = asked["result"]["requestState"].clone();
    params["inputResponses"] = json!({name: {"roots": []}});
    let answer = Client::connect(&asking()).modern("tools/call", params, capabilities).await;
    assert_eq!(crate::text(&answer), "0");
}

/// What code says of a stack holds beside what a file does.
#[tokio::test]
async fn code_adds_what_only_code_can_say() {
    struct Told(Arc<AtomicU64>);
    impl AuditSink for Told {
        fn record(&self, _: &AuditEvent<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let told = Arc::new(AtomicU64::new(0));
    let file = File::new("[timeout]\nrequest_timeout = \"50ms\"\n");
    let mut settings = Settings::from_file(&file.0).unwrap();
    let errors =
        ErrorHandler::new().handle_internal_error(|_| async { Response::error(McpError::unavailable("later")) });
    settings.middleware =
        settings.middleware.with_error_handler(errors).with_audit(AuditConfig::default().sink(Told(told.clone())));
    let server = builder().0.settings(settings).unwrap().build();
    for _ in 0..2 {
        assert_eq!(Client::connect(&server).tool("wait", json!({})).await["error"]["message"], "later");
        // Also once the file was read again.
        file.write("[timeout]\nrequest_timeout = \"60ms\"\n");
        server.reload_settings().unwrap();
    }
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

/// The warnings of this thread.
#[derive(Clone, Default)]
struct Warnings(Arc<std::sync::Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{}={value:?} ", field.name());
            }
        }
        if *event.metadata().level() == tracing::Level::WARN {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }
}

/// Whoever hides a tool by a name that it does not have hides nothing.
#[tokio::test]
async fn names_that_no_tool_has_are_told() {
    use tracing_subscriber::layer::SubscriberExt;
    let warnings = Warnings::default();
    let _subscribed = tracing::subscriber::set_default(tracing_subscriber::Registry::default().with(warnings.clone()));
    let take = || std::mem::take(&mut *warnings.0.lock().unwrap());
    let file = File::new("tools.hidden = [\"wiat\", \"tell\"]\ntimeout.tools.wiat = \"1s\"\n");
    let server = builder().0.settings(Settings::from_file(&file.0).unwrap()).unwrap().build();
    let told = take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("name=\"wiat\"") && told[0].contains("near=\"wait\""), "{told:?}");
    file.write("tools.hidden = [\"tell\"]\n");
    server.reload_settings().unwrap();
    assert_eq!(take(), Vec::<String>::new());
    file.write("concurrency.max_per_tool.another = 1\n");
    server.reload_settings().unwrap();
    assert!(take().iter().any(|told| told.contains("name=\"another\"")));
}

/// What code gives to a part is beside what a file says of it.
#[tokio::test]
async fn a_sink_of_code_is_told_what_a_file_has_recorded() {
    struct Told(Arc<AtomicU64>);
    impl AuditSink for Told {
        fn record(&self, _: &AuditEvent<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    for (text, expected) in
        [("", 2), ("audit.log_success = false", 1), ("audit.log_failures = false", 1), ("audit.enabled = false", 0)]
    {
        let told = Arc::new(AtomicU64::new(0));
        let file = File::new(text);
        let settings = Settings::from_file(&file.0).unwrap().audit_sink(Told(told.clone()));
        let mut client = Client::connect(&builder().0.settings(settings).unwrap().build());
        client.tool("tell", json!({})).await;
        client.tool("none", json!({})).await;
        assert_eq!(told.load(Ordering::SeqCst), expected, "{text}");
    }
}

/// Who may call is a section that the program declares.
#[tokio::test]
async fn a_file_says_who_may_call_where_the_program_reads_that() {
    use turbomcp::auth::server::{ApiKey, Holder};
    use turbomcp::auth::{AuthConfig, AuthManager};
    let (key, entry) = ApiKey::generate("desk", Holder::new("ada"));
    let text = format!(
        "limits.page_size = 1\n[[auth.providers]]\nname = \"keys\"\nprovider_type = \"api_key\"\n\
         [auth.providers.settings]\nprefix = \"desk\"\n\
         keys = [{{ id = \"{}\", sha256 = \"{}\", holder = {{ subject = \"ada\" }} }}]\n",
        entry.id(),
        entry.sha256()
    );
    let file = File::new(&text);
    let settings = Settings::load().section("auth").file(&file.0).read().unwrap();
    let auth: AuthConfig = settings.section("auth").unwrap().unwrap();
    let server = builder().0.auth(AuthManager::new(auth).unwrap()).settings(settings).unwrap().build();
    let site = Site::start(&server).await;
    assert_eq!(site.client().send(call("tell")).await.status, 401);
    assert_eq!(site.client().send(call("tell").header("X-API-Key", "desk_x_y")).await.status, 401);
    assert_eq!(site.client().send(call("tell").header("X-API-Key", key.expose())).await.status, 200);
    // Whoever is let in is let in as long as the server runs.
    file.write(&text.replace("\"ada\"", "\"bob\""));
    let error = server.reload_settings().unwrap_err().to_string();
    assert!(error.ends_with("`auth.providers` cannot be changed while the server runs: start it again"), "{error}");
    file.write(&text.replace("page_size = 1", "page_size = 2"));
    server.reload_settings().unwrap();
    assert_eq!(site.client().send(call("tell")).await.status, 401);
    assert_eq!(site.client().send(call("tell").header("X-API-Key", key.expose())).await.status, 200);
}

/// What is wrong with it is told with its line, and without what it is.
#[test]
fn what_is_wrong_in_a_section_for_auth_is_told_where_it_is() {
    use turbomcp::auth::AuthConfig;
    let read = |settings: &str| {
        let file = File::new(&format!("[[auth.providers]]\nname = \"id\"\n{settings}"));
        let all = Settings::load().section("auth").file(&file.0).read().unwrap();
        let error = all.section::<AuthConfig>("auth").map(drop).map_err(|error| error.to_string());
        error.map_err(|error| error.replace(&file.0.display().to_string(), "a.toml"))
    };
    let wrong =
        |settings: &str, expected: &str| assert_eq!(read(settings).unwrap_err(), format!("a.toml, line {expected}"));
    wrong(
        "provider_type = \"magic\"\nsettings = {}",
        "3: `auth.providers[0].provider_type` is not as it has to be; it takes `jwt`, `introspection`, `api_key`, \
         `certificate`, `unix_user`, `environment`",
    );
    wrong("provider_type = \"jwt\"", "1: `auth.providers[0].settings` is missing");
    wrong(
        "provider_type = \"api_key\"\nsettings.headers = \"X\"",
        "4: `auth.providers[0].settings.headers` is not known; did you mean `auth.providers[0].settings.header`?",
    );
    let key = "provider_type = \"jwt\"\n[auth.providers.settings]\nissuer = \"https://id.example\"\naudiences = [\"desk\"]\n\
        algorithms = [\"HS256\"]\n[[auth.providers.settings.keys.fixed]]\n";
    wrong(
        &format!("{key}secret = 12345678"),
        "9: `auth.providers[0].settings.keys.fixed[0].secret` is a number; it takes a text",
    );
    let at = "8: `auth.providers[0].settings.keys.fixed[0]` is not as it has to be";
    wrong(&format!("{key}id = \"hunter2\""), &format!("{at} (a key is one of `pem`, `jwk` and `secret`)"));
    // A secret may be in a file of its own.
    let secret = File::new(&format!("{}\n", "s".repeat(32)));
    assert_eq!(read(&format!("{key}secret_file = {:?}", secret.0)), Ok(()));
}
