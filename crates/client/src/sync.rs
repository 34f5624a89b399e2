//! Small helpers around locks.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// Locks, also after a panic elsewhere: every critical section here leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a function of the user's where its panic must not end a task that serves others.
pub(crate) fn contain(function: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(function)).is_err() {
        tracing::error!("a handler panicked");
    }
}

/// Waits for what a handler of the user's says; none if it panics, which is not to end what waits for it.
pub(crate) async fn contained<T>(answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = pin!(answer);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => {
            tracing::error!("a handler panicked");
            Poll::Ready(None)
        }
    })
    .await
}

/// Waits for whichever comes first; the first one, if both are there.
#[cfg(any(feature = "stdio", feature = "http"))]
pub(crate) async fn either<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| {
        if let Poll::Ready(output) = a.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(output));
        }
        b.as_mut().poll(cx).map(Either::Right)
    })
    .await
}

#[cfg(any(feature = "stdio", feature = "http"))]
pub(crate) enum Either<A, B> {
    Left(A),
    Right(B),
}
