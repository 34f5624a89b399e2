//! What is kept of a session beside its events.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use turbomcp_protocol::Revision;
use turbomcp_protocol::types::{ClientCapabilities, Implementation, LoggingLevel};

use crate::store::StoreError;

/// What `initialize` agreed on, and what the client has said since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) revision: Revision,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client_info: Implementation,
    /// Who made the handshake; nobody else may use the session.
    pub(crate) identity: Option<Box<str>>,
    /// Milliseconds since 1970.
    pub(crate) opened: u64,
    pub(crate) initialized: bool,
    pub(crate) log_level: LoggingLevel,
    pub(crate) subscribed: BTreeSet<Box<str>>,
    /// The client has read the stream of what belongs to no request.
    pub(crate) listened: bool,
}

impl Record {
    pub(crate) fn read(kept: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(kept)
            .map_err(|error| StoreError::corrupt("the record of a session cannot be read").with_source(error))
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record has keys that are strings")
    }

    /// Does here what led from `base` to `ours`: this is what another replica has made of `base` meanwhile.
    pub(crate) fn follow(&mut self, base: &Self, ours: &Self) {
        self.initialized |= ours.initialized;
        self.listened |= ours.listened;
        if ours.log_level != base.log_level {
            self.log_level = ours.log_level;
        }
        self.subscribed.extend(ours.subscribed.difference(&base.subscribed).cloned());
        for gone in base.subscribed.difference(&ours.subscribed) {
            self.subscribed.remove(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            revision: Revision::LATEST_LEGACY,
            capabilities: ClientCapabilities::default(),
            client_info: Implementation::new("client", "1"),
            identity: Some("alice".into()),
            opened: 1,
            initialized: false,
            log_level: LoggingLevel::Info,
            subscribed: ["file:///a".into(), "file:///b".into()].into(),
            listened: false,
        }
    }

    #[test]
    fn what_two_replicas_change_at_once_is_changed() {
        let base = record();
        let mut ours = record();
        ours.subscribed = ["file:///a".into(), "file:///ours".into()].into();
        ours.initialized = true;
        let mut theirs = record();
        theirs.subscribed.insert("file:///theirs".into());
        theirs.log_level = LoggingLevel::Error;
        theirs.follow(&base, &ours);
        let subscribed: Vec<_> = theirs.subscribed.iter().map(|uri| &**uri).collect();
        assert_eq!(subscribed, ["file:///a", "file:///ours", "file:///theirs"]);
        assert!(theirs.initialized && theirs.log_level == LoggingLevel::Error);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(Record::read(&record().write()).unwrap(), record());
        assert!(Record::read(b"{}").unwrap_err().is_corrupt());
    }
}
