//! What a server lets a client read, and how it says that something changed: `cargo run --example resources`

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use turbomcp::Error;
use turbomcp::prelude::*;

#[derive(Serialize)]
struct About {
    notes: usize,
}

#[derive(Default)]
struct Notebook {
    notes: Mutex<Vec<String>>,
}

impl Notebook {
    fn notes(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[server(name = "notebook", version = "1.0.0")]
impl Notebook {
    // ANCHOR: fixed
    /// How many notes there are.
    #[resource("notes://about", mime_type = "application/json")]
    async fn about(&self) -> About {
        About { notes: self.notes().len() }
    }
    // ANCHOR_END: fixed

    // ANCHOR: template
    /// One note; or its first words, as many as the query says.
    #[resource("notes://{number}{?words}", mime_type = "text/plain")]
    async fn note(&self, number: usize, words: Option<usize>) -> McpResult<String> {
        let notes = self.notes();
        let note = notes.get(number).ok_or_else(|| McpError::resource_not_found(format!("notes://{number}")))?;
        Ok(note.split_whitespace().take(words.unwrap_or(usize::MAX)).collect::<Vec<_>>().join(" "))
    }
    // ANCHOR_END: template

    // ANCHOR: binary
    /// The cover: a picture of a black and a white pixel.
    #[resource("notes://cover.pgm", mime_type = "image/x-portable-graymap", size = 13)]
    async fn cover(&self) -> Vec<u8> {
        b"P5 2 1 255\n\x00\xff".to_vec()
    }
    // ANCHOR_END: binary

    // ANCHOR: update
    /// Writes a note in place of another, or behind the last.
    #[tool]
    async fn write(&self, ctx: &Context, number: usize, text: String) -> McpResult<String> {
        {
            let mut notes = self.notes();
            match notes.get_mut(number) {
                Some(note) => *note = text,
                None => notes.push(text),
            }
        }
        ctx.server().resource_updated(&format!("notes://{number}"));
        Ok("written".to_owned())
    }
    // ANCHOR_END: update
}

fn server() -> McpServer {
    Notebook::default().into_server()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    server().run_stdio().await
}
