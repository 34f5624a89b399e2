//! What ties a server to its bus.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

use super::outbound::{Next, Outbound};
use super::pause::Pauses;
use super::{Bus, BusFuture, Heard, message};
use crate::McpServer;
use crate::access::Guard;
use crate::hub::Change;
use crate::server::WeakServer;
#[cfg(feature = "http")]
use crate::sessions::{Listener, Told};

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
            let publishing = runtime.spawn(publish(bus.clone(), self.outbound.clone(), id.clone(), server.downgrade()));
            let listening = runtime.spawn(listen(bus, server.downgrade(), id));
            #[cfg(feature = "http")]
            let carrying = server.sessions().map(|sessions| {
                let said = sessions.elsewhere().listen();
                runtime.spawn(carry(said, self.outbound.clone(), self.id.clone(), server.downgrade()))
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

    /// Announces that a resource of one tenant has changed.
    #[cfg(feature = "multi-tenancy")]
    pub(crate) fn tell_tenant(&self, tenant: &str, uri: &str) {
        self.outbound.push(message::write_for(&self.id, tenant, uri));
    }
}

/// Publishes what waits. What cannot be published is published again, for a while or as that everything may have
/// changed.
async fn publish(bus: Arc<dyn Bus>, outbound: Arc<Outbound>, id: Arc<str>, server: WeakServer) {
    let mut pauses = Pauses::new(&id);
    let mut was_told = true;
    loop {
        let next = outbound.next().await;
        let published = match &next {
            Next::Urgent(message, _) | Next::Change(message) => in_time(bus.publish(message)).await,
            #[cfg(feature = "http")]
            Next::Hint(message) => in_time(bus.publish(message)).await,
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
                let is_hint = !matches!(next, Next::Urgent(..));
                if !outbound.give_back(next) {
                    dropped(&server, if is_hint { Lost::Hints(1) } else { Lost::Answers(1) });
                }
                tokio::time::sleep(pauses.take()).await;
            }
        }
    }
}

/// What will not reach the other replicas.
#[derive(Debug, Clone, Copy)]
enum Lost {
    /// What somebody waits for.
    Answers(u64),
    Hints(u64),
}

/// Counts what will not reach the other replicas, and says so, but not as often as it happens.
#[cold]
fn dropped(server: &WeakServer, lost: Lost) {
    let Some(server) = server.upgrade() else { return };
    let metrics = server.metrics();
    let (counter, count, what) = match lost {
        Lost::Answers(count) => (&metrics.bus_answers_dropped, count, "what clients have answered or cancelled"),
        Lost::Hints(count) => (&metrics.bus_hints_dropped, count, "hints at what there is to look at"),
    };
    let before = counter.fetch_add(count, Ordering::Relaxed);
    let total = before + count;
    if total.ilog2() > before.max(1).ilog2() || before == 0 {
        tracing::warn!(total, "other replicas are not told all there is: {what}");
    }
}

/// Carries what is said about sessions to other processes.
#[cfg(feature = "http")]
async fn carry(mut said: Listener, outbound: Arc<Outbound>, id: Arc<str>, server: WeakServer) {
    loop {
        match said.next().await {
            Told::Said(announcement) if announcement.is_from_afar => {}
            Told::Said(announcement) => {
                let is_urgent = announcement.said.is_urgent();
                let added = message::write_session(&id, &announcement).is_some_and(|message| match is_urgent {
                    true => outbound.hurry(message),
                    false => outbound.hint(message),
                });
                if !added {
                    dropped(&server, if is_urgent { Lost::Answers(1) } else { Lost::Hints(1) });
                }
            }
            Told::Missed { count, is_urgent: true } => dropped(&server, Lost::Answers(count)),
            Told::Missed { count, is_urgent: false } => dropped(&server, Lost::Hints(count)),
            Told::Unheard => {}
            Told::Closed => return,
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
