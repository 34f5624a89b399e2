//! Requests over Streamable HTTP: each is a POST of its own, and its answer is JSON or a stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use turbomcp_protocol::types::Tool;
use turbomcp_protocol::{Kind, Message, Method};

use super::after::retry_after;
use super::body::{Events, Received, read};
use super::listen::listen;
use super::params::{Mirrored, headers, mirrored, value_of};
use super::send::Http;
use super::session::{NOTIFYING, PROTOCOL_VERSION, SESSION_ID, Session, is_of_type};
use crate::Error;
use crate::backoff::backoff;
use crate::exchange::{Answer, BoxFuture, Dress, Exchange, GiveUp, Notice, Outgoing, cancelled_params};
use crate::inbox::{Inbox, Registration, read_error};
use crate::sync::{Either, either, lock};

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// How many attempts to resume a stream may fail in a row.
const MAX_RESUMPTIONS: u32 = 5;

/// How soon a stream is resumed at the earliest, whatever the server asks for.
const SOONEST: Duration = Duration::from_millis(100);

/// How much of an error's body is read.
const MAX_ERROR_BYTES: usize = 256 << 10;

/// How many tools' schemas are remembered.
const MAX_TOOLS: usize = 10_000;

/// How long the end of a session may take.
const CLOSING: Duration = Duration::from_secs(3);

/// How long a server may take to open its listening stream; some send no head before there is an event.
const LISTENING: Duration = Duration::from_millis(500);

type Waiter = oneshot::Receiver<Result<Answer, Error>>;

pub(super) struct HttpLink {
    session: Arc<Session>,
    /// What each tool wants mirrored, if it wants anything, by its latest schema.
    tools: Mutex<HashMap<String, Arc<[Mirrored]>>>,
    listener: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
}

impl HttpLink {
    pub(super) fn new(http: Http, inbox: Arc<Inbox>) -> Self {
        let session = Arc::new(Session::new(http, inbox));
        Self { session, tools: Mutex::default(), listener: Mutex::default(), closed: AtomicBool::new(false) }
    }

    async fn request(&self, request: &Outgoing<'_>) -> Result<Answer, Error> {
        let is_initialize = *request.method == Method::INITIALIZE;
        // What was agreed on is kept until there is another session: what is sent meanwhile, or if none can be begun, is
        // answered by that it is lost.
        let headers = if is_initialize { HeaderMap::new() } else { self.headers(request)? };
        let in_session = headers.contains_key(SESSION_ID);
        let (registration, mut answer) = self.session.inbox.register(request.id, request.tracking)?;
        let mut waiting = Waiting { session: &self.session, registration, id: request.id, give_up: GiveUp::Silently };
        if request.give_up == GiveUp::Cancel && !request.dress.is_modern() {
            waiting.give_up = GiveUp::Cancel;
        }
        let mut body = Vec::new();
        request.write(&mut body);
        let posting = self.session.post(headers, body.into(), Some(request.method.as_str()));
        // The connection may be closed here before the server has said anything.
        let response = match either(&mut answer, posting).await {
            Either::Left(answer) => return answered(answer),
            Either::Right(response) => response?,
        };
        let status = response.status();
        if !status.is_success() {
            waiting.give_up = GiveUp::Silently;
            return Err(refusal(response, request, in_session).await);
        }
        if is_initialize {
            self.session.set_id(response.headers().get(SESSION_ID).cloned());
            self.session.set_revision(None);
        }
        let outcome = if is_of_type(&response, "text/event-stream") {
            self.follow(response, &mut answer, request.dress).await
        } else if is_of_type(&response, "application/json") {
            match either(&mut answer, read(response.into_body(), self.session.http.max_message_bytes)).await {
                Either::Left(answer) => answered(answer),
                Either::Right(body) => {
                    self.session.frame(&body?);
                    answer
                        .try_recv()
                        .unwrap_or_else(|_| Err(Error::protocol("the response does not answer the request")))
                }
            }
        } else {
            let kind = if status == StatusCode::ACCEPTED { "no answer" } else { "neither JSON nor an event stream" };
            Err(Error::protocol(format!("the response is {kind}")).with_status(Some(status.as_u16())))
        };
        waiting.give_up = GiveUp::Silently;
        outcome
    }

    /// Reads a stream until the answer is there; a legacy one is resumed if it ends before.
    async fn follow(&self, response: Response<Received>, answer: &mut Waiter, dress: &Dress) -> Result<Answer, Error> {
        let limit = self.session.http.max_message_bytes;
        let mut events = Events::new(response.into_body(), limit);
        let (mut last_event_id, mut retry, mut failures) = (None::<String>, None, 0);
        loop {
            let ended = loop {
                match either(&mut *answer, events.next()).await {
                    Either::Left(answer) => return answered(answer),
                    Either::Right(Ok(Some(event))) => {
                        // An event that only carries an id is no progress: a stream may consist of nothing else.
                        if !event.data.is_empty() {
                            failures = 0;
                        }
                        if !event.data.is_empty() && event.event.as_deref().is_none_or(|name| name == "message") {
                            self.session.frame(&event.data);
                        }
                    }
                    Either::Right(Ok(None)) => break Error::closed("the stream ended before the answer"),
                    Either::Right(Err(error)) if error.is_closed() => break error,
                    Either::Right(Err(error)) => return Err(error),
                }
            };
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
            last_event_id = events.parser().last_event_id().map(str::to_owned).or(last_event_id);
            retry = events.parser().retry().or(retry);
            let Some(id) = last_event_id.as_deref().filter(|_| !dress.is_modern()) else { return Err(ended) };
            events = loop {
                failures += 1;
                if failures > MAX_RESUMPTIONS {
                    return Err(ended);
                }
                // What the server asks for is waited at the least, and no longer than that the first time.
                let wait = match retry {
                    Some(retry) if failures == 1 => retry.max(SOONEST),
                    _ => retry.unwrap_or_default().max(backoff(failures)),
                };
                let resuming = async {
                    tokio::time::sleep(wait).await;
                    self.session.get(Some(id)).await
                };
                match either(&mut *answer, resuming).await {
                    Either::Left(answer) => return answered(answer),
                    Either::Right(Ok(response))
                        if response.status().is_success() && is_of_type(&response, "text/event-stream") =>
                    {
                        break Events::new(response.into_body(), limit);
                    }
                    Either::Right(Ok(response)) if response.status().is_server_error() => {}
                    Either::Right(Ok(response)) => return Err(ended.with_status(Some(response.status().as_u16()))),
                    Either::Right(Err(error)) => tracing::debug!(%error, "a stream could not be resumed"),
                }
            };
        }
    }

    /// Returns what the request's headers repeat of its body.
    fn headers(&self, request: &Outgoing<'_>) -> Result<HeaderMap, Error> {
        let Some(revision) = request.dress.revision.filter(|revision| revision.is_modern()) else {
            return Ok(self.session.headers());
        };
        let mut all = HeaderMap::with_capacity(12);
        all.insert(PROTOCOL_VERSION, HeaderValue::from_static(revision.as_str()));
        let method = HeaderValue::from_str(request.method.as_str())
            .map_err(|error| Error::usage("the method cannot be put into a header").with_source(error))?;
        all.insert(METHOD, method);
        if let Some(name) = request.name {
            all.insert(NAME, value_of(name)?);
        } else if request.method.as_str().starts_with("tasks/")
            && let Some(Value::String(id)) = member(request.params, "taskId")
        {
            all.insert(NAME, value_of(&id)?);
        }
        if *request.method == Method::TOOLS_CALL
            && let Some(tool) = request.name.and_then(|name| lock(&self.tools).get(name).cloned())
        {
            let arguments = member(request.params, "arguments").unwrap_or_default();
            all.extend(headers(&tool, &arguments)?);
        }
        Ok(all)
    }
}

/// Returns one member of params that are written without braces.
fn member(params: &[u8], name: &str) -> Option<Value> {
    let object = [b"{", params, b"}"].concat();
    let mut object: serde_json::Map<String, Value> = serde_json::from_slice(&object).ok()?;
    object.remove(name)
}

fn answered(answer: Result<Result<Answer, Error>, oneshot::error::RecvError>) -> Result<Answer, Error> {
    answer.unwrap_or_else(|_| Err(Error::closed("the connection has ended")))
}

/// Reads why a request was refused: an error of the protocol's, or just a status.
async fn refusal(response: Response<Received>, request: &Outgoing<'_>, in_session: bool) -> Error {
    let status = response.status();
    let wait = retry_after(response.headers());
    let is_json = is_of_type(&response, "application/json");
    let body =
        if is_json { read(response.into_body(), MAX_ERROR_BYTES).await.unwrap_or_default() } else { Bytes::new() };
    // A session that is not known any more is known by its status, whatever is said beside it.
    if status == StatusCode::NOT_FOUND && in_session && !request.dress.is_modern() {
        return Error::session_lost();
    }
    if let Ok(message) = Message::decode(&body)
        && message.kind == Kind::Response
        && let Some(error) = message.error.and_then(|error| read_error(error.of(&body)))
    {
        return Error::mcp(error).with_status(Some(status.as_u16())).with_retry_after(wait);
    }
    Error::http_status(status.as_u16()).with_retry_after(wait)
}

impl Exchange for HttpLink {
    fn exchange<'a>(&'a self, request: &'a Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(self.request(request))
    }

    fn notify<'a>(&'a self, notice: Notice<'a>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut body = Vec::new();
            notice.write(&mut body);
            let mut headers = self.session.headers();
            if notice.dress.is_modern() {
                let method = HeaderValue::from_str(notice.method.as_str())
                    .map_err(|error| Error::usage("the method cannot be put into a header").with_source(error))?;
                headers.insert(METHOD, method);
            }
            let posting = self.session.post(headers, body.into(), None);
            let response = tokio::time::timeout(NOTIFYING, posting).await.map_err(|_| Error::timeout(NOTIFYING))??;
            if !response.status().is_success() {
                return Err(Error::http_status(response.status().as_u16()));
            }
            if *notice.method == Method::INITIALIZED {
                let (sender, answered) = oneshot::channel();
                let listener = tokio::spawn(listen(self.session.clone(), sender));
                if let Some(old) = lock(&self.listener).replace(listener) {
                    old.abort();
                }
                // What the server says from now on is heard, and its streams are opened in the order they are meant.
                let _ = tokio::time::timeout(LISTENING, answered).await;
            }
            Ok(())
        })
    }

    fn agreed(&self, dress: &Arc<Dress>) {
        self.session.set_revision(dress.revision);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.closed.store(true, Ordering::Release);
            if let Some(listener) = lock(&self.listener).take() {
                listener.abort();
            }
            if self.session.id().is_some() {
                // A server that does not let sessions be ended says so by 405.
                match tokio::time::timeout(CLOSING, self.session.delete()).await {
                    Ok(Ok(status)) => tracing::debug!(status = status.as_u16(), "the session was ended"),
                    Ok(Err(error)) => tracing::debug!(%error, "the session could not be ended"),
                    Err(_) => tracing::debug!("the session could not be ended in time"),
                }
                self.session.set_id(None);
            }
            self.session.inbox.close("it was closed here");
        })
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn learn(&self, tools: &mut Vec<Tool>) {
        if self.session.is_legacy() {
            return;
        }
        let mut known = lock(&self.tools);
        tools.retain(|tool| match mirrored(&tool.input_schema) {
            Ok(mirrored) => {
                if mirrored.is_empty() {
                    known.remove(&tool.name);
                } else if known.len() < MAX_TOOLS || known.contains_key(&tool.name) {
                    known.insert(tool.name.clone(), mirrored.into());
                }
                true
            }
            Err(why) => {
                tracing::warn!(
                    tool = tool.name,
                    why,
                    "a tool is left out, because its header annotations are not valid"
                );
                known.remove(&tool.name);
                false
            }
        });
    }

    fn has_learned(&self) -> bool {
        !self.session.is_legacy()
    }
}

impl Drop for HttpLink {
    fn drop(&mut self) {
        if let Some(listener) = lock(&self.listener).take() {
            listener.abort();
        }
        self.session.inbox.close("it was dropped here");
        if self.session.id().is_some()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let session = self.session.clone();
            // Ends by itself.
            runtime.spawn(async move { tokio::time::timeout(CLOSING, session.delete()).await.map(drop) });
        }
    }
}

/// Tells a legacy server when nobody waits for an answer any more. A modern one sees the stream close.
struct Waiting<'a> {
    session: &'a Arc<Session>,
    registration: Registration,
    id: u64,
    give_up: GiveUp,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.registration.withdraw() || self.give_up == GiveUp::Silently {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let session = self.session.clone();
        let params = cancelled_params(self.id);
        let dress = Dress::legacy(None);
        let mut body = Vec::new();
        Notice { dress: &dress, method: &Method::CANCELLED, params: &params }.write(&mut body);
        // Ends by itself.
        runtime.spawn(async move {
            let posting = session.post(session.headers(), body.into(), None);
            if !matches!(tokio::time::timeout(NOTIFYING, posting).await, Ok(Ok(_))) {
                tracing::debug!("a cancellation could not be sent");
            }
        });
    }
}
