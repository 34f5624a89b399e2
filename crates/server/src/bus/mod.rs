//! What the replicas of a server tell each other.
//!
//! A [`Bus`] carries announcements: that a list has changed, that a resource was updated. With one, set by
//! [`ServerBuilder::with_bus`](crate::ServerBuilder::with_bus), what one replica announces reaches the subscriptions
//! and legacy clients of all of them. Where legacy sessions are in a store, it also carries what their clients answer
//! and cancel to the replica that waits for it.
//!
//! An announcement is delivered at most once, and says only that there is something to look at; whatever must not get
//! lost lies in a [store](crate::store). What may have got lost is made good for by looking again: whenever a replica
//! begins to listen, anew or for the first time, and whenever a message was dropped on the way, it tells its clients
//! that everything they listen to may have changed.
//!
//! Messages are bounded in size and not signed: whoever has access to the engine behind a bus can wake the clients of
//! a server, and, if it knows what a legacy session is kept under, answer and cancel in its client's place. A change
//! passes the same rules on each replica as one of its own, [`Visibility`](crate::Visibility) included.
//!
//! ```
//! use turbomcp_server::ServerBuilder;
//! use turbomcp_server::bus::MemoryBus;
//!
//! let bus = MemoryBus::new();
//! let one = ServerBuilder::new().with_bus(bus.clone()).build();
//! let other = ServerBuilder::new().with_bus(bus).build();
//! // The clients of both hear of it.
//! one.resource_updated("notes://7");
//! # drop(other);
//! ```

mod hearing;
mod link;
mod memory;
mod message;
mod outbound;
mod pause;
#[cfg(feature = "session-postgres")]
mod postgres;
#[cfg(feature = "session-redis")]
mod redis;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::BoxError;

pub(crate) use link::Link;
pub use memory::MemoryBus;
#[cfg(feature = "session-postgres")]
pub use postgres::PostgresBus;
#[cfg(feature = "session-redis")]
pub use redis::RedisBus;

/// The longest message in bytes: what every engine carries.
pub const MESSAGE_BYTES: usize = 7_900;

/// The longest message of a client that is carried, with room for what goes around it.
#[cfg(feature = "http")]
pub(crate) const FRAME_BYTES: usize = MESSAGE_BYTES - 400;

/// The future of the methods of a [`Bus`] and its [`Subscription`]s.
pub type BusFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

/// Carries short texts from each replica to all others, at most once and in no particular order.
///
/// The server bounds how much waits to be published, gives up on a call that takes longer than 10 seconds, and
/// subscribes again, with growing pauses in between, whenever a subscription ends. A bus may deliver to a replica
/// what that replica has published; the server drops it.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::bus::{Bus, BusFuture, Heard, Subscription};
///
/// /// A replica that nobody tells anything.
/// struct Alone;
///
/// impl Bus for Alone {
///     fn publish<'a>(&'a self, _: &'a str) -> BusFuture<'a, ()> {
///         Box::pin(async { Ok(()) })
///     }
///
///     fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
///         Box::pin(async { Ok(Box::new(Silence) as _) })
///     }
/// }
///
/// struct Silence;
///
/// impl Subscription for Silence {
///     fn next(&mut self) -> BusFuture<'_, Heard> {
///         Box::pin(std::future::pending())
///     }
/// }
///
/// let server = ServerBuilder::new().with_bus(Alone).build();
/// # drop(server);
/// ```
pub trait Bus: Send + Sync + 'static {
    /// Hands a message of at most [`MESSAGE_BYTES`] to all who are subscribed.
    ///
    /// # Errors
    ///
    /// If that cannot be done now. The message may have been delivered nevertheless.
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()>;

    /// Begins to listen: what is published once this has returned is heard.
    ///
    /// # Errors
    ///
    /// If that cannot be done now.
    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>>;
}

impl<B: Bus + ?Sized> Bus for Arc<B> {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        (**self).publish(message)
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        (**self).subscribe()
    }
}

/// What listens to a [`Bus`]; dropping it ends that.
pub trait Subscription: Send + 'static {
    /// Waits for what is heard next.
    ///
    /// It has to notice within a minute if nothing can be heard any more, also when its peer has vanished.
    ///
    /// # Errors
    ///
    /// If nothing more will be heard.
    fn next(&mut self) -> BusFuture<'_, Heard>;
}

/// What a [`Subscription`] hears.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// A message.
    Message(String),
    /// Messages may have been dropped.
    Missed,
}
