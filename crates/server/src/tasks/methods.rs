//! The requests about tasks, of both forms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use turbomcp_protocol::encode::EncodeResult;
use turbomcp_protocol::types::{
    CallToolResult, Cursor, ElicitRequestParams, InputRequest, InputResponse, ListTasksResult, Meta,
    PaginatedRequestParams, Task, TaskRequestParams, TaskStatus,
};
use turbomcp_protocol::{ErrorCode, McpError, McpResult, Method, Revision};

use super::desk::{Desk, Edit, failed};
use super::record::{Answer, Outcome as Ended, Record, error_of};
use super::start::{declares, undeclared};
use super::store::{Due, StoredTask};
use crate::Context;
use crate::handler::BoxFuture;
use crate::inner::Inner;
use crate::input::fits_form;
use crate::peer::Peer;
use crate::request::{Outcome, Response};

/// Answers a request about tasks; none if there is no such method here.
pub(crate) fn route(inner: &Arc<Inner>, ctx: &Context) -> Option<McpResult<BoxFuture<Response>>> {
    let method = &inner.method;
    if !method.as_str().starts_with("tasks/") || !inner.server.has_tasks() {
        return None;
    }
    let modern = [Method::TASKS_GET, Method::TASKS_UPDATE, Method::TASKS_CANCEL];
    let legacy = [Method::TASKS_GET, Method::TASKS_CANCEL, Method::TASKS_RESULT, Method::TASKS_LIST];
    let is_known = match inner.revision {
        revision if revision.is_modern() => modern.contains(method),
        revision => revision.has_tasks() && legacy.contains(method),
    };
    // Without knowing who asks there is nobody to list the tasks of.
    let has_owner = || crate::access::identity(ctx.extensions()).is_some();
    if !is_known || *method == Method::TASKS_LIST && !has_owner() {
        return None;
    }
    if inner.revision.is_modern() && !declares(ctx) {
        return Some(Err(undeclared()));
    }
    // Whoever serves it may be an application, which does not say when it begins.
    inner.server.tasks().look_for_work(inner.server.downgrade());
    Some(Asker::new(inner, ctx).answer(inner))
}

/// Somebody who asks for a task.
#[derive(Clone)]
pub(crate) struct Asker {
    desk: Arc<Desk>,
    owner: String,
    revision: Revision,
}

impl Asker {
    pub(super) fn new(inner: &Inner, ctx: &Context) -> Self {
        let owner = crate::access::identity(ctx.extensions()).map_or("", |identity| identity.as_str()).to_owned();
        Self { desk: inner.server.tasks().clone(), owner, revision: inner.revision }
    }

    fn answer(self, inner: &Arc<Inner>) -> McpResult<BoxFuture<Response>> {
        let raw = inner.message.params.map_or(&b"{}"[..], |params| inner.raw(params));
        if inner.method == Method::TASKS_LIST {
            let params: PaginatedRequestParams = read(raw)?;
            let size = inner.server.limits().page_size;
            return Ok(Box::pin(async move { self.list(params.cursor, size).await.into() }));
        }
        if inner.method == Method::TASKS_UPDATE {
            // One by one, because an answer to what nobody asked is ignored, whatever it is.
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Update {
                task_id: String,
                input_responses: BTreeMap<String, Value>,
            }
            let Update { task_id, input_responses } = read(raw)?;
            return Ok(Box::pin(async move { self.update(&task_id, input_responses).await.into() }));
        }
        let TaskRequestParams { task_id, .. } = read(raw)?;
        if inner.method == Method::TASKS_GET {
            return Ok(Box::pin(async move {
                self.find(&task_id).await.map(|(stored, record)| members(&record.view(&stored), self.revision)).into()
            }));
        }
        if inner.method == Method::TASKS_CANCEL {
            return Ok(Box::pin(async move { self.cancel(&task_id).await.into() }));
        }
        // For as long as the task is kept.
        let _ = inner.timeout.set(Duration::MAX);
        let inner = inner.clone();
        Ok(Box::pin(async move { self.result(&inner, &task_id).await }))
    }

    /// Returns true if a task is one that this caller may know of, in this form.
    fn may_see(&self, stored: &StoredTask, record: &Record) -> bool {
        stored.owner == self.owner && record.revision == self.revision
    }

    pub(super) fn bell(&self, id: &str) -> Arc<tokio::sync::Notify> {
        self.desk.bell(id)
    }

    pub(super) async fn find(&self, id: &str) -> McpResult<(StoredTask, Record)> {
        let found = self.desk.load(id).await.map_err(failed)?;
        found.filter(|(stored, record)| self.may_see(stored, record)).ok_or_else(unknown)
    }

    async fn list(&self, cursor: Option<Cursor>, size: usize) -> McpResult<Outcome> {
        let after = cursor.map(|cursor| behind(cursor.as_str())).transpose()?;
        let after = after.as_ref().map(|(created, id)| (*created, id.as_str()));
        let size = size.max(1);
        let mut page = self.desk.config.store.list(&self.owner, after, size + 1).await.map_err(failed)?;
        let has_more = page.len() > size;
        page.truncate(size);
        let next = page
            .last()
            .filter(|_| has_more)
            .map(|last| Cursor::new(URL_SAFE_NO_PAD.encode(format!("{}.{}", last.created, last.id))));
        let read = |stored: &StoredTask| {
            let record = Record::read(&stored.body).ok().filter(|record| self.may_see(stored, record))?;
            Some(record.view(stored))
        };
        let mut result = ListTasksResult::new(page.iter().filter_map(read).collect::<Vec<_>>());
        result.next_cursor = next;
        Ok(members(&result, self.revision))
    }

    async fn update(&self, id: &str, responses: BTreeMap<String, Value>) -> McpResult<Outcome> {
        let edit = |stored: &StoredTask, record: &mut Record| {
            if !self.may_see(stored, record) {
                return Edit::Leave(Err(unknown()));
            }
            let mut is_changed = false;
            for (key, response) in &responses {
                let Some((_, request)) = record.open_questions().find(|(open, _)| *open == key) else { continue };
                if let Err(error) = check_answer(key, request, response) {
                    return Edit::Leave(Err(error));
                }
                is_changed |= record.answer(key, Answer::Given(response.clone()));
            }
            if is_changed { Edit::Write(Ok(()), Due::AsBefore) } else { Edit::Leave(Ok(())) }
        };
        self.desk.edit(id, edit).await.map_err(failed)?.unwrap_or_else(|| Err(unknown()))?;
        Ok(Outcome::Members(Bytes::new()))
    }

    async fn cancel(&self, id: &str) -> McpResult<Outcome> {
        let is_legacy = self.revision.is_legacy();
        let edit = |stored: &StoredTask, record: &mut Record| {
            if !self.may_see(stored, record) {
                return Edit::Leave(Err(unknown()));
            }
            if record.status.is_final() {
                let over = || McpError::invalid_params(format!("the task is {} already", record.status));
                return Edit::Leave(if is_legacy { Err(over()) } else { Ok(record.view(stored)) });
            }
            record.end(TaskStatus::Cancelled, None);
            Edit::Write(Ok(record.view(stored)), Due::Never)
        };
        let task = self.desk.edit(id, edit).await.map_err(failed)?.unwrap_or_else(|| Err(unknown()))?;
        Ok(if is_legacy { members(&task, self.revision) } else { Outcome::Members(Bytes::new()) })
    }

    /// Waits for the result of a task, and asks the client meanwhile what the task asks.
    async fn result(&self, inner: &Arc<Inner>, id: &str) -> Response {
        enum Next {
            Over(Option<Box<(StoredTask, Record)>>),
            Ask(Vec<(String, Box<RawValue>)>),
        }
        loop {
            let look = |found: Option<(StoredTask, Record)>| {
                let Some((stored, record)) = found.filter(|(stored, record)| self.may_see(stored, record)) else {
                    return Some(Next::Over(None));
                };
                if record.status.is_final() {
                    return Some(Next::Over(Some(Box::new((stored, record)))));
                }
                let open: Vec<_> =
                    record.open_questions().map(|(key, request)| (key.to_owned(), request.to_owned())).collect();
                (!open.is_empty()).then_some(Next::Ask(open))
            };
            match self.desk.until(id, look).await {
                Next::Over(None) => return Response::error(unknown()),
                Next::Over(Some(task)) => return over(&task.0, task.1),
                Next::Ask(open) => {
                    let Some(peer) = &inner.peer else { return Response::error(McpError::internal_error()) };
                    let mut is_answered = false;
                    for (key, request) in open {
                        let Some(asking) = self.desk.asking(id, &key) else { continue };
                        is_answered |= self.ask(inner, peer, id, &key, &request).await;
                        drop(asking);
                    }
                    if !is_answered {
                        // Another request for the same result asks, or the client has not heard.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }

    async fn ask(&self, inner: &Arc<Inner>, peer: &Arc<Peer>, id: &str, key: &str, request: &RawValue) -> bool {
        #[derive(Deserialize)]
        struct Question {
            method: String,
            #[serde(default)]
            params: serde_json::Map<String, Value>,
        }
        let Ok(Question { method, mut params }) = serde_json::from_str(request.get()) else { return false };
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        if let Value::Object(meta) = meta {
            meta.insert(Meta::RELATED_TASK.to_owned(), json!({"taskId": id}));
        }
        let params = Value::Object(params).to_string();
        let limit = inner.server.limits().client_answer_timeout;
        let method = Method::from_name(&method);
        let asked = peer.ask(&inner.outlet, &method, Some(&params));
        let answer = match tokio::time::timeout(limit, asked).await {
            Ok(Ok(answer)) => match serde_json::from_str(answer.get()) {
                Ok(answer) => Answer::Given(answer),
                Err(_) => return false,
            },
            // Nobody has answered, so it may be asked again.
            Ok(Err(error)) if error.code() == ErrorCode::UNAVAILABLE => return false,
            Ok(Err(error)) => Answer::Refused(error_of(&error, self.revision)),
            Err(_) => {
                let error = McpError::unavailable("the client did not answer in time");
                Answer::Refused(error_of(&error, self.revision))
            }
        };
        let edit = |stored: &StoredTask, record: &mut Record| {
            if self.may_see(stored, record) && !record.status.is_final() && record.answer(key, answer.clone()) {
                return Edit::Write((), Due::AsBefore);
            }
            Edit::Leave(())
        };
        if let Err(error) = self.desk.edit(id, edit).await {
            tracing::warn!(%error, "the answer to a question of a task could not be kept");
            return false;
        }
        true
    }
}

/// Returns what the request would have been answered with.
fn over(stored: &StoredTask, record: Record) -> Response {
    let related = json!({"taskId": stored.id});
    let result = match record.outcome {
        Some(Ended::Result(result)) => serde_json::from_str::<CallToolResult>(result.get()).map_err(McpError::internal),
        Some(Ended::Error(error)) => Err(error.into()),
        None => Err(McpError::new(ErrorCode::INVALID_PARAMS, "the task was cancelled")),
    };
    match result {
        Ok(mut result) => {
            result.meta = Some(result.meta.take().unwrap_or_default().with(Meta::RELATED_TASK, related));
            Response::tool(result)
        }
        Err(error) => Response::error(error),
    }
}

/// Finds out whether an answer is one to its question.
fn check_answer(key: &str, request: &RawValue, response: &Value) -> McpResult<()> {
    let unfit = || McpError::invalid_params(format!("the input response `{key}` does not fit"));
    let request: InputRequest = serde_json::from_str(request.get()).map_err(|_| unfit())?;
    let answer: InputResponse = serde_json::from_value(response.clone()).map_err(|_| unfit())?;
    let fits = match (&request, answer) {
        (InputRequest::Elicit(ElicitRequestParams::Form(form)), InputResponse::Elicit(_)) => {
            fits_form(&form.requested_schema, response)
        }
        (InputRequest::Elicit(_), InputResponse::Elicit(_))
        | (InputRequest::CreateMessage(_), InputResponse::CreateMessage(_))
        | (InputRequest::ListRoots(_), InputResponse::ListRoots(_)) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err(unfit()) }
}

/// Somebody else's task is as unknown as one that never was.
fn unknown() -> McpError {
    McpError::invalid_params("the task is unknown")
}

fn members(result: &impl EncodeResult, revision: Revision) -> Outcome {
    let mut out = Vec::new();
    result.encode_members(revision, &mut out);
    Outcome::Members(Bytes::from(out))
}

pub(super) fn task_members(task: &Task, revision: Revision) -> Vec<u8> {
    let mut out = Vec::new();
    task.encode_members(revision, &mut out);
    out
}

fn behind(cursor: &str) -> McpResult<(u64, String)> {
    let decoded = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = decoded.as_deref().and_then(|text| text.split_once('.'));
    let parts = parts.and_then(|(created, id)| Some((created.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| McpError::invalid_params("the cursor is not one this server gave out"))
}

fn read<'a, T: Deserialize<'a>>(raw: &'a [u8]) -> McpResult<T> {
    serde_json::from_slice(raw).map_err(|error| McpError::invalid_params(error.to_string()))
}
