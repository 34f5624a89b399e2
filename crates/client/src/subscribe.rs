//! Asking a server to report changes, in both eras.

use std::sync::Arc;

use turbomcp_protocol::Method;
use turbomcp_protocol::types::{SubscriptionFilter, SubscriptionsListenRequestParams};

use crate::call::in_time;
use crate::client::Connection;
use crate::exchange::{GiveUp, Outgoing, members_of};
use crate::inbox::{Inbox, Listener};
use crate::subscription::{Feed, Guard, Subscription};
use crate::sync::lock;
use crate::{Client, Error};

impl Client {
    /// Asks the server to report changes, whatever its era: by `subscriptions/listen`, or by `resources/subscribe` and
    /// what legacy servers report unasked.
    ///
    /// # Errors
    ///
    /// `as_mcp()` if the server refuses, `is_timeout()` if it does not answer.
    ///
    /// # Specification
    ///
    /// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
    pub async fn subscribe(&self, filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let connection = self.shared().connection().await?;
        if connection.agreed.dress.is_modern() {
            self.listen(connection, filter).await
        } else {
            self.subscribe_legacy(&connection, filter).await
        }
    }

    async fn listen(&self, connection: Arc<Connection>, filter: SubscriptionFilter) -> Result<Subscription, Error> {
        let params = members_of(&SubscriptionsListenRequestParams::new(filter))?;
        let id = self.shared().ids.next();
        let feed = Arc::new(Feed::default());
        connection.inbox.listen(id, &feed);
        let listening = Listening { inbox: connection.inbox.clone(), listener: Listener::Request(id) };
        let task = tokio::spawn({
            let feed = feed.clone();
            async move {
                let _listening = listening;
                let request = Outgoing {
                    id,
                    dress: &connection.agreed.dress,
                    method: &Method::SUBSCRIPTIONS_LISTEN,
                    params: &params,
                    round: b"",
                    meta: b"",
                    log_level: None,
                    tracking: None,
                    name: None,
                    give_up: GiveUp::Cancel,
                };
                let answer = connection.link.exchange(&request).await;
                feed.end(answer.and_then(|answer| answer.into_result()).map(drop));
            }
        });
        // From here on, giving up ends the request too.
        let mut subscription = Subscription::new(feed.clone(), SubscriptionFilter::new(), Guard::Listen(task));
        let settings = &self.shared().settings;
        let filter = in_time(feed.acknowledged(), settings.request_timeout, settings, || None).await?;
        subscription.set_filter(filter);
        Ok(subscription)
    }

    async fn subscribe_legacy(
        &self,
        connection: &Connection,
        filter: SubscriptionFilter,
    ) -> Result<Subscription, Error> {
        let capabilities = &connection.agreed.capabilities;
        let reports = |changes: Option<Option<bool>>| changes.flatten() == Some(true);
        let tools = reports(capabilities.tools.as_ref().map(|tools| tools.list_changed));
        let prompts = reports(capabilities.prompts.as_ref().map(|prompts| prompts.list_changed));
        let resources = reports(capabilities.resources.as_ref().map(|resources| resources.list_changed));
        let subscribes = reports(capabilities.resources.as_ref().map(|resources| resources.subscribe));
        let mut honoured = SubscriptionFilter::new();
        honoured.tools_list_changed = filter.tools_list_changed.filter(|wanted| *wanted && tools);
        honoured.prompts_list_changed = filter.prompts_list_changed.filter(|wanted| *wanted && prompts);
        honoured.resources_list_changed = filter.resources_list_changed.filter(|wanted| *wanted && resources);
        honoured.resource_subscriptions = filter.resource_subscriptions.filter(|uris| subscribes && !uris.is_empty());
        let feed = Arc::new(Feed::filtered(honoured.clone()));
        let listener = connection.inbox.listen_legacy(&feed);
        let mut unsubscribe = Unsubscribe {
            client: self.clone(),
            _listening: Listening { inbox: connection.inbox.clone(), listener },
            uris: Vec::new(),
        };
        for uri in honoured.resource_subscriptions.iter().flatten() {
            // Also if it is subscribed to already: the session may have been renewed meanwhile.
            self.subscribe_resource(uri).await?;
            *lock(&self.shared().subscribed).entry(uri.clone()).or_default() += 1;
            unsubscribe.uris.push(uri.clone());
        }
        if unsubscribe.uris.is_empty() && honoured != SubscriptionFilter::new() {
            // Nothing was sent for it, and the server reports only to clients whose handshake it has read to the end.
            match self.ping().await {
                Err(error) if error.as_mcp().is_none() => return Err(error),
                _ => {}
            }
        }
        Ok(Subscription::new(feed, honoured, Guard::Legacy(unsubscribe)))
    }
}

/// Stops hearing when dropped.
#[derive(Debug)]
struct Listening {
    inbox: Arc<Inbox>,
    listener: Listener,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.inbox.unlisten(self.listener);
    }
}

/// Tells a legacy server to stop reporting resources that no other subscription wants to hear of.
#[derive(Debug)]
pub(crate) struct Unsubscribe {
    client: Client,
    _listening: Listening,
    uris: Vec<String>,
}

impl Unsubscribe {
    /// Returns the resources that nobody wants to hear of any more.
    fn take(&mut self) -> Vec<String> {
        let mut subscribed = lock(&self.client.shared().subscribed);
        let mut unwanted = Vec::new();
        for uri in std::mem::take(&mut self.uris) {
            let Some(count) = subscribed.get_mut(&uri) else { continue };
            *count -= 1;
            if *count == 0 {
                subscribed.remove(&uri);
                unwanted.push(uri);
            }
        }
        unwanted
    }

    pub(crate) async fn run(&mut self) {
        for uri in self.take() {
            if let Err(error) = self.client.unsubscribe_resource(&uri).await {
                tracing::debug!(%error, "a resource could not be unsubscribed from");
            }
        }
    }
}

impl Drop for Unsubscribe {
    fn drop(&mut self) {
        let uris = self.take();
        if uris.is_empty() || self.client.is_closed() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let client = self.client.clone();
            // Ends by itself: each request has a deadline.
            runtime.spawn(async move {
                for uri in uris {
                    let _ = client.unsubscribe_resource(&uri).await;
                }
            });
        }
    }
}
