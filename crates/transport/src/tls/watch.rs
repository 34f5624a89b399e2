//! Files that are looked at now and then, for whether they have changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use super::accept::Certificates;

/// What tells one state of the files from another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let seen = files.iter().map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        });
        Self(seen.collect())
    }
}

/// A task that ends with what holds it.
#[derive(Debug)]
pub(super) struct Watching(JoinHandle<()>);

impl Watching {
    /// Has certificates read again once their files are no longer as they were at `stamp`.
    pub(super) fn start(
        certificates: Arc<Certificates>,
        files: Vec<PathBuf>,
        mut stamp: Stamp,
        interval: Duration,
    ) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let now = Stamp::of(&files);
                if now == stamp {
                    continue;
                }
                // Each state is tried once; files that are only half written change again.
                stamp = now;
                match certificates.reload() {
                    Ok(()) => tracing::info!("certificates have changed and were read again"),
                    Err(error) => tracing::error!(?error, "certificates have changed and stay as they were"),
                }
            }
        }))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}
