//! What ties a server to its bus.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
#[cfg(feature = "http")]
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::task::{AbortHandle, JoinHandle};

use super::outbound::{Next, Outbound};
use super::pause::Pauses;
use super::{Bus, BusFuture, Heard, message};
use crate::McpServer;
use crate::access::Guard;
use crate::hub::Change;
use crate::server::WeakServer;
#[cfg(feature = "http")]
use crate::sessions::Announcement;

/// How long it may take to publish, and to subscribe.
const LIMIT: Duration = Duration::from_secs(10);

/// After how long a subscription is taken for one that lasts.
const LASTING: Duration = Duration::from_secs(5);

/// A server's end of its bus.
pub(crate) struct Link {
    bus: Arc<dyn Bus>,
    /// What tells its messages from those of other replicas.
    id: Arc<str>,
    outbound: Arc<Outbound>,
    running: OnceLock<Running>,
}

/// The tasks that publish and listen, which end with the server.
struct Running(Vec<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Link {
    pub(crate) fn new(bus: Arc<dyn Bus>, id: String) -> Self {
        Self { bus, id: id.into(), outbound: Arc::default(), running: OnceLock::new() }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Begins to publish and to listen, unless that has begun, or there is nothing to do it in yet.
    pub(crate) fn start(&self, server: &McpServer) {
        let Ok(runtime) = Handle::try_current() else { return };
        self.running.get_or_init(|| {
            let (bus, id) = (self.bus.clone(), self.id.clone());
            let publishing = runtime.spawn(publish(bus.clone(), self.outbound.clone(), id.clone()));
            let listening = runtime.spawn(listen(bus, server.downgrade(), id));
            #[cfg(feature = "http")]
            let carrying = server.sessions().map(|sessions| {
                let said = sessions.elsewhere().listen();
                runtime.spawn(carry(said, self.outbound.clone(), self.id.clone()))
            });
            #[cfg(not(feature = "http"))]
            let carrying = None;
            let running = [Some(publishing), Some(listening), carrying];
            Running(running.iter().flatten().map(JoinHandle::abort_handle).collect())
        });
    }

    /// Tells the other replicas of a change.
    pub(crate) fn tell(&self, change: Change<'_>, guards: &[&Guard]) {
        self.outbound.push(message::write(&self.id, change, guards));
    }
}

/// Publishes what waits. What cannot be published is, later, that everything may have changed.
async fn publish(bus: Arc<dyn Bus>, outbound: Arc<Outbound>, id: Arc<str>) {
    let mut pauses = Pauses::new(&id);
    let mut was_told = true;
    loop {
        let published = match outbound.next().await {
            Next::Message(message) => in_time(bus.publish(&message)).await,
            Next::Everything => in_time(bus.publish(&message::everything(&id))).await,
        };
        match published {
            Ok(()) => {
                pauses.reset();
                was_told = true;
            }
            Err(error) => {
                if std::mem::take(&mut was_told) {
                    tracing::warn!(error, "other replicas cannot be told of changes; it is tried again");
                }
                outbound.lose();
                tokio::time::sleep(pauses.take()).await;
            }
        }
    }
}

/// Carries what is said about sessions to other processes.
#[cfg(feature = "http")]
async fn carry(mut said: Receiver<Announcement>, outbound: Arc<Outbound>, id: Arc<str>) {
    loop {
        match said.recv().await {
            Ok(announcement) if announcement.is_from_afar => {}
            Ok(announcement) => match message::write_session(&id, &announcement) {
                Some(message) => outbound.say(message),
                None => {
                    tracing::warn!(session = ?announcement.key, "what a client has answered is too long for the bus")
                }
            },
            Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "too much was said about sessions for the bus"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Listens for as long as there is a server.
async fn listen(bus: Arc<dyn Bus>, server: WeakServer, id: Arc<str>) {
    let mut pauses = Pauses::new(&id);
    let mut was_told = true;
    loop {
        let began = Instant::now();
        let error = match in_time(bus.subscribe()).await {
            Ok(mut subscription) => {
                tracing::debug!("changes of other replicas are heard");
                was_told = true;
                let mut heard = Ok(Heard::Missed);
                loop {
                    match heard {
                        Ok(heard) => match server.upgrade() {
                            Some(server) => server.heard(&heard),
                            None => return,
                        },
                        Err(error) => break error,
                    }
                    heard = subscription.next().await.map_err(|error| chain(&*error));
                }
            }
            Err(error) => error,
        };
        if std::mem::take(&mut was_told) {
            tracing::warn!(error, "changes of other replicas are not heard; it is tried again");
        }
        if began.elapsed() >= LASTING {
            pauses.reset();
        }
        tokio::time::sleep(pauses.take()).await;
    }
}

async fn in_time<T>(work: BusFuture<'_, T>) -> Result<T, String> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(outcome) => outcome.map_err(|error| chain(&*error)),
        Err(_) => Err(format!("the bus took longer than {LIMIT:?}")),
    }
}

/// Writes an error with its causes.
fn chain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).finish_non_exhaustive()
    }
}
