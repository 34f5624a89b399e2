//! What a client sees when a handler fails: `cargo run --example errors`

use std::fmt;

use turbomcp::prelude::*;
use turbomcp::{Error, ErrorCode, ServerError, ServerResult, ToolError};

// ANCHOR: own
/// An error of the program's own. The model reads its text, so it says what to do.
#[derive(Debug)]
struct TooHeavy {
    limit: u32,
}

impl fmt::Display for TooHeavy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the parcel is too heavy; split it into parcels of at most {} kg", self.limit)
    }
}

impl std::error::Error for TooHeavy {}
// ANCHOR_END: own

struct PostOffice;

#[server(name = "post-office", version = "1.0.0")]
impl PostOffice {
    // ANCHOR: tool
    /// Sends a parcel.
    #[tool]
    async fn send(&self, kilograms: u32) -> Result<String, TooHeavy> {
        if kilograms > 20 { Err(TooHeavy { limit: 20 }) } else { Ok("sent".to_owned()) }
    }

    /// Finds a parcel by its number.
    #[tool]
    async fn find(&self, number: String) -> McpResult<String> {
        let number: u32 = number.parse()?;
        if number == 0 {
            return Err(ToolError::new("numbers start at 1").into());
        }
        Ok(format!("parcel {number} is on its way"))
    }
    // ANCHOR_END: tool

    // ANCHOR: protocol
    /// Opens the vault. That it is closed is nothing the model can mend, so the request itself fails.
    #[tool]
    async fn vault(&self) -> McpResult<String> {
        Err(McpError::new(ErrorCode::FORBIDDEN, "the vault is closed").with_data(serde_json::json!({"opens": "9:00"})))
    }

    /// The ledger of one year.
    #[resource("ledger://{year}")]
    async fn ledger(&self, year: u32) -> ServerResult<String> {
        match year {
            2026 => Ok("all paid".to_owned()),
            // The text of this one is for the log only.
            0 => Err(ServerError::Database("disk /dev/sda1 is full".to_owned())),
            _ => Err(ServerError::NotFound(format!("there is no ledger of {year}"))),
        }
    }
    // ANCHOR_END: protocol

    // ANCHOR: hidden
    /// Counts all parcels.
    #[tool]
    async fn count(&self) -> McpResult<u32> {
        // The same error by `?` would be shown to the model; this way its text is for the log only.
        let counted = std::fs::read_to_string("/var/lib/post office/counted").map_err(McpError::internal)?;
        Ok(counted.trim().parse()?)
    }
    // ANCHOR_END: hidden

    /// Weighs a parcel on a broken scale.
    #[tool]
    async fn weigh(&self) -> u32 {
        panic!("the scale broke")
    }
}

fn server() -> McpServer {
    PostOffice.into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
