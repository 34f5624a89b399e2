//! A server inside of an axum application, with its state: `cargo run --example axum_mount -- 127.0.0.1:8080`
//!
//! `/orders` is a page of the application; `/mcp` offers the same orders to models.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use turbomcp::FromContext;
use turbomcp::prelude::*;
use turbomcp::transport::http::HttpRequest;

/// The state of the application. Clones share it.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<Vec<String>>>);

impl Orders {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who is logged in. A layer of the application finds out; a header stands for a real check here.
#[derive(Clone)]
struct User(String);

async fn log_in(mut request: Request, next: Next) -> Response {
    if let Some(name) = request.headers().get("x-user").and_then(|name| name.to_str().ok()) {
        let user = User(name.to_owned());
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

// ANCHOR: user
/// Handlers take what a layer of the application has left in the HTTP request.
impl FromContext for User {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        let request = ctx.extensions().get::<HttpRequest>();
        let user = request.and_then(|request| request.parts().extensions.get::<Self>());
        user.cloned().ok_or_else(|| McpError::unauthorized("log in first"))
    }
}
// ANCHOR_END: user

#[server(name = "orders", version = "1.0.0")]
impl Orders {
    /// Orders something.
    #[tool]
    async fn order(&self, user: User, article: String) -> String {
        let number = self.change(|orders| {
            orders.push(format!("{article} for {}", user.0));
            orders.len()
        });
        format!("order {number}")
    }
}

async fn list(State(orders): State<Orders>) -> String {
    orders.change(|orders| orders.join("\n"))
}

// ANCHOR: mount
fn server(orders: &Orders) -> McpServer {
    orders.clone().into_server()
}

fn application(orders: Orders, server: McpServer) -> Router {
    Router::new().route("/orders", get(list)).merge(server.into_router()).layer(from_fn(log_in)).with_state(orders)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let orders = Orders::default();
    let server = server(&orders);
    let ending = server.shutdown_handle();
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, application(orders, server))
        .with_graceful_shutdown(async move {
            let _ = tokio::signal::ctrl_c().await;
            // Streams last until the server ends, and the application waits for them.
            ending.shutdown();
        })
        .await
}
// ANCHOR_END: mount
