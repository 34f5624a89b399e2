//! The one stack: what is put around the handlers is around them on every transport and in both eras.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use serde_json::{Value, json};
use tower_layer::Layer;
use tower_service::Service;
use turbomcp::{BoxError, Handle, McpError, McpServer, Middleware, MiddlewareResult, Next, Request, Response};
use turbomcp_tests::{Client, Site, fixture};

/// A plain Tower layer that counts what passes, and refuses one tool.
#[derive(Clone)]
struct Count(Arc<AtomicUsize>);

#[derive(Clone)]
struct Counting {
    passed: Arc<AtomicUsize>,
    inner: Handle,
}

impl Layer<Handle> for Count {
    type Service = Counting;

    fn layer(&self, inner: Handle) -> Counting {
        Counting { passed: self.0.clone(), inner }
    }
}

impl Service<Request> for Counting {
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.passed.fetch_add(1, Ordering::SeqCst);
        if request.name().as_deref() == Some("silent") {
            return Box::pin(async { Err("the layer failed".into()) });
        }
        Box::pin(self.inner.call(request))
    }
}

/// The trait for those who need no more.
struct Refuse(Arc<AtomicUsize>);

impl Middleware for Refuse {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match request.name().as_deref() {
            Some("echo") => Ok(Response::error(McpError::forbidden("not for you"))),
            Some("panic_late") => panic!("in the middle"),
            _ => next.run(request).await,
        }
    }
}

struct Watched {
    server: McpServer,
    layer: Arc<AtomicUsize>,
    middleware: Arc<AtomicUsize>,
}

fn watched() -> Watched {
    let (layer, middleware) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut limits = turbomcp::Limits::default();
    limits.request_timeout = Duration::from_millis(300);
    let builder = fixture::builder().limits(limits).middleware(Refuse(middleware.clone())).layer(Count(layer.clone()));
    Watched { server: builder.build(), layer, middleware }
}

/// One way to a server.
enum Way {
    Memory(Client, bool),
    Http(turbomcp_tests::Http, bool),
}

impl Way {
    async fn all(server: &McpServer, site: &Site) -> Vec<(&'static str, Self)> {
        vec![
            ("memory, modern", Self::Memory(Client::connect(server), false)),
            ("memory, legacy", Self::Memory(Client::legacy(server, "2025-11-25", json!({})).await, true)),
            ("HTTP, modern", Self::Http(site.client(), false)),
            ("HTTP, legacy", Self::Http(site.legacy("2025-11-25", json!({})).await, true)),
        ]
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        match self {
            Self::Memory(client, false) => client.modern("tools/call", params, json!({})).await,
            Self::Memory(client, true) => client.call("tools/call", params).await,
            Self::Http(client, false) => client.modern("tools/call", params, json!({})).await,
            Self::Http(client, true) => client.call("tools/call", params).await,
        }
    }
}

#[tokio::test]
async fn layers_and_middleware_are_passed_on_every_transport_and_in_both_eras() {
    let Watched { server, layer, middleware } = watched();
    let site = Site::start(&server).await;
    for (name, mut way) in Way::all(&server, &site).await {
        let counts = || (layer.load(Ordering::SeqCst), middleware.load(Ordering::SeqCst));
        let before = counts();
        assert_eq!(way.call("add", json!({"a": 1, "b": 2})).await["result"]["content"][0]["text"], "3", "{name}");
        assert_eq!(counts(), (before.0 + 1, before.1 + 1), "{name}");
        // Denied by the one, failed in the other, which hides why.
        let denied = way.call("echo", json!({"text": "x"})).await;
        assert_eq!(
            (&denied["error"]["code"], &denied["error"]["message"]),
            (&json!(403), &json!("not for you")),
            "{name}"
        );
        let failed = way.call("silent", json!({})).await;
        assert_eq!(failed["error"], json!({"code": -32603, "message": "internal error"}), "{name}");
        // A panic is contained, wherever it is; time runs out.
        for tool in ["panic", "panic_late"] {
            assert_eq!(way.call(tool, json!({})).await["error"]["code"], -32603, "{name} {tool}");
        }
        let slow = way.call("wait", json!({"ms": 60_000})).await;
        assert_eq!(slow["error"], json!({"code": -32603, "message": "the request ran out of time"}), "{name}");
        let limit = way.call("large", json!({"bytes": 10})).await;
        assert_eq!(limit["result"]["content"][0]["text"], "xxxxxxxxxx", "{name}");
        assert_eq!(counts().0, before.0 + 7, "{name}");
    }
    server.shutdown_handle().shutdown();
    site.ended().await.unwrap();
}
