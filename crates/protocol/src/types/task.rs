//! Work that outlives the request that began it: the extension `io.modelcontextprotocol/tasks` of the modern era, and the
//! tasks of 2025-11-25.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Cursor, InputRequests, InputResponses, Meta, wire};
use crate::{ErrorCode, McpError};

/// The identifier of the tasks extension.
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// How far a task is. The last three are final.
///
/// # Specification
///
/// [Task status](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#task-status)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskStatus {
    /// It is being worked on.
    Working,
    /// It waits for input of the client's.
    InputRequired,
    /// It has ended, and there is a result.
    Completed,
    /// It has ended, and there is an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl TaskStatus {
    /// Returns true if it never changes any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Returns the status as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A task as it is known of.
///
/// # On the wire
///
/// `{"taskId": "t-5f0c", "status": "working", "createdAt": "2026-01-02T03:04:05Z", "lastUpdatedAt":
/// "2026-01-02T03:04:05Z", "ttlMs": 60000, "pollIntervalMs": 1000}`; in 2025-11-25 the times are `ttl` and `pollInterval`,
/// and there are no input requests, result and error. Times are whole milliseconds.
///
/// # Specification
///
/// [Tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks)
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Task {
    /// What it is named in requests about it. Nobody can guess it.
    pub task_id: String,
    /// How far it is.
    pub status: TaskStatus,
    /// What is going on, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// When it was created, as in ISO 8601.
    pub created_at: String,
    /// When its status changed last, as in ISO 8601.
    pub last_updated_at: String,
    /// How long it is kept, counted from when it was created; for ever, if absent.
    #[serde(rename = "ttlMs", alias = "ttl", default, with = "wire::millis")]
    pub ttl: Option<Duration>,
    /// How long to wait before it is asked for again.
    #[serde(
        rename = "pollIntervalMs",
        alias = "pollInterval",
        default,
        with = "wire::millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub poll_interval: Option<Duration>,
    /// What it waits for, each under a key that is used once (extension only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_requests: Option<InputRequests>,
    /// What its request is answered with, once it is completed (extension only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// The error its request is answered with, once it has failed (extension only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
}

impl Task {
    /// Creates a task that is being worked on, from its id and when it was created, as in ISO 8601.
    pub fn new(task_id: impl Into<String>, created_at: impl Into<String>) -> Self {
        let created_at = created_at.into();
        Self {
            task_id: task_id.into(),
            status: TaskStatus::Working,
            status_message: None,
            last_updated_at: created_at.clone(),
            created_at,
            ttl: None,
            poll_interval: None,
            input_requests: None,
            result: None,
            error: None,
        }
    }

    with_methods! {
        /// Says what is going on.
        with_status_message(status_message: String);
        /// Sets how long it is kept.
        with_ttl(ttl: Duration);
        /// Sets how long to wait before it is asked for again.
        with_poll_interval(poll_interval: Duration);
        /// Sets what it waits for.
        with_input_requests(input_requests: InputRequests);
        /// Sets what its request is answered with.
        with_result(result: Box<RawValue>);
        /// Sets the error its request is answered with.
        with_error(error: TaskError);
    }

    /// Sets how far it is.
    #[must_use]
    pub fn with_status(mut self, status: TaskStatus) -> Self {
        self.status = status;
        self
    }
}

/// The error of a task that has failed.
///
/// # On the wire
///
/// `{"code": -32603, "message": "internal error"}`
///
/// # Specification
///
/// [Error responses](https://modelcontextprotocol.io/specification/2026-07-28/basic#error-responses)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskError {
    /// The code.
    pub code: ErrorCode,
    /// What went wrong.
    pub message: String,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl TaskError {
    /// Creates an error from its code and what went wrong.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    with_methods! {
        /// Adds what else there is to know.
        with_data(data: Value);
    }
}

impl From<TaskError> for McpError {
    fn from(TaskError { code, message, data }: TaskError) -> Self {
        let error = Self::new(code, message);
        match data {
            Some(data) => error.with_data(data),
            None => error,
        }
    }
}

/// The result of a request that has become a task.
///
/// # On the wire
///
/// `{"resultType": "task", "taskId": "t-5f0c", …}`; in 2025-11-25 `{"task": {"taskId": "t-5f0c", …}}`. Reads both.
///
/// # Specification
///
/// [Creating tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#creating-tasks)
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "AnyCreateTaskResult")]
#[non_exhaustive]
pub struct CreateTaskResult {
    /// The task.
    pub task: Task,
    /// What the result says beside its members.
    pub meta: Option<Meta>,
}

/// Both forms; the nested one is told by its member `task`.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyCreateTaskResult {
    Nested {
        task: Task,
        #[serde(rename = "_meta")]
        meta: Option<Meta>,
    },
    Flat {
        #[serde(flatten)]
        task: Task,
        #[serde(rename = "_meta")]
        meta: Option<Meta>,
    },
}

impl From<AnyCreateTaskResult> for CreateTaskResult {
    fn from(any: AnyCreateTaskResult) -> Self {
        match any {
            AnyCreateTaskResult::Nested { task, meta } | AnyCreateTaskResult::Flat { task, meta } => {
                Self { task, meta }
            }
        }
    }
}

impl CreateTaskResult {
    /// Creates the result from the task.
    #[must_use]
    pub fn new(task: Task) -> Self {
        Self { task, meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The member `task` of a request that is to become a task (2025-11-25 only).
///
/// # On the wire
///
/// `{"ttl": 60000}`; whole milliseconds
///
/// # Specification
///
/// [Creating tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#creating-tasks)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskMetadata {
    /// How long the task is wanted to be kept.
    #[serde(default, with = "wire::millis", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}

impl TaskMetadata {
    /// Creates it without a wish.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says how long the task is wanted to be kept.
        with_ttl(ttl: Duration);
    }
}

/// The params of `tasks/get`, `tasks/cancel` and `tasks/result`.
///
/// # On the wire
///
/// `{"taskId": "t-5f0c"}`
///
/// # Specification
///
/// [Getting tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#getting-tasks)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TaskRequestParams {
    /// The task.
    pub task_id: String,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl TaskRequestParams {
    /// Creates params that name a task.
    pub fn new(task_id: impl Into<String>) -> Self {
        Self { task_id: task_id.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `tasks/update` (extension only).
///
/// # On the wire
///
/// `{"taskId": "t-5f0c", "inputResponses": {"q1": {"action": "accept", "content": {"ok": true}}}}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UpdateTaskRequestParams {
    /// The task.
    pub task_id: String,
    /// Answers to some or all of what it waits for.
    pub input_responses: InputResponses,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl UpdateTaskRequestParams {
    /// Creates params that answer what a task waits for.
    pub fn new(task_id: impl Into<String>, input_responses: InputResponses) -> Self {
        Self { task_id: task_id.into(), input_responses, meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `tasks/list` (2025-11-25 only).
///
/// # On the wire
///
/// `{"tasks": [{"taskId": "t-5f0c", …}], "nextCursor": "c2"}`
///
/// # Specification
///
/// [Listing tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks#listing-tasks)
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListTasksResult {
    /// The tasks of this page.
    pub tasks: Vec<Task>,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next_cursor: Option<Cursor>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default)]
    pub meta: Option<Meta>,
}

impl ListTasksResult {
    /// Creates the last page of a list.
    pub fn new(tasks: impl Into<Vec<Task>>) -> Self {
        Self { tasks: tasks.into(), ..Self::default() }
    }

    with_methods! {
        /// Says where the next page begins.
        with_next_cursor(next_cursor: Cursor);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Revision;
    use crate::encode::{EncodeResult, encode_result};

    fn written(result: &impl EncodeResult, revision: Revision) -> Value {
        let mut out = Vec::new();
        encode_result(result, revision, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    fn task() -> Task {
        let (ttl, poll) = (Duration::from_secs(60), Duration::from_secs(1));
        Task::new("t", "2026-01-02T03:04:05Z").with_ttl(ttl).with_poll_interval(poll)
    }

    #[test]
    fn each_form_of_a_new_task_is_read_as_the_same() {
        let created = CreateTaskResult::new(task());
        let flat = json!({"resultType": "task", "taskId": "t", "status": "working", "createdAt": "2026-01-02T03:04:05Z",
            "lastUpdatedAt": "2026-01-02T03:04:05Z", "ttlMs": 60_000, "pollIntervalMs": 1000});
        let nested = json!({"task": {"taskId": "t", "status": "working", "createdAt": "2026-01-02T03:04:05Z",
            "lastUpdatedAt": "2026-01-02T03:04:05Z", "ttl": 60_000, "pollInterval": 1000}});
        assert_eq!(written(&created, Revision::LATEST), flat);
        assert_eq!(written(&created, Revision::LATEST_LEGACY), nested);
        for form in [flat, nested] {
            let read: CreateTaskResult = serde_json::from_value(form).unwrap();
            assert_eq!((read.task.ttl, read.task.poll_interval), (task().ttl, task().poll_interval));
        }
    }

    #[test]
    fn a_task_that_is_kept_for_ever_says_so() {
        let task = Task::new("t", "2026-01-02T03:04:05Z").with_status(TaskStatus::Cancelled);
        assert_eq!(written(&task, Revision::LATEST)["ttlMs"], Value::Null);
        assert_eq!(written(&task, Revision::LATEST_LEGACY)["ttl"], Value::Null);
        assert!(written(&task, Revision::LATEST).as_object().unwrap().contains_key("ttlMs"));
    }

    #[test]
    fn details_belong_to_the_extension() {
        let result = RawValue::from_string("{\"content\":[]}".to_owned()).unwrap();
        let error = TaskError::new(ErrorCode::INTERNAL_ERROR, "no").with_data(json!(1));
        let detailed = task().with_status(TaskStatus::Failed).with_result(result).with_error(error);
        let modern = written(&detailed, Revision::LATEST);
        assert_eq!((&modern["result"], &modern["error"]["data"]), (&json!({"content": []}), &json!(1)));
        assert_eq!(modern["resultType"], "complete");
        let legacy = written(&detailed, Revision::LATEST_LEGACY);
        assert!(legacy.get("result").is_none() && legacy.get("error").is_none(), "{legacy}");
    }
}
