/// Adds two numbers.
#[cfg(feature = "add")]
#[tool(timeout = Duration::from_secs(1))]
pub(crate) async fn add(a: i64, #[arg(description = "The second addend")] b: i64) -> i64 {
    a + b
}
