//! Idempotency keys in the memory of this process.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::store::{Begun, IdempotencyStore, OnceBounds, OnceCall};
use crate::store::StoreError;
use crate::sync::lock;

/// Idempotency keys in the memory of this process; clones share them.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::{Begun, IdempotencyStore, MemoryIdempotency, OnceCall};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), turbomcp_server::store::StoreError> {
/// let store = MemoryIdempotency::new();
/// let call = OnceCall::new("key", "arguments", "me");
/// assert_eq!(store.begin(call, Duration::from_secs(30)).await?, Begun::Mine);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryIdempotency {
    calls: Arc<Mutex<Calls>>,
}

struct Calls {
    known: HashMap<Arc<str>, Known>,
    /// Those that were run, by when that was.
    done: BTreeMap<u64, Arc<str>>,
    /// The same for each caller of whom there are any.
    of_callers: HashMap<Arc<str>, OfOne>,
    finished: u64,
    /// How long the answers are, in all and at most.
    bytes: usize,
    max_bytes: usize,
}

struct Known {
    fingerprint: String,
    owner: String,
    answer: Option<Answer>,
    until: Instant,
}

struct Answer {
    written: Vec<u8>,
    caller: Arc<str>,
    /// Which of those that were finished it is.
    number: u64,
}

/// The calls of one caller that were run, and how long their answers are.
#[derive(Default)]
struct OfOne {
    done: BTreeMap<u64, Arc<str>>,
    bytes: usize,
}

impl Known {
    fn new(call: OnceCall<'_>, until: Instant) -> Self {
        Self { fingerprint: call.fingerprint.to_owned(), owner: call.owner.to_owned(), answer: None, until }
    }
}

impl MemoryIdempotency {
    /// Creates a store without any.
    #[must_use]
    pub fn new() -> Self {
        let calls = Calls {
            known: HashMap::new(),
            done: BTreeMap::new(),
            of_callers: HashMap::new(),
            finished: 0,
            bytes: 0,
            max_bytes: MAX_BYTES,
        };
        Self { calls: Arc::new(Mutex::new(calls)) }
    }

    /// Sets how many bytes all answers may take, as JSON; the oldest make room, and the newest is always kept. 64 MiB.
    ///
    /// ```
    /// use turbomcp_server::layers::{IdempotencyConfig, MemoryIdempotency};
    ///
    /// let config = IdempotencyConfig::new(MemoryIdempotency::new().max_bytes(8 << 20));
    /// # drop(config);
    /// ```
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        lock(&self.calls).max_bytes = max_bytes;
        self
    }
}

impl Default for MemoryIdempotency {
    fn default() -> Self {
        Self::new()
    }
}

/// How many bytes all answers take at most, unless set.
const MAX_BYTES: usize = 64 << 20;

/// How many calls are run at once at most.
const RUNNING: usize = 100_000;

fn after(duration: Duration) -> Instant {
    let now = Instant::now();
    // A century is as good as any longer time.
    now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 24 * 60 * 60))
}

impl Calls {
    /// Returns a call of the owner's: one whose lease ran out is theirs until another takes it.
    fn own(&mut self, call: OnceCall<'_>) -> Option<&mut Known> {
        self.known.get_mut(call.key).filter(|known| known.owner == call.owner)
    }

    /// Returns a call that nobody else has taken; a sweep may have removed it.
    fn own_or_new(&mut self, call: OnceCall<'_>) -> Option<&mut Known> {
        let known = self.known.entry(call.key.into()).or_insert_with(|| Known::new(call, Instant::now()));
        Some(known).filter(|known| known.owner == call.owner)
    }

    fn begin(&mut self, call: OnceCall<'_>, lease: Duration) -> Result<Begun, StoreError> {
        if let Some(known) = self.known.get(call.key).filter(|known| known.until > Instant::now()) {
            return Ok(match &known.answer {
                Some(answer) => Begun::Done(known.fingerprint.clone(), answer.written.clone()),
                None if known.owner == call.owner => Begun::Mine,
                None => Begun::Running(known.fingerprint.clone()),
            });
        }
        if self.known.len() >= self.done.len() + RUNNING {
            self.sweep();
        }
        if self.known.len() >= self.done.len() + RUNNING {
            return Err(StoreError::unavailable("too many calls with keys are run"));
        }
        self.forget(call.key);
        self.known.insert(call.key.into(), Known::new(call, after(lease)));
        Ok(Begun::Mine)
    }

    fn finish(&mut self, call: OnceCall<'_>, answer: &[u8], ttl: Duration, bounds: OnceBounds) -> bool {
        if self.own_or_new(call).is_none() {
            return false;
        }
        self.forget(call.key);
        self.finished += 1;
        let (key, number) = (Arc::<str>::from(call.key), self.finished);
        let caller = self.of_callers.get_key_value(call.caller).map_or_else(|| call.caller.into(), |it| it.0.clone());
        let of_one = self.of_callers.entry(caller.clone()).or_default();
        of_one.done.insert(number, key.clone());
        of_one.bytes += answer.len();
        self.done.insert(number, key.clone());
        self.bytes += answer.len();
        let answer = Some(Answer { written: answer.to_vec(), caller, number });
        self.known.insert(key, Known { answer, until: after(ttl), ..Known::new(call, Instant::now()) });
        while let Some(oldest) = self.too_much(call.caller, bounds) {
            self.forget(&oldest);
        }
        true
    }

    /// Returns the call that makes room next: one of the caller's own if there is too much of it, or else the oldest of
    /// all if there is too much in all, or it is over.
    fn too_much(&self, caller: &str, bounds: OnceBounds) -> Option<Arc<str>> {
        let is_too_much = |done: &BTreeMap<u64, Arc<str>>, bytes, most, most_bytes| {
            done.len() > 1 && (done.len() > most || bytes > most_bytes)
        };
        let of_one = self.of_callers.get(caller);
        if let Some(of_one) = of_one
            && is_too_much(&of_one.done, of_one.bytes, bounds.entries_of_one, bounds.bytes_of_one)
        {
            return of_one.done.values().next().cloned();
        }
        let is_too_much = is_too_much(&self.done, self.bytes, bounds.entries, self.max_bytes);
        self.done.values().next().filter(|key| is_too_much || self.is_over(key)).cloned()
    }

    fn is_over(&self, key: &str) -> bool {
        self.known.get(key).is_none_or(|known| known.until <= Instant::now())
    }

    /// Removes a call, and what is counted of its answer.
    fn forget(&mut self, key: &str) {
        let Some(Answer { written, caller, number }) = self.known.remove(key).and_then(|known| known.answer) else {
            return;
        };
        self.done.remove(&number);
        self.bytes -= written.len();
        if let Some(of_one) = self.of_callers.get_mut(&caller) {
            of_one.done.remove(&number);
            of_one.bytes -= written.len();
            if of_one.done.is_empty() {
                self.of_callers.remove(&caller);
            }
        }
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        let over = self.known.iter().filter(|(_, known)| known.until <= now).map(|(key, _)| key.clone());
        for key in over.collect::<Vec<_>>() {
            self.forget(&key);
        }
    }
}

impl IdempotencyStore for MemoryIdempotency {
    fn begin(&self, call: OnceCall<'_>, lease: Duration) -> impl Future<Output = Result<Begun, StoreError>> + Send {
        ready(lock(&self.calls).begin(call, lease))
    }

    fn renew(&self, call: OnceCall<'_>, lease: Duration) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let mut calls = lock(&self.calls);
        let own = calls.own_or_new(call).filter(|known| known.answer.is_none());
        ready(Ok(own.map(|known| known.until = after(lease)).is_some()))
    }

    fn finish(
        &self,
        call: OnceCall<'_>,
        answer: &[u8],
        ttl: Duration,
        bounds: OnceBounds,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        ready(Ok(lock(&self.calls).finish(call, answer, ttl, bounds)))
    }

    fn release(&self, call: OnceCall<'_>) -> impl Future<Output = Result<(), StoreError>> + Send {
        let mut calls = lock(&self.calls);
        if calls.own(call).is_some_and(|known| known.answer.is_none()) {
            calls.known.remove(call.key);
        }
        ready(Ok(()))
    }
}

impl fmt::Debug for MemoryIdempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIdempotency").field("calls", &lock(&self.calls).known.len()).finish()
    }
}
