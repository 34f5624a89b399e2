//! Code around every request, whatever its transport: a `Middleware`, and a layer from Tower:
//! `cargo run --example middleware`

use std::sync::atomic::{AtomicU64, Ordering};

use tower::BoxError;
use tower::filter::FilterLayer;
use turbomcp::prelude::*;
use turbomcp::{Error, FromContext, Middleware, MiddlewareResult, Next, Request, Response};

// ANCHOR: middleware
/// Numbers the requests, and counts the tools that failed.
#[derive(Default)]
struct Numbering {
    requests: AtomicU64,
    failures: AtomicU64,
}

/// What the middleware leaves for handlers. It never comes off the wire.
#[derive(Clone, Copy)]
struct Ticket {
    number: u64,
    failures: u64,
}

impl Middleware for Numbering {
    async fn process(&self, mut request: Request, next: Next) -> MiddlewareResult<Response> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        request.extensions_mut().insert(Ticket { number, failures: self.failures.load(Ordering::Relaxed) });
        let response = next.run(request).await?;
        if response.as_tool().is_some_and(|result| result.is_error()) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        Ok(response)
    }
}

/// With this, handlers take a `Ticket` as they take a `Context`.
impl FromContext for Ticket {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        ctx.extensions().get().copied().ok_or_else(McpError::internal_error)
    }
}
// ANCHOR_END: middleware

struct Office;

#[server(name = "office", version = "1.0.0")]
impl Office {
    /// Says which request this is.
    #[tool]
    async fn number(&self, ticket: Ticket) -> String {
        format!("request {}, {} failures before it", ticket.number, ticket.failures)
    }

    /// Reads a file of the archive.
    #[tool]
    async fn archive(&self, file: u32) -> Result<String, std::io::Error> {
        Err(std::io::Error::other(format!("file {file} is lost")))
    }

    /// Is not for clients.
    #[tool]
    async fn shred(&self) -> &'static str {
        "nothing is left"
    }
}

// ANCHOR: layer
/// Lets a request pass, or answers it; an `McpError` reaches the client as it is.
fn permit(request: Request) -> Result<Request, BoxError> {
    match request.name().as_deref() {
        Some("shred") => Err(McpError::forbidden("the shredder is not yours").into()),
        _ => Ok(request),
    }
}

fn server() -> McpServer {
    // The last one added sees a request first: what is not permitted is not numbered.
    Office.into_builder().middleware(Numbering::default()).layer(FilterLayer::new(permit)).build()
}
// ANCHOR_END: layer

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
