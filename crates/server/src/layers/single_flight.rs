//! One answer for requests that are the same.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tokio::sync::Notify;
use turbomcp_protocol::types::CallToolResult;

use super::chain::{Answer, Layer};
use super::sharing::{Sharing, Which, is_still};
use crate::Error;
use crate::inner::Inner;
use crate::request::{Outcome, Request, Response};
use crate::sync::lock;

/// Has calls that are the same and made at the same time wait for one of them.
///
/// One call runs, and the others are answered with its result if it succeeds. If it fails, or is cancelled, the next of
/// them runs itself. Calls are the same if they have the same tool and arguments, however these are written, and the
/// same caller with the same rights; callers of whom nobody knows who they are have at least the same legacy session or
/// connection where there is one. A result is not shared if a layer that was added before the stack has found out who
/// calls, and once one has, calls are not held up by those of others any more whose callers were not known before it; nor
/// is one if caller and arguments take more than 4 KiB. Notifications of the call that runs, such as progress,
/// reach whoever has made that one.
///
/// ```
/// use turbomcp_server::layers::{SingleFlightConfig, Which};
///
/// let config = SingleFlightConfig { tools: Which::named(["exchange_rate"]) };
/// # drop(config);
/// ```
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "written out by users")]
pub struct SingleFlightConfig {
    /// The tools whose calls may share a result. Those that say by their annotations that they are read-only and
    /// idempotent unless set.
    pub tools: Which,
}

impl SingleFlightConfig {
    pub(super) fn ready(&self) -> Result<SingleFlight, Error> {
        Ok(SingleFlight {
            sharing: Sharing::new(&self.tools)?,
            flights: RequestDeduplicator::new(),
            is_told_within: Default::default(),
            told_within: Notify::new(),
        })
    }
}

/// The layer.
#[derive(Debug)]
pub(crate) struct SingleFlight {
    sharing: Sharing,
    flights: RequestDeduplicator<Box<[u8]>, CallToolResult>,
    /// Whether a layer further in has said who calls, where nobody had said so before, and where somebody had.
    is_told_within: [AtomicBool; 2],
    told_within: Notify,
}

impl Layer for SingleFlight {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        let Some(shared) = self.sharing.call(&request) else { return rest.answer(request).await };
        let is_told_within = &self.is_told_within[usize::from(shared.is_known)];
        if is_told_within.load(Ordering::Relaxed) {
            return rest.answer(request).await;
        }
        let inner = request.inner().clone();
        let request = Mutex::new(Some(request));
        // In boxes: most calls are of tools that share nothing.
        let mut answered = Box::pin(self.flights.share(shared.key, || async {
            let request = lock(&request).take().expect("it is taken once, where it runs");
            self.run(request, &inner, &shared.caller, is_told_within, rest).await
        }));
        let mut told_within = Box::pin(self.told_within.notified());
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = answered.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            let waits = || lock(&request).is_some();
            let is_told = told_within.as_mut().poll(cx).is_ready() || is_told_within.load(Ordering::Relaxed);
            if is_told && is_told_within.load(Ordering::Relaxed) && waits() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        drop(answered);
        let left = lock(&request).take();
        match (answer, left) {
            (Some(Ok(result)), _) => Response::tool(result),
            (Some(Err(response)), _) => response,
            // The one it has waited for is somebody else's.
            (None, request) => {
                let request = request.expect("it has not run");
                rest.answer(request).await
            }
        }
    }
}

impl SingleFlight {
    /// Has a call run, whose result is for the others if it is still that of the same caller.
    async fn run(
        &self,
        request: Request,
        inner: &Inner,
        caller: &[u8],
        is_told_within: &AtomicBool,
        rest: &impl Answer,
    ) -> Result<CallToolResult, Response> {
        let told = || {
            is_told_within.store(true, Ordering::Relaxed);
            self.told_within.notify_waiters();
        };
        let mut answer = pin!(rest.answer(request));
        let mut has_begun = false;
        let response = poll_fn(|cx| {
            let polled = answer.as_mut().poll(cx);
            // As soon as the handler has begun, so that nobody waits for it in vain.
            if polled.is_pending() && !has_begun && inner.extensions.get().is_some() {
                has_begun = true;
                if !is_still(caller, inner) {
                    told();
                }
            }
            polled
        })
        .await;
        let is_still = is_still(caller, inner);
        if !is_still && inner.extensions.get().is_some() {
            told();
        }
        match response.outcome {
            Ok(Outcome::Tool(result)) if result.is_error != Some(true) && is_still => Ok(result),
            _ => Err(response),
        }
    }
}

/// Computes a value once for all who want it at the same time.
///
/// If whoever computes it is dropped, the next of those who wait does it instead. Nothing stays behind once nobody
/// wants it any more. Put whoever asks into the key if what is computed is not for everybody.
///
/// ```
/// use turbomcp_server::layers::RequestDeduplicator;
///
/// # async fn run(once: &RequestDeduplicator<(String, u32), String>) {
/// let page = once.deduplicate(("ada".to_owned(), 7), || async { "page 7".to_owned() }).await;
/// assert_eq!(page, "page 7");
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping a call leaves the others alone.
pub struct RequestDeduplicator<K, V> {
    flights: Mutex<HashMap<K, Arc<Flight<V>>>>,
}

struct Flight<V> {
    state: Mutex<State<V>>,
    changed: Notify,
}

struct State<V> {
    is_led: bool,
    value: Option<V>,
}

impl<K: Hash + Eq + Clone, V: Clone> RequestDeduplicator<K, V> {
    /// Starts with nothing under way.
    #[must_use]
    pub fn new() -> Self {
        Self { flights: Mutex::default() }
    }

    /// Computes the value of a key, or waits for whoever is about to.
    pub async fn deduplicate<F, A>(&self, key: K, compute: F) -> V
    where
        F: FnOnce() -> A,
        A: Future<Output = V>,
    {
        let computed = self.share(key, || async { Ok::<_, Infallible>(compute().await) }).await;
        computed.unwrap_or_else(|never| match never {})
    }

    /// As [`deduplicate`](Self::deduplicate), where only what is `Ok` is for the others.
    pub(super) async fn share<F, A, R>(&self, key: K, compute: F) -> Result<V, R>
    where
        F: FnOnce() -> A,
        A: Future<Output = Result<V, R>>,
    {
        let ticket = self.join(key);
        loop {
            // Before the look, so that nothing that changes after it is missed.
            let changed = ticket.flight().changed.notified();
            match ticket.look() {
                Look::Value(value) => return Ok(value),
                Look::Lead(lead) => {
                    let computed = compute().await;
                    if let Ok(value) = &computed {
                        ticket.retire();
                        lock(&ticket.flight().state).value = Some(value.clone());
                    }
                    drop(lead);
                    return computed;
                }
                Look::Wait => changed.await,
            }
        }
    }

    /// Returns for how many keys something is under way.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.flights).len()
    }

    /// Returns true if nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn join(&self, key: K) -> Ticket<'_, K, V> {
        let mut flights = lock(&self.flights);
        let flight = flights.entry(key.clone()).or_insert_with(|| {
            let state = Mutex::new(State { is_led: false, value: None });
            Arc::new(Flight { state, changed: Notify::new() })
        });
        Ticket { of: self, key, flight: Some(flight.clone()) }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Default for RequestDeduplicator<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for RequestDeduplicator<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestDeduplicator").field("len", &lock(&self.flights).len()).finish()
    }
}

/// Somebody who wants the value of a key.
struct Ticket<'a, K: Hash + Eq, V> {
    of: &'a RequestDeduplicator<K, V>,
    key: K,
    /// Until it is dropped.
    flight: Option<Arc<Flight<V>>>,
}

enum Look<'a, V> {
    Value(V),
    Lead(Lead<'a, V>),
    Wait,
}

impl<K: Hash + Eq, V: Clone> Ticket<'_, K, V> {
    fn look(&self) -> Look<'_, V> {
        let flight = self.flight();
        let mut state = lock(&flight.state);
        match &state.value {
            Some(value) => Look::Value(value.clone()),
            None if state.is_led => Look::Wait,
            None => {
                state.is_led = true;
                Look::Lead(Lead { flight })
            }
        }
    }
}

impl<K: Hash + Eq, V> Ticket<'_, K, V> {
    fn flight(&self) -> &Flight<V> {
        self.flight.as_deref().expect("it is there until it is dropped")
    }

    fn is_known(&self, flights: &HashMap<K, Arc<Flight<V>>>) -> bool {
        let (known, own) = (flights.get(&self.key), self.flight.as_ref());
        known.zip(own).is_some_and(|(known, own)| Arc::ptr_eq(known, own))
    }

    /// Has whoever comes from now on begin anew.
    fn retire(&self) {
        let mut flights = lock(&self.of.flights);
        if self.is_known(&flights) {
            flights.remove(&self.key);
        }
    }
}

impl<K: Hash + Eq, V> Drop for Ticket<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = lock(&self.of.flights);
        if self.is_known(&flights) {
            // Under the lock, so that of several who leave at once the last one finds that it is.
            self.flight = None;
            if flights.get(&self.key).is_some_and(|flight| Arc::strong_count(flight) == 1) {
                flights.remove(&self.key);
            }
        }
    }
}

/// Whoever computes; when that is over, the others look again.
struct Lead<'a, V> {
    flight: &'a Flight<V>,
}

impl<V> Drop for Lead<'_, V> {
    fn drop(&mut self) {
        lock(&self.flight.state).is_led = false;
        self.flight.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    /// Who has computed, and what lets them go on.
    #[derive(Default)]
    struct Work(AtomicUsize);

    impl Work {
        async fn compute(&self, wait: oneshot::Receiver<u32>) -> Result<u32, ()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            wait.await.map_err(drop)
        }

        fn begun(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    async fn settle() {
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }

    type Once = Arc<RequestDeduplicator<&'static str, u32>>;

    fn start(
        once: &Once,
        work: &Arc<Work>,
        key: &'static str,
    ) -> (tokio::task::JoinHandle<Result<u32, ()>>, oneshot::Sender<u32>) {
        let (sender, receiver) = oneshot::channel();
        let (once, work) = (once.clone(), work.clone());
        (tokio::spawn(async move { once.share(key, || work.compute(receiver)).await }), sender)
    }

    #[tokio::test]
    async fn f195_one_computes_and_all_have_the_value() {
        let (once, work) = (Once::default(), Arc::new(Work::default()));
        let (first, let_go) = start(&once, &work, "a");
        settle().await;
        let (second, _unused) = start(&once, &work, "a");
        let (other, let_other_go) = start(&once, &work, "b");
        settle().await;
        assert_eq!((work.begun(), once.len()), (2, 2));
        let_go.send(7).unwrap();
        let_other_go.send(8).unwrap();
        assert_eq!((first.await.unwrap(), second.await.unwrap(), other.await.unwrap()), (Ok(7), Ok(7), Ok(8)));
        assert!(once.is_empty());
        // What is over is computed anew.
        let (again, let_go) = start(&once, &work, "a");
        let_go.send(9).unwrap();
        assert_eq!((again.await.unwrap(), work.begun()), (Ok(9), 3));
    }

    #[tokio::test]
    async fn f195_whoever_is_cancelled_hands_over() {
        let (once, work) = (Once::default(), Arc::new(Work::default()));
        let (leader, _held) = start(&once, &work, "a");
        settle().await;
        let (second, let_second_go) = start(&once, &work, "a");
        let (third, _unused) = start(&once, &work, "a");
        settle().await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        settle().await;
        assert_eq!(work.begun(), 2);
        let_second_go.send(5).unwrap();
        assert_eq!((second.await.unwrap(), third.await.unwrap()), (Ok(5), Ok(5)));
        assert!(once.is_empty());
    }

    #[tokio::test]
    async fn f195_a_failure_is_for_whoever_has_failed() {
        let (once, work) = (Once::default(), Arc::new(Work::default()));
        let (leader, fails) = start(&once, &work, "a");
        settle().await;
        let (second, let_second_go) = start(&once, &work, "a");
        settle().await;
        drop(fails);
        assert_eq!(leader.await.unwrap(), Err(()));
        let_second_go.send(5).unwrap();
        assert_eq!((second.await.unwrap(), work.begun()), (Ok(5), 2));
    }

    #[tokio::test]
    async fn f195_no_key_stays_behind() {
        let (once, work) = (Once::default(), Arc::new(Work::default()));
        let (leader, _held) = start(&once, &work, "a");
        settle().await;
        let (second, _unused) = start(&once, &work, "a");
        settle().await;
        second.abort();
        settle().await;
        assert_eq!(once.len(), 1);
        leader.abort();
        settle().await;
        assert!(once.is_empty());
    }

    #[test]
    fn f195_no_key_stays_behind_if_all_leave_at_once() {
        let once = RequestDeduplicator::<u32, ()>::new();
        for round in 0..2000 {
            let tickets = [once.join(round), once.join(round)];
            let barrier = std::sync::Barrier::new(tickets.len());
            std::thread::scope(|scope| {
                for ticket in tickets {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        drop(ticket);
                    });
                }
            });
            assert!(once.is_empty(), "{round}");
        }
    }
}
