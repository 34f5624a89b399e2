//! Which proofs of possession were used, where several servers have to know.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Why a store cannot tell.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where it is noted which proofs were used, so that one that was used at one server is refused at all others.
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::Mutex;
/// use std::time::Duration;
/// use turbomcp_transport::proofs::{BoxError, ProofStore};
///
/// /// For several servers of one process; nothing is forgotten, which no other store can afford.
/// #[derive(Default)]
/// struct InThisProcess(Mutex<HashSet<String>>);
///
/// impl ProofStore for InThisProcess {
///     async fn note(&self, proof: &str, _: Duration) -> Result<bool, BoxError> {
///         Ok(self.0.lock().unwrap().insert(proof.to_owned()))
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// A proof whose future is dropped was noted or was not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` notes no proofs",
    note = "use `store::RedisProofs`, or implement `ProofStore`"
)]
pub trait ProofStore: Send + Sync + 'static {
    /// Notes that a proof was used, for so long at the least; false if it was noted before.
    ///
    /// What it is called has 43 letters, digits, `-` and `_`: a hash, by which nobody can tell whose it is.
    ///
    /// # Errors
    ///
    /// If that cannot be told now: whoever shows the proof is refused, and may come back with another.
    fn note(&self, proof: &str, keep: Duration) -> impl Future<Output = Result<bool, BoxError>> + Send;
}

trait Erased: Send + Sync {
    fn note<'a>(
        &'a self,
        proof: &'a str,
        keep: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send + 'a>>;
}

impl<S: ProofStore> Erased for S {
    fn note<'a>(
        &'a self,
        proof: &'a str,
        keep: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<bool, BoxError>> + Send + 'a>> {
        Box::pin(ProofStore::note(self, proof, keep))
    }
}

/// Any [`ProofStore`]; clones are the same.
#[derive(Clone)]
pub struct SharedProofs(Arc<dyn Erased>);

impl SharedProofs {
    /// Takes a store.
    pub fn new(store: impl ProofStore) -> Self {
        Self(Arc::new(store))
    }

    /// Notes that a proof was used, as [`ProofStore::note`] does.
    ///
    /// # Errors
    ///
    /// If that cannot be told now.
    pub async fn note(&self, proof: &str, keep: Duration) -> Result<bool, BoxError> {
        self.0.note(proof, keep).await
    }
}

impl fmt::Debug for SharedProofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedProofs").finish_non_exhaustive()
    }
}
