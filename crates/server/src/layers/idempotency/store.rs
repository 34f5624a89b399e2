//! What a store of idempotency keys does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::store::StoreError;

/// A call that is to be run once.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct OnceCall<'a> {
    /// What it is kept under: a hash of who calls, which tool, and the key. 43 letters, digits, `-` and `_`.
    pub key: &'a str,
    /// What tells its arguments from others, as long and made of the same.
    pub fingerprint: &'a str,
    /// Who runs it, which nobody else is called.
    pub owner: &'a str,
    /// Whose it is: a hash of who calls, as long and made of the same, by which what is kept of each is bounded.
    pub caller: &'a str,
}

impl<'a> OnceCall<'a> {
    /// Creates a call, for a test of a store.
    #[must_use]
    pub fn new(key: &'a str, fingerprint: &'a str, owner: &'a str) -> Self {
        Self { key, fingerprint, owner, caller: "" }
    }

    /// Says whose call it is; all of whom that is not said are one.
    #[must_use]
    pub fn of(mut self, caller: &'a str) -> Self {
        self.caller = caller;
        self
    }
}

/// How many answers are kept: where there are more, the oldest make room. The newest is kept in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnceBounds {
    /// How many, of all callers.
    pub entries: usize,
    /// How many of one caller, of whose own the oldest make room.
    pub entries_of_one: usize,
    /// How many bytes the answers of one caller take, of whose own the oldest make room.
    pub bytes_of_one: usize,
}

impl OnceBounds {
    /// Bounds how many are kept, of all callers and of each.
    #[must_use]
    pub fn new(entries: usize, entries_of_one: usize, bytes_of_one: usize) -> Self {
        Self { entries, entries_of_one, bytes_of_one }
    }
}

/// What becomes of a call.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a call is run, or it was, or it is")]
pub enum Begun {
    /// It is to be run by whoever has asked.
    Mine,
    /// It is being run, with arguments of this fingerprint.
    Running(String),
    /// It was run, with arguments of this fingerprint, and this is its answer.
    Done(String, Vec<u8>),
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mine => f.write_str("Mine"),
            Self::Running(fingerprint) => f.debug_tuple("Running").field(fingerprint).finish(),
            Self::Done(fingerprint, answer) => f.debug_tuple("Done").field(fingerprint).field(&answer.len()).finish(),
        }
    }
}

/// Where it is kept which calls are run and were run: for
/// [`IdempotencyConfig::store`](super::IdempotencyConfig::store).
///
/// All methods are safe to call twice. When its time to live is over, an answer is forgotten. A call whose lease has
/// run out is there for others to begin; until one does, it still is its owner's, who may renew or finish it.
///
/// [`MemoryIdempotency`](super::MemoryIdempotency), `RedisIdempotency` and `PostgresIdempotency` are those there are.
///
/// # Cancel safety
///
/// A call whose future is dropped has happened or has not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no idempotency keys",
    note = "use `MemoryIdempotency`, or implement `IdempotencyStore`"
)]
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Has a call be run by whoever asks, for so long, unless it is being run or was.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, or has no room, as all methods.
    fn begin(&self, call: OnceCall<'_>, lease: Duration) -> impl Future<Output = Result<Begun, StoreError>> + Send;

    /// Has it be run by the same for so long from now on; false if it is not theirs any more.
    fn renew(&self, call: OnceCall<'_>, lease: Duration) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Keeps its answer for so long, within these bounds; false if it is not theirs any more.
    ///
    /// A store may go beyond the bounds by a few, for a moment.
    fn finish(
        &self,
        call: OnceCall<'_>,
        answer: &[u8],
        ttl: Duration,
        bounds: OnceBounds,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Forgets a call that has come to nothing, if it still is theirs.
    fn release(&self, call: OnceCall<'_>) -> impl Future<Output = Result<(), StoreError>> + Send;
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Any store, for those who do not care which.
pub(super) trait Erased: Send + Sync {
    fn begin<'a>(&'a self, call: OnceCall<'a>, lease: Duration) -> Boxed<'a, Begun>;
    fn renew<'a>(&'a self, call: OnceCall<'a>, lease: Duration) -> Boxed<'a, bool>;
    fn finish<'a>(&'a self, call: OnceCall<'a>, answer: &'a [u8], ttl: Duration, bounds: OnceBounds)
    -> Boxed<'a, bool>;
    fn release<'a>(&'a self, call: OnceCall<'a>) -> Boxed<'a, ()>;
}

impl<S: IdempotencyStore> Erased for S {
    fn begin<'a>(&'a self, call: OnceCall<'a>, lease: Duration) -> Boxed<'a, Begun> {
        Box::pin(IdempotencyStore::begin(self, call, lease))
    }

    fn renew<'a>(&'a self, call: OnceCall<'a>, lease: Duration) -> Boxed<'a, bool> {
        Box::pin(IdempotencyStore::renew(self, call, lease))
    }

    fn finish<'a>(
        &'a self,
        call: OnceCall<'a>,
        answer: &'a [u8],
        ttl: Duration,
        bounds: OnceBounds,
    ) -> Boxed<'a, bool> {
        Box::pin(IdempotencyStore::finish(self, call, answer, ttl, bounds))
    }

    fn release<'a>(&'a self, call: OnceCall<'a>) -> Boxed<'a, ()> {
        Box::pin(IdempotencyStore::release(self, call))
    }
}
