//! A client of a server in a process of its own: `cargo run --example client_stdio`
//!
//! Name another server by its command line: `cargo run --example client_stdio -- npx -y some-server`

use serde_json::json;
use turbomcp::client::{Client, Command, Error};

// ANCHOR: command
/// The server to start: what stands on the command line, or the example beside this one.
fn command() -> std::io::Result<Command> {
    let mut words = std::env::args().skip(1);
    Ok(match words.next() {
        Some(program) => Command::new(program).args(words),
        None => Command::new(std::env::current_exe()?.with_file_name("hello_stdio")),
    })
}
// ANCHOR_END: command

// ANCHOR: talk
async fn talk(client: &Client) -> Result<(), Error> {
    println!("{} speaks {}", client.server_info().map_or("the server".to_owned(), |info| info.name), client.revision());
    for tool in client.list_all_tools().await? {
        println!("  {}: {}", tool.name, tool.description.unwrap_or_default());
    }
    match client.call_tool("hello", json!({"name": "Ada"})).await {
        Ok(result) => println!("{:?}", result.content),
        // Another server may have no such tool, and says so.
        Err(error) if error.as_mcp().is_some() => println!("{error}"),
        Err(error) => return Err(error),
    }
    Ok(())
}
// ANCHOR_END: talk

// ANCHOR: main
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect(command()?).await?;
    let outcome = talk(&client).await;
    // Also after a failure: this waits until the process has ended.
    client.close().await;
    Ok(outcome?)
}
// ANCHOR_END: main
