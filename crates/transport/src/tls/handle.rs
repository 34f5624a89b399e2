//! Certificates that change while a server runs.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::TlsError;
use super::accept::Certificates;

/// Has running servers read their certificates again.
#[derive(Debug, Clone, Default)]
pub struct TlsHandle {
    users: Arc<Mutex<Vec<Weak<Certificates>>>>,
}

impl TlsHandle {
    pub(super) fn add(&self, user: &Arc<Certificates>) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.retain(|user| user.strong_count() > 0);
        users.push(Arc::downgrade(user));
    }

    /// Reads certificate, key, CA bundle and OCSP response again. Connections there are go on as they are; further ones see the new
    /// files.
    ///
    /// # Errors
    ///
    /// If a file cannot be used; that server goes on with what it had.
    pub fn reload(&self) -> Result<(), TlsError> {
        let users: Vec<_> = self.users.lock().unwrap_or_else(PoisonError::into_inner).clone();
        users.iter().filter_map(Weak::upgrade).try_for_each(|user| user.reload())
    }
}
