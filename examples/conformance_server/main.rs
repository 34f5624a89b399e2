//! The server that the official conformance suite and clients of other SDKs are held against:
//! `cargo run --example conformance_server -- --http 127.0.0.1:3000`
//!
//! The suite names what a server has to offer and what it has to say. Default settings and limits.

mod changes;
mod content;
mod documents;
mod interop;
mod jobs;
mod questions;
mod rounds;
mod utilities;

use documents::Documents;
use turbomcp::prelude::*;

fn server() -> Result<McpServer, turbomcp::Error> {
    let builder = Documents.into_builder();
    // A check of the suite calls the first tool without arguments.
    let builder = content::tools(builder)?;
    let builder = utilities::tools(builder)?;
    let builder = questions::tools(builder)?;
    let builder = rounds::tools(builder)?;
    let builder = changes::tools(builder)?;
    let builder = jobs::tools(builder)?;
    Ok(interop::tools(builder)?.build())
}

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    turbomcp_examples::serve(server()?).await
}
