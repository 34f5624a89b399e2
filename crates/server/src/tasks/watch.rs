//! Telling those who listen how their tasks change.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use turbomcp_protocol::types::SubscriptionFilter;
use turbomcp_protocol::{McpError, McpResult};

use super::methods::{Asker, task_members};
use super::start::{declares, undeclared};
use crate::Context;
use crate::inner::Inner;

/// How often to look at tasks that may have changed in another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The tasks somebody wants to hear of.
pub(crate) struct Watch {
    asker: Asker,
    watched: Vec<Watched>,
}

struct Watched {
    id: String,
    bell: Arc<Notify>,
    /// The version it was last told of in.
    told: u64,
    is_over: bool,
}

/// Finds out whose tasks a listener wants to hear of; none if of no tasks.
pub(crate) fn wanted(
    inner: &Inner,
    ctx: &Context,
    filter: &mut SubscriptionFilter,
) -> McpResult<Option<(Asker, Vec<String>)>> {
    let Some(ids) = filter.task_ids.take().filter(|_| inner.server.has_tasks()) else { return Ok(None) };
    if !declares(ctx) {
        return Err(undeclared());
    }
    if ids.len() > inner.server.limits().subscribed_resources {
        return Err(McpError::invalid_params("the filter names too many tasks"));
    }
    Ok(Some((Asker::new(inner, ctx), ids)))
}

impl Watch {
    /// Finds the tasks there are of those somebody wants to hear of.
    pub(crate) async fn begin((asker, ids): (Asker, Vec<String>)) -> Self {
        let mut watched: Vec<Watched> = Vec::new();
        for id in ids {
            let is_new = !watched.iter().any(|known| known.id == id);
            if is_new && asker.find(&id).await.is_ok() {
                let bell = asker.bell(&id);
                watched.push(Watched { id, bell, told: 0, is_over: false });
            }
        }
        Self { asker, watched }
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.watched.iter().map(|watched| watched.id.clone()).collect()
    }

    /// Tells of each task as it is now, and whenever it has changed, until all are over.
    pub(crate) async fn run(&mut self, inner: &Inner, mark: &[u8]) {
        let Self { asker, watched } = self;
        loop {
            let bells: Vec<_> = watched.iter().filter(|task| !task.is_over).map(|task| task.bell.clone()).collect();
            if bells.is_empty() {
                return;
            }
            let mut rung: Vec<_> = bells.iter().map(|bell| Box::pin(bell.notified())).collect();
            for rung in &mut rung {
                rung.as_mut().enable();
            }
            for task in watched.iter_mut().filter(|task| !task.is_over) {
                task.look(asker, inner, mark).await;
            }
            let any = poll_fn(|cx| {
                let any = rung.iter_mut().any(|rung| Pin::new(rung).poll(cx).is_ready());
                if any { Poll::Ready(()) } else { Poll::Pending }
            });
            let _ = tokio::time::timeout(LOOK_AGAIN, any).await;
        }
    }
}

impl Watched {
    async fn look(&mut self, asker: &Asker, inner: &Inner, mark: &[u8]) {
        match asker.find(&self.id).await {
            Ok((stored, record)) if stored.version != self.told => {
                self.told = stored.version;
                self.is_over = record.status.is_final();
                let mut message = br#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"#.to_vec();
                message.extend_from_slice(&task_members(&record.view(&stored), record.revision));
                message.extend_from_slice(b",\"_meta\":{");
                message.extend_from_slice(mark);
                message.extend_from_slice(b"}}}");
                if !inner.outlet.notify(&message, inner.server.limits().outgoing_notifications) {
                    tracing::warn!("a slow subscriber missed a change of a task");
                }
            }
            Ok(_) => {}
            // Its time is over, or the store cannot be asked just now.
            Err(error) => self.is_over = error.code() == turbomcp_protocol::ErrorCode::INVALID_PARAMS,
        }
    }
}
