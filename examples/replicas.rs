//! One of several replicas: `cargo run --example replicas -- 127.0.0.1:8081 redis://127.0.0.1:6379 /tmp/notes`
//!
//! Run it three times, on three ports and with the same folder, behind anything that balances TCP connections. Any
//! replica answers any modern request, and clients that listen hear of what was changed at any of them.
//! `REPLICA_KEY`, 64 hexadecimal digits, is the same for all, so that a question asked by one is answered at another.

use std::io;
use std::path::PathBuf;

use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use turbomcp::bus::RedisBus;
use turbomcp::prelude::*;
use turbomcp::store::Redis;
use turbomcp::types::{ElicitAction, ElicitationSchema};
use turbomcp::{FnResource, ReadResourceRequest, ResourceDefinition};

#[derive(Clone)]
struct Notes {
    folder: PathBuf,
}

impl Notes {
    fn path(&self, topic: &str) -> io::Result<PathBuf> {
        let is_plain = !topic.is_empty() && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let refuse = || io::Error::new(io::ErrorKind::InvalidInput, "a topic is letters, digits and hyphens");
        is_plain.then(|| self.folder.join(topic)).ok_or_else(refuse)
    }

    async fn read(&self, topic: &str) -> McpResult<String> {
        let missing = || McpError::resource_not_found(format!("notes://{topic}"));
        let path = self.path(topic).map_err(|_| missing())?;
        tokio::fs::read_to_string(path).await.map_err(|_| missing())
    }
}

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    // ANCHOR: note
    /// Adds a note to a topic.
    #[tool]
    async fn add_note(&self, ctx: &Context, topic: String, text: String) -> io::Result<String> {
        let mut file = File::options().create(true).append(true).open(self.path(&topic)?).await?;
        // One write, between which those of other replicas do not come.
        file.write_all(format!("{text}\n").as_bytes()).await?;
        file.sync_data().await?;
        ctx.server().resource_updated(&format!("notes://{topic}"));
        Ok(text)
    }
    // ANCHOR_END: note

    /// Forgets a topic, if the user agrees.
    #[tool]
    async fn forget(&self, ctx: &Context, topic: String) -> McpResult<&'static str> {
        let path = self.path(&topic).map_err(|error| McpError::invalid_params(error.to_string()))?;
        let answer = ctx.elicit(format!("Forget all notes on {topic}?"), ElicitationSchema::new()).await?;
        if answer.action != ElicitAction::Accept {
            return Ok("kept");
        }
        if tokio::fs::remove_file(path).await.is_err() {
            return Ok("there was none");
        }
        ctx.server().resource_updated(&format!("notes://{topic}"));
        Ok("forgotten")
    }

    /// Lists a topic as a resource of its own. What one replica registers, it alone has: others are only told that
    /// there is a change, and register what they shall have themselves.
    #[tool]
    async fn pin(&self, ctx: &Context, topic: String) -> Result<String, turbomcp::Error> {
        let (notes, name) = (self.clone(), topic.clone());
        let pinned = FnResource::new(ResourceDefinition::new(&topic), move |_: ReadResourceRequest, _: Context| {
            let (notes, name) = (notes.clone(), name.clone());
            async move { notes.read(&name).await }
        });
        ctx.server().register_resource(format!("notes://{topic}"), pinned)?;
        Ok(topic)
    }

    /// The notes on a topic, one on each line.
    #[resource("notes://{topic}", mime_type = "text/plain")]
    async fn notes(&self, topic: String) -> McpResult<String> {
        self.read(&topic).await
    }
}

// ANCHOR: server
async fn server(redis: &str, folder: PathBuf, key: [u8; 32]) -> Result<McpServer, Box<dyn std::error::Error>> {
    let bus = RedisBus::new(Redis::connect(redis).await?);
    Ok(Notes { folder }.into_builder().with_bus(bus).request_state_keys([key]).build())
}
// ANCHOR_END: server

fn key(digits: &str) -> Option<[u8; 32]> {
    let byte = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<_>> = (0..digits.len().div_ceil(2)).map(byte).collect();
    bytes?.try_into().ok()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let redis = arguments.next().unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "/tmp/notes".to_owned()));
    tokio::fs::create_dir_all(&folder).await?;
    let key = key(&std::env::var("REPLICA_KEY")?).ok_or("REPLICA_KEY is not 64 hexadecimal digits")?;
    server(&redis, folder, key).await?.run_http(&address).await?;
    Ok(())
}
