use turbomcp::prelude::*;

struct Jobs;

#[server(name = "jobs", version = "1.0.0")]
impl Jobs {
    /// May do its work twice, and does not say that this is fine.
    #[tool(task(retry = 3))]
    async fn twice(&self) {}

    #[tool(idempotent = false, task(required, optional, retry = 2))]
    async fn both(&self) {}

    #[tool(task = "required")]
    async fn assigned(&self) {}

    #[tool(task(mandatory))]
    async fn misspelled(&self) {}

    #[tool(task(ttl = 30), task)]
    async fn without_a_unit(&self) {}

    #[tool(task("long"))]
    async fn text(&self) {}
}

fn main() {}
