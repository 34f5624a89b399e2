//! The server type may be generic, and so may the types of its handlers.

use std::fmt::Debug;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use turbomcp::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, Clone)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

struct Store<S, const N: usize> {
    items: Mutex<Vec<S>>,
}

#[server(name = "store")]
impl<S, const N: usize> Store<S, N>
where
    S: Serialize + for<'de> Deserialize<'de> + JsonSchema + Clone + Debug + Send + Sync + 'static,
{
    const MOST: usize = N;

    #[tool]
    async fn push(&self, item: S) -> usize {
        let mut items = self.items.lock().unwrap();
        items.push(item);
        items.len()
    }

    #[tool]
    fn page(&self, #[arg(length = 1..=Self::MOST)] filter: Page<S>) -> McpResult<Page<S>> {
        Ok(filter)
    }

    #[resource("store://first")]
    fn first(&self) -> Page<S> {
        Page { items: self.items.lock().unwrap().clone(), next: None }
    }
}

#[test]
fn is_accepted() {
    let _ = Store::<u32, 3> { items: Mutex::default() }.into_server();
    let _ = Store::<String, 4> { items: Mutex::default() }.into_server();
}
