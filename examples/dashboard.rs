//! A server with a dashboard: `cargo run --example dashboard -- 127.0.0.1:8080 127.0.0.1:3001`
//!
//! It says where the dashboard is, and calls itself all the time, so that there is something to see.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use turbomcp::client::Era;
use turbomcp::health::{HealthChecker, HealthStatus};
use turbomcp::prelude::*;
use turbomcp::types::{ContentBlock, ImageContent};
use turbomcp::{Client, DashboardConfig, ToolError};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Genre {
    Novel,
    Poetry,
    Science,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Book {
    title: String,
    author: String,
    genre: Genre,
    /// In euros
    price: f64,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    books: Vec<Book>,
}

struct Bookshop;

#[server(name = "bookshop", version = "1.0.0")]
impl Bookshop {
    /// Finds books by a part of their title or author.
    #[tool(title = "Find books", read_only, idempotent)]
    async fn find(
        &self,
        #[arg(description = "A part of the title or of the author's name")] text: String,
        #[arg(description = "Only books of this genre")] genre: Option<Genre>,
        #[arg(description = "How many books at most", range = 1..=20, default = 5)] limit: usize,
    ) -> Found {
        // As long as a database takes, now more, now less.
        tokio::time::sleep(Duration::from_millis(2 + 3 * (text.len() as u64 % 7))).await;
        let text = text.to_lowercase();
        let fits = |book: &Book| format!("{} {}", book.title, book.author).to_lowercase().contains(&text);
        let books = books().into_iter().filter(|book| genre.is_none_or(|genre| book.genre == genre) && fits(book));
        Found { books: books.take(limit).collect() }
    }

    /// Orders books that are in the shop.
    #[tool(title = "Order books")]
    async fn order(
        &self,
        #[arg(description = "The titles, as they are written on the books")] titles: Vec<String>,
        #[arg(description = "As a present", default)] wrapped: bool,
    ) -> Result<String, ToolError> {
        let books = books();
        let price = |title: &String| {
            let book = books.iter().find(|book| book.title == *title);
            book.map(|book| book.price).ok_or_else(|| title.clone())
        };
        let prices: Result<Vec<_>, _> = titles.iter().map(price).collect();
        let wrapping = if wrapped { 2.5 } else { 0.0 };
        match prices {
            Ok(prices) => Ok(format!("That makes {:.2} euros.", prices.iter().sum::<f64>() + wrapping)),
            Err(title) => Err(ToolError::new(format!("there is no book `{title}` here: `find` knows those there are"))),
        }
    }

    /// Draws the sign above the door.
    #[tool(title = "Sign", read_only)]
    async fn sign(&self) -> Vec<ContentBlock> {
        vec![ContentBlock::text("The sign above the door"), ImageContent::new(SIGN, "image/png").into()]
    }

    /// When the shop is open.
    #[resource("shop://hours", mime_type = "text/plain")]
    async fn hours(&self) -> &'static str {
        "From nine to six, but not on Sundays."
    }

    /// Asks for something to read.
    #[prompt]
    async fn recommend(&self, mood: String) -> String {
        format!("Find me a book for when one is {mood}.")
    }
}

fn books() -> Vec<Book> {
    let book = |title: &str, author: &str, genre, price| Book {
        title: title.to_owned(),
        author: author.to_owned(),
        genre,
        price,
    };
    vec![
        book("Middlemarch", "George Eliot", Genre::Novel, 14.0),
        book("Mrs Dalloway", "Virginia Woolf", Genre::Novel, 11.5),
        book("The Waves", "Virginia Woolf", Genre::Novel, 12.0),
        book("Duino Elegies", "Rainer Maria Rilke", Genre::Poetry, 9.8),
        book("Leaves of Grass", "Walt Whitman", Genre::Poetry, 13.2),
        book("On the Origin of Species", "Charles Darwin", Genre::Science, 16.9),
    ]
}

/// A picture in PNG, as Base64.
const SIGN: &str = "iVBORw0KGgoAAAANSUhEUgAAADAAAAAwCAMAAABg3Am1AAAABlBMVEX///8LXK3n/vGSAAAAgklEQVR42t2VMQ7AIAwD8f8/\
    3aULbQy+qAv1FiUHAoIzxk+lW6g4hFSI1i8IWdH6mpAYIUGiyC4Bk7IETiRbZ/Uml9133J4J8Apm4LmpCf0Su9iuqHOB/NDxteKH67cGbr64vfEH+u7v\
    ZrYR2Qw3MmyV3Iy53fOB0hhZfCg2xu6BugAeIAOB5NOsDQAAAABJRU5ErkJggg==";

// ANCHOR: server
fn server(dashboard: String) -> Result<McpServer, turbomcp::Error> {
    let shelves = || async { HealthStatus::Healthy };
    let printer = || async { HealthStatus::Degraded(vec!["paper is running low".to_owned()]) };
    let checks = HealthChecker::new().add_check("shelves", shelves).add_check("printer", printer);
    let builder = Bookshop.into_builder().with_health_checks(checks)?;
    Ok(builder.with_dashboard(DashboardConfig::new(dashboard))?.build())
}
// ANCHOR_END: server

/// Calls the server as somebody who wants books, and now and then something that there is not.
async fn visit(client: Client) -> Result<(), turbomcp::client::Error> {
    for visit in 0_u64.. {
        let text = ["wo", "e", "dar", "rilke", "middlemarch", "the"][visit as usize % 6];
        client.call_tool("find", json!({"text": text, "limit": 3})).await?;
        match visit % 9 {
            2 => _ = client.call_tool("order", json!({"titles": ["The Waves"], "wrapped": true})).await?,
            4 => _ = client.call_tool("order", json!({"titles": ["Ulysses"]})).await?,
            5 => _ = client.read_resource("shop://hours").await?,
            7 => _ = client.call_tool("find", json!({"text": Value::Null})).await,
            _ => {}
        }
        // In the evening there are fewer.
        tokio::time::sleep(Duration::from_millis(60 + 15 * (visit / 7 % 8))).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let server = server(arguments.next().unwrap_or_else(|| "127.0.0.1:3001".to_owned()))?;

    // ANCHOR: serve
    let dashboard = server.bind_dashboard().await?;
    eprintln!("dashboard: {}", dashboard.url());
    tokio::spawn(dashboard.serve());
    // ANCHOR_END: serve

    let listener = server.http().bind(&address).await?;
    let url = format!("http://{}/mcp", listener.local_addr());
    eprintln!("server: {url}");
    let (stop, mut visitors) = (server.shutdown_handle(), tokio::task::JoinSet::new());
    visitors.spawn(visit(Client::connect(&server).await?));
    visitors.spawn(async move {
        visit(Client::builder().name("reading-club").era(Era::Legacy).connect(url.as_str()).await?).await
    });
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.shutdown();
    });
    listener.serve().await?;
    visitors.shutdown().await;
    Ok(())
}
