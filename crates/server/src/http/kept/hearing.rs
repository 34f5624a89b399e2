//! What is said about sessions elsewhere, and what was left for them there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use turbomcp_protocol::{Kind, Message};

use super::{LOOKS, again};
use crate::McpServer;
use crate::http::session::{Session, Sessions};
use crate::sessions::{FETCHED_FOR, Said, SessionKey, SessionManager, Told};
use crate::sync::{lock, read};

impl Session {
    /// Fetches what another has left for whoever serves the session.
    async fn fetch(self: Arc<Self>, server: McpServer, number: u32) {
        let Some(kept) = &self.kept else { return };
        match again(FETCHED_FOR, || kept.manager.fetch(&kept.key, number)).await {
            Ok(Some(frame)) => self.told(&server, &frame),
            Ok(None) => {
                server.metrics().bus_answers_dropped.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("what a client has said elsewhere is not in the store any more");
            }
            Err(error) => {
                server.metrics().bus_answers_dropped.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "what a client has said elsewhere cannot be fetched");
            }
        }
    }

    /// Fetches what others have left for whoever serves the session, of which nothing was heard.
    async fn look(&self) {
        let Some(kept) = &self.kept else { return };
        let numbers = match again(FETCHED_FOR, || kept.manager.left(&kept.key)).await {
            Ok(numbers) => numbers,
            Err(error) => return tracing::warn!(%error, "what clients have said elsewhere cannot be looked for"),
        };
        lock(&kept.fetched).retain(|number| numbers.contains(number));
        for number in numbers {
            if !self.peer.awaits_an_answer() {
                return;
            }
            if lock(&kept.fetched).contains(&number) {
                continue;
            }
            if let Ok(Some(frame)) = again(FETCHED_FOR, || kept.manager.fetch(&kept.key, number)).await {
                lock(&kept.fetched).insert(number);
                self.answered(&frame);
            }
        }
    }

    /// Takes an answer that nobody has told of. A cancellation would be one of a request that is over, whose id may be that
    /// of another by now.
    fn answered(&self, frame: &Bytes) {
        if let Ok(message) = Message::decode(frame)
            && message.kind != Kind::Notification
        {
            self.peer.answered(frame, &message);
        }
    }

    /// Takes what the client has said elsewhere.
    fn told(&self, server: &McpServer, frame: &Bytes) {
        match Message::decode(frame) {
            Ok(message) if message.kind == Kind::Notification => _ = self.peer.notified(server, frame, &message),
            Ok(message) => _ = self.peer.answered(frame, &message),
            Err(_) => {}
        }
    }
}

impl Sessions {
    /// Has it heard here what is said about sessions elsewhere, from now on.
    pub(super) fn hear(self: &Arc<Self>, server: &McpServer, manager: &SessionManager) {
        let mut listener = lock(&self.listener);
        if listener.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let mut said = manager.elsewhere().listen();
        let (sessions, server) = (Arc::downgrade(self), server.clone());
        let listening = async move {
            let mut look = tokio::time::Instant::now() + LOOKS.1;
            loop {
                let told = tokio::time::timeout_at(look, said.next()).await;
                let Some(sessions) = sessions.upgrade() else { return };
                match told {
                    Ok(Told::Said(announcement)) => sessions.heard(&server, &announcement.key, announcement.said),
                    Ok(Told::Missed { count, is_urgent }) => {
                        tracing::warn!(count, is_urgent, "too much was said about sessions");
                        if is_urgent {
                            sessions.look_anew(&server);
                        }
                    }
                    Ok(Told::Unheard) => sessions.look_anew(&server),
                    Ok(Told::Closed) => return,
                    // Whoever has taken an answer may be gone, with what was to be told of it.
                    Err(_) => {
                        look = tokio::time::Instant::now() + LOOKS.1;
                        sessions.look(&server);
                    }
                }
            }
        };
        *listener = Some(tokio::spawn(listening).abort_handle());
    }

    /// Looks for the answers that sessions wait for, and that others may have left unheard just now.
    fn look_anew(&self, server: &McpServer) {
        if let Some(earlier) = lock(&self.looking).take() {
            earlier.abort();
        }
        self.look(server);
    }

    /// Looks for the answers that sessions wait for, and that others may have left without being heard, unless that is being
    /// done already.
    fn look(&self, server: &McpServer) {
        let mut looking = lock(&self.looking);
        if looking.as_ref().is_some_and(|earlier| !earlier.is_finished()) {
            return;
        }
        if server.bus().is_none() {
            return;
        }
        let waiting = self.all_that(|session| session.kept.is_some() && session.peer.awaits_an_answer());
        if waiting.is_empty() {
            return;
        }
        let task = tokio::spawn(async move {
            for session in waiting {
                session.look().await;
            }
        });
        *looking = Some(task.abort_handle());
    }

    fn heard(&self, server: &McpServer, key: &SessionKey, said: Said) {
        let Some(session) = read(&self.keys).get(key).and_then(Weak::upgrade) else { return };
        let Some(kept) = &session.kept else { return };
        match said {
            Said::Appended { stream } => kept.has_grown(stream),
            Said::Read { stream, reader } => {
                kept.is_read(stream, reader);
                if lock(&kept.followed).get(&stream).is_none_or(|followed| followed.reader != reader) {
                    session.release(stream);
                }
            }
            Said::Message(frame) => session.told(server, &frame),
            Said::Left { number } if session.peer.expects_something() => {
                // It ends within a minute, and is not to hold up what is said next.
                tokio::spawn(session.fetch(server.clone(), number));
            }
            Said::Left { .. } => {}
            Said::Ended => _ = session.peer.session_id().map(|id| self.remove(id)),
        }
    }
}
