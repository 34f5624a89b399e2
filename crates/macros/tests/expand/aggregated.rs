#[server]
impl Search {
    #[tool]
    async fn find(&self, #[arg(aggr)] query: Query, ctx: Context) -> McpResult<Found> {
        self.index.find(query, ctx).await
    }

    #[tool(aggr)]
    fn count(ctx: &Context, query: HashMap<String, String>) -> usize {
        query.len()
    }
}
