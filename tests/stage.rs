//! The server of the suite over all bindings: the fixture, what it counts, and what it can be told from outside.
//!
//! It may run in this process or in one of its own, so both what it counts and what it is told fit into lines.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use turbomcp::layers::{
    AuditConfig, AuditEvent, AuditSink, CacheConfig, ConcurrencyConfig, ErrorHandler, IdempotencyConfig,
    MiddlewareStack, RateBucket, RateLimitConfig, RateLimitStore, RateLimitStrategy, RateLimits, RateVerdict,
    SecurityConfig, SecurityHeaders, SharedRateLimits, SingleFlightConfig, TimeoutConfig, WhenUnavailable, Which,
};
use turbomcp::store::StoreError;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::transport::{ParentProcess, PeerCredentials, Principal, TlsIdentity};
use turbomcp::types::{CallToolResult, Prompt, Tool};
use turbomcp::{
    Context, FnPrompt, FnTool, Limits, McpError, McpServer, Method, Middleware, MiddlewareResult, Next, Request,
    Response, ValidationConfig,
};

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
    /// What there is around every request; none if there is no stack at all.
    pub around: Option<Around>,
}

/// What a conversation wants around every request. What is not said is off.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Around {
    /// All that suits a server which strangers reach, but for what is said here.
    pub production: bool,
    /// How many calls of each tool are let through.
    pub calls_of_a_tool: Option<u32>,
    /// Where that is counted, if not by the server itself.
    pub counted_in: Option<Store>,
    /// Whether calls with keys are run once.
    pub once: bool,
    /// How long `hold` may take.
    pub hold_timeout: Option<Duration>,
    /// How many calls of `hold` run at once.
    pub holds_at_once: Option<usize>,
    /// Whether errors are put in other words.
    pub words: bool,
    /// Whether results of `tally` are kept.
    pub cache: bool,
    /// Whether calls of `tally` share a result.
    pub single_flight: bool,
    /// Whether calls are held against all that schemas say.
    pub strict: bool,
    /// Whether callers must be known, and who is.
    pub users: Option<Users>,
    /// Whether every response over HTTP has headers for browsers.
    pub headers: bool,
}

/// A store in which servers count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Store {
    /// One that counts.
    Working,
    /// One that cannot be reached, without which nothing is let through.
    Lost,
}

/// Who is known to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Users {
    /// Whoever shows what is asked for, and on this machine its user.
    Own,
    /// Whoever shows what is asked for, and on this machine another user.
    Others,
}

/// The header by which somebody is known over HTTP.
pub const KNOWN: (&str, &str) = ("authorization", "Bearer ada");

/// The variable by which somebody is known who starts the server.
pub const USER: (&str, &str) = ("STAGE_USER", "ada");

/// Lets in whoever is known, by what each binding has to say about it.
struct Usher(Users);

impl Authenticate for Usher {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let is_known = match shown.head() {
            Some(head) => head.headers.get(KNOWN.0).is_some_and(|value| value == KNOWN.1),
            None => {
                shown.get::<TlsIdentity>().is_some()
                    || shown.get::<PeerCredentials>().is_some_and(|peer| self.is_user(peer.uid))
                    || shown.get::<ParentProcess>().is_some_and(|_| std::env::var(USER.0).as_deref() == Ok(USER.1))
            }
        };
        if is_known { Ok(Some(Principal::new("ada"))) } else { Err(Refusal::unauthorized("who are you?")) }
    }
}

impl Usher {
    fn is_user(&self, uid: u32) -> bool {
        let own = std::fs::metadata("/proc/self").map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata));
        (own.ok() == Some(uid)) == (self.0 == Users::Own)
    }
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
            around: None,
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
    /// How many calls have got to the layers around that, and wait or are answered.
    pub arrived: u32,
    /// Calls of `tally` that have begun.
    pub tallied: u32,
    /// What a store of rate limits was asked to count.
    pub taken: u32,
    /// What was recorded: how many requests have ended so.
    pub recorded: BTreeMap<String, u32>,
    /// What the metrics of the server say, as of the last time that this was asked for.
    pub measured: BTreeMap<String, u64>,
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
    /// Let so many calls of `tally` go on that wait for it.
    LetGo(usize),
    /// Read the metrics.
    Measure,
    /// Shut down.
    Shutdown,
}

/// The server, and what it has counted.
pub struct Stage {
    /// The server.
    pub server: McpServer,
    counts: Arc<watch::Sender<Counts>>,
    gate: Arc<Semaphore>,
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

/// Counts what has got to the layers within.
struct Porter(Arc<watch::Sender<Counts>>);

impl Middleware for Porter {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        let is_call = *request.method() == Method::TOOLS_CALL;
        let mut rest = std::pin::pin!(next.run(request));
        let first = poll_fn(|cx| Poll::Ready(rest.as_mut().poll(cx))).await;
        if is_call {
            self.0.send_modify(|counts| counts.arrived += 1);
        }
        match first {
            Poll::Ready(response) => response,
            Poll::Pending => rest.await,
        }
    }
}

impl AuditSink for Porter {
    fn record(&self, event: &AuditEvent<'_>) {
        let code = event.error_code.map(|code| format!(" {code}")).unwrap_or_default();
        let by = event.user_id.map(|user| format!(" by {user}")).unwrap_or_default();
        let ended = format!("{} {}{code}{by}", event.action, event.outcome);
        self.0.send_modify(|counts| *counts.recorded.entry(ended).or_default() += 1);
    }
}

/// A store of rate limits whose buckets are never filled again.
struct Ledger {
    store: Store,
    taken: Mutex<BTreeMap<String, u32>>,
    counts: Arc<watch::Sender<Counts>>,
}

impl Ledger {
    fn new(store: Store, counts: Arc<watch::Sender<Counts>>) -> Self {
        Self { store, taken: Mutex::default(), counts }
    }
}

impl RateLimitStore for Ledger {
    async fn take(&self, buckets: &[RateBucket]) -> Result<RateVerdict, StoreError> {
        // Whoever asks it waits for an answer, as for one in another process.
        tokio::task::yield_now().await;
        self.counts.send_modify(|counts| counts.taken += 1);
        if self.store == Store::Lost {
            return Err(StoreError::unavailable("the store is lost"));
        }
        let mut taken = self.taken.lock().expect("nothing panics while it is held");
        for bucket in buckets {
            let count = taken.entry(bucket.key.clone()).or_default();
            if *count == bucket.burst() {
                return Ok(RateVerdict::Wait(bucket.interval()));
            }
            *count += 1;
        }
        Ok(RateVerdict::Pass)
    }
}

impl Around {
    fn stack(&self, counts: &Arc<watch::Sender<Counts>>) -> MiddlewareStack {
        let mut stack = if self.production { MiddlewareStack::production() } else { MiddlewareStack::new() };
        stack = stack.with_audit(AuditConfig::default().sink(Porter(counts.clone())));
        if let Some(calls) = self.calls_of_a_tool {
            let limits =
                RateLimits { requests_per_period: 1, period: Duration::from_secs(100_000), burst_size: Some(calls) };
            let mut config = RateLimitConfig::new(RateLimitStrategy::PerTool, limits);
            if let Some(store) = self.counted_in {
                let shared = SharedRateLimits::new(Ledger::new(store, counts.clone()));
                config =
                    config.shared(shared.when_unavailable(WhenUnavailable::Refuse).timeout(Duration::from_secs(60)));
            }
            stack = stack.with_rate_limit(config);
        }
        if self.once {
            stack = stack.with_idempotency(IdempotencyConfig::default());
        }
        if let Some(timeout) = self.hold_timeout {
            stack = stack.with_timeout(TimeoutConfig::default().tool("hold", timeout));
        }
        if let Some(holds) = self.holds_at_once {
            stack = stack.with_concurrency(ConcurrencyConfig::default().tool("hold", holds));
        }
        if self.words {
            stack = stack.with_error_handler(
                ErrorHandler::new()
                    .handle_authentication_error(|_| async { Response::unauthorized("in other words") })
                    .handle_internal_error(|_| async { Response::error(McpError::unavailable("in other words")) }),
            );
        }
        if let Some(users) = self.users {
            stack = stack.with_auth(Usher(users));
        }
        if self.headers {
            stack = stack.with_security(SecurityConfig::default().headers(SecurityHeaders::strict()));
        }
        if self.cache {
            stack = stack.with_cache(CacheConfig { tools: Which::named(["tally"]), ..CacheConfig::default() });
        }
        if self.single_flight {
            stack = stack.with_single_flight(SingleFlightConfig { tools: Which::named(["tally"]) });
        }
        if self.strict {
            stack = stack.with_validation(ValidationConfig::strict());
        }
        stack
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
        let gate = Arc::new(Semaphore::new(0));
        let mut builder = fixture::builder()
            .limits(plan.limits())
            .middleware(Doorman(counts.clone()))
            .tool("hold", hold(counts.clone()))
            .and_then(|builder| builder.tool("chatter", chatter(counts.clone())))
            .and_then(|builder| builder.tool("steps", steps()))
            .and_then(|builder| builder.tool("greeting", greeting()))
            .and_then(|builder| builder.tool("caller", caller()))
            .and_then(|builder| builder.tool("tally", tally(counts.clone(), gate.clone())))
            .and_then(|builder| builder.tool("forbidden", fixture::raw_tool("forbidden", json!({"type": "object"}))))
            .expect("the stage is legal");
        if let Some(around) = &plan.around {
            let stack = around.stack(&counts);
            builder =
                builder.with_middleware_stack(stack).expect("the stack is legal").middleware(Porter(counts.clone()));
        }
        Self { server: builder.build(), counts, gate }
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
            Order::LetGo(calls) => {
                self.gate.add_permits(calls);
                Ok(())
            }
            Order::Measure => {
                let metrics = self.server.metrics();
                let all = [
                    ("requests", &metrics.requests_total),
                    ("successful", &metrics.requests_successful),
                    ("failed", &metrics.requests_failed),
                    ("errors", &metrics.errors_total),
                    ("auth", &metrics.errors_auth),
                    ("validation", &metrics.errors_validation),
                    ("timeouts", &metrics.tool_timeouts_total),
                    ("uncounted", &metrics.rate_limit_store_failures),
                ];
                let measured = all.map(|(name, count)| (name.to_owned(), count.load(Ordering::Relaxed)));
                self.counts.send_modify(|counts| counts.measured = BTreeMap::from(measured));
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

/// Says who calls.
fn caller() -> FnTool {
    FnTool::from_request(tool("caller"), |_, ctx: Context| async move {
        Ok(CallToolResult::text(ctx.user_id().unwrap_or("nobody")))
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

/// Says how often it was called; waits before that, if it is told to.
fn tally(counts: Arc<watch::Sender<Counts>>, gate: Arc<Semaphore>) -> FnTool {
    FnTool::from_request(tool("tally"), move |request, _: Context| {
        let (counts, gate) = (counts.clone(), gate.clone());
        async move {
            let mut tallied = 0;
            counts.send_modify(|counts| {
                counts.tallied += 1;
                tallied = counts.tallied;
            });
            if request.arguments().get("waits")? {
                gate.acquire().await?.forget();
            }
            Ok(CallToolResult::text(tallied.to_string()))
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
