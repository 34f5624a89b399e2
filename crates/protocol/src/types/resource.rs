//! Resources: what a server lets be read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Annotations, CacheScope, Cursor, Icon, InputResponses, Meta, ResourceContents, wire};

/// What a server says about one of its resources.
///
/// # On the wire
///
/// `{"uri": "note://n7", "name": "n7", "mimeType": "text/plain", "size": 4}`
///
/// # Specification
///
/// [Resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Resource {
    /// The URI to read it by.
    pub uri: String,
    /// The name programs know it by.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// How long it is, in bytes before any encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Pictures for user interfaces (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icons: Option<Vec<Icon>>,
    /// Whom it is for and how much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the resource says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl Resource {
    /// Creates a resource from its URI and its name.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self { uri: uri.into(), name: name.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
        /// Says what it holds.
        with_description(description: String);
        /// Sets its MIME type.
        with_mime_type(mime_type: String);
        /// Says how long it is, in bytes.
        with_size(size: u64);
        /// Sets the pictures for user interfaces.
        with_icons(icons: Vec<Icon>);
        /// Says whom it is for and how much it matters.
        with_annotations(annotations: Annotations);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// What a server says about resources whose URIs follow a pattern.
///
/// # On the wire
///
/// `{"uriTemplate": "note://{id}", "name": "note", "mimeType": "text/plain"}`
///
/// # Specification
///
/// [Resource templates](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-templates)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceTemplate {
    /// The pattern, an RFC 6570 template.
    pub uri_template: String,
    /// The name programs know it by.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What such a resource holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The MIME type, if all of them have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Pictures for user interfaces (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icons: Option<Vec<Icon>>,
    /// Whom they are for and how much they matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the template says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ResourceTemplate {
    /// Creates a template from its pattern and its name.
    pub fn new(uri_template: impl Into<String>, name: impl Into<String>) -> Self {
        Self { uri_template: uri_template.into(), name: name.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
        /// Says what such a resource holds.
        with_description(description: String);
        /// Sets the MIME type.
        with_mime_type(mime_type: String);
        /// Sets the pictures for user interfaces.
        with_icons(icons: Vec<Icon>);
        /// Says whom they are for and how much they matter.
        with_annotations(annotations: Annotations);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `resources/list`.
///
/// # On the wire
///
/// `{"resources": [{…}], "nextCursor": "c2"}`
///
/// # Specification
///
/// [Listing resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#listing-resources)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListResourcesResult {
    /// The resources of this page.
    pub resources: Vec<Resource>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
    /// How long the page may be kept; whole milliseconds on the wire (since 2026-07-28).
    #[serde(rename = "ttlMs", default, with = "wire::millis", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Who may be given the kept page (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ListResourcesResult {
    /// Creates the last page of a list.
    pub fn new(resources: impl Into<Vec<Resource>>) -> Self {
        Self { resources: resources.into(), ..Self::default() }
    }

    with_methods! {
        /// Says where the next page begins.
        with_next_cursor(next_cursor: Cursor);
        /// Sets how long the page may be kept.
        with_ttl(ttl: Duration);
        /// Sets who may be given the kept page.
        with_cache_scope(cache_scope: CacheScope);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `resources/templates/list`.
///
/// # On the wire
///
/// `{"resourceTemplates": [{…}], "nextCursor": "c2"}`
///
/// # Specification
///
/// [Resource templates](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-templates)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListResourceTemplatesResult {
    /// The templates of this page.
    pub resource_templates: Vec<ResourceTemplate>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
    /// How long the page may be kept; whole milliseconds on the wire (since 2026-07-28).
    #[serde(rename = "ttlMs", default, with = "wire::millis", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Who may be given the kept page (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ListResourceTemplatesResult {
    /// Creates the last page of a list.
    pub fn new(resource_templates: impl Into<Vec<ResourceTemplate>>) -> Self {
        Self { resource_templates: resource_templates.into(), ..Self::default() }
    }

    with_methods! {
        /// Says where the next page begins.
        with_next_cursor(next_cursor: Cursor);
        /// Sets how long the page may be kept.
        with_ttl(ttl: Duration);
        /// Sets who may be given the kept page.
        with_cache_scope(cache_scope: CacheScope);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `resources/read`.
///
/// # On the wire
///
/// `{"uri": "note://n7"}`
///
/// # Specification
///
/// [Reading resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#reading-resources)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReadResourceRequestParams {
    /// The resource to read.
    pub uri: String,
    /// Answers to what an earlier attempt asked for (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_responses: Option<InputResponses>,
    /// What the earlier attempt asked to be given back (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_state: Option<String>,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ReadResourceRequestParams {
    /// Creates params that read the resource with this URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), ..Self::default() }
    }

    with_methods! {
        /// Answers what an earlier attempt asked for.
        with_input_responses(input_responses: InputResponses);
        /// Gives back what the earlier attempt asked to be given back.
        with_request_state(request_state: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The result of `resources/read`.
///
/// # On the wire
///
/// `{"contents": [{"uri": "note://n7", "text": "milk"}]}`
///
/// # Specification
///
/// [Reading resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#reading-resources)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReadResourceResult {
    /// The contents: one for a plain resource, several for one like a directory.
    pub contents: Vec<ResourceContents>,
    /// How long they may be kept; whole milliseconds on the wire (since 2026-07-28).
    #[serde(rename = "ttlMs", default, with = "wire::millis", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Who may be given the kept contents (since 2026-07-28).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
    /// What the result says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ReadResourceResult {
    /// Creates a result from contents.
    pub fn new(contents: impl Into<Vec<ResourceContents>>) -> Self {
        Self { contents: contents.into(), ..Self::default() }
    }

    /// Creates a result of one text.
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new([ResourceContents::text(uri, text)])
    }

    with_methods! {
        /// Sets how long the contents may be kept.
        with_ttl(ttl: Duration);
        /// Sets who may be given the kept contents.
        with_cache_scope(cache_scope: CacheScope);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `resources/subscribe` (before 2026-07-28).
///
/// # On the wire
///
/// `{"uri": "note://n7"}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SubscribeRequestParams {
    /// The resource whose changes are wanted.
    pub uri: String,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl SubscribeRequestParams {
    /// Creates params for the resource with this URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `resources/unsubscribe` (before 2026-07-28).
///
/// # On the wire
///
/// `{"uri": "note://n7"}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnsubscribeRequestParams {
    /// The resource whose changes are no longer wanted.
    pub uri: String,
    /// What the request says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl UnsubscribeRequestParams {
    /// Creates params for the resource with this URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// The params of `notifications/resources/updated`.
///
/// # On the wire
///
/// `{"uri": "note://n7"}`
///
/// # Specification
///
/// [Subscriptions](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResourceUpdatedNotificationParams {
    /// The resource that changed, which may be a part of the one that was asked for.
    pub uri: String,
    /// What the notification says beside its params.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ResourceUpdatedNotificationParams {
    /// Creates params for the resource with this URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), meta: None }
    }

    with_methods! {
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
