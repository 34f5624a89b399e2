//! Who hears of changes: subscriptions of the modern era, and legacy clients.

use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use turbomcp_protocol::message::META_SUBSCRIPTION_ID;
use turbomcp_protocol::types::{SubscriptionFilter, SubscriptionsListenRequestParams};
use turbomcp_protocol::{McpError, McpResult};

use crate::access::Who;
use crate::inner::Inner;
use crate::peer::{Peer, covers};
use crate::registry::Primitive;
use crate::request::{Outcome, Response};
use crate::sync::lock;
use crate::tasks::{Asker, Watch};

/// Something that changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    Tools,
    Prompts,
    Resources,
    Updated(&'a str),
}

/// Whether a change concerns somebody.
pub(crate) type Concerns<'a> = dyn Fn(Who<'_>) -> bool + 'a;

/// Everyone who wants to hear of changes.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    subscriptions: Mutex<HashMap<u64, Subscription>>,
    peers: Mutex<Peers>,
    next: AtomicU64,
}

/// The legacy clients, some of which may be gone.
#[derive(Debug, Default)]
struct Peers {
    known: Vec<Weak<Peer>>,
    /// How many there may be before those that are gone are looked for; not at each new one, of which there are many.
    enough: usize,
}

#[derive(Debug)]
struct Subscription {
    inner: Arc<Inner>,
    filter: SubscriptionFilter,
    /// What changed before the acknowledgement was sent, which has to be first.
    early: Option<Vec<Vec<u8>>>,
}

impl Subscription {
    fn notify(&mut self, message: Vec<u8>, limit: usize) {
        let taken = match &mut self.early {
            Some(early) if early.len() < limit => {
                early.push(message);
                true
            }
            Some(_) => false,
            None => self.inner.outlet.notify(&message, limit),
        };
        if !taken {
            tracing::warn!("a slow subscriber missed a change");
        }
    }

    fn acknowledged(&mut self, limit: usize) {
        for message in self.early.take().unwrap_or_default() {
            self.notify(message, limit);
        }
    }
}

impl Change<'_> {
    fn wanted_by(self, filter: &SubscriptionFilter) -> bool {
        match self {
            Self::Tools => filter.tools_list_changed == Some(true),
            Self::Prompts => filter.prompts_list_changed == Some(true),
            Self::Resources => filter.resources_list_changed == Some(true),
            Self::Updated(uri) => filter.resource_subscriptions.iter().flatten().any(|wanted| covers(wanted, uri)),
        }
    }

    /// Returns the lists that have changed.
    pub(crate) fn lists(self) -> &'static [Primitive] {
        match self {
            Self::Tools => &[Primitive::Tools],
            Self::Prompts => &[Primitive::Prompts],
            Self::Resources => &[Primitive::Resources, Primitive::Templates],
            Self::Updated(_) => &[],
        }
    }

    /// Writes the notification, marked with the subscription it belongs to if there is one.
    fn message(self, subscription: Option<&[u8]>) -> Vec<u8> {
        let method = match self {
            Self::Tools => "tools/list_changed",
            Self::Prompts => "prompts/list_changed",
            Self::Resources => "resources/list_changed",
            Self::Updated(_) => "resources/updated",
        };
        let mut out = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}""#).into_bytes();
        let mut members = Vec::new();
        if let Self::Updated(uri) = self {
            members.extend_from_slice(b"\"uri\":");
            turbomcp_protocol::escape::write_string(uri, &mut members);
        }
        if let Some(id) = subscription {
            if !members.is_empty() {
                members.push(b',');
            }
            members.extend_from_slice(b"\"_meta\":{");
            write_subscription(id, &mut members);
            members.push(b'}');
        }
        if !members.is_empty() {
            out.extend_from_slice(b",\"params\":{");
            out.extend_from_slice(&members);
            out.push(b'}');
        }
        out.push(b'}');
        out
    }
}

fn write_subscription(id: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(META_SUBSCRIPTION_ID.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(id);
}

/// Writes the notification that a subscription is over.
pub(crate) fn write_cancelled(id: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"#);
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"_meta\":{");
    write_subscription(id, out);
    out.extend_from_slice(b"}}}");
}

impl Hub {
    pub(crate) fn add_peer(&self, peer: &Arc<Peer>) {
        let mut peers = lock(&self.peers);
        if peers.known.len() >= peers.enough {
            peers.known.retain(|known| known.strong_count() > 0);
            peers.enough = (peers.known.len() * 2).max(16);
        }
        peers.known.push(Arc::downgrade(peer));
    }

    /// Enters a subscription: what changes from now on reaches it.
    fn add(&self, inner: &Arc<Inner>, filter: SubscriptionFilter, limit: usize) -> McpResult<Place> {
        let mut subscriptions = lock(&self.subscriptions);
        if subscriptions.len() >= limit {
            return Err(McpError::unavailable("too many subscriptions are open"));
        }
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        subscriptions.insert(key, Subscription { inner: inner.clone(), filter, early: Some(Vec::new()) });
        Ok(Place { inner: inner.clone(), key })
    }

    /// Tells everyone who wants to know, and whom it concerns if that is not everyone; a slow subscriber misses it rather
    /// than holding anyone up.
    pub(crate) fn announce(&self, change: Change<'_>, limit: usize, concerns: Option<&Concerns<'_>>) {
        // Whom it concerns is for the users of this library to say: not while a lock is held.
        let concerned = concerns.map(|concerns| self.concerned(change, concerns));
        for (key, subscription) in lock(&self.subscriptions).iter_mut() {
            // One that was cancelled leaves when its task has a turn, and has to be silent until then.
            let wanted = !subscription.inner.is_cancelled() && change.wanted_by(&subscription.filter);
            if wanted && concerned.as_ref().is_none_or(|concerned| concerned.contains(key)) {
                let message = change.message(Some(subscription.inner.id()));
                subscription.notify(message, limit);
            }
        }
        let message = change.message(None);
        let peers: Vec<_> = lock(&self.peers).known.iter().filter_map(Weak::upgrade).collect();
        for peer in peers {
            let wanted = match change {
                Change::Updated(uri) => peer.is_subscribed(uri),
                _ => true,
            };
            if wanted && concerns.is_none_or(|concerns| concerns(peer.known().who())) {
                peer.notify(&message, limit);
            }
        }
    }

    /// Tells everyone that whatever they want to know of may have changed: these lists, and resources that `may_hear` says
    /// somebody may hear of.
    pub(crate) fn announce_everything(
        &self,
        lists: &[Change<'_>],
        limit: usize,
        may_hear: &dyn Fn(&str, Who<'_>) -> bool,
    ) {
        let listening: Vec<_> = lock(&self.subscriptions)
            .iter()
            .map(|(key, subscription)| {
                let uris = subscription.filter.resource_subscriptions.clone().unwrap_or_default();
                (*key, subscription.inner.clone(), uris)
            })
            .collect();
        for (key, inner, mut uris) in listening {
            let who = who_is(&inner);
            uris.retain(|uri| may_hear(uri, who));
            let mut subscriptions = lock(&self.subscriptions);
            let Some(subscription) = subscriptions.get_mut(&key).filter(|_| !inner.is_cancelled()) else { continue };
            let updated = uris.iter().map(|uri| Change::Updated(uri));
            for change in lists.iter().copied().chain(updated) {
                if change.wanted_by(&subscription.filter) {
                    subscription.notify(change.message(Some(inner.id())), limit);
                }
            }
        }
        let peers: Vec<_> = lock(&self.peers).known.iter().filter_map(Weak::upgrade).collect();
        for peer in peers {
            for change in lists {
                peer.notify(&change.message(None), limit);
            }
            let known = peer.known();
            for uri in peer.subscribed().iter().filter(|uri| may_hear(uri, known.who())) {
                peer.notify(&Change::Updated(uri).message(None), limit);
            }
        }
    }

    /// Finds the subscriptions that want to know of a change, and whose subscribers it concerns.
    fn concerned(&self, change: Change<'_>, concerns: &Concerns<'_>) -> HashSet<u64> {
        let interested: Vec<_> = lock(&self.subscriptions)
            .iter()
            .filter(|(_, subscription)| change.wanted_by(&subscription.filter))
            .map(|(key, subscription)| (*key, subscription.inner.clone()))
            .collect();
        interested.into_iter().filter(|(_, inner)| concerns(who_is(inner))).map(|(key, _)| key).collect()
    }
}

/// Returns who subscribes.
fn who_is(inner: &Inner) -> Who<'_> {
    inner.extensions.get().map(Who::of).unwrap_or_default()
}

/// A subscription's place in the hub.
struct Place {
    inner: Arc<Inner>,
    key: u64,
}

impl Place {
    fn acknowledged(&self) {
        let limit = self.inner.server.limits().outgoing_notifications;
        if let Some(subscription) = lock(&self.inner.server.hub().subscriptions).get_mut(&self.key) {
            subscription.acknowledged(limit);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.inner.server.hub().subscriptions).remove(&self.key);
    }
}

/// Answers `subscriptions/listen`: acknowledges, then lasts until the client or the server ends it.
pub(crate) fn listen(
    inner: Arc<Inner>,
    params: SubscriptionsListenRequestParams,
    tasks: Option<(Asker, Vec<String>)>,
) -> McpResult<impl Future<Output = Response> + Send> {
    let limits = inner.server.limits();
    let mut filter = honoured(params.notifications, &inner);
    let place = inner.server.hub().add(&inner, filter.clone(), limits.subscriptions)?;
    Ok(async move {
        let mut watch = None;
        if let Some(tasks) = tasks {
            // In a box of its own, so that the streams of others do not grow by it.
            let begun = Box::new(Box::pin(Watch::begin(tasks)).await);
            filter.task_ids = Some(begun.ids());
            watch = Some(begun);
        }
        let mut message =
            br#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":"#
                .to_vec();
        message.extend_from_slice(&serde_json::to_vec(&filter).unwrap_or_default());
        message.extend_from_slice(b",\"_meta\":{");
        write_subscription(inner.id(), &mut message);
        message.extend_from_slice(b"}}}");
        inner.outlet.send(message).await;
        place.acknowledged();
        match watch {
            Some(mut watch) => Box::pin(tell_of_tasks(&inner, &mut watch)).await,
            None => inner.server.shutdown_started().await,
        }
        drop(place);
        let mut meta = Vec::new();
        write_subscription(inner.id(), &mut meta);
        Outcome::Listen(meta).into()
    })
}

/// Tells of tasks until the server ends.
async fn tell_of_tasks(inner: &Inner, watch: &mut Watch) {
    let mut mark = Vec::new();
    write_subscription(inner.id(), &mut mark);
    let mut told = pin!(watch.run(inner, &mark));
    let mut ended = pin!(inner.server.shutdown_started());
    let mut is_told = false;
    poll_fn(|cx| {
        is_told = is_told || told.as_mut().poll(cx).is_ready();
        ended.as_mut().poll(cx)
    })
    .await;
}

/// Leaves out what this server never announces.
fn honoured(mut filter: SubscriptionFilter, inner: &Inner) -> SubscriptionFilter {
    let snapshot = inner.server.snapshot();
    let registry = &snapshot.registry;
    filter.tools_list_changed = filter.tools_list_changed.filter(|wanted| *wanted && registry.has_tools());
    filter.prompts_list_changed = filter.prompts_list_changed.filter(|wanted| *wanted && registry.has_prompts());
    filter.resources_list_changed = filter.resources_list_changed.filter(|wanted| *wanted && registry.has_resources());
    filter.resource_subscriptions = filter.resource_subscriptions.filter(|_| registry.has_resources());
    filter
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use turbomcp_protocol::{Message, Method, Revision};

    use super::*;
    use crate::McpServer;
    use crate::outbox::Outbox;
    use crate::outlet::Outlet;

    #[tokio::test]
    async fn a_change_before_the_acknowledgement_is_told_after_it() {
        let outbox = Arc::new(Outbox::new(1000, None));
        let frame = Bytes::from_static(br#"{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen"}"#);
        let message = Message::decode(&frame).unwrap();
        let server = McpServer::builder().build();
        let outlet = Outlet::Outbox(outbox.clone());
        let method = Method::SUBSCRIPTIONS_LISTEN;
        let inner = Arc::new(Inner::new(server.clone(), frame, message, method, Revision::LATEST, None, outlet));
        let filter = SubscriptionFilter::new().with_tools_list_changed(true);
        let place = server.hub().add(&inner, filter, 1).unwrap();
        assert!(server.hub().add(&inner, SubscriptionFilter::new(), 1).is_err());
        server.hub().announce(Change::Tools, 10, None);
        outbox.push(|out| out.extend_from_slice(b"acknowledged"));
        place.acknowledged();
        server.hub().announce(Change::Tools, 10, None);
        server.hub().announce(Change::Prompts, 10, None);
        let mut sent = Vec::new();
        outbox.take(&mut sent).await;
        let lines: Vec<_> = sent.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        assert_eq!((lines.len(), lines[0]), (3, &b"acknowledged"[..]));
        drop(place);
        assert!(lock(&server.hub().subscriptions).is_empty());
    }
}
