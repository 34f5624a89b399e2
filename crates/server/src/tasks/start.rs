//! From a call to a task.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::value::RawValue;
use turbomcp_protocol::encode::EncodeResult;
use turbomcp_protocol::scan::member;
use turbomcp_protocol::types::{
    CallToolResult, ClientCapabilities, CreateTaskResult, TASKS_EXTENSION, TaskMetadata, TaskSupport,
};
use turbomcp_protocol::{McpError, McpResult};

use super::desk::Desk;
use super::record::{Again, Caller, Keeping, Record};
use super::run::TaskRun;
use super::store::StoredTask;
use super::time::now;
use super::tool::{Start, ToolTask};
use super::worker::Work;
use crate::Context;
use crate::handler::{BoxFuture, CallToolRequest};
use crate::inner::Inner;
use crate::registry::{Snapshot, ToolEntry};
use crate::request::{Outcome, Response};
use crate::router::finish_tool;
use crate::sync::lock;

/// How a call of a tool is to be answered.
pub(crate) enum Plan {
    /// By its result.
    Plainly,
    /// By a task, kept as long as the client wishes.
    Task(Option<Duration>),
}

/// Returns true if the client has declared the extension for this request.
pub(super) fn declares(ctx: &Context) -> bool {
    ctx.client_capabilities().extension(TASKS_EXTENSION).is_some()
}

/// What a request is refused with that needs the extension.
pub(super) fn undeclared() -> McpError {
    let needed = ClientCapabilities::new().with_extension(TASKS_EXTENSION, serde_json::Map::new());
    McpError::missing_client_capability(&needed)
}

/// Decides whether a call becomes a task.
pub(crate) fn plan(inner: &Inner, ctx: &Context, snapshot: &Snapshot, entry: &ToolEntry) -> McpResult<Plan> {
    let required = entry.task.as_ref().is_some_and(|task| task.support == TaskSupport::Required);
    if inner.revision.is_modern() {
        return match &entry.task {
            Some(_) if declares(ctx) => Ok(Plan::Task(None)),
            Some(_) if required => Err(undeclared()),
            _ => Ok(Plan::Plainly),
        };
    }
    if !inner.revision.has_tasks() && !required || !snapshot.registry.has_task_tools() {
        return Ok(Plan::Plainly);
    }
    let params = inner.message.params.filter(|_| inner.revision.has_tasks());
    let asked = params.and_then(|params| member(inner.raw(params), "task"));
    match (&entry.task, asked) {
        (Some(_), Some(asked)) => {
            let wish: TaskMetadata = serde_json::from_slice(asked)
                .map_err(|error| McpError::invalid_params(format!("`task` does not fit: {error}")))?;
            Ok(Plan::Task(wish.ttl))
        }
        (Some(_), None) if required => Err(McpError::method_not_found(format!("tools/call of `{}`", entry.name()))
            .with_data("the tool can only be called as a task".into())),
        (None, Some(_)) => Err(McpError::method_not_found(format!("tools/call of `{}` as a task", entry.name()))),
        _ => Ok(Plan::Plainly),
    }
}

/// Calls a tool as a task.
pub(crate) fn call(
    inner: &Arc<Inner>,
    ctx: Context,
    entry: &Arc<ToolEntry>,
    request: CallToolRequest,
    wish: Option<Duration>,
) -> BoxFuture<Response> {
    let Some(task) = entry.task.clone() else {
        return Box::pin(std::future::ready(Response::error(McpError::internal_error())));
    };
    let server = &inner.server;
    let desk = server.tasks().clone();
    desk.look_for_work(server.downgrade());
    let mut run = TaskRun::new(&desk, server.seal().identifier(), server.seal().identifier(), 1);
    run.peer = inner.peer.clone();
    let run = Arc::new(run);
    let _ = inner.task.set(run.clone());
    let handler = entry.handler.clone().call(request, ctx);
    let beginning = Beginning { inner: inner.clone(), entry: entry.clone(), run, desk, task, wish };
    if beginning.task.start == Start::WhenToldTo && inner.revision.is_modern() {
        Box::pin(beginning.when_told_to(handler))
    } else {
        Box::pin(beginning.at_once(handler))
    }
}

struct Beginning {
    inner: Arc<Inner>,
    entry: Arc<ToolEntry>,
    run: Arc<TaskRun>,
    desk: Arc<Desk>,
    task: ToolTask,
    wish: Option<Duration>,
}

type Handler = BoxFuture<McpResult<CallToolResult>>;

impl Beginning {
    async fn when_told_to(self, mut handler: Handler) -> Response {
        let run = self.run.clone();
        self.inner.set_begun();
        let done = poll_fn(|cx| match handler.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if run.is_wanted() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match done.await {
            Some(result) => finish_tool(&self.entry, result),
            None => self.at_once(handler).await,
        }
    }

    async fn at_once(self, handler: Handler) -> Response {
        match self.create().await {
            Ok(created) => {
                self.inner.set_begun();
                self.run.start();
                let Self { inner, entry, run, desk, task, .. } = self;
                let is_repeatable = task.attempts.is_some_and(|attempts| attempts > 1);
                desk.work(Work { run, inner, entry, handler, is_repeatable }.run());
                Outcome::Task(created).into()
            }
            Err(error) => Response::error(error),
        }
    }

    /// Enters the task and returns the members of the result that tells of it.
    async fn create(&self) -> McpResult<Vec<u8>> {
        let (inner, run, config) = (&self.inner, &self.run, &self.desk.config);
        let again = self.task.attempts.map(|attempts| self.again(attempts)).transpose()?;
        let ttl = self.task.ttl.unwrap_or(config.ttl);
        let keeping = Keeping {
            // A client may have a task kept for longer than usual, or for less long.
            ttl: self.wish.map_or(ttl, |wish| wish.clamp(Duration::from_secs(1), config.max_ttl.max(ttl))),
            poll_interval: self.task.poll_interval.unwrap_or(config.poll_interval),
        };
        let owner = inner.extensions.get().and_then(crate::access::identity).map_or("", |identity| identity.as_str());
        let record = Record::new(self.entry.name(), inner.revision, keeping, &run.worker, again);
        let body = record.write().map_err(McpError::internal)?;
        let stored = StoredTask::new(run.id.clone(), owner, now(), body);
        let task = self.desk.insert(&stored, &record, keeping.ttl).await?;
        let mut members = Vec::new();
        CreateTaskResult::new(task).encode_members(inner.revision, &mut members);
        Ok(members)
    }

    /// Keeps what it takes to run it again.
    fn again(&self, attempts: u32) -> McpResult<Again> {
        let inner = &self.inner;
        let fail = || McpError::invalid_params("the request is too long to be kept as a task");
        let frame = std::str::from_utf8(&inner.frame).ok().filter(|frame| frame.len() <= self.desk.config.max_bytes);
        let frame = RawValue::from_string(frame.ok_or_else(fail)?.to_owned()).map_err(McpError::internal)?;
        let capabilities = inner.peer.as_ref().and_then(|peer| peer.agreed()).map(|agreed| agreed.capabilities.clone());
        let caller = inner.extensions.get().and_then(Caller::of);
        Ok(Again { attempts, frame, given: lock(&inner.inputs).used(), capabilities, caller })
    }
}
