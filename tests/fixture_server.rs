//! The fixture over standard input and output, for the tests that need a process.

#[tokio::main]
async fn main() -> Result<(), turbomcp::Error> {
    turbomcp_tests::fixture::server().run_stdio().await
}
