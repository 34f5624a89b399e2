//! What tools answer, prompts say and resources hold.

mod contents;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

pub use self::contents::{BlobResourceContents, ResourceContents, TextResourceContents};
use super::{Icon, Meta, wire};

/// Who a message is from, or whom content is for.
///
/// # Specification
///
/// [`Role`](https://modelcontextprotocol.io/specification/2026-07-28/schema#role)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// Hints about whom content is for and how much it matters.
///
/// # On the wire
///
/// `{"audience": ["user"], "priority": 0.4, "lastModified": "2026-08-01T10:00:00Z"}`
///
/// # Specification
///
/// [Annotations](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#annotations)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Annotations {
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<Role>>,
    /// How much it matters, from 0 (optional) to 1 (required).
    #[serde(default, with = "wire::number::optional", skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// When it last changed, as an ISO 8601 time (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Annotations {
    /// Creates annotations without any hint.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    with_methods! {
        /// Says whom it is for.
        with_audience(audience: Vec<Role>);
        /// Says how much it matters, from 0 to 1.
        with_priority(priority: f64);
        /// Says when it last changed, as an ISO 8601 time.
        with_last_modified(last_modified: String);
    }
}

/// A piece of a tool's result or of a prompt's message.
///
/// # On the wire
///
/// `{"type": "text", "text": "…"}`; `type` says which piece it is
///
/// # Specification
///
/// [Tool results](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-result)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, from = "Tagged")]
#[non_exhaustive]
pub enum ContentBlock {
    /// Text.
    Text(TextContent),
    /// A picture.
    Image(ImageContent),
    /// A recording (since 2025-03-26).
    Audio(AudioContent),
    /// A resource to be read when wanted (since 2025-06-18).
    ResourceLink(ResourceLink),
    /// A resource with its contents.
    Resource(EmbeddedResource),
}

/// Only reads: each of the structs writes its own `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged {
    Text(TextContent),
    Image(ImageContent),
    Audio(AudioContent),
    ResourceLink(ResourceLink),
    Resource(EmbeddedResource),
}

impl From<Tagged> for ContentBlock {
    fn from(block: Tagged) -> Self {
        match block {
            Tagged::Text(text) => Self::Text(text),
            Tagged::Image(image) => Self::Image(image),
            Tagged::Audio(audio) => Self::Audio(audio),
            Tagged::ResourceLink(link) => Self::ResourceLink(link),
            Tagged::Resource(resource) => Self::Resource(resource),
        }
    }
}

impl ContentBlock {
    /// Creates a block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// Creates a block with a picture, from Base64.
    pub fn image(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Image(ImageContent::new(data, mime_type))
    }

    /// Creates a block with a recording, from Base64.
    pub fn audio(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Audio(AudioContent::new(data, mime_type))
    }

    /// Creates a block that links to a resource.
    pub fn resource_link(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self::ResourceLink(ResourceLink::new(uri, name))
    }

    /// Creates a block with the contents of a resource.
    pub fn resource(resource: impl Into<ResourceContents>) -> Self {
        Self::Resource(EmbeddedResource::new(resource))
    }

    /// Returns the text, if this is a block of text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(content) => Some(&content.text),
            _ => None,
        }
    }
}

impl From<&str> for ContentBlock {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for ContentBlock {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<TextContent> for ContentBlock {
    fn from(text: TextContent) -> Self {
        Self::Text(text)
    }
}

impl From<ImageContent> for ContentBlock {
    fn from(image: ImageContent) -> Self {
        Self::Image(image)
    }
}

impl From<AudioContent> for ContentBlock {
    fn from(audio: AudioContent) -> Self {
        Self::Audio(audio)
    }
}

impl From<ResourceLink> for ContentBlock {
    fn from(link: ResourceLink) -> Self {
        Self::ResourceLink(link)
    }
}

impl From<EmbeddedResource> for ContentBlock {
    fn from(resource: EmbeddedResource) -> Self {
        Self::Resource(resource)
    }
}

/// Text, for the model or the user.
///
/// # On the wire
///
/// `{"type": "text", "text": "…"}`
///
/// # Specification
///
/// [Text content](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#text-content)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "text", rename_all = "camelCase")]
#[non_exhaustive]
pub struct TextContent {
    /// The text.
    pub text: String,
    /// Whom it is for and how much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the block says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl TextContent {
    /// Creates text content.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), annotations: None, meta: None }
    }

    with_methods! {
        /// Says whom it is for and how much it matters.
        with_annotations(annotations: Annotations);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

impl From<&str> for TextContent {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for TextContent {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A picture.
///
/// # On the wire
///
/// `{"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}`; `data` is Base64
///
/// # Specification
///
/// [Image content](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#image-content)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "image", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageContent {
    /// The picture, in Base64.
    pub data: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Whom it is for and how much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the block says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ImageContent {
    /// Creates an image from Base64.
    pub fn new(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self { data: data.into(), mime_type: mime_type.into(), annotations: None, meta: None }
    }

    /// Creates an image from the bytes of its file.
    pub fn from_bytes(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self::new(STANDARD.encode(bytes), mime_type)
    }

    /// Returns the bytes of the picture.
    ///
    /// # Errors
    ///
    /// Returns an error if `data` is not Base64.
    pub fn bytes(&self) -> Result<Vec<u8>, InvalidBase64> {
        STANDARD.decode(&self.data).map_err(InvalidBase64)
    }

    with_methods! {
        /// Says whom it is for and how much it matters.
        with_annotations(annotations: Annotations);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// A recording (since 2025-03-26).
///
/// # On the wire
///
/// `{"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}`; `data` is Base64
///
/// # Specification
///
/// [Audio content](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#audio-content)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "audio", rename_all = "camelCase")]
#[non_exhaustive]
pub struct AudioContent {
    /// The recording, in Base64.
    pub data: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Whom it is for and how much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the block says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl AudioContent {
    /// Creates a recording from Base64.
    pub fn new(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self { data: data.into(), mime_type: mime_type.into(), annotations: None, meta: None }
    }

    /// Creates a recording from the bytes of its file.
    pub fn from_bytes(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self::new(STANDARD.encode(bytes), mime_type)
    }

    /// Returns the bytes of the recording.
    ///
    /// # Errors
    ///
    /// Returns an error if `data` is not Base64.
    pub fn bytes(&self) -> Result<Vec<u8>, InvalidBase64> {
        STANDARD.decode(&self.data).map_err(InvalidBase64)
    }

    with_methods! {
        /// Says whom it is for and how much it matters.
        with_annotations(annotations: Annotations);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// A link to a resource, which need not be in the server's list (since 2025-06-18).
///
/// # On the wire
///
/// `{"type": "resource_link", "uri": "note://n7", "name": "n7", "mimeType": "text/plain"}`
///
/// # Specification
///
/// [Resource links](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#resource-links)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "resource_link", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceLink {
    /// The URI to read it by.
    pub uri: String,
    /// The name programs know it by.
    pub name: String,
    /// The name people know it by.
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
    /// What the link says beside its members.
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl ResourceLink {
    /// Creates a link to the resource with this URI.
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

/// A resource inside a tool's result or a prompt's message, with its contents.
///
/// # On the wire
///
/// `{"type": "resource", "resource": {"uri": "note://n7", "text": "milk"}}`
///
/// # Specification
///
/// [Embedded resources](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#embedded-resources)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "resource", rename_all = "camelCase")]
#[non_exhaustive]
pub struct EmbeddedResource {
    /// The contents.
    pub resource: ResourceContents,
    /// Whom it is for and how much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the block says beside its members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl EmbeddedResource {
    /// Creates a block with these contents.
    pub fn new(resource: impl Into<ResourceContents>) -> Self {
        Self { resource: resource.into(), annotations: None, meta: None }
    }

    with_methods! {
        /// Says whom it is for and how much it matters.
        with_annotations(annotations: Annotations);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// An error from reading bytes that a peer sent in Base64.
///
/// # Specification
///
/// [Image content](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#image-content)
#[derive(Debug)]
pub struct InvalidBase64(base64::DecodeError);

impl fmt::Display for InvalidBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data is not Base64")
    }
}

impl std::error::Error for InvalidBase64 {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(json: &str, expected: &str) {
        let error = serde_json::from_str::<ContentBlock>(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn says_what_is_wrong_with_a_block() {
        check_error(r#"{"type":"text"}"#, "missing field `text`");
        check_error(r#"{"text":"x"}"#, "missing field `type`");
        check_error(r#"{"type":"video","data":""}"#, "unknown variant `video`, expected one of `text`");
        check_error(r#"{"type":"image","data":"","text":"x"}"#, "missing field `mimeType`");
        check_error(r#"{"type":"resource","resource":{"uri":"x:y"}}"#, "neither `text` nor `blob`");
    }

    #[test]
    fn audio_is_not_taken_for_an_image() {
        let block: ContentBlock =
            serde_json::from_str(r#"{"data":"UklGRg==","mimeType":"audio/wav","type":"audio"}"#).unwrap();
        let ContentBlock::Audio(audio) = &block else { panic!("{block:?}") };
        assert_eq!(audio.bytes().unwrap(), b"RIFF");
        assert_eq!(*audio, AudioContent::from_bytes(b"RIFF", "audio/wav"));
    }

    #[test]
    fn bytes_that_are_not_base64_are_an_error_when_they_are_wanted() {
        let error = ImageContent::new("§", "image/png").bytes().unwrap_err();
        assert_eq!(error.to_string(), "the data is not Base64");
    }
}
