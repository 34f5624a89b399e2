#[server]
impl Logs {
    /// The log of one day.
    #[resource("logs://{service}/{day}{?lines}", title = "Log", mime_type = "text/plain")]
    async fn log(&self, service: &str, day: u32, #[arg(default = 10)] lines: usize, ctx: &Context) -> McpResult<String> {
        self.read(service, day, lines, ctx).await
    }

    #[resource("config://app", name = "configuration", size = 12)]
    fn config() -> &'static str {
        "{}"
    }
}
