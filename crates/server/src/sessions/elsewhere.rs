//! What those who serve the same sessions tell each other.
//!
//! Everything that one of them says about a session goes through [`Elsewhere`], and everything that another has said comes out
//! of it: whoever carries it to other processes subscribes here and says here what it hears there. What is not heard is made
//! up for, if later: streams are looked after from time to time, and each request asks the store whether its session is there.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::store::SessionKey;

/// How much may wait for somebody who does not listen.
const WAITING: usize = 1024;

/// Something about a session.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) key: SessionKey,
    pub(crate) said: Said,
    /// It was said in another process, and is not to be carried back.
    pub(crate) is_from_afar: bool,
}

/// What there is to say.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// The store has new events of a stream.
    Appended { stream: u32 },
    /// A stream has a new reader, which is named by a number that nobody else has: any other is to end.
    Read { stream: u32, reader: u64 },
    /// The client has answered a request that was not made here, or cancelled one that is not answered here.
    Message(Bytes),
    /// It has, at greater length: what it said was left in the store under this number.
    Left { number: u32 },
    /// The session is over.
    Ended,
}

impl Said {
    /// Returns true if somebody waits for it, and nothing makes up for it.
    pub(crate) fn is_urgent(&self) -> bool {
        !matches!(self, Self::Appended { .. })
    }
}

/// Where it is said and heard. What somebody waits for has a way of its own, in which hints take no room.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    urgent: broadcast::Sender<Announcement>,
    hints: broadcast::Sender<Announcement>,
    unheard: watch::Sender<()>,
}

impl Default for Elsewhere {
    fn default() -> Self {
        let (urgent, hints) = (broadcast::Sender::new(WAITING), broadcast::Sender::new(WAITING));
        Self { urgent, hints, unheard: watch::Sender::new(()) }
    }
}

/// What a [`Listener`] is told.
#[derive(Debug)]
pub(crate) enum Told {
    Said(Announcement),
    /// So much was said that it could not be kept until now.
    Missed {
        count: u64,
        is_urgent: bool,
    },
    /// What was said in other processes may not have been heard here.
    Unheard,
    /// Nobody says anything any more.
    Closed,
}

/// Listens to what is said, first to what somebody waits for.
#[derive(Debug)]
pub(crate) struct Listener {
    urgent: broadcast::Receiver<Announcement>,
    hints: broadcast::Receiver<Announcement>,
    unheard: watch::Receiver<()>,
}

impl Listener {
    /// Waits for what is said next.
    pub(crate) async fn next(&mut self) -> Told {
        let Self { urgent, hints, unheard } = self;
        let (mut urgent, mut hints, mut unheard) = (pin!(urgent.recv()), pin!(hints.recv()), pin!(unheard.changed()));
        poll_fn(|cx| {
            if let Poll::Ready(unheard) = unheard.as_mut().poll(cx) {
                return Poll::Ready(unheard.map_or(Told::Closed, |()| Told::Unheard));
            }
            if let Poll::Ready(said) = urgent.as_mut().poll(cx) {
                return Poll::Ready(told(said, true));
            }
            hints.as_mut().poll(cx).map(|said| told(said, false))
        })
        .await
    }
}

fn told(said: Result<Announcement, RecvError>, is_urgent: bool) -> Told {
    match said {
        Ok(announcement) => Told::Said(announcement),
        Err(RecvError::Lagged(count)) => Told::Missed { count, is_urgent },
        Err(RecvError::Closed) => Told::Closed,
    }
}

impl Elsewhere {
    /// Tells whoever listens, those who say it among them.
    pub(crate) fn say(&self, key: &SessionKey, said: Said) {
        self.send(Announcement { key: key.clone(), said, is_from_afar: false });
    }

    /// Tells whoever listens what was said in another process.
    pub(crate) fn repeat(&self, key: SessionKey, said: Said) {
        self.send(Announcement { key, said, is_from_afar: true });
    }

    /// Tells whoever listens that they may not have been told of all that was said in other processes.
    pub(crate) fn unheard(&self) {
        self.unheard.send_replace(());
    }

    fn send(&self, announcement: Announcement) {
        let sender = if announcement.said.is_urgent() { &self.urgent } else { &self.hints };
        // That nobody listens is no failure.
        let _ = sender.send(announcement);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener { urgent: self.urgent.subscribe(), hints: self.hints.subscribe(), unheard: self.unheard.subscribe() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_somebody_waits_for_is_heard_behind_any_number_of_hints() {
        let (elsewhere, key) = (Elsewhere::default(), SessionKey::of("a session"));
        let mut listener = elsewhere.listen();
        elsewhere.say(&key, Said::Message(Bytes::from_static(b"an answer")));
        for stream in 0..u32::try_from(WAITING * 3).unwrap() {
            elsewhere.say(&key, Said::Appended { stream });
        }
        elsewhere.say(&key, Said::Ended);
        let Told::Said(first) = listener.next().await else { panic!("it was dropped") };
        assert!(matches!(first.said, Said::Message(_)));
        assert!(matches!(listener.next().await, Told::Said(Announcement { said: Said::Ended, .. })));
        let missed = listener.next().await;
        let most = WAITING as u64 * 2;
        assert!(matches!(missed, Told::Missed { is_urgent: false, count } if count == most), "{missed:?}");
        assert!(matches!(listener.next().await, Told::Said(Announcement { said: Said::Appended { .. }, .. })));
    }
}
