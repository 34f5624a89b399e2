//! Tasks in the memory of this process.

use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::store::{Due, Insertion, StoredTask, TaskCaps, TaskStore, TaskStoreFuture};
use crate::sync::lock;

/// Keeps tasks in the memory of this process; they end with it.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::tasks::{MemoryTasks, TaskConfig};
///
/// // This is what a server does by itself.
/// let server = ServerBuilder::new().tasks(TaskConfig::new().store(MemoryTasks::new()))?.build();
/// # drop(server);
/// # Ok::<(), turbomcp_server::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryTasks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: HashMap<String, Kept>,
    of_owner: HashMap<String, usize>,
}

struct Kept {
    task: StoredTask,
    until: Instant,
    due: Option<Instant>,
}

impl MemoryTasks {
    /// Creates a store without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut State, Instant) -> T) -> TaskStoreFuture<'static, T> {
        let result = work(&mut lock(&self.state), Instant::now());
        Box::pin(ready(Ok(result)))
    }
}

impl State {
    fn get(&mut self, id: &str, now: Instant) -> Option<&mut Kept> {
        self.tasks.get_mut(id).filter(|kept| kept.until > now)
    }

    fn sweep(&mut self, now: Instant) -> u64 {
        let before = self.tasks.len();
        let of_owner = &mut self.of_owner;
        self.tasks.retain(|_, kept| {
            let stays = kept.until > now;
            if !stays && let Some(count) = of_owner.get_mut(&kept.task.owner) {
                *count -= 1;
            }
            stays
        });
        of_owner.retain(|_, count| *count > 0);
        (before - self.tasks.len()) as u64
    }

    fn refuses(&self, owner: &str, caps: TaskCaps) -> Option<Insertion> {
        let of_owner = self.of_owner.get(owner).copied().unwrap_or_default();
        if !owner.is_empty() && of_owner >= caps.per_owner {
            return Some(Insertion::TooManyOfOwner);
        }
        (self.tasks.len() >= caps.total).then_some(Insertion::TooMany)
    }
}

impl fmt::Debug for MemoryTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTasks").field("tasks", &lock(&self.state).tasks.len()).finish_non_exhaustive()
    }
}

/// A moment so far away that it does not come, where a time is too long to be added.
fn later(now: Instant, time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);
    now + time.min(FAR)
}

impl TaskStore for MemoryTasks {
    fn insert<'a>(
        &'a self,
        task: &'a StoredTask,
        ttl: Duration,
        lease: Duration,
        caps: TaskCaps,
    ) -> TaskStoreFuture<'a, Insertion> {
        self.with(|state, now| {
            if state.get(&task.id, now).is_some() {
                return Insertion::Kept;
            }
            if state.refuses(&task.owner, caps).is_some() {
                state.sweep(now);
            }
            if let Some(refused) = state.refuses(&task.owner, caps) {
                return refused;
            }
            *state.of_owner.entry(task.owner.clone()).or_default() += 1;
            let kept = Kept { task: task.clone(), until: later(now, ttl), due: Some(later(now, lease)) };
            state.tasks.insert(task.id.clone(), kept);
            Insertion::Kept
        })
    }

    fn load<'a>(&'a self, id: &'a str) -> TaskStoreFuture<'a, Option<StoredTask>> {
        self.with(|state, now| state.get(id, now).map(|kept| kept.task.clone()))
    }

    fn replace<'a>(&'a self, task: &'a StoredTask, due: Due) -> TaskStoreFuture<'a, bool> {
        self.with(|state, now| {
            let Some(kept) = state.get(&task.id, now) else { return false };
            let is_written = kept.task.version == task.version + 1 && kept.task.body == task.body;
            if kept.task.version != task.version && !is_written {
                return false;
            }
            kept.task.body.clone_from(&task.body);
            kept.task.version = task.version + 1;
            match due {
                Due::AsBefore => {}
                Due::After(lease) => kept.due = Some(later(now, lease)),
                Due::Never => kept.due = None,
            }
            true
        })
    }

    fn extend<'a>(&'a self, id: &'a str, version: u64, lease: Duration) -> TaskStoreFuture<'a, bool> {
        self.with(|state, now| {
            let kept = state.get(id, now).filter(|kept| kept.task.version == version && kept.due.is_some());
            kept.map(|kept| kept.due = Some(later(now, lease))).is_some()
        })
    }

    fn due(&self, limit: usize) -> TaskStoreFuture<'_, Vec<StoredTask>> {
        self.with(|state, now| {
            let due = state.tasks.values().filter(|kept| kept.until > now);
            let mut due: Vec<_> = due.filter_map(|kept| Some((kept.due.filter(|due| *due <= now)?, kept))).collect();
            due.sort_by_key(|(due, _)| *due);
            due.into_iter().take(limit).map(|(_, kept)| kept.task.clone()).collect()
        })
    }

    fn list<'a>(
        &'a self,
        owner: &'a str,
        after: Option<(u64, &'a str)>,
        limit: usize,
    ) -> TaskStoreFuture<'a, Vec<StoredTask>> {
        self.with(|state, now| {
            let place = |task: &StoredTask| (task.created, task.id.clone());
            let after = after.map(|(created, id)| (created, id.to_owned()));
            let own = state.tasks.values().filter(|kept| kept.until > now && kept.task.owner == owner);
            let own = own.map(|kept| &kept.task);
            let mut own: Vec<_> = own.filter(|task| after.as_ref().is_none_or(|after| place(task) > *after)).collect();
            own.sort_by_key(|task| place(task));
            own.into_iter().take(limit).cloned().collect()
        })
    }

    fn sweep(&self) -> TaskStoreFuture<'_, u64> {
        self.with(State::sweep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_not_shown() {
        let store = MemoryTasks::new();
        let (ttl, caps) = (Duration::from_secs(60), TaskCaps::new(10, 10));
        let task = StoredTask::new("an-id", "an-owner", 1, "a-body");
        store.insert(&task, ttl, ttl, caps).await.unwrap();
        assert_eq!(format!("{store:?}"), "MemoryTasks { tasks: 1, .. }");
    }
}
