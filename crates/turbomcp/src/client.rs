//! The client: [`turbomcp_client`], and servers in the same process as its targets.
//!
//! ```
//! use turbomcp::prelude::*;
//! use turbomcp::Client;
//!
//! struct Calculator;
//!
//! #[server(name = "calculator", version = "1.0.0")]
//! impl Calculator {
//!     /// Adds two numbers.
//!     #[tool]
//!     async fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), turbomcp::client::Error> {
//! let client = Client::connect(&Calculator.into_server()).await?;
//! let sum: i64 = client.call_tool_as("add", serde_json::json!({"a": 2, "b": 40})).await?;
//! assert_eq!(sum, 42);
//! # Ok(())
//! # }
//! ```

pub use turbomcp_client::*;
use turbomcp_server::McpServer;
use turbomcp_transport::memory;

/// Marks targets that are servers in the same process.
#[derive(Debug)]
#[non_exhaustive]
pub enum InProcess {}

/// Without ports or processes: on paused time, conversations are deterministic.
impl IntoTarget<InProcess> for &McpServer {
    fn into_target(self) -> Result<Target, Error> {
        let (ours, theirs) = memory::pair();
        let serving = self.serve(theirs);
        let serving = async move {
            if let Err(error) = serving.await {
                tracing::debug!(%error, "a server in this process ended");
            }
        };
        Ok(Target::in_process(ours, serving))
    }
}
