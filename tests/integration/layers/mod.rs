//! What a server does around every request, by one configuration: F48, F49, F72 to F83, F151, F168 to F171, F194 to
//! F196.

mod audit;
mod cache;
mod concurrency;
mod errors;
mod idempotency;
mod presets;
mod rate_limit;
mod security;
mod single_flight;
mod timeout;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use turbomcp::layers::{Clock, MiddlewareStack};
use turbomcp::prelude::*;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::types::ToolAnnotations;
use turbomcp::{Arguments, FnTool, Principal};
use turbomcp_tests::{Http, Request, modern};

/// A clock that is set by hand.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn clock(&self) -> Clock {
        let millis = self.0.clone();
        Clock::from_fn(move || Duration::from_millis(millis.load(Ordering::SeqCst)))
    }

    fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// Lets in whoever says their name: `name`, or `name@tenant`.
#[derive(Clone, Default)]
struct ByName(Arc<AtomicU64>);

impl ByName {
    /// Returns how often somebody was looked at.
    fn asked(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Authenticate for ByName {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let Some(head) = shown.head() else { return Ok(None) };
        match head.headers.get("authorization").and_then(|value| value.to_str().ok()) {
            Some("nobody") => Err(Refusal::unauthorized("who are you?").with_challenge("Bearer")),
            Some(name) => Ok(Some(match name.split_once('@') {
                Some((name, tenant)) => Principal::new(name).with_tenant(tenant),
                None => Principal::new(name),
            })),
            None => Ok(None),
        }
    }
}

/// Says who calls by the header `X-Name`: `name@tenant`.
struct Names;

impl turbomcp::Middleware for Names {
    async fn process(
        &self,
        mut request: turbomcp::Request,
        next: turbomcp::Next,
    ) -> turbomcp::MiddlewareResult<turbomcp::Response> {
        let head = request.extensions().get::<turbomcp::transport::http::HttpRequest>().unwrap();
        let name = head.headers().get("x-name").map(|name| name.to_str().unwrap().to_owned());
        if let Some((name, tenant)) = name.as_deref().and_then(|name| name.split_once('@')) {
            request.extensions_mut().insert(Principal::new(name).with_tenant(tenant));
        }
        next.run(request).await
    }
}

/// What handlers count and wait for.
#[derive(Clone)]
struct Work {
    runs: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
}

impl Work {
    fn new() -> Self {
        Self { runs: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    /// Waits until so many handlers have begun.
    async fn begun(&self, runs: u64) {
        while self.runs() < runs {
            tokio::task::yield_now().await;
        }
    }

    /// Lets so many handlers go on.
    fn let_go(&self, handlers: usize) {
        self.gate.add_permits(handlers);
    }

    /// Tools that count: `tell` answers at once, `wait` is told when to, `look` and `peek` say that they change
    /// nothing.
    fn builder(&self) -> ServerBuilder {
        let told = |work: Self| {
            move |_: Arguments| {
                let run = work.runs.fetch_add(1, Ordering::SeqCst) + 1;
                async move { format!("run {run}") }
            }
        };
        let waiting = |work: Self| {
            move |_: Arguments| {
                let work = work.clone();
                async move {
                    let run = work.runs.fetch_add(1, Ordering::SeqCst) + 1;
                    work.gate.acquire().await.unwrap().forget();
                    format!("run {run}")
                }
            }
        };
        let harmless = || ToolAnnotations::new().with_read_only_hint(true).with_idempotent_hint(true);
        ServerBuilder::new()
            .name("desk")
            .tool("tell", told(self.clone()))
            .and_then(|builder| builder.tool("wait", waiting(self.clone())))
            .and_then(|builder| builder.tool("look", FnTool::new(told(self.clone())).annotations(harmless())))
            .and_then(|builder| builder.tool("peek", FnTool::new(waiting(self.clone())).annotations(harmless())))
            .unwrap()
    }

    fn server(&self, stack: MiddlewareStack) -> McpServer {
        self.builder().with_middleware_stack(stack).unwrap().build()
    }
}

/// Returns a modern call of a tool.
fn call(tool: &str) -> Request {
    call_with(tool, json!({}))
}

fn call_with(tool: &str, arguments: Value) -> Request {
    Request::modern(&modern(1, "tools/call", json!({"name": tool, "arguments": arguments}), json!({})))
}

/// Returns the status with which a request is answered.
async fn status(client: &Http, request: Request) -> u16 {
    client.send(request).await.status
}
