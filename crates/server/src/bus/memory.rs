//! A bus within one process.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

use super::{Bus, BusFuture, Heard, Subscription};

/// How many messages a replica may be behind before it has missed something.
const BEHIND: usize = 1024;

/// A bus for several servers of one process: cheap to clone, and every clone is the same bus.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    sender: Sender<Arc<str>>,
}

impl MemoryBus {
    /// Creates a bus that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: Sender::new(BEHIND) }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for MemoryBus {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        // It is not an error that nobody listens.
        let _ = self.sender.send(message.into());
        Box::pin(std::future::ready(Ok(())))
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        let listening = Listening(self.sender.subscribe());
        Box::pin(std::future::ready(Ok(Box::new(listening) as _)))
    }
}

struct Listening(Receiver<Arc<str>>);

impl Subscription for Listening {
    fn next(&mut self) -> BusFuture<'_, Heard> {
        Box::pin(async {
            match self.0.recv().await {
                Ok(message) => Ok(Heard::Message((*message).to_owned())),
                Err(RecvError::Lagged(_)) => Ok(Heard::Missed),
                Err(RecvError::Closed) => Err("the bus is gone".into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_is_too_far_behind_is_told() {
        let bus = MemoryBus::new();
        let mut subscription = bus.subscribe().await.unwrap();
        for number in 0..=BEHIND {
            bus.publish(&number.to_string()).await.unwrap();
        }
        assert_eq!(subscription.next().await.unwrap(), Heard::Missed);
        assert_eq!(subscription.next().await.unwrap(), Heard::Message("1".into()));
        drop(bus);
        for _ in 2..=BEHIND {
            subscription.next().await.unwrap();
        }
        assert!(subscription.next().await.is_err());
    }
}
