//! What those who serve the same sessions tell each other.
//!
//! Everything that one of them says about a session goes through [`Elsewhere`], and everything that another has said comes out
//! of it: whoever carries it to other processes subscribes here and says here what it hears there. What is not heard is made
//! up for, if later: streams are looked after from time to time, and each request asks the store whether its session is there.

use bytes::Bytes;
use tokio::sync::broadcast;

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
    /// The session is over.
    Ended,
}

/// Where it is said and heard.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    sender: broadcast::Sender<Announcement>,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(WAITING) }
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

    fn send(&self, announcement: Announcement) {
        // That nobody listens is no failure.
        let _ = self.sender.send(announcement);
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.sender.subscribe()
    }
}
