//! Calls that have become tasks.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use turbomcp_protocol::types::{
    CallToolResult, CreateTaskResult, Task, TaskRequestParams, TaskStatus, TaskSupport, Tool,
};
use turbomcp_protocol::{McpError, Method, Revision};

use crate::backoff::backoff;
use crate::call::{Answered, Decode, Options, Prepared, read_as};
use crate::client::Shared;
use crate::exchange::members_of;
use crate::operations::prepared_tool;
use crate::questions::write_input;
use crate::retry::Attempts;
use crate::sync::lock;
use crate::{Client, Error, RetryConfig};

/// How long to wait before a task is asked for again, where the server does not say.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The bounds of what a server may say of that.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5 * 60));

/// How long the result of a task is waited for at most, whatever the server says of how long the task is kept.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The most questions that a task may ask at a time.
const MAX_QUESTIONS: usize = 64;

/// How many tools are remembered.
const MAX_TOOLS: usize = 10_000;

/// A call that goes on at the server.
///
/// Dropping it leaves the task as it is; [`Client::task`] makes another one of the id.
///
/// # Specification
///
/// [Tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks)
#[derive(Debug)]
pub struct TaskHandle {
    client: Client,
    /// The tool that was called, if that is known.
    tool: Option<String>,
    state: State,
    /// What was answered, so that it is not answered twice.
    answered: HashSet<String>,
}

#[derive(Debug)]
enum State {
    /// The server has answered the call itself.
    Done(Bytes),
    /// All that is known is the id.
    Named(String),
    Known(Box<Task>),
}

impl Client {
    /// Calls a tool and, if the server makes a task of it, returns without waiting for its result.
    ///
    /// Whether there is a task is the server's to say; if it has answered at once, the result is there at once. With a
    /// server of 2025-11-25 the tools are listed first, unless they have been.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(client: turbomcp_client::Client) -> Result<(), turbomcp_client::Error> {
    /// let mut task = client.call_tool_as_task("index", serde_json::json!({"path": "/srv"})).await?;
    /// while !task.is_over() {
    ///     task.changed().await?;
    ///     println!("{:?}", task.status_message());
    /// }
    /// println!("{:?}", task.result().await?.content);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`call_tool`](Client::call_tool).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, there may be a task that nobody knows the id of.
    pub async fn call_tool_as_task(
        &self,
        name: impl AsRef<str>,
        arguments: impl Serialize,
    ) -> Result<TaskHandle, Error> {
        let name = name.as_ref();
        let prepared = prepared_tool(name, &arguments)?;
        if self.revision().has_tasks() && !self.shared().supports.is_known(name) {
            self.list_tools().fresh().all().await?;
        }
        let state = match self.request_answered(&prepared, Options::as_task()).await? {
            Answered::Result(result, _) => State::Done(result),
            Answered::Task(task) => State::Known(task),
        };
        Ok(TaskHandle { client: self.clone(), tool: Some(name.to_owned()), state, answered: HashSet::new() })
    }

    /// Returns a handle of a task by its id, which may have been kept from before this process was started.
    ///
    /// Nothing is sent; an id that the server does not know is an error of what is asked first.
    #[must_use]
    pub fn task(&self, id: impl Into<String>) -> TaskHandle {
        let state = State::Named(id.into());
        TaskHandle { client: self.clone(), tool: None, state, answered: HashSet::new() }
    }
}

impl TaskHandle {
    /// Returns the id of the task; none if the server has answered the call at once.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.state {
            State::Done(_) => None,
            State::Named(id) => Some(id),
            State::Known(task) => Some(&task.task_id),
        }
    }

    /// Returns what is known of the task since it was asked for last; none if that was never.
    #[must_use]
    pub fn task(&self) -> Option<&Task> {
        match &self.state {
            State::Known(task) => Some(task),
            _ => None,
        }
    }

    /// Returns how far it was when it was asked for last; none if that was never.
    #[must_use]
    pub fn status(&self) -> Option<TaskStatus> {
        match &self.state {
            State::Done(_) => Some(TaskStatus::Completed),
            State::Named(_) => None,
            State::Known(task) => Some(task.status),
        }
    }

    /// Returns what was going on when it was asked for last, for people.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        self.task()?.status_message.as_deref()
    }

    /// Returns true if it never changes any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status().is_some_and(TaskStatus::is_final)
    }

    /// Asks how far the task is.
    ///
    /// # Errors
    ///
    /// If the server does not know the task, or cannot be asked.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        let Some(id) = self.id() else { return Ok(()) };
        let task: Task = self.client.ask_about(Method::TASKS_GET, id, None).await?;
        if task.task_id != id {
            return Err(Error::protocol("the server tells of another task"));
        }
        self.state = State::Known(Box::new(task));
        Ok(())
    }

    /// Waits until the task has changed, asking as often as the server likes, and answers what it asks meanwhile.
    ///
    /// Returns at once if it is over. Where the server cannot be reached or is busy, it is asked again as the client's
    /// [`RetryPolicy`](crate::RetryPolicy) says, or as [`RetryConfig::new`](crate::RetryConfig::new) does for a client
    /// without one.
    ///
    /// # Errors
    ///
    /// As [`refresh`](Self::refresh), once it was asked as often as that; if the server asks what cannot be answered
    /// here.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub async fn changed(&mut self) -> Result<(), Error> {
        while !self.is_over() {
            let before = self.seen();
            if before.is_some() {
                tokio::time::sleep(self.poll_interval()).await;
            }
            self.refresh_at_last().await?;
            self.answer().await?;
            if self.seen() != before {
                break;
            }
        }
        Ok(())
    }

    /// As [`refresh`](Self::refresh), more than once also where the client has no policy that says so.
    async fn refresh_at_last(&mut self) -> Result<(), Error> {
        let config = RetryConfig::new();
        let has_policy = self.client.shared().settings.retry.config().is_some();
        let mut attempts = Attempts::begin(&config);
        loop {
            let Err(error) = self.refresh().await else { return Ok(()) };
            // By its policy, it was tried as often as that says.
            if has_policy || !self.may_ask_again(&error).await {
                return Err(error);
            }
            let Some(wait) = attempts.again(&error, true) else { return Err(error) };
            tracing::debug!(%error, ?wait, "a task is asked for again");
            tokio::time::sleep(wait).await;
        }
    }

    fn seen(&self) -> Option<(TaskStatus, Option<String>)> {
        self.task().map(|task| (task.status, task.status_message.clone()))
    }

    fn poll_interval(&self) -> Duration {
        let wanted = self.task().and_then(|task| task.poll_interval).unwrap_or(POLL_INTERVAL);
        wanted.clamp(POLL_INTERVALS.0, POLL_INTERVALS.1)
    }

    /// Waits for the result, asking as often as the server likes, and answers what the task asks meanwhile.
    ///
    /// While the server cannot be reached or is busy, it is asked again, for as long as the task is kept.
    ///
    /// # Errors
    ///
    /// As [`call_tool`](Client::call_tool); if the task was cancelled ([`Error::is_cancelled`]), is not known any more,
    /// or is not over when its time to live is, or a day ([`Error::is_timeout`]).
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves the task as it is.
    pub async fn result(mut self) -> Result<CallToolResult, Error> {
        let result = self.follow().await?;
        let shared = self.client.shared();
        if let Some(tool) = &self.tool {
            shared.outputs.check(tool, &result)?;
        }
        read_as(shared, &result)
    }

    /// Asks the server to cancel the task, which it may have finished by then.
    ///
    /// # Errors
    ///
    /// If the server does not know the task, or cannot be asked; in 2025-11-25 also if the task is over.
    pub async fn cancel(&mut self) -> Result<(), Error> {
        let Some(id) = self.id() else { return Ok(()) };
        self.client.ask_about::<serde_json::Value>(Method::TASKS_CANCEL, id, None).await?;
        self.refresh().await
    }

    /// Waits for the raw result, for as long as the task is kept.
    async fn follow(&mut self) -> Result<Bytes, Error> {
        if let State::Done(result) = &self.state {
            return Ok(result.clone());
        }
        let begun = Instant::now();
        let mut is_known = self.task().is_some();
        let mut failures = 0;
        loop {
            let limit = self.task().and_then(|task| task.ttl).unwrap_or(LONGEST).min(LONGEST);
            let left = limit.saturating_sub(begun.elapsed());
            let pause = match self.step(is_known, left).await {
                Ok(Some(ended)) => return ended,
                Ok(None) => {
                    failures = 0;
                    self.poll_interval()
                }
                Err(error) if self.may_ask_again(&error).await => {
                    tracing::debug!(%error, "a task is asked for again");
                    failures += 1;
                    let wanted = error.retry_after().unwrap_or_default().min(POLL_INTERVALS.1);
                    self.poll_interval().max(backoff(failures)).max(wanted)
                }
                Err(error) => return Err(error),
            };
            if left.is_zero() {
                return Err(Error::timeout(limit));
            }
            tokio::time::sleep(pause.min(left)).await;
            is_known = false;
        }
    }

    /// Returns how the task has ended, if it has, and answers what it asks; an error is none of the task's.
    async fn step(&mut self, is_known: bool, left: Duration) -> Result<Option<Result<Bytes, Error>>, Error> {
        if !is_known {
            self.refresh().await?;
        }
        let Some(task) = self.task() else { return Ok(None) };
        match task.status {
            TaskStatus::Cancelled => return Ok(Some(Err(Error::cancelled()))),
            // There the questions are asked by the server itself, to whoever waits for the result.
            status
                if self.client.revision().has_tasks() && (status.is_final() || status == TaskStatus::InputRequired) =>
            {
                let result = self.client.ask_about::<Box<RawValue>>(Method::TASKS_RESULT, &task.task_id, Some(left));
                return match result.await {
                    Ok(result) => Ok(Some(Ok(Bytes::from(String::from(Box::<str>::from(result)))))),
                    // The error of the task is told as if it were that of the request.
                    Err(error) if status.is_final() && error.as_mcp().is_some() => Ok(Some(Err(error))),
                    Err(error) => Err(error),
                };
            }
            TaskStatus::Completed => {
                let result = task.result.as_ref().map(|result| Bytes::from(result.get().to_owned()));
                return Ok(Some(result.ok_or_else(|| Error::protocol("a completed task has no result"))));
            }
            TaskStatus::Failed => {
                let error = task.error.clone().ok_or_else(|| Error::protocol("a failed task has no error"))?;
                return Ok(Some(Err(Error::mcp(McpError::from(error)))));
            }
            _ => {}
        }
        self.answer().await?;
        Ok(None)
    }

    /// Returns true if what has failed says nothing of the task, and there is somebody left to be asked.
    async fn may_ask_again(&self, error: &Error) -> bool {
        let shared = self.client.shared();
        (error.kind().is_some() || error.is_unavailable()) && !shared.is_over().await
    }

    /// Answers what the task asks and was not answered before.
    async fn answer(&mut self) -> Result<(), Error> {
        let Some(task) = self.task().filter(|task| task.status == TaskStatus::InputRequired) else { return Ok(()) };
        let revision = self.client.revision();
        if revision.has_tasks() {
            return Ok(());
        }
        let open = task.input_requests.iter().flatten().filter(|(key, _)| !self.answered.contains(*key));
        let open: Vec<_> = open.map(|(key, request)| (key.clone(), request.clone())).collect();
        if open.len() + self.answered.len() > MAX_QUESTIONS * 16 || open.len() > MAX_QUESTIONS {
            return Err(Error::protocol("the server asks too many questions"));
        }
        let id = task.task_id.clone();
        for (key, request) in open {
            let answer = self.client.shared().settings.handlers.answer(request).await.map_err(Error::refused)?;
            self.client.update_task(&id, &key, &write_input(answer, revision)).await?;
            self.answered.insert(key);
        }
        Ok(())
    }
}

impl Client {
    /// Waits for the result of a call that has become a task; the task is cancelled if nobody wants it any more, but
    /// not because the server could not be asked.
    pub(crate) async fn follow(&self, task: Box<Task>, limit: Option<Duration>) -> Result<Bytes, Error> {
        let mut abandoned = Abandoned { client: self.clone(), id: Some(task.task_id.clone()) };
        let mut handle =
            TaskHandle { client: self.clone(), tool: None, state: State::Known(task), answered: HashSet::new() };
        let followed = handle.follow();
        let (result, is_late) = match limit {
            Some(limit) => match tokio::time::timeout(limit, followed).await {
                Ok(result) => (result, false),
                Err(_) => (Err(Error::timeout(limit)), true),
            },
            None => (followed.await, false),
        };
        let is_given_up = is_late || result.as_ref().is_err_and(Error::is_refused);
        if !is_given_up || handle.is_over() {
            abandoned.id = None;
        }
        result
    }

    async fn ask_about<R: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        id: &str,
        limit: Option<Duration>,
    ) -> Result<R, Error> {
        let prepared = Prepared::new(method, members_of(&TaskRequestParams::new(id))?);
        let mut options = Options::default();
        // Whatever is asked of a task may be asked twice.
        options.idempotent = true;
        options.timeout = limit;
        match self.request_answered(&prepared, options).await? {
            Answered::Result(result, _) => (Decode::<R>::plain().read)(self.shared(), &result),
            Answered::Task(_) => Err(Error::protocol("a request about a task cannot become a task")),
        }
    }

    async fn update_task(&self, id: &str, key: &str, answer: &[u8]) -> Result<(), Error> {
        use turbomcp_protocol::escape::write_string;

        let mut params = members_of(&TaskRequestParams::new(id))?;
        params.extend_from_slice(b",\"inputResponses\":{");
        write_string(key, &mut params);
        params.push(b':');
        params.extend_from_slice(answer);
        params.push(b'}');
        let mut options = Options::default();
        options.idempotent = true;
        self.request_answered(&Prepared::new(Method::TASKS_UPDATE, params), options).await.map(drop)
    }
}

/// Cancels a task when nobody waits for it any more.
struct Abandoned {
    client: Client,
    id: Option<String>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let client = self.client.clone();
        runtime.spawn(async move {
            if let Err(error) = client.ask_about::<serde_json::Value>(Method::TASKS_CANCEL, &id, None).await {
                tracing::debug!(%error, "a task that nobody waits for could not be cancelled");
            }
        });
    }
}

/// Reads the result of a call that may have become a task.
pub(crate) fn created(result: &[u8]) -> Result<Box<Task>, Error> {
    let created: CreateTaskResult = serde_json::from_slice(result)
        .map_err(|error| Error::protocol("the task of the server does not fit").with_source(error))?;
    if created.task.task_id.is_empty() {
        return Err(Error::protocol("the task of the server has no id"));
    }
    Ok(Box::new(created.task))
}

/// Which tools of a server of 2025-11-25 may or must be called as tasks.
#[derive(Debug, Default)]
pub(crate) struct Supports(Mutex<HashMap<String, TaskSupport>>);

impl Supports {
    pub(crate) fn learn(&self, tools: &[Tool]) {
        let mut known = lock(&self.0);
        for tool in tools.iter().filter(|tool| tool.name.len() < 1024) {
            let support = tool.execution.as_ref().and_then(|execution| execution.task_support);
            if known.len() < MAX_TOOLS {
                known.insert(tool.name.clone(), support.unwrap_or(TaskSupport::Forbidden));
            }
        }
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    fn is_known(&self, tool: &str) -> bool {
        lock(&self.0).contains_key(tool)
    }

    fn of(&self, tool: &str) -> Option<TaskSupport> {
        lock(&self.0).get(tool).copied()
    }
}

impl Shared {
    /// Returns true if a request is to say of itself that it wants to be a task, which it does in 2025-11-25 only, and
    /// only where the server has said that it may.
    pub(crate) fn augments(&self, revision: Revision, prepared: &Prepared, is_wanted: bool) -> bool {
        if !revision.has_tasks() || prepared.method != Method::TOOLS_CALL {
            return false;
        }
        let Some(support) = prepared.name.as_deref().and_then(|tool| self.supports.of(tool)) else { return false };
        let is_offered = || {
            let tasks = self.current().agreed.capabilities.tasks.clone().unwrap_or_default();
            tasks.pointer("/requests/tools/call").is_some_and(serde_json::Value::is_object)
        };
        (support == TaskSupport::Required || is_wanted && support == TaskSupport::Optional) && is_offered()
    }
}
