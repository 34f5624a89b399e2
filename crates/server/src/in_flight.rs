//! The requests of a peer that wait for their handlers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use turbomcp_protocol::scan::{member, text_of};
use turbomcp_protocol::{McpError, Message};

use crate::inner::Inner;
use crate::sync::lock;

/// Requests by id, so that they can be cancelled. Only those are here whose handler did not answer at once.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    table: Mutex<HashMap<Box<[u8]>, Arc<Inner>>>,
    emptied: Notify,
}

/// Why a request cannot be taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A request with the same id waits already.
    Duplicate,
    /// Too many wait already.
    TooMany,
}

impl From<Refused> for McpError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Duplicate => Self::invalid_request("a request with this id is being answered already"),
            Refused::TooMany => Self::unavailable("too many requests are being answered"),
        }
    }
}

impl InFlight {
    /// Returns true if a request with this id waits.
    pub(crate) fn contains(&self, id: &[u8]) -> bool {
        let table = lock(&self.table);
        !table.is_empty() && table.contains_key(&*key(id))
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.table).is_empty()
    }

    /// Adds a request; it is here until the entry is dropped.
    pub(crate) fn add(self: &Arc<Self>, inner: &Arc<Inner>, limit: usize) -> Result<InFlightEntry, Refused> {
        let key = key(inner.id());
        let mut table = lock(&self.table);
        if table.len() >= limit {
            return Err(Refused::TooMany);
        }
        match table.entry(key.clone()) {
            Entry::Occupied(_) => Err(Refused::Duplicate),
            Entry::Vacant(entry) => {
                entry.insert(inner.clone());
                Ok(InFlightEntry { table: self.clone(), key })
            }
        }
    }

    /// Cancels a request; false if nobody knows the id.
    pub(crate) fn cancel(&self, id: &[u8]) -> bool {
        let found = lock(&self.table).get(&*key(id)).cloned();
        found.inspect(|inner| inner.cancel()).is_some()
    }

    /// Cancels the request that a `notifications/cancelled` names; false if there is none.
    pub(crate) fn cancel_named(&self, frame: &[u8], message: &Message) -> bool {
        let id = message.params.and_then(|params| member(params.of(frame), "requestId"));
        id.is_some_and(|id| self.cancel(id))
    }

    pub(crate) fn cancel_all(&self) {
        let all: Vec<_> = lock(&self.table).values().cloned().collect();
        for inner in all {
            inner.cancel();
        }
    }

    /// Waits until no request is left, at most for `limit`; true if none is.
    pub(crate) async fn drained(&self, limit: Duration) -> bool {
        let drained = async {
            loop {
                let emptied = self.emptied.notified();
                if self.is_empty() {
                    return;
                }
                emptied.await;
            }
        };
        tokio::time::timeout(limit, drained).await.is_ok()
    }
}

/// A request's place in the table.
#[derive(Debug)]
pub(crate) struct InFlightEntry {
    table: Arc<InFlight>,
    key: Box<[u8]>,
}

impl Drop for InFlightEntry {
    fn drop(&mut self) {
        let mut table = lock(&self.table.table);
        table.remove(&self.key);
        if table.is_empty() {
            self.table.emptied.notify_waiters();
        }
    }
}

/// The same id spelled with and without escapes is the same; a string never equals a number.
fn key(id: &[u8]) -> Box<[u8]> {
    if id.contains(&b'\\')
        && let Some(text) = text_of(id)
    {
        return serde_json::to_vec(&text).unwrap_or_default().into();
    }
    id.into()
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn an_id_is_known_by_its_value_and_type() {
        assert_eq!(key(br#""\u0061""#), key(br#""a""#));
        assert_ne!(key(br#""1""#), key(b"1"));
    }
}
