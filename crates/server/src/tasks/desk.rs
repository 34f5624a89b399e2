//! The tasks of a server: where they are kept, and who works on them here.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use turbomcp_protocol::types::Task;
use turbomcp_protocol::{McpError, McpResult};

use super::config::TaskConfig;
use super::record::Record;
use super::store::{Due, Insertion, StoredTask, TaskCaps};
use crate::server::WeakServer;
use crate::store::StoreError;
use crate::sync::lock;

/// How long to wait for a sign of something that may have happened in another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often to write over what others write at the same time.
const MAX_CONFLICTS: usize = 64;

/// The tasks of a server.
pub(crate) struct Desk {
    pub(super) config: TaskConfig,
    /// Rung when a task has changed here.
    bells: Mutex<HashMap<String, Weak<Notify>>>,
    /// What is worked on here.
    here: Mutex<HashSet<String>>,
    /// What legacy clients are being asked, by task and key.
    asking: Mutex<HashSet<(String, String)>>,
    /// Those who work, and who looks for work.
    workers: Mutex<JoinSet<()>>,
    looking: OnceLock<()>,
}

/// What became of a task that was looked at.
pub(super) enum Edit<T> {
    /// It stays as it is.
    Leave(T),
    /// It was changed, and is due then.
    Write(T, Due),
}

impl Desk {
    pub(crate) fn new(config: TaskConfig) -> Self {
        Self {
            config,
            bells: Mutex::default(),
            here: Mutex::default(),
            asking: Mutex::default(),
            workers: Mutex::default(),
            looking: OnceLock::new(),
        }
    }

    /// Has tasks taken up whose workers are lost, and those freed whose time is over.
    pub(crate) fn look_for_work(&self, server: WeakServer) {
        self.looking.get_or_init(|| self.work(super::worker::look(server)));
    }

    /// Runs something that ends with the desk, at the latest.
    pub(super) fn work(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut workers = lock(&self.workers);
        while workers.try_join_next().is_some() {}
        workers.spawn(work);
    }

    /// Returns what is rung when the task changes here.
    pub(super) fn bell(&self, id: &str) -> Arc<Notify> {
        let mut bells = lock(&self.bells);
        if let Some(bell) = bells.get(id).and_then(Weak::upgrade) {
            return bell;
        }
        if bells.len() == bells.capacity() {
            bells.retain(|_, bell| bell.strong_count() > 0);
        }
        let bell = Arc::new(Notify::new());
        bells.insert(id.to_owned(), Arc::downgrade(&bell));
        bell
    }

    fn ring(&self, id: &str) {
        let bell = lock(&self.bells).get(id).and_then(Weak::upgrade);
        if let Some(bell) = bell {
            bell.notify_waiters();
        }
    }

    /// Looks at a task again and again, whenever it may have changed, until there is something to return.
    ///
    /// A store that cannot be asked is asked again.
    pub(super) async fn until<T>(
        &self,
        id: &str,
        mut look: impl FnMut(Option<(StoredTask, Record)>) -> Option<T>,
    ) -> T {
        let bell = self.bell(id);
        loop {
            let mut rung = pin!(bell.notified());
            rung.as_mut().enable();
            match self.load(id).await {
                Ok(found) => {
                    if let Some(done) = look(found) {
                        return done;
                    }
                }
                Err(error) => tracing::warn!(%error, "the task store cannot be asked"),
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, rung).await;
        }
    }

    /// Enters a new task; it is there once this returns.
    pub(super) async fn insert(&self, task: &StoredTask, record: &Record, ttl: Duration) -> McpResult<Task> {
        let config = &self.config;
        let caps = TaskCaps::new(config.per_principal, config.total);
        let inserted = config.store.insert(task, ttl, config.lease, caps).await;
        match inserted.map_err(failed)? {
            Insertion::Kept => Ok(record.view(task)),
            Insertion::TooManyOfOwner => Err(McpError::rate_limited("too many tasks of this caller are kept")),
            Insertion::TooMany => Err(McpError::unavailable("too many tasks are kept")),
        }
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<(StoredTask, Record)>, StoreError> {
        let Some(stored) = self.config.store.load(id).await? else { return Ok(None) };
        let record = Record::read(&stored.body).map_err(unreadable)?;
        Ok(Some((stored, record)))
    }

    /// Looks at a task and changes it, or leaves it, or looks once more if somebody else has changed it meanwhile; none
    /// if it is not there.
    pub(super) async fn edit<T>(
        &self,
        id: &str,
        mut edit: impl FnMut(&StoredTask, &mut Record) -> Edit<T>,
    ) -> Result<Option<T>, StoreError> {
        for _ in 0..MAX_CONFLICTS {
            let Some((mut stored, mut record)) = self.load(id).await? else { return Ok(None) };
            match edit(&stored, &mut record) {
                Edit::Leave(value) => return Ok(Some(value)),
                Edit::Write(value, due) => {
                    stored.body = record.write().map_err(unreadable)?;
                    if self.config.store.replace(&stored, due).await? {
                        self.ring(id);
                        return Ok(Some(value));
                    }
                }
            }
        }
        Err(StoreError::unavailable("too many others write to the task"))
    }

    /// As [`edit`](Self::edit), for as long as the store cannot be asked.
    pub(super) async fn edit_at_last<T>(
        &self,
        id: &str,
        mut edit: impl FnMut(&StoredTask, &mut Record) -> Edit<T>,
    ) -> Option<T> {
        let mut pause = (self.config.lease / 4).min(Duration::from_millis(50));
        loop {
            match self.edit(id, &mut edit).await {
                Ok(done) => return done,
                Err(error) => tracing::warn!(%error, "the task store cannot be asked"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.config.lease / 4);
        }
    }

    /// Enters that a task is worked on here, for as long as what is returned lives.
    pub(super) fn enter(self: &Arc<Self>, id: &str) -> Here {
        lock(&self.here).insert(id.to_owned());
        Here { desk: self.clone(), id: id.to_owned() }
    }

    pub(super) fn is_here(&self, id: &str) -> bool {
        lock(&self.here).contains(id)
    }

    /// Enters that a legacy client is being asked something; none if it is already.
    pub(super) fn asking(self: &Arc<Self>, id: &str, key: &str) -> Option<Asking> {
        let place = (id.to_owned(), key.to_owned());
        lock(&self.asking).insert(place.clone()).then(|| Asking { desk: self.clone(), place })
    }
}

/// A task is worked on here.
pub(super) struct Here {
    desk: Arc<Desk>,
    id: String,
}

impl Drop for Here {
    fn drop(&mut self) {
        lock(&self.desk.here).remove(&self.id);
    }
}

/// A legacy client is being asked something.
pub(super) struct Asking {
    desk: Arc<Desk>,
    place: (String, String),
}

impl Drop for Asking {
    fn drop(&mut self) {
        lock(&self.desk.asking).remove(&self.place);
        // Somebody else may have to ask now.
        self.desk.ring(&self.place.0);
    }
}

pub(super) fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::corrupt("a task is not what was written").with_source(error)
}

/// What a caller is told when the store cannot be asked; the cause goes to the log.
pub(super) fn failed(error: StoreError) -> McpError {
    McpError::internal(error)
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("config", &self.config).finish_non_exhaustive()
    }
}
