//! The host of the client: it answers what servers ask, and remembers what they said.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use turbomcp::client::{Client, ClientBuilder};
use turbomcp::types::{
    CreateMessageResult, ElicitRequestParams, ElicitResult, JsonObject, LoggingMessageNotificationParams, Root,
    SamplingMessageContentBlock,
};

#[derive(Clone, Default)]
pub struct Host {
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    declines: AtomicBool,
    roots_listed: AtomicUsize,
    urls: Mutex<Vec<String>>,
    logs: Mutex<Vec<LoggingMessageNotificationParams>>,
}

impl Host {
    pub fn builder(&self) -> ClientBuilder {
        let [elicits, lists, logs] = std::array::from_fn(|_| self.heard.clone());
        Client::builder()
            .name("drive-stranger")
            .on_elicit(move |params| {
                let heard = elicits.clone();
                async move { Ok(heard.answer(params)) }
            })
            .elicit_urls()
            .on_sample(|_| async { Ok(CreateMessageResult::new(SamplingMessageContentBlock::text("la la"), "tiny")) })
            .on_list_roots(move || {
                lists.roots_listed.fetch_add(1, Ordering::SeqCst);
                async { Ok(vec![Root::new("file:///home/ada/notes")]) }
            })
            .on_log(move |message| logs.logs.lock().unwrap().push(message))
    }

    /// Sets whether the user says no.
    pub fn decline(&self, declines: bool) {
        self.heard.declines.store(declines, Ordering::SeqCst);
    }

    pub fn roots_listed(&self) -> usize {
        self.heard.roots_listed.load(Ordering::SeqCst)
    }

    pub fn urls(&self) -> Vec<String> {
        self.heard.urls.lock().unwrap().clone()
    }

    pub fn logs(&self) -> Vec<LoggingMessageNotificationParams> {
        self.heard.logs.lock().unwrap().clone()
    }
}

impl Heard {
    fn answer(&self, params: ElicitRequestParams) -> ElicitResult {
        if self.declines.load(Ordering::SeqCst) {
            return ElicitResult::decline();
        }
        match params {
            ElicitRequestParams::Url(params) => {
                self.urls.lock().unwrap().push(params.url);
                ElicitResult::accept(JsonObject::new())
            }
            _ => ElicitResult::accept(json!({"name": "Ada", "integer": 7}).as_object().cloned().unwrap_or_default()),
        }
    }
}
