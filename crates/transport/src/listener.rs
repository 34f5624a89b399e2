//! Accepting connections within bounds, whatever they carry.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long accepting pauses when the process has run out of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How long nobody has to have come, at the end, until nobody is taken to have come before it.
const QUIET: Duration = Duration::from_millis(20);

/// How long, at the end, those are accepted who came before it; whoever goes on connecting does not hold it up.
const LAST: Duration = Duration::from_millis(200);

/// How long, at the end, a connection has to say what it wants, or to agree on TLS.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Something that accepts connections.
pub trait Accept: Send + 'static {
    /// A connection.
    type Stream: Send + 'static;
    /// What is known of who connects.
    type Peer: Debug + Send + 'static;

    /// Waits for the next connection.
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: no connection may be lost with the future.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;
}

/// The bounds of a listener.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Bounds {
    /// How many connections are open at once; further ones wait to be accepted.
    pub connections: usize,
    /// How long connections may go on after the end was asked for.
    pub drain: Duration,
}

impl Bounds {
    /// Creates the bounds.
    #[must_use]
    pub fn new(connections: usize, drain: Duration) -> Self {
        Self { connections, drain }
    }
}

/// Tells a connection that the listener comes to its end. A connection counts as one for as long as this exists.
#[derive(Debug)]
pub struct Ending {
    stopped: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
}

impl Ending {
    /// Waits until the end was asked for.
    pub async fn asked(&mut self) {
        // The other half never sends: it is dropped.
        let _ = self.stopped.changed().await;
    }
}

/// Handles every connection in a task of its own, until `end` resolves; then accepts no more, lets the connections there
/// are come to their end for a while, and closes what is left.
///
/// # Cancel safety
///
/// Dropping the future closes every connection.
pub async fn serve<A, F>(
    listener: A,
    bounds: Bounds,
    end: impl Future<Output = ()>,
    handle: impl Fn(A::Stream, A::Peer, Ending) -> F,
) where
    A: Accept,
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(bounds.connections));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut end = pin!(end);
    while let Some((stream, peer, permit)) = race(accept(&listener, &room), end.as_mut()).await {
        // As it is: another future around it would keep room for it twice.
        connections.spawn(handle(stream, peer, Ending { stopped: stopped.clone(), _place: permit }));
        while connections.try_join_next().is_some() {}
    }
    // Whoever was let connect by the operating system has begun before the end, and would be cut off without a word.
    let last = Instant::now() + LAST;
    while let Ok(permit) = room.clone().try_acquire_owned() {
        let quiet = last.min(Instant::now() + QUIET);
        let Ok(Ok((stream, peer))) = tokio::time::timeout_at(quiet, listener.accept()).await else { break };
        connections.spawn(handle(stream, peer, Ending { stopped: stopped.clone(), _place: permit }));
    }
    drop(listener);
    drop(stop);
    let drained = tokio::time::timeout(bounds.drain, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!("connections were still open when the server ended");
    }
    connections.shutdown().await;
}

/// Waits until there is room for a connection, and then for one.
async fn accept<A: Accept>(listener: &A, room: &Arc<Semaphore>) -> (A::Stream, A::Peer, OwnedSemaphorePermit) {
    let permit = room.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Waits for a future, at the end only for a little longer: none if that is not enough.
pub async fn begin<T>(first: impl Future<Output = T>, ending: &mut Ending) -> Option<T> {
    let mut first = pin!(first);
    match race(first.as_mut(), ending.asked()).await {
        Some(first) => Some(first),
        None => tokio::time::timeout(LAST_WORDS, first).await.ok(),
    }
}

/// Waits for the first of two futures; none if it is the second.
pub async fn race<T>(first: impl Future<Output = T>, second: impl Future) -> Option<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| match second.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => first.as_mut().poll(cx).map(Some),
    })
    .await
}
