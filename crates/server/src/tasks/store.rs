//! Where tasks are kept.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::store::StoreError;

/// The future of a [`TaskStore`]'s methods.
pub type TaskStoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A task as a store keeps it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredTask {
    /// Its id, which nobody can guess.
    pub id: String,
    /// Whose it is; empty if it is not known who asked for it.
    pub owner: String,
    /// When it was created, in milliseconds since 1970.
    pub created: u64,
    /// How often it was written: 1 when it is new.
    pub version: u64,
    /// What there is to know of it; a store does not look into it.
    pub body: String,
}

impl StoredTask {
    /// Creates a task that was written once.
    pub fn new(id: impl Into<String>, owner: impl Into<String>, created: u64, body: impl Into<String>) -> Self {
        Self { id: id.into(), owner: owner.into(), created, version: 1, body: body.into() }
    }

    /// Sets how often it was written.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = version;
        self
    }
}

/// Shows neither the id, which is a secret, nor the body.
impl fmt::Debug for StoredTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTask").field("version", &self.version).finish_non_exhaustive()
    }
}

/// How many tasks a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskCaps {
    /// How many of one owner; those whose owner is not known are not counted together.
    pub per_owner: usize,
    /// How many at all.
    pub total: usize,
}

impl TaskCaps {
    /// Creates caps.
    #[must_use]
    pub const fn new(per_owner: usize, total: usize) -> Self {
        Self { per_owner, total }
    }
}

/// What became of a task that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Insertion {
    /// It is kept.
    Kept,
    /// Its owner has too many already.
    TooManyOfOwner,
    /// There are too many already.
    TooMany,
}

/// When a task is [due](TaskStore::due).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// When it was before.
    AsBefore,
    /// This long from now, by the clock of the store.
    After(Duration),
    /// Never: nobody has to work on it any more.
    Never,
}

/// Where tasks are kept: durably, if the store is.
///
/// A store knows neither what a task is about nor its states; all that is decided of it by what is in it is decided by
/// [`replace`](Self::replace), which writes only over what was read. So nothing is lost between workers that write at
/// the same time, and a worker whose lease has run out cannot write any more once another has begun.
///
/// Times are measured by the clock of the store, which all workers share. A task whose time to live is over is not
/// there any more, for any of the methods.
///
/// # Errors
///
/// A method fails if the store cannot be asked; what was to be written may have been then. Workers try again, and so may
/// a store: each method may be carried out twice, one after the other, and does what it would have done once.
///
/// # Cancel safety
///
/// Dropping a future may leave its effect done or not done, and nothing in between.
pub trait TaskStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps a new task for this long, unless there are too many. It is due after `lease`.
    fn insert<'a>(
        &'a self,
        task: &'a StoredTask,
        ttl: Duration,
        lease: Duration,
        caps: TaskCaps,
    ) -> TaskStoreFuture<'a, Insertion>;

    /// Returns a task.
    fn load<'a>(&'a self, id: &'a str) -> TaskStoreFuture<'a, Option<StoredTask>>;

    /// Writes the body of a task and counts its version up, if its version still is the one given; returns false, and
    /// writes nothing, if it is another one or the task is gone.
    fn replace<'a>(&'a self, task: &'a StoredTask, due: Due) -> TaskStoreFuture<'a, bool>;

    /// Makes a task due after `lease`, if its version still is this one and it is due at all; returns false if not.
    fn extend<'a>(&'a self, id: &'a str, version: u64, lease: Duration) -> TaskStoreFuture<'a, bool>;

    /// Returns tasks that are due, those first that have been so for the longest.
    fn due(&self, limit: usize) -> TaskStoreFuture<'_, Vec<StoredTask>>;

    /// Returns tasks of an owner in the order of `(created, id)`, behind this position.
    fn list<'a>(
        &'a self,
        owner: &'a str,
        after: Option<(u64, &'a str)>,
        limit: usize,
    ) -> TaskStoreFuture<'a, Vec<StoredTask>>;

    /// Frees what the tasks take up whose time to live is over, and returns how many there were.
    fn sweep(&self) -> TaskStoreFuture<'_, u64>;
}
