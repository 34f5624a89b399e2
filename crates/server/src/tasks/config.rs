//! How a server keeps tasks.

use std::sync::Arc;
use std::time::Duration;

use super::memory::MemoryTasks;
use super::store::TaskStore;
use crate::Error;

/// How a server keeps tasks; see [`ServerBuilder::tasks`](crate::ServerBuilder::tasks).
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::tasks::TaskConfig;
///
/// let tasks = TaskConfig::new().ttl(Duration::from_secs(10 * 60)).per_principal(20);
/// let server = ServerBuilder::new().tasks(tasks)?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TaskConfig {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) ttl: Duration,
    pub(crate) max_ttl: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) lease: Duration,
    pub(crate) per_principal: usize,
    pub(crate) total: usize,
    pub(crate) max_bytes: usize,
}

impl TaskConfig {
    /// Creates the settings that a server has by itself: in memory, for an hour.
    pub fn new() -> Self {
        Self {
            store: Arc::new(MemoryTasks::new()),
            ttl: Duration::from_secs(60 * 60),
            max_ttl: Duration::from_secs(24 * 60 * 60),
            poll_interval: Duration::from_secs(1),
            lease: Duration::from_secs(15),
            per_principal: 100,
            total: 1000,
            max_bytes: 1 << 20,
        }
    }

    /// Keeps tasks elsewhere: where they survive this process, and other processes can take them up.
    pub fn store(mut self, store: impl TaskStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets how long a task is kept, from when it was created; an hour by default. What is not done by then is given up.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how long a task is kept at most where its client may say how long (2025-11-25); a day by default.
    pub fn max_ttl(mut self, ttl: Duration) -> Self {
        self.max_ttl = ttl;
        self
    }

    /// Sets how long clients are asked to wait before they ask again; a second by default.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Sets how long a worker has a task before it has to say that it still works on it; 15 seconds by default.
    ///
    /// It says so after each third of it. When it has not, others find the task and run it again, or say that it has
    /// failed; and so long it takes at most until a worker hears of a cancellation that came to another one.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how many tasks of one caller are kept, running or done; 100 by default. Callers that are not known are only
    /// counted together, in [`total`](Self::total).
    pub fn per_principal(mut self, tasks: usize) -> Self {
        self.per_principal = tasks;
        self
    }

    /// Sets how many tasks are kept at all, running or done; 1,000 by default.
    pub fn total(mut self, tasks: usize) -> Self {
        self.total = tasks;
        self
    }

    /// Sets how many bytes a result may have to be kept, and a request that can be run again; 1 MiB by default.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Finds what cannot be meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fail = |reason: &str| Err(Error::registration(format!("tasks: {reason}")));
        if self.ttl.is_zero() || self.max_ttl < self.ttl {
            return fail("`ttl` must be more than zero, and at most `max_ttl`");
        }
        if self.lease < Duration::from_millis(30) || self.lease > Duration::from_secs(60 * 60) {
            return fail("`lease` must be at least 30 ms and at most an hour");
        }
        if self.per_principal == 0 || self.total == 0 || self.max_bytes == 0 {
            return fail("`per_principal`, `total` and `max_bytes` must be more than zero");
        }
        Ok(())
    }
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self::new()
    }
}
