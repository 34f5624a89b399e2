//! The answers to a JSON-RPC batch.

use std::sync::Mutex;

use crate::outlet::Outlet;
use crate::sync::lock;

/// The answers to a batch, sent together when the last of them is there: when the last handle is dropped.
pub(crate) struct BatchReply {
    outlet: Outlet,
    answers: Mutex<Vec<u8>>,
}

impl BatchReply {
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self { outlet, answers: Mutex::default() }
    }

    /// Adds the answer that `write` appends.
    pub(crate) fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut answers = lock(&self.answers);
        let opening = if answers.is_empty() { b'[' } else { b',' };
        answers.push(opening);
        write(&mut answers);
    }
}

impl Drop for BatchReply {
    fn drop(&mut self) {
        let mut answers = std::mem::take(&mut *lock(&self.answers));
        if !answers.is_empty() {
            answers.push(b']');
            self.outlet.answer(answers);
        }
    }
}
