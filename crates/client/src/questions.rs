//! What a legacy server asks: each question is answered in a task of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use turbomcp_protocol::encode::Adapt;
use turbomcp_protocol::types::{InputRequest, InputResponse, Meta};
use turbomcp_protocol::{ErrorCode, McpError, McpResult, Message, Method, Revision};

use crate::handler::Handlers;
use crate::sync::lock;

/// How many questions of the server's are answered at a time.
const MAX_QUESTIONS: usize = 64;

/// How many answers may be under way, those included that say no more than that it asks too much. A server that asks
/// still more without listening gets none.
const MAX_ANSWERS: usize = 1024;

/// The questions of one connection that are being answered.
#[derive(Default)]
pub(crate) struct Questions {
    state: Mutex<State>,
    attention: Arc<Mutex<Attention>>,
}

#[derive(Default)]
struct State {
    running: JoinSet<()>,
    by_id: HashMap<Bytes, AbortHandle>,
}

/// What the server waits for this client to do.
#[derive(Default)]
struct Attention {
    open: usize,
    last: Option<Instant>,
}

/// A question while it is being answered.
struct Attending(Arc<Mutex<Attention>>);

impl Attending {
    fn begin(attention: &Arc<Mutex<Attention>>) -> Self {
        lock(attention).open += 1;
        Self(attention.clone())
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        let mut attention = lock(&self.0);
        attention.open -= 1;
        attention.last = Some(Instant::now());
    }
}

/// A request of a legacy server's, to be answered.
#[derive(Debug)]
pub(crate) struct Question {
    id: Bytes,
    wanted: McpResult<Wanted>,
    revision: Revision,
    /// The task it belongs to, which its answer names too.
    related: Option<Value>,
}

#[derive(Debug)]
enum Wanted {
    Pong,
    Input(Box<InputRequest>),
}

impl Question {
    /// Reads a request of the server's.
    pub(crate) fn read(frame: &Bytes, message: &Message, revision: Revision) -> Option<Self> {
        let id = frame.slice(message.id?.range());
        let method = Method::from_name(&message.method(frame));
        let params = message.params.map(|span| span.of(frame));
        let wanted = match method {
            _ if method == Method::PING => Ok(Wanted::Pong),
            _ if method == Method::ELICITATION_CREATE => input(params, InputRequest::Elicit),
            _ if method == Method::SAMPLING_CREATE_MESSAGE => {
                input(params, |params| InputRequest::CreateMessage(Box::new(params)))
            }
            _ if method == Method::ROOTS_LIST => Ok(Wanted::Input(Box::new(InputRequest::ListRoots(None)))),
            _ => Err(McpError::method_not_found(method)),
        };
        let related = params.filter(|_| revision.has_tasks()).and_then(related_task);
        Some(Self { id, wanted, revision, related })
    }

    /// Stands for a request that could not be read, which is answered by an error.
    pub(crate) fn unreadable(id: &[u8], error: McpError) -> Self {
        Self { id: Bytes::copy_from_slice(id), wanted: Err(error), revision: Revision::LATEST_LEGACY, related: None }
    }
}

impl Questions {
    /// Answers a question, and sends the answer by `reply`.
    pub(crate) fn answer<F>(
        &self,
        handlers: Arc<Handlers>,
        question: Question,
        reply: impl FnOnce(Vec<u8>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = lock(&self.state);
        while state.running.try_join_next().is_some() {}
        if state.running.len() >= MAX_ANSWERS {
            return tracing::debug!("the server asks without listening: a question is left without an answer");
        }
        state.by_id.retain(|_, handle| !handle.is_finished());
        let Question { id, mut wanted, revision, related } = question;
        if state.running.len() >= MAX_QUESTIONS {
            wanted = Err(McpError::new(ErrorCode::INTERNAL_ERROR, "too many questions at a time"));
        }
        let key = id.clone();
        let attending = matches!(wanted, Ok(Wanted::Input(_))).then(|| Attending::begin(&self.attention));
        let task = state.running.spawn(async move {
            let outcome = match wanted {
                Ok(Wanted::Pong) => Ok(b"{}".to_vec()),
                Ok(Wanted::Input(request)) => {
                    handlers.answer(*request).await.map(|answer| relate(write_input(answer, revision), related))
                }
                Err(error) => Err(error),
            };
            reply(write_answer(&id, outcome)).await;
            drop(attending);
        });
        state.by_id.insert(key, task);
    }

    /// Stops answering a question, which is named by its id as it was written.
    pub(crate) fn withdraw(&self, id: &[u8]) {
        if let Some(question) = lock(&self.state).by_id.remove(id) {
            question.abort();
        }
    }

    /// Stops answering anything.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.running.abort_all();
        state.by_id.clear();
    }

    /// Returns when the server last waited for this client rather than the other way round: now, if it still does.
    pub(crate) fn last(&self) -> Option<Instant> {
        let attention = lock(&self.attention);
        if attention.open > 0 { Some(Instant::now()) } else { attention.last }
    }
}

/// Returns the task that a question belongs to.
fn related_task(params: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Related {
        #[serde(rename = "_meta")]
        meta: Option<Meta>,
    }
    serde_json::from_slice::<Related>(params).ok()?.meta?.as_object().get(Meta::RELATED_TASK).cloned()
}

/// Says in an answer which task it belongs to.
fn relate(answer: Vec<u8>, task: Option<Value>) -> Vec<u8> {
    let (Some(task), Ok(Value::Object(mut members))) = (task, serde_json::from_slice(&answer)) else { return answer };
    if let Value::Object(meta) = members.entry("_meta").or_insert_with(|| Value::Object(serde_json::Map::new())) {
        meta.insert(Meta::RELATED_TASK.to_owned(), task);
    }
    Value::Object(members).to_string().into_bytes()
}

fn input<T: DeserializeOwned>(params: Option<&[u8]>, wrap: impl FnOnce(T) -> InputRequest) -> McpResult<Wanted> {
    let params = params.ok_or_else(|| McpError::invalid_params("the params are missing"))?;
    let params = serde_json::from_slice(params).map_err(|error| McpError::invalid_params(error.to_string()))?;
    Ok(Wanted::Input(Box::new(wrap(params))))
}

/// Writes the answer to a question as a peer of `revision` may see it.
pub(crate) fn write_input(answer: InputResponse, revision: Revision) -> Vec<u8> {
    let json = match answer {
        InputResponse::CreateMessage(result) => serde_json::to_vec(&result.adapted(revision)),
        InputResponse::ListRoots(result) => serde_json::to_vec(&result.adapted(revision)),
        InputResponse::Elicit(result) => serde_json::to_vec(&result.adapted(revision)),
        other => serde_json::to_vec(&other),
    };
    json.unwrap_or_default()
}

/// Writes the message that answers a question.
pub(crate) fn write_answer(id: &[u8], outcome: McpResult<Vec<u8>>) -> Vec<u8> {
    let mut out = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    out.extend_from_slice(id);
    match outcome {
        Ok(result) => {
            out.extend_from_slice(b",\"result\":");
            out.extend_from_slice(&result);
        }
        Err(error) => {
            out.extend_from_slice(b",\"error\":{\"code\":");
            out.extend_from_slice(error.code().to_string().as_bytes());
            out.extend_from_slice(b",\"message\":");
            turbomcp_protocol::escape::write_string(error.message(), &mut out);
            if let Some(data) = error.data() {
                out.extend_from_slice(b",\"data\":");
                out.extend_from_slice(data.to_string().as_bytes());
            }
            out.push(b'}');
        }
    }
    out.push(b'}');
    out
}
