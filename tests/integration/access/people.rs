//! Callers, what tells them apart, and a server that they are not equal to.

use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::transport::{Extensions, lines::Lines};
use turbomcp::{Claims, McpServer, Principal, ServerBuilder, Visibility};
use turbomcp_tests::{Client, Http, Request, initialize_params, modern};

/// Everybody there is.
pub const PEOPLE: [&str; 4] = ["eve", "reader", "writer", "admin"];

/// Returns somebody, as whatever authenticates says.
pub fn person(name: &str) -> Option<Principal> {
    let person =
        Principal::new(name.trim_end_matches('+')).with_issuer("https://id.example").with_tenant("secret-tenant");
    let claims = json!({"email": format!("{name}@example.com")});
    let person = person.with_claims(serde_json::value::to_raw_value(&claims).unwrap());
    match name {
        "eve" => Some(person),
        "reader" => Some(person.with_scopes(["notes:read"])),
        // The same reader, after a step up.
        "reader+" => Some(person.with_scopes(["notes:read", "notes:write"])),
        "writer" => Some(person.with_scopes(["notes:read", "notes:write"]).with_roles(["editor"])),
        "admin" => Some(
            person
                .with_scopes(["notes:read", "notes:write"])
                .with_roles(["editor", "staff"])
                .with_permissions(["notes:erase"]),
        ),
        _ => None,
    }
}

/// Knows people by the name in their header, or that their connection was opened with.
pub struct ByName;

/// The name that a connection is opened with.
pub struct Name(pub &'static str);

impl Authenticate for ByName {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let header = shown.head().and_then(|head| head.headers.get("authorization"));
        let name = match header.and_then(|header| header.to_str().ok()?.strip_prefix("Bearer ")) {
            Some(name) => name,
            None => match shown.get::<Name>() {
                Some(Name(name)) => name,
                None => return Ok(None),
            },
        };
        let nobody =
            || Refusal::unauthorized("nobody is called that").with_challenge(r#"Bearer error="invalid_token""#);
        person(name).map(Some).ok_or_else(nobody)
    }

    fn insufficient_scope(&self, principal: Option<&Principal>, wanted: &[&str]) -> Refusal {
        let scope = wanted.join(" ");
        match principal {
            Some(_) => Refusal::forbidden("more scopes are needed")
                .with_challenge(format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)),
            None => {
                Refusal::unauthorized("credentials are required").with_challenge(format!(r#"Bearer scope="{scope}""#))
            }
        }
    }
}

#[derive(serde::Deserialize)]
pub struct Profile {
    email: String,
}

/// Notes that not everybody may read.
pub struct Notes;

#[server(name = "notes")]
impl Notes {
    #[tool]
    async fn open(&self, ctx: Context) -> String {
        ctx.user_id().unwrap_or("nobody").to_owned()
    }

    #[tool(scopes("notes:read"), tags = ["reading"])]
    async fn look(&self, #[arg(range = 1..=9)] id: u32) -> String {
        format!("note {id}")
    }

    #[tool(scopes("notes:read", "notes:write"), roles("owner", "editor"), permissions("notes:erase"))]
    async fn erase(&self, id: u32, by: Principal, profile: Claims<Profile>) -> String {
        format!("{id} erased by {} <{}>", by.subject(), profile.email)
    }

    #[tool(visible_to_roles("staff"))]
    async fn audit(&self) -> &'static str {
        "audited"
    }

    #[tool]
    async fn checked(&self, ctx: Context) -> McpResult<&'static str> {
        ctx.check_permission("notes:erase")?;
        Ok("allowed")
    }

    #[tool]
    async fn ask(&self, ctx: Context) -> McpResult<usize> {
        Ok(ctx.list_roots().await?.roots.len())
    }

    #[resource("notes://plan", scopes("notes:write"))]
    async fn plan(&self) -> &'static str {
        "the plan"
    }

    #[resource("notes://{id}", scopes("notes:read"))]
    async fn note(&self, id: String) -> String {
        format!("note {id}")
    }

    #[resource("audits://{id}", visible_to_roles("staff"))]
    async fn audited(&self, id: String) -> String {
        format!("audit {id}")
    }

    #[prompt(scopes("notes:write"))]
    async fn review(&self, note: String) -> String {
        format!("Review {note}")
    }

    #[prompt(visible_to_roles("staff"))]
    async fn inspect(&self, note: String) -> String {
        format!("Inspect {note}")
    }

    #[completion(prompt = "review", argument = "note")]
    async fn notes(&self, _typed: String) -> Vec<String> {
        vec!["1".to_owned()]
    }

    #[completion(prompt = "inspect", argument = "note")]
    async fn inspected(&self, _typed: String) -> Vec<String> {
        vec!["2".to_owned()]
    }

    #[completion(resource = "audits://{id}", argument = "id")]
    async fn audits(&self, _typed: String) -> Vec<String> {
        vec!["3".to_owned()]
    }
}

pub fn builder() -> ServerBuilder {
    Notes.into_builder().auth(ByName)
}

pub fn server() -> McpServer {
    builder().build()
}

/// A server that hides from its callers what they may not use.
pub fn discreet() -> McpServer {
    builder().visibility(Visibility::hide_unless_allowed()).build()
}

/// Opens a connection on which the transport says who is at its other end.
pub fn connect(server: &McpServer, name: &'static str) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let mut extensions = Extensions::new();
    if !name.is_empty() {
        extensions.insert(Name(name));
    }
    tokio::spawn(server.serve(Lines::new(reader, writer).with_extensions(extensions)));
    let (reader, writer) = tokio::io::split(ours);
    Client::over(reader, writer)
}

/// Somebody who sends requests over HTTP; nobody in particular without a name.
pub struct Caller {
    pub http: Http,
    pub name: &'static str,
    legacy: bool,
}

/// What came back: the status, the challenge if there is one, and the message.
pub type Answer = (u16, Option<String>, Value);

impl Caller {
    pub fn modern(http: Http, name: &'static str) -> Self {
        Self { http, name, legacy: false }
    }

    pub async fn legacy(mut http: Http, name: &'static str) -> Self {
        let params = initialize_params("2025-06-18", json!({"roots": {}}));
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let mut reply = http.send(named(Request::post(&initialize), name)).await;
        http.session = Some(reply.header("mcp-session-id").expect("a session").to_owned());
        assert_eq!(reply.message().await["result"]["protocolVersion"], "2025-06-18");
        let caller = Self { http, name, legacy: true };
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(caller.http.send(caller.request(&initialized)).await.status, 202);
        caller
    }

    pub async fn in_both_eras(http: &Http, name: &'static str) -> [Self; 2] {
        [Self::modern(http.another(), name), Self::legacy(http.another(), name).await]
    }

    /// Makes the HTTP request for a message.
    pub fn request(&self, message: &Value) -> Request {
        let request = if self.legacy { Request::post(message) } else { Request::modern(message) };
        named(self.http.within(request), self.name)
    }

    pub async fn ask(&self, method: &str, params: Value) -> Answer {
        let message = match self.legacy {
            true => json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
            false => modern(1, method, params, json!({"roots": {}})),
        };
        let mut reply = self.http.send(self.request(&message)).await;
        let challenge = reply.header("www-authenticate").map(str::to_owned);
        (reply.status, challenge, reply.answer().await)
    }

    pub async fn tool(&self, name: &str, arguments: Value) -> Answer {
        self.ask("tools/call", json!({"name": name, "arguments": arguments})).await
    }
}

/// Says in a header who sends a request.
pub fn named(request: Request, name: &str) -> Request {
    if name.is_empty() { request } else { request.header("Authorization", format!("Bearer {name}")) }
}
