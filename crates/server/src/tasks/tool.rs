//! How a tool becomes a task.

use std::time::Duration;

use turbomcp_protocol::types::{TaskSupport, ToolAnnotations};

/// How calls of a tool become tasks: `#[tool(task)]`, or [`FnTool::task`](crate::FnTool::task).
///
/// ```
/// use turbomcp_server::tasks::ToolTask;
/// use turbomcp_server::{Arguments, FnTool, ServerBuilder};
/// use turbomcp_protocol::types::ToolAnnotations;
///
/// let index = FnTool::new(|_: Arguments| async { "done" })
///     .annotations(ToolAnnotations::new().with_idempotent_hint(true))
///     .task(ToolTask::required().retry(3));
/// let server = ServerBuilder::new().tool("index", index)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ToolTask {
    pub(crate) support: TaskSupport,
    pub(crate) start: Start,
    pub(crate) attempts: Option<u32>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) poll_interval: Option<Duration>,
}

/// When a call becomes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    AtOnce,
    WhenToldTo,
}

impl ToolTask {
    /// Makes tasks of calls whose client can have one; the others wait for their result.
    pub fn optional() -> Self {
        let support = TaskSupport::Optional;
        Self { support, start: Start::AtOnce, attempts: None, ttl: None, poll_interval: None }
    }

    /// Makes tasks of all calls, and refuses those whose client can have none.
    pub fn required() -> Self {
        Self { support: TaskSupport::Required, ..Self::optional() }
    }

    /// Lets the handler say when the call becomes a task, by [`TaskContext::start`](super::TaskContext::start); if it is
    /// done before, the call never does.
    ///
    /// What it asks the client before that is asked in the rounds of the call. A call of 2025-11-25 has no such rounds,
    /// and becomes a task at once.
    pub fn deferred(mut self) -> Self {
        self.start = Start::WhenToldTo;
        self
    }

    /// Runs the tool again if its worker is lost, up to this many times in all.
    ///
    /// Only a tool that says of itself that it is idempotent or only reads can be run again; nobody knows how far a lost
    /// worker came. It runs from the start, and finds the answers to what it had asked. Without this, a task whose worker
    /// is lost has failed.
    pub fn retry(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Keeps its tasks this long, instead of what the server does.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Asks clients to wait this long before they ask again, instead of what the server does.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// Finds what cannot be meant.
    pub(crate) fn check(&self, annotations: Option<&ToolAnnotations>) -> Result<(), &'static str> {
        if self.ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err("the time that its tasks are kept must be more than zero");
        }
        match self.attempts {
            Some(0) => Err("a task that is tried not even once is none: write `retry(2)` or more"),
            Some(_) if !annotations.is_some_and(is_repeatable) => {
                Err("its tasks can be run again only if it is annotated as idempotent, or as only reading")
            }
            _ => Ok(()),
        }
    }
}

/// Returns true for a tool that may be run again when nobody knows how far it came.
pub(crate) fn is_repeatable(annotations: &ToolAnnotations) -> bool {
    annotations.idempotent_hint == Some(true) || annotations.read_only_hint == Some(true)
}
