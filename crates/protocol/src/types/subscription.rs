//! Hearing of changes (since 2026-07-28).

use serde::{Deserialize, Serialize};

use super::{Meta, RequestId};

/// Which changes a client wants to hear of, or a server will tell of.
///
/// # On the wire
///
/// `{"toolsListChanged": true, "resourceSubscriptions": ["note://n7"]}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionFilter {
    /// Changes of the list of tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools_list_changed: Option<bool>,
    /// Changes of the list of prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts_list_changed: Option<bool>,
    /// Changes of the list of resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources_list_changed: Option<bool>,
    /// Changes of the resources with these URIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_subscriptions: Option<Vec<String>>,
    /// Changes of the tasks with these ids (tasks extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_ids: Option<Vec<String>>,
}

impl SubscriptionFilter {
    /// Creates a filter that lets nothing through.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whether changes of the list of tools are wanted.
        with_tools_list_changed(tools_list_changed: bool);
        /// Says whether changes of the list of prompts are wanted.
        with_prompts_list_changed(prompts_list_changed: bool);
        /// Says whether changes of the list of resources are wanted.
        with_resources_list_changed(resources_list_changed: bool);
        /// Names the resources whose changes are wanted.
        with_resource_subscriptions(resource_subscriptions: Vec<String>);
        /// Names the tasks whose changes are wanted.
        with_task_ids(task_ids: Vec<String>);
    }
}

/// The params of `subscriptions/listen`.
///
/// # On the wire
///
/// `{"notifications": {"toolsListChanged": true}, "_meta": {…}}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionsListenRequestParams {
    /// What the client wants to hear of.
    pub notifications: SubscriptionFilter,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SubscriptionsListenRequestParams {
    /// Creates params from what the client wants to hear of.
    #[must_use]
    pub fn new(notifications: SubscriptionFilter) -> Self {
        Self { notifications, meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `notifications/subscriptions/acknowledged`.
///
/// # On the wire
///
/// `{"notifications": {"toolsListChanged": true}, "_meta": {"io.modelcontextprotocol/subscriptionId": 7}}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionsAcknowledgedNotificationParams {
    /// What the server will tell of: what was wanted, or less.
    pub notifications: SubscriptionFilter,
    /// What the notification says beside its params; the subscription's id among it.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SubscriptionsAcknowledgedNotificationParams {
    /// Creates params from what the server will tell of and the id of the listen request.
    #[must_use]
    pub fn new(notifications: SubscriptionFilter, subscription: &RequestId) -> Self {
        Self { notifications, meta: Some(Meta::new().with(Meta::SUBSCRIPTION_ID, subscription)) }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `subscriptions/listen`, which ends the subscription.
///
/// # On the wire
///
/// `{"_meta": {"io.modelcontextprotocol/subscriptionId": 7}}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionsListenResult {
    /// What the result says; the subscription's id among it.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SubscriptionsListenResult {
    /// Creates a result from the id of the listen request.
    #[must_use]
    pub fn new(subscription: &RequestId) -> Self {
        Self { meta: Some(Meta::new().with(Meta::SUBSCRIPTION_ID, subscription)) }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
