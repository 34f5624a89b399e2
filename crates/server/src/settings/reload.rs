//! Settings that take the place of others.

use std::sync::Arc;

use super::apply::at;
use super::keys::{Takes, keys};
use super::node::{Node, Origin, Table, Value};
use super::{Changes, Settings, Sources};
use crate::{Error, McpServer};

/// Refuses settings in which something has changed that a running server does not take; otherwise returns what says which
/// sections are as they were.
pub(crate) fn changes_while_running(before: &Settings, now: &Settings) -> Result<impl Fn(&str) -> bool + use<>, Error> {
    let changed: Vec<_> = keys().filter(|key| !(key.same)(&mut before.clone(), &mut now.clone())).collect();
    if let Some(key) = changed.iter().find(|key| key.takes == Takes::Start) {
        let path = key.path;
        let why = only_at_the_start(key.path);
        return Err(match now.said.get(path).or_else(|| before.said.get(path)).or_else(|| now.said.get("preset")) {
            Some(origin) => at(origin, why),
            None => Error::configuration(why),
        });
    }
    // The program has read its own sections when it started.
    if let Some((path, origin)) = difference("", &before.own, &now.own) {
        return Err(at(origin, only_at_the_start(&path)));
    }
    Ok(move |section: &str| !changed.iter().any(|key| key.path.split('.').next() == Some(section)))
}

fn only_at_the_start(path: &str) -> String {
    format!("`{path}` cannot be changed while the server runs: start it again")
}

/// Returns the first key by which two tables differ, and where it is, or was.
fn difference<'a>(above: &str, before: &'a Table, now: &'a Table) -> Option<(String, &'a Origin)> {
    before.keys().chain(now.keys()).find_map(|key| {
        let path = format!("{above}{key}");
        match (before.get(key), now.get(key)) {
            (Some(Node { value: Value::Table(before), .. }), Some(Node { value: Value::Table(now), .. })) => {
                difference(&format!("{path}."), before, now)
            }
            (before, now) if before == now => None,
            (before, now) => now.or(before).map(|node| (path, &node.origin)),
        }
    })
}

impl Settings {
    /// Reads them again from where they came from, with what code has changed since they were read first.
    pub(crate) fn again(&self) -> Result<Self, Error> {
        let Sources { files, prefix, own: _ } = &self.sources;
        if files.is_empty() && prefix.is_none() {
            return Err(Error::configuration("the settings were not read from anywhere"));
        }
        let mut now = self.sources.read()?;
        now.middleware.keep_sink(&self.middleware, now.said.contains_key("audit.enabled"));
        if let Some(changes) = &self.changes {
            changes.lay_over(&mut now);
            now.changes = Some(changes.clone());
        }
        // What differs is what code had changed: from now on that is known.
        now.read = None;
        Ok(now)
    }

    /// Notes what code has changed since they were read, for when they are read again.
    pub(crate) fn with_changes_noted(mut self) -> Self {
        if let Some(read) = self.read.take()
            && self.changes.is_none()
        {
            self.changes = Changes::between(&read, &self).map(Arc::new);
        }
        self
    }

    pub(crate) fn shows_the_same_as(&self, other: &Self) -> bool {
        self.tools == other.tools
    }
}

impl McpServer {
    /// Has settings read again at SIGHUP, for as long as what is returned exists.
    #[cfg(unix)]
    pub(super) fn reload_at_hangup(&self) -> Option<Hangup> {
        self.configured()?;
        let server = self.clone();
        // Before there is a task: a signal that nobody waits for ends the process.
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok()?;
        Some(Hangup(tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match server.reload_settings() {
                    Ok(()) => tracing::info!("settings were read again"),
                    Err(error) => tracing::error!(%error, "settings stay as they were"),
                }
            }
        })))
    }
}

/// A task that ends with what holds it.
#[cfg(unix)]
pub(super) struct Hangup(tokio::task::JoinHandle<()>);

#[cfg(unix)]
impl Drop for Hangup {
    fn drop(&mut self) {
        self.0.abort();
    }
}
