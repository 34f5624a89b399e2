//! What a handler may say of its task.

use crate::Context;
use crate::inner::Inner;

/// The task that a call has become, or may become; see [`Context::task`].
#[derive(Debug, Clone, Copy)]
pub struct TaskContext<'a> {
    inner: &'a Inner,
}

impl Context {
    /// Returns what there is to say of the task that this call is, to whoever asks for it.
    ///
    /// Where the call is no task, because the tool is none or the client wants none, nothing of it does anything.
    ///
    /// Progress that is reported by [`progress`](Context::progress) becomes the status of the task, and logs are not
    /// sent. What is asked of the client, as by [`elicit`](Context::elicit), is asked while the task goes on, which then
    /// waits for as long as it is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_server::Context;
    ///
    /// async fn index(ctx: Context) -> String {
    ///     ctx.task().status("reading").await;
    ///     // …
    ///     ctx.task().status("sorting").await;
    ///     "indexed".to_owned()
    /// }
    /// # let _ = index;
    /// ```
    #[must_use]
    pub fn task(&self) -> TaskContext<'_> {
        TaskContext { inner: self.inner() }
    }
}

impl<'a> TaskContext<'a> {
    /// Returns true if the call is a task by now.
    #[must_use]
    pub fn is_task(&self) -> bool {
        self.inner.task().is_some()
    }

    /// Returns the id of the task, which is a secret of the client's; none if the call is no task.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.inner.task().map(|run| run.id.as_str())
    }

    /// Returns how often the task was begun: more than 1 if a worker was lost and it is one of those that
    /// [run again](super::ToolTask::retry). 1 if the call is no task.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.inner.task().map_or(1, |run| run.attempt)
    }

    /// Says what is going on, for people; a KiB of it is kept.
    ///
    /// It is written once this returns, so it is not for every step of many; [`progress`](Context::progress) is.
    pub async fn status(&self, message: impl AsRef<str>) {
        if let Some(run) = self.inner.task() {
            run.say(message.as_ref()).await;
        }
    }

    /// Has the call become a task now, if the tool [leaves that to its handler](super::ToolTask::deferred) and the
    /// client can have a task; returns whether the call is a task.
    ///
    /// If the task cannot be kept the call is answered so, and its handler is dropped.
    pub async fn start(&self) -> bool {
        let Some(run) = self.inner.task.get() else { return false };
        run.want(self.inner).await;
        true
    }
}
