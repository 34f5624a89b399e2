//! Sessions in memory and in a file, which outlive the process.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::journal::{self, Frame};
use super::store::{EventBounds, NewEvents, SessionKey, SessionStore, StoredEvents, StoredSession};
use super::table::{Table, Time, millis, now};
use crate::store::StoreError;
use crate::sync::lock;

/// How many changes may wait for the disk before those that make more wait for them.
const WAITING: usize = 1024;

/// How much a file grows before it is written anew without what is over.
const GROWTH: u64 = 4 << 20;

/// How much is written at once.
const LONG: usize = 16 << 20;

/// The pause before a file is tried again that could not be written.
const PAUSE: Duration = Duration::from_secs(1);

/// What the names of files begin and end with; between stands a number.
const NAME: (&str, &str) = ("sessions.", ".log");

/// Sessions in memory and in a file; clones share them.
///
/// A change is acknowledged once it is on the disk, so that whatever ends the process takes nothing with it that was. That a
/// session was used is written later: a crash may shorten the life of one by an eighth.
///
/// The folder belongs to one process at a time.
#[derive(Clone)]
pub struct FileSessions {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    table: Arc<Mutex<Table>>,
    changes: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// A change to be made and written down.
struct Job {
    change: Change,
    /// Who waits for it.
    done: Option<oneshot::Sender<Result<bool, StoreError>>>,
}

enum Change {
    Create {
        key: SessionKey,
        record: Bytes,
        ttl: u64,
        cap: usize,
    },
    Update {
        key: SessionKey,
        version: u64,
        record: Bytes,
    },
    Remove {
        key: SessionKey,
    },
    Append {
        key: SessionKey,
        stream: u32,
        first: Option<u64>,
        events: Vec<Bytes>,
        is_over: bool,
        once: Option<u64>,
        bounds: EventBounds,
    },
    /// It was used; the table knows already.
    Touch {
        key: SessionKey,
        requests: u64,
        expires: Time,
    },
}

impl FileSessions {
    /// Opens the sessions in a folder, which is created if there is none.
    pub(super) async fn open(folder: PathBuf) -> Result<Self, StoreError> {
        let opening = tokio::task::spawn_blocking(move || Self::open_now(folder));
        opening.await.unwrap_or_else(|error| Err(StoreError::unavailable("opening failed").with_source(error)))
    }

    fn open_now(folder: PathBuf) -> Result<Self, StoreError> {
        let failed = |error: io::Error| {
            StoreError::unavailable(format!("the folder {} cannot be used", folder.display())).with_source(error)
        };
        create_folder(&folder).map_err(failed)?;
        let lock = lock_folder(&folder)?;
        let mut files = files(&folder).map_err(failed)?;
        files.sort_unstable();
        let mut table = Table::default();
        let latest = files.last().copied().unwrap_or(0);
        if latest > 0 {
            let path = folder.join(name(latest));
            let content = fs::read(&path).map_err(failed)?;
            let whole = journal::read_all(&content, &mut table).map_err(|error| {
                let message = format!("the sessions in {} cannot be read; nothing was changed", path.display());
                StoreError::corrupt(message).with_source(error)
            })?;
            if whole < content.len() {
                let lost = content.len() - whole;
                tracing::warn!(path = %path.display(), lost, "the last write was cut off; nobody was told that it was made");
            }
        }
        table.sweep(now());
        let mut journal =
            Journal { folder: folder.clone(), number: latest, file: None, length: 0, renew_at: 0, _lock: lock };
        let table = Arc::new(Mutex::new(table));
        journal.renew(&everything(&table)).map_err(failed)?;
        let (changes, jobs) = mpsc::channel(WAITING);
        let writing = table.clone();
        let writer = std::thread::Builder::new().name("sessions".to_owned());
        let writer = writer.spawn(move || write_down(jobs, &writing, journal)).map_err(failed)?;
        Ok(Self { shared: Arc::new(Shared { folder, table, changes: Some(changes), writer: Some(writer) }) })
    }

    async fn change(&self, change: Change) -> Result<bool, StoreError> {
        let (done, outcome) = oneshot::channel();
        let gone = || StoreError::unavailable("the file of the sessions is closed");
        let changes = self.shared.changes.as_ref().ok_or_else(gone)?;
        changes.send(Job { change, done: Some(done) }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Whoever opens the folder next finds it closed.
        self.changes = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for FileSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSessions").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

/// Makes changes and writes them down, as many at once as there are.
fn write_down(mut jobs: mpsc::Receiver<Job>, table: &Mutex<Table>, mut journal: Journal) {
    let mut batch = Vec::new();
    let mut is_broken = false;
    let mut tried: Option<Instant> = None;
    while jobs.blocking_recv_many(&mut batch, WAITING) > 0 {
        let mut batch = batch.drain(..);
        if is_broken && tried.is_none_or(|tried| tried.elapsed() >= PAUSE) {
            tried = Some(Instant::now());
            // A new file has all that the table has, also what nobody was told was made.
            match journal.renew(&everything(table)) {
                Ok(()) => {
                    tracing::info!("the file of the sessions is written again");
                    is_broken = false;
                }
                Err(error) => tracing::warn!(%error, "the file of the sessions still cannot be written"),
            }
        }
        while !batch.as_slice().is_empty() {
            let mut frame = Frame::default();
            let mut outcomes = Vec::new();
            {
                let mut table = lock(table);
                // Once the table may be ahead of the file, nothing that would be made of it may be acknowledged.
                while !is_broken
                    && frame.len() < LONG
                    && let Some(Job { change, done }) = batch.next()
                {
                    let outcome = change.make(&mut table, &mut frame, now());
                    outcomes.extend(done.map(|done| (done, outcome)));
                }
            }
            let written = if frame.is_empty() { Ok(()) } else { journal.write(&mut frame) };
            let written =
                written.and_then(|()| if journal.is_long() { journal.renew(&everything(table)) } else { Ok(()) });
            if let Err(error) = &written {
                tracing::error!(%error, "the file of the sessions could not be written");
                is_broken = true;
            }
            // Whoever waited may have gone.
            for (done, outcome) in outcomes {
                let _ = done.send(if is_broken { Err(broken()) } else { Ok(outcome) });
            }
            if is_broken {
                batch.by_ref().filter_map(|job| job.done).for_each(|done| _ = done.send(Err(broken())));
            }
        }
    }
}

/// Returns all that a file is to begin with; whoever reads the table does not wait for the disk.
fn everything(table: &Mutex<Table>) -> Vec<u8> {
    let mut content = Vec::new();
    journal::write_all(&lock(table), &mut content);
    content
}

fn broken() -> StoreError {
    StoreError::unavailable("the file of the sessions could not be written")
}

impl Change {
    /// Makes the change, and notes what came of it.
    fn make(self, table: &mut Table, frame: &mut Frame, now: Time) -> bool {
        match self {
            Self::Create { key, record, ttl, cap } => {
                let created = table.create(&key, record, now.saturating_add(ttl), cap, now);
                if let Some(entry) = table.sessions.get(&key).filter(|_| created) {
                    frame.put(&key, entry);
                }
                created
            }
            Self::Update { key, version, record } => {
                let updated = table.update(&key, version, record, now);
                updated.inspect(|entry| frame.put(&key, entry)).is_some()
            }
            Self::Remove { key } => {
                frame.remove(&key);
                table.remove(&key, now)
            }
            Self::Append { key, stream, once, .. } if table.has_added(&key, stream, once, now) => true,
            Self::Append { key, stream, first, events, is_over, once, bounds } => {
                let new = NewEvents { first, events: &events, is_over, once };
                let appended = table.append(&key, stream, new, bounds, now);
                if appended {
                    frame.append(&key, stream, new, bounds, now, now.saturating_add(millis(bounds.age)));
                }
                appended
            }
            Self::Touch { key, requests, expires } => {
                frame.touch(&key, requests, expires);
                true
            }
        }
    }
}

/// The file that is written, and the folder it is in.
struct Journal {
    folder: PathBuf,
    number: u64,
    file: Option<File>,
    length: u64,
    /// When the file is written anew.
    renew_at: u64,
    _lock: FolderLock,
}

impl Journal {
    fn write(&mut self, frame: &mut Frame) -> io::Result<()> {
        let mut out = Vec::with_capacity(frame.len() + 16);
        frame.write(&mut out);
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.write_all(&out)?;
        file.sync_data()?;
        self.length += out.len() as u64;
        Ok(())
    }

    fn is_long(&self) -> bool {
        self.length >= self.renew_at
    }

    /// Begins a new file with what is there, and removes those before it.
    fn renew(&mut self, content: &[u8]) -> io::Result<()> {
        let next = self.number + 1;
        let unfinished = self.folder.join(format!("{}{next}.new", NAME.0));
        let mut file = own(File::options().write(true).create(true).truncate(true)).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        // Until here the file before is the one that counts, from here on the new one is.
        fs::rename(&unfinished, self.folder.join(name(next)))?;
        sync_folder(&self.folder)?;
        for old in files(&self.folder)?.into_iter().filter(|number| *number < next) {
            fs::remove_file(self.folder.join(name(old)))?;
        }
        self.number = next;
        self.length = content.len() as u64;
        self.renew_at = self.length * 2 + GROWTH;
        self.file = Some(file);
        Ok(())
    }
}

/// Has a file that is created be readable by nobody else.
fn own(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Creates a folder that nobody else can enter, unless there is one.
fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn name(number: u64) -> String {
    format!("{}{number}{}", NAME.0, NAME.1)
}

/// Returns the numbers of the files in a folder.
fn files(folder: &Path) -> io::Result<Vec<u64>> {
    let number = |name: &str| name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?.parse::<u64>().ok();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.extend(entry?.file_name().to_str().and_then(number));
    }
    Ok(found)
}

/// Holds a folder for this process; the system lets go of it when the process ends, however it does.
#[cfg(unix)]
type FolderLock = nix::fcntl::Flock<File>;
#[cfg(not(unix))]
type FolderLock = File;

fn lock_folder(folder: &Path) -> Result<FolderLock, StoreError> {
    let path = folder.join("lock");
    let taken = |error: io::Error| {
        let message = format!("the folder {} belongs to another process, or cannot be locked", folder.display());
        StoreError::configuration(message).with_source(error)
    };
    let mut options = File::options();
    own(options.create(true).write(true).truncate(false));
    #[cfg(unix)]
    {
        let file = options.open(path).map_err(taken)?;
        let locked = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock);
        locked.map_err(|(_, error)| taken(error.into()))
    }
    #[cfg(windows)]
    {
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 0);
        options.open(path).map_err(taken)
    }
    #[cfg(not(any(unix, windows)))]
    options.open(path).map_err(taken)
}

/// Has the names of files be as durable as what they hold.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and a rename is durable by itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl SessionStore for FileSessions {
    async fn create(&self, key: &SessionKey, record: &[u8], ttl: Duration, cap: usize) -> Result<bool, StoreError> {
        let (key, record) = (key.clone(), Bytes::copy_from_slice(record));
        self.change(Change::Create { key, record, ttl: millis(ttl), cap }).await
    }

    async fn visit(&self, key: &SessionKey, ttl: Duration, requests: u64) -> Result<Option<StoredSession>, StoreError> {
        let (now, ttl) = (now(), millis(ttl));
        let expires = now.saturating_add(ttl);
        let (visited, was_late) = {
            let mut table = lock(&self.shared.table);
            let expired = table.sessions.get(key).map_or(0, |entry| entry.expires);
            (table.visit(key, expires, requests, now), expires.saturating_sub(expired) > ttl / 8)
        };
        if let Some(visited) = visited.as_ref().filter(|visited| was_late || visited.requests % 64 == 0)
            && let Some(changes) = &self.shared.changes
        {
            let change = Change::Touch { key: key.clone(), requests: visited.requests, expires };
            // If there is no room now, the next visit is as good.
            let _ = changes.try_send(Job { change, done: None });
        }
        Ok(visited)
    }

    async fn update(&self, key: &SessionKey, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        let (key, record) = (key.clone(), Bytes::copy_from_slice(record));
        self.change(Change::Update { key, version, record }).await
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreError> {
        self.change(Change::Remove { key: key.clone() }).await
    }

    async fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> Result<bool, StoreError> {
        let NewEvents { first, events, is_over, once } = events;
        let (key, events) = (key.clone(), events.to_vec());
        self.change(Change::Append { key, stream, first, events, is_over, once, bounds }).await
    }

    async fn events(&self, key: &SessionKey, stream: u32, after: u64) -> Result<Option<StoredEvents>, StoreError> {
        Ok(lock(&self.shared.table).events(key, stream, after, now()))
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        // The file is written anew without them in its turn.
        Ok(lock(&self.shared.table).sweep(now()))
    }

    async fn count(&self) -> Result<usize, StoreError> {
        Ok(lock(&self.shared.table).count(now()))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_written_again_once_it_can_be() {
        let folder = std::env::temp_dir().join(format!("turbomcp-journal-{}", std::process::id()));
        create_folder(&folder).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let journal = Journal {
            folder: folder.clone(),
            number: 1,
            file: Some(full),
            length: 0,
            renew_at: u64::MAX,
            _lock: lock_folder(&folder).unwrap(),
        };
        let (changes, jobs) = mpsc::channel(WAITING);
        let table = Arc::new(Mutex::new(Table::default()));
        let writing = table.clone();
        let writer = Some(std::thread::spawn(move || write_down(jobs, &writing, journal)));
        let shared = Shared { folder: folder.clone(), table, changes: Some(changes), writer };
        let store = FileSessions { shared: Arc::new(shared) };
        let (first, second, ttl) = (SessionKey::of("first"), SessionKey::of("second"), Duration::from_secs(60));
        assert!(store.create(&first, b"record", ttl, 10).await.unwrap_err().is_unavailable());
        assert!(store.create(&second, b"record", ttl, 10).await.unwrap());
        drop(store);
        let store = FileSessions::open(folder.clone()).await.unwrap();
        assert!(store.visit(&second, ttl, 0).await.unwrap().is_some());
        drop(store);
        fs::remove_dir_all(folder).unwrap();
    }
}
