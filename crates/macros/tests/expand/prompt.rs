#[server]
impl Reviews {
    /// Asks for a review.
    #[prompt]
    fn review(&self, #[arg(description = "The code to read")] code: String, language: Option<Language>, ctx: Context) -> String {
        format!("{code} {language:?} {ctx:?}")
    }

    #[completion(prompt = "review", argument = "language")]
    async fn languages(&self, typed: &str, code: Option<String>) -> Vec<String> {
        self.complete(typed, code).await
    }
}
