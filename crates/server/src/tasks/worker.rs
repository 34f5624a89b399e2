//! Working on tasks.

use std::collections::hash_map::RandomState;
use std::future::{Future, poll_fn};
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use turbomcp_protocol::encode::encode_result;
use turbomcp_protocol::scan::text_of;
use turbomcp_protocol::types::{CallToolResult, ContentBlock, TaskError, TaskStatus};
use turbomcp_protocol::{ErrorCode, McpError, McpResult, Message, Method};
use turbomcp_transport::Extensions;

use super::desk::{Desk, Edit, unreadable};
use super::record::{Again, Caller, Outcome, Record, error_of};
use super::run::TaskRun;
use super::store::{Due, StoredTask};
use crate::McpServer;
use crate::arguments::Arguments;
use crate::deadline::out_of_time;
use crate::handler::{BoxFuture, CallToolRequest};
use crate::inner::Inner;
use crate::outbox::Outbox;
use crate::outlet::Outlet;
use crate::registry::ToolEntry;
use crate::request::{Outcome as Answered, Request};
use crate::router::finish_tool;
use crate::server::WeakServer;
use crate::store::StoreError;
use crate::sync::lock;

/// How many tasks a worker takes up at a time.
const TAKEN_AT_ONCE: usize = 64;

/// How often what a handler says of its progress is written, at most.
const WRITE_PAUSE: Duration = Duration::from_millis(250);

/// A handler on its way to the end of its task.
pub(super) struct Work {
    pub(super) run: Arc<TaskRun>,
    pub(super) inner: Arc<Inner>,
    pub(super) entry: Arc<ToolEntry>,
    pub(super) handler: BoxFuture<McpResult<CallToolResult>>,
    /// Whether another worker can begin again.
    pub(super) is_repeatable: bool,
}

/// How work ended.
enum Ending {
    Done(McpResult<CallToolResult>),
    /// It was cancelled, its time to live is over, or another worker has it.
    Lost,
    /// The server ends, and another worker can begin again.
    Left,
}

impl Work {
    pub(super) async fn run(self) {
        let Self { run, inner, entry, handler, is_repeatable } = self;
        let _here = run.desk.enter(&run.id);
        // Whoever waits for the end of the server waits until this is done, or left to others.
        let serving = inner.server.serving();
        let limit = inner.server.task_time_limit(entry.name(), entry.timeout);
        let ending = {
            let mut handler = handler;
            let mut kept = pin!(keep(&run));
            let mut wrote = pin!(write_progress(&run));
            let mut ended = pin!(server_ends(&inner.server, is_repeatable));
            let mut deadline = pin!(async {
                match limit {
                    Some(limit) => out_of_time(&inner.asked, limit).await,
                    None => std::future::pending().await,
                }
            });
            poll_fn(|cx| {
                if kept.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ending::Lost);
                }
                if let Poll::Ready(result) = contained(&mut handler, cx) {
                    return Poll::Ready(Ending::Done(result));
                }
                let _ = wrote.as_mut().poll(cx);
                if let Poll::Ready(ending) = ended.as_mut().poll(cx) {
                    return Poll::Ready(ending);
                }
                if deadline.as_mut().poll(cx).is_ready() {
                    let error = McpError::new(ErrorCode::INTERNAL_ERROR, "the task ran out of time");
                    return Poll::Ready(Ending::Done(Err(error)));
                }
                Poll::Pending
            })
            .await
        };
        run.release();
        let mut written = pin!(async {
            match ending {
                Ending::Done(result) => finish(&run, &inner, &entry, result).await,
                Ending::Lost => run.cancel(),
                Ending::Left => {
                    run.cancel();
                    leave(&run).await;
                }
            }
        });
        // A store that cannot be asked does not keep the server from ending.
        let mut overdue = pin!(inner.server.shutdown_overdue());
        poll_fn(|cx| {
            if written.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            overdue.as_mut().poll(cx)
        })
        .await;
        drop(serving);
    }
}

/// Polls a handler; a panic in it is its own.
fn contained<T>(handler: &mut BoxFuture<McpResult<T>>, cx: &mut TaskContext<'_>) -> Poll<McpResult<T>> {
    match catch_unwind(AssertUnwindSafe(|| Pin::new(handler).poll(cx))) {
        Ok(polled) => polled,
        Err(_) => {
            tracing::error!("the handler of a task panicked");
            Poll::Ready(Err(McpError::internal_error()))
        }
    }
}

/// Keeps the lease, and returns when the task is not this worker's any more.
async fn keep(run: &TaskRun) {
    let (store, lease) = (&run.desk.config.store, run.desk.config.lease);
    let bell = run.desk.bell(&run.id);
    let mut version = 1;
    loop {
        let mut rung = pin!(bell.notified());
        rung.as_mut().enable();
        let kept = match store.extend(&run.id, version, lease).await {
            Ok(false) => match run.desk.load(&run.id).await {
                Ok(Some((stored, record))) if record.is_held_by(&run.worker) => {
                    version = stored.version;
                    // Once more, unless it was changed at this very moment.
                    store.extend(&run.id, version, lease).await.map(drop)
                }
                Ok(_) => return,
                Err(error) => Err(error),
            },
            kept => kept.map(drop),
        };
        let pause = if let Err(error) = kept {
            tracing::warn!(%error, "the lease of a task cannot be kept just now");
            lease / 10
        } else {
            lease / 3
        };
        let _ = tokio::time::timeout(pause, rung).await;
    }
}

/// Writes what the handler says of its progress, not more often than it is of use.
async fn write_progress(run: &TaskRun) {
    loop {
        tokio::time::sleep(WRITE_PAUSE).await;
        let said = lock(&run.said).take();
        if let Some(message) = said {
            run.edit(|record| record.say(&message)).await;
        }
    }
}

async fn server_ends(server: &McpServer, is_repeatable: bool) -> Ending {
    server.shutdown_started().await;
    if is_repeatable {
        return Ending::Left;
    }
    tokio::time::sleep(server.limits().shutdown).await;
    Ending::Done(Err(McpError::unavailable("the server was shut down")))
}

/// Lets another worker begin again at once; this attempt does not count.
async fn leave(run: &TaskRun) {
    let edit = |_: &StoredTask, record: &mut Record| {
        if !record.is_held_by(&run.worker) {
            return Edit::Leave(());
        }
        record.worker = None;
        record.attempt = record.attempt.saturating_sub(1);
        Edit::Write((), Due::After(Duration::ZERO))
    };
    if let Err(error) = run.desk.edit(&run.id, edit).await {
        tracing::warn!(%error, "a task is left until its lease runs out");
    }
}

/// Writes how a task ended, unless it is not this worker's any more.
async fn finish(run: &TaskRun, inner: &Inner, entry: &ToolEntry, result: McpResult<CallToolResult>) {
    let answer = finish_tool(entry, result).outcome;
    let (status, outcome, why) = match answer {
        Ok(Answered::Tool(result)) => {
            let mut written = Vec::new();
            encode_result(&result, inner.revision, &mut written);
            let is_failure = inner.revision.has_tasks() && result.is_error();
            let status = if is_failure { TaskStatus::Failed } else { TaskStatus::Completed };
            let why = is_failure.then(|| texts(&result));
            match String::from_utf8(written).ok().and_then(|json| RawValue::from_string(json).ok()) {
                Some(json) if json.get().len() <= run.desk.config.max_bytes => (status, Outcome::Result(json), why),
                _ => {
                    let error = TaskError::new(ErrorCode::INTERNAL_ERROR, "the result is too long to be kept");
                    (TaskStatus::Failed, Outcome::Error(error), None)
                }
            }
        }
        Ok(_) => return,
        Err(error) => {
            if let Some(source) = error.source() {
                tracing::error!(tool = %entry.name(), error = %source, "a task failed");
            }
            let mut error = error_of(&error, inner.revision);
            if error.message.len() + error.data.as_ref().map_or(0, |data| data.to_string().len())
                > run.desk.config.max_bytes
            {
                error = TaskError::new(error.code, "the error is too long to be kept");
            }
            let why = Some(error.message.clone());
            (TaskStatus::Failed, Outcome::Error(error), why)
        }
    };
    let ended = run
        .edit(|record| {
            record.end(status, Some(outcome.clone()));
            if let Some(why) = &why {
                record.say(why);
            }
        })
        .await;
    if !ended {
        tracing::debug!("a task was over, or taken up by another worker, when it was done here");
    }
}

fn texts(result: &CallToolResult) -> String {
    result.content.iter().filter_map(ContentBlock::as_text).collect::<Vec<_>>().join("\n")
}

/// Looks for tasks whose workers are lost, for as long as there is the server.
pub(super) async fn look(server: WeakServer) {
    let mut was_away = false;
    loop {
        let pause = {
            let Some(server) = server.upgrade() else { return };
            if server.is_shutting_down() {
                return;
            }
            let desk = server.tasks().clone();
            let lease = desk.config.lease;
            let looked =
                if was_away { desk.config.store.sweep().await.map(drop) } else { take_up(&desk, &server).await };
            match looked {
                // So that those whose leases ran out meanwhile can say that they are still there.
                Ok(()) if std::mem::take(&mut was_away) => lease,
                Ok(()) => lease / 3,
                Err(error) => {
                    tracing::warn!(%error, "the task store cannot be asked");
                    was_away = true;
                    lease / 3
                }
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn take_up(desk: &Arc<Desk>, server: &McpServer) -> Result<(), StoreError> {
    desk.config.store.sweep().await?;
    loop {
        let due = desk.config.store.due(TAKEN_AT_ONCE).await?;
        let is_all = due.len() < TAKEN_AT_ONCE;
        let mut taken = 0;
        for stored in due {
            match take(desk, server, &stored).await {
                Ok(true) => taken += 1,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "a task cannot be taken up"),
            }
        }
        if is_all || taken == 0 {
            return Ok(());
        }
    }
}

/// Begins a task again whose worker is lost, or ends it.
async fn take(desk: &Arc<Desk>, server: &McpServer, due: &StoredTask) -> Result<bool, StoreError> {
    // One that works here is not lost, even if it could not say so in time.
    if desk.is_here(&due.id) {
        return Ok(false);
    }
    let put_off = || Due::After(desk.config.lease.mul_f64(1.0 + fraction()));
    let record = match Record::read(&due.body) {
        Ok(record) => record,
        Err(error) => {
            // One of a newer version may know what it says.
            desk.config.store.replace(due, put_off()).await?;
            return Err(unreadable(error));
        }
    };
    let caller = record.again.as_ref().and_then(|again| again.caller.as_ref());
    let is_served = match caller.and_then(Caller::tenant) {
        Some(tenant) => crate::tenancy::may_go_on(server, tenant, &record.tool).await,
        None => true,
    };
    let worker = server.seal().identifier();
    let snapshot = server.snapshot();
    let mut place = None;
    let edit = |stored: &StoredTask, record: &mut Record| {
        // What has changed since it was due is not due any more.
        if stored.version != due.version || record.status.is_final() {
            return Edit::Leave(None);
        }
        if !record.may_begin_again() {
            let error = TaskError::new(ErrorCode::INTERNAL_ERROR, "the worker of the task was lost");
            record.say(&error.message);
            record.end(TaskStatus::Failed, Some(Outcome::Error(error)));
            return Edit::Write(Some(None), Due::Never);
        }
        // It may be one of other servers that share the store. It is put off so that it is not in the way of others,
        // and by no fixed time so that this server is not always the first to see it.
        if !is_served || snapshot.registry.tool(&record.tool).is_none_or(|entry| entry.task.is_none()) {
            return Edit::Write(Some(None), put_off());
        }
        place = server.tool_place(&record.tool);
        if place.is_none() {
            return Edit::Write(Some(None), put_off());
        }
        record.worker = Some(worker.clone());
        record.attempt += 1;
        Edit::Write(Some(Some(record.clone())), Due::After(desk.config.lease))
    };
    match desk.edit(&due.id, edit).await?.flatten() {
        Some(Some(record)) => {
            tracing::warn!(tool = record.tool, attempt = record.attempt, "a task is begun again");
            let mut run = TaskRun::new(desk, due.id.clone(), worker, record.attempt);
            run.hold(place.unwrap_or_default());
            run.capabilities = record.again.as_ref().and_then(|again| again.capabilities.clone());
            begin_again(server, record, run);
            Ok(true)
        }
        taken => Ok(taken.is_some()),
    }
}

/// Returns a random number between 0 and 1.
fn fraction() -> f64 {
    // A fresh hasher is seeded at random.
    f64::from(RandomState::new().hash_one(()) as u32) / f64::from(u32::MAX)
}

/// Calls the handler of a task as its request did, without the request.
fn begin_again(server: &McpServer, record: Record, run: TaskRun) {
    let Some((again, entry)) = record.again.zip(server.snapshot().registry.tool(&record.tool).cloned()) else { return };
    let Again { frame, given, caller, .. } = again;
    let frame = Bytes::from(String::from(Box::<str>::from(frame)));
    let Ok(message) = Message::decode(&frame) else { return };
    let arguments = match message.known.arguments.map(|span| frame.slice(span.range())) {
        Some(raw) if raw.first() == Some(&b'{') => raw,
        _ => Bytes::from_static(b"{}"),
    };
    debug_assert_eq!(
        message.known.name.and_then(|span| text_of(span.of(&frame)).map(String::from)).as_deref(),
        Some(&**entry.name())
    );
    let outbox = Outbox::new(0, None);
    outbox.close();
    let (method, outlet) = (Method::TOOLS_CALL, Outlet::Outbox(Arc::new(outbox)));
    let inner = Inner::new(server.clone(), frame, message, method, record.revision, None, outlet);
    lock(&inner.inputs).restore(given);
    // Nobody waits for an answer.
    inner.cancel();
    let (inner, run) = (Arc::new(inner), Arc::new(run));
    run.start();
    let _ = inner.task.set(run.clone());
    let mut extensions = Extensions::new();
    if let Some(caller) = caller {
        caller.restore(&mut extensions);
        crate::tenancy::restore(server, &mut extensions);
    }
    let ctx = Request::new(inner.clone(), extensions).into_context();
    let request = CallToolRequest::from_parts(entry.name().clone(), Arguments::from_raw(arguments));
    // Called where it is polled: a function that panics before it has returned a future is to end its own task, not who
    // looks for those that are lost.
    let function = entry.handler.clone();
    let handler: BoxFuture<_> = Box::pin(async move { function.call(request, ctx).await });
    let desk = run.desk.clone();
    desk.work(Work { run, inner, entry, handler, is_repeatable: true }.run());
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use turbomcp_protocol::Revision;
    use turbomcp_protocol::types::ToolAnnotations;

    use super::*;
    use crate::tasks::record::Keeping;
    use crate::tasks::{TaskConfig, ToolTask};
    use crate::{Context, FnTool, ServerBuilder};

    /// A function may do something before there is a future of its call.
    #[tokio::test]
    async fn a_function_that_panics_where_it_is_begun_again_ends_its_own_task() {
        let function = |_: Arguments, ctx: Context| {
            assert_eq!(ctx.task().attempt(), 1, "on purpose");
            async { "never" }
        };
        let tool = FnTool::new(function)
            .annotations(ToolAnnotations::new().with_idempotent_hint(true))
            .task(ToolTask::optional().retry(3));
        let lease = Duration::from_millis(30);
        let built = ServerBuilder::new().tasks(TaskConfig::new().lease(lease)).unwrap().tool("x", tool);
        let server = built.unwrap().build();
        let desk = server.tasks().clone();
        let frame =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x", "arguments": {}}});
        for id in ["a", "b"] {
            let frame = RawValue::from_string(frame.to_string()).unwrap();
            let again = Again { attempts: 3, frame, given: Default::default(), capabilities: None, caller: None };
            let keeping = Keeping { ttl: Duration::from_secs(60), poll_interval: lease };
            let record = Record::new("x", Revision::LATEST, keeping, "a lost worker", Some(again));
            let stored = StoredTask::new(id, "", 1, record.write().unwrap());
            desk.insert(&stored, &record, keeping.ttl).await.unwrap();
            desk.look_for_work(server.downgrade());
            let ended =
                desk.until(id, |found| found.map(|(_, record)| record).filter(|record| record.status.is_final()));
            let ended = tokio::time::timeout(Duration::from_secs(10), ended).await.expect("somebody takes it up");
            assert_eq!(ended.status, TaskStatus::Failed, "{id}");
        }
    }

    #[tokio::test]
    async fn tasks_that_cannot_be_read_are_not_in_the_way_of_others() {
        let tool = FnTool::new(|_: Arguments| async { "done" }).task(ToolTask::optional());
        let config = TaskConfig::new().lease(Duration::from_millis(30));
        let server = ServerBuilder::new().tasks(config).unwrap().tool("x", tool).unwrap().build();
        let desk = server.tasks().clone();
        let keeping = Keeping { ttl: Duration::from_secs(60), poll_interval: Duration::from_secs(1) };
        let record = Record::new("x", Revision::LATEST, keeping, "a lost worker", None);
        for id in 0..TAKEN_AT_ONCE {
            let unreadable = StoredTask::new(id.to_string(), "", 1, "of a newer version");
            desk.insert(&unreadable, &record, keeping.ttl).await.unwrap();
        }
        desk.insert(&StoredTask::new("a", "", 1, record.write().unwrap()), &record, keeping.ttl).await.unwrap();
        desk.look_for_work(server.downgrade());
        let is_over = |found: Option<(StoredTask, Record)>| found.filter(|(_, record)| record.status.is_final());
        let ended = tokio::time::timeout(Duration::from_secs(10), desk.until("a", is_over)).await;
        assert_eq!(ended.expect("somebody ends it").1.status, TaskStatus::Failed);
    }
}
