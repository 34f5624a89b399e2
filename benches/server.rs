//! A whole server over a connection that costs nothing.

use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tower_layer::Layer;
use tower_service::Service;
use turbomcp::transport::{Batch, Error as TransportError, Extensions, Receive, Send, Transport};
use turbomcp::{
    Access, BoxError, Context, FnTool, Handle, McpServer, Middleware, MiddlewareResult, Next, Principal, Request,
    Response, ServerBuilder, StackFuture, Visibility,
};

use crate::{INITIALIZE, call, legacy_call};

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

/// A server with so many tools.
pub(crate) fn builder(tools: usize) -> ServerBuilder {
    let add = |Add { a, b }: Add, _: Context| async move { a + b };
    let wait = |Add { a, b }: Add, _: Context| async move {
        tokio::task::yield_now().await;
        a + b
    };
    let mut builder = ServerBuilder::new().name("bench").version("1.0.0");
    builder = builder.tool("add", FnTool::new(add)).expect("the name is free");
    builder = builder.tool("wait", FnTool::new(wait)).expect("the name is free");
    for number in 2..tools {
        let tool = FnTool::new(add).description("A tool that stands for one of many.");
        builder = builder.tool(format!("add_{number}"), tool).expect("the name is free");
    }
    builder
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime can be built")
}

pub(crate) fn dispatch() -> Box<dyn FnMut(u64)> {
    repeated(builder(2).build(), None, call("nobody").replace("tools/call", "no/such"))
}

pub(crate) fn tool_call(tools: usize) -> Box<dyn FnMut(u64)> {
    repeated(builder(tools).build(), None, call("add"))
}

pub(crate) fn tool_call_legacy() -> Box<dyn FnMut(u64)> {
    repeated(builder(100).build(), Some(INITIALIZE), legacy_call("add"))
}

pub(crate) fn tool_call_waits() -> Box<dyn FnMut(u64)> {
    repeated(builder(100).build(), None, call("wait"))
}

/// A middleware, or a layer, that only passes on.
#[derive(Clone)]
struct Idle;

impl Middleware for Idle {
    async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
        next.run(request).await
    }
}

impl Layer<Handle> for Idle {
    type Service = Passing;

    fn layer(&self, inner: Handle) -> Passing {
        Passing(inner)
    }
}

#[derive(Clone)]
struct Passing(Handle);

impl Service<Request> for Passing {
    type Response = Response;
    type Error = BoxError;
    type Future = StackFuture;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> StackFuture {
        self.0.call(request)
    }
}

pub(crate) fn tool_call_layer() -> Box<dyn FnMut(u64)> {
    repeated(builder(100).layer(Idle).build(), None, call("add"))
}

pub(crate) fn tool_call_layers() -> Box<dyn FnMut(u64)> {
    repeated(builder(100).layer(Idle).layer(Idle).layer(Idle).layer(Idle).build(), None, call("add"))
}

pub(crate) fn tool_call_middleware() -> Box<dyn FnMut(u64)> {
    repeated(builder(100).middleware(Idle).build(), None, call("add"))
}

pub(crate) fn tools_list() -> Box<dyn FnMut(u64)> {
    repeated(builder(100).build(), None, call("x").replace("tools/call", "tools/list"))
}

/// A call of a tool that needs a scope and a role, by somebody who has them.
pub(crate) fn tool_call_needs() -> Box<dyn FnMut(u64)> {
    let add = |Add { a, b }: Add, _: Context| async move { a + b };
    let add = FnTool::new(add).access(Access::new().scopes(["add"]).roles(["adder"]));
    let server = builder(100).tool("guarded", add).expect("the name is free").build();
    repeated_by(caller(), server, None, call("guarded"))
}

/// A call of somebody who may not know of half of the tools.
pub(crate) fn tool_call_hidden() -> Box<dyn FnMut(u64)> {
    repeated_by(caller(), half_hidden(), None, call("add"))
}

pub(crate) fn tools_list_hidden() -> Box<dyn FnMut(u64)> {
    repeated_by(caller(), half_hidden(), None, call("x").replace("tools/call", "tools/list"))
}

fn half_hidden() -> McpServer {
    builder(100).visibility(Visibility::by(|_, primitive| primitive.name().len() % 2 == 1)).build()
}

pub(crate) fn caller() -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(Principal::new("somebody").with_scopes(["add"]).with_roles(["adder"]));
    extensions
}

/// Serves the same message again and again.
fn repeated(server: McpServer, first: Option<&'static str>, message: String) -> Box<dyn FnMut(u64)> {
    repeated_by(Extensions::new(), server, first, message)
}

/// Serves the same message again and again, over a connection of which this is known.
pub(crate) fn repeated_by(
    extensions: Extensions,
    server: McpServer,
    first: Option<&'static str>,
    message: String,
) -> Box<dyn FnMut(u64)> {
    let runtime = runtime();
    let message = Bytes::from(message);
    Box::new(move |times| {
        let feed = Feed {
            extensions: extensions.clone(),
            first: first.map(|text| Bytes::from_static(text.as_bytes())),
            message: message.clone(),
            left: times,
        };
        runtime.block_on(server.serve(feed)).expect("the connection does not fail");
    })
}

/// A connection whose peer sends one message many times and reads everything.
struct Feed {
    extensions: Extensions,
    first: Option<Bytes>,
    message: Bytes,
    left: u64,
}

/// Takes everything and keeps nothing.
struct Sink;

impl Transport for Feed {
    type Receive = Self;
    type Send = Sink;

    fn extensions(&self) -> Extensions {
        self.extensions.clone()
    }

    fn split(self) -> (Self, Sink) {
        (self, Sink)
    }
}

impl Receive for Feed {
    async fn recv(&mut self) -> Result<Option<Bytes>, TransportError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        // As on a socket, the answers are written before more is read.
        tokio::task::yield_now().await;
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        Ok(Some(self.message.clone()))
    }
}

impl Send for Sink {
    async fn send(&mut self, batch: Batch<'_>) -> Result<(), TransportError> {
        std::hint::black_box(batch.as_lines());
        Ok(())
    }

    async fn close(&mut self) -> Result<(), TransportError> {
        Ok(())
    }
}
