//! The server of the suite over all bindings: the fixture, what it counts, and what it can be told from outside.
//!
//! It may run in this process or in one of its own, so both what it counts and what it is told fit into lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use turbomcp::types::{CallToolResult, Prompt, Tool};
use turbomcp::{Context, FnPrompt, FnTool, Limits, McpServer, Middleware, MiddlewareResult, Next, Request, Response};

use crate::fixture;

/// What a conversation wants of its server; what is not said is as the suite wants it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// How many entries a page of a list has.
    pub page_size: usize,
    /// The longest message, and over HTTP the longest body.
    pub message_bytes: Option<usize>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long requests may go on after shutdown was asked for.
    pub shutdown: Duration,
    /// How long requests may go on after their connection has ended.
    pub end_of_input: Duration,
    /// How many requests of one connection may wait.
    pub requests_in_flight: usize,
}

impl Default for Plan {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            page_size: limits.page_size,
            message_bytes: None,
            request_timeout: limits.request_timeout,
            shutdown: Duration::from_secs(20),
            // So short that it can be waited for a hundred times.
            end_of_input: Duration::from_millis(200),
            requests_in_flight: 1024,
        }
    }
}

impl Plan {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.page_size = self.page_size;
        limits.request_timeout = self.request_timeout;
        limits.shutdown = self.shutdown;
        limits.requests_in_flight = self.requests_in_flight;
        limits.end_of_input = self.end_of_input;
        limits.body_bytes = 8 << 20;
        // Machines may be so busy that nothing can be told from how long it takes.
        limits.handshake_timeout = Duration::from_secs(100);
        limits.keep_alive = Duration::from_secs(60);
        if let Some(bytes) = self.message_bytes {
            (limits.message_bytes, limits.body_bytes) = (bytes, bytes);
        }
        limits
    }
}

/// What the server has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls of `hold` that have begun.
    pub held: u32,
    /// Those of them that are over.
    pub let_go: u32,
    /// Messages of `chatter` that were taken off its hands.
    pub told: u32,
    /// What the middleware has seen: how many requests of each method.
    pub requests: BTreeMap<String, u32>,
}

/// What the server is told from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    /// Register a tool of this name.
    AddTool(String),
    /// Register a prompt of this name.
    AddPrompt(String),
    /// Register a resource of this URI.
    AddResource(String),
    /// Say that a resource has changed.
    Updated(String),
    /// Shut down.
    Shutdown,
}

/// The server, and what it has counted.
pub struct Stage {
    /// The server.
    pub server: McpServer,
    counts: Arc<watch::Sender<Counts>>,
}

/// What the middleware leaves for handlers.
struct Greeting(String);

struct Doorman(Arc<watch::Sender<Counts>>);

impl Middleware for Doorman {
    async fn process(&self, mut request: Request, next: Next) -> MiddlewareResult<Response> {
        let method = request.method().as_str().to_owned();
        if request.name().as_deref() == Some("forbidden") {
            return Ok(Response::unauthorized("not you"));
        }
        request.extensions_mut().insert(Greeting(format!("welcome to {method}")));
        self.0.send_modify(|counts| *counts.requests.entry(method).or_default() += 1);
        next.run(request).await
    }
}

/// Counts a handler that is over, however it ended.
struct Held(Arc<watch::Sender<Counts>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.let_go += 1);
    }
}

impl Stage {
    /// Builds the server.
    pub fn new(plan: &Plan) -> Self {
        let counts = Arc::new(watch::Sender::new(Counts::default()));
        let builder = fixture::builder()
            .limits(plan.limits())
            .middleware(Doorman(counts.clone()))
            .tool("hold", hold(counts.clone()))
            .and_then(|builder| builder.tool("chatter", chatter(counts.clone())))
            .and_then(|builder| builder.tool("steps", steps()))
            .and_then(|builder| builder.tool("greeting", greeting()))
            .and_then(|builder| builder.tool("forbidden", fixture::raw_tool("forbidden", json!({"type": "object"}))))
            .expect("the stage is legal");
        Self { server: builder.build(), counts }
    }

    /// Hears what the server counts.
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    /// Does what the server is told.
    pub fn perform(&self, order: Order) {
        let registered = match order {
            Order::AddTool(name) => {
                let tool = fixture::raw_tool(&name, json!({"type": "object"}));
                self.server.register_tool(name, tool)
            }
            Order::AddPrompt(name) => {
                let prompt = FnPrompt::new(Prompt::new(&name), |_, _| async { "new" });
                self.server.register_prompt(name, prompt)
            }
            Order::AddResource(uri) => self.server.register_resource(uri, |_: String| async { "new" }),
            Order::Updated(uri) => {
                self.server.resource_updated(&uri);
                Ok(())
            }
            Order::Shutdown => {
                // Whoever ordered it waits elsewhere for the end.
                let _ = self.server.shutdown_handle().shutdown();
                Ok(())
            }
        };
        registered.expect("the order can be carried out");
    }

    /// Runs in a process of its own: takes orders from whoever started it, and reports what it counts.
    pub async fn take_orders(self, from: &str) -> std::io::Result<()> {
        let (orders, mut reports) = TcpStream::connect(from).await?.into_split();
        let mut orders = BufReader::new(orders).lines();
        let mut counts = self.counts();
        // What was counted before anyone listened is reported, too.
        counts.mark_changed();
        reports.write_all(line(&Report::Started(std::process::id())).as_bytes()).await?;
        loop {
            tokio::select! {
                order = orders.next_line() => {
                    let Some(order) = order? else { return Ok(()) };
                    self.perform(serde_json::from_str(&order)?);
                    reports.write_all(line(&Report::Done).as_bytes()).await?;
                }
                changed = counts.changed() => {
                    changed.expect("the stage counts as long as it stands");
                    let counted = Report::Counted(counts.borrow_and_update().clone());
                    reports.write_all(line(&counted).as_bytes()).await?;
                }
            }
        }
    }
}

/// What a server in a process of its own says beside the protocol.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    /// It runs, with this process id.
    Started(u32),
    /// The order is carried out.
    Done,
    /// It has counted this so far.
    Counted(Counts),
}

/// Writes something as a line.
pub fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("this can be written as JSON");
    line.push('\n');
    line
}

fn tool(name: &str) -> Tool {
    Tool::new(name).with_input_schema(json!({"type": "object"}).as_object().cloned().unwrap_or_default())
}

/// Reports that it has begun, and never ends by itself.
fn hold(counts: Arc<watch::Sender<Counts>>) -> FnTool {
    FnTool::from_request(tool("hold"), move |_, ctx: Context| {
        let counts = counts.clone();
        async move {
            counts.send_modify(|counts| counts.held += 1);
            let _held = Held(counts);
            ctx.progress(1.0).await;
            std::future::pending().await
        }
    })
}

/// Sends many long messages, and counts those it got rid of.
fn chatter(counts: Arc<watch::Sender<Counts>>) -> FnTool {
    FnTool::from_request(tool("chatter"), move |request, ctx: Context| {
        let counts = counts.clone();
        async move {
            let messages: u32 = request.arguments().get("messages")?;
            let text = "x".repeat(request.arguments().get("bytes")?);
            for step in 1..=messages {
                ctx.progress(f64::from(step)).message(&*text).await;
                counts.send_modify(|counts| counts.told += 1);
            }
            Ok(CallToolResult::text("told"))
        }
    })
}

/// Reports a number of steps, with a pause before each.
fn steps() -> FnTool {
    FnTool::from_request(tool("steps"), |request, ctx: Context| async move {
        let (steps, pause): (u32, u64) = (request.arguments().get("steps")?, request.arguments().get("pause")?);
        for step in 1..=steps {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            ctx.progress(f64::from(step)).total(f64::from(steps)).await;
        }
        Ok(CallToolResult::text("done"))
    })
}

/// Returns what the middleware has left.
fn greeting() -> FnTool {
    FnTool::from_request(tool("greeting"), |_, ctx: Context| async move {
        let greeting = ctx.extensions().get::<Greeting>();
        Ok(CallToolResult::text(greeting.map_or("nothing", |greeting| greeting.0.as_str())))
    })
}
