//! What a resource holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

use super::InvalidBase64;
use crate::types::Meta;

/// The contents of a resource, or of a part of it: text, or bytes in Base64.
///
/// # On the wire
///
/// `{"uri": "note://n7", "text": "milk"}` or `{"uri": "note://n7/pic", "blob": "iVBORw0KGgo="}`
///
/// # Specification
///
/// [Resource contents](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-contents)
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ResourceContents {
    /// Text.
    Text(TextResourceContents),
    /// Bytes, in Base64.
    Blob(BlobResourceContents),
}

impl ResourceContents {
    /// Creates contents of text.
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text(TextResourceContents::new(uri, text))
    }

    /// Creates contents of bytes.
    pub fn blob(uri: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self::Blob(BlobResourceContents::from_bytes(uri, bytes))
    }

    /// Returns the URI of the resource, or of the part of it that these contents are.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::Text(contents) => &contents.uri,
            Self::Blob(contents) => &contents.uri,
        }
    }

    /// Returns the MIME type.
    #[must_use]
    pub fn mime_type(&self) -> Option<&str> {
        match self {
            Self::Text(contents) => contents.mime_type.as_deref(),
            Self::Blob(contents) => contents.mime_type.as_deref(),
        }
    }

    /// Sets the MIME type.
    #[must_use]
    pub fn with_mime_type(mut self, mime_type: impl Into<String>) -> Self {
        match &mut self {
            Self::Text(contents) => contents.mime_type = Some(mime_type.into()),
            Self::Blob(contents) => contents.mime_type = Some(mime_type.into()),
        }
        self
    }

    /// Returns the text, if the contents are text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(contents) => Some(&contents.text),
            Self::Blob(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for ResourceContents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "ResourceContents", rename_all = "camelCase")]
        struct Members {
            uri: String,
            mime_type: Option<String>,
            text: Option<String>,
            blob: Option<String>,
            #[serde(rename = "_meta")]
            meta: Option<Meta>,
        }

        let Members { uri, mime_type, text, blob, meta } = Members::deserialize(deserializer)?;
        match (text, blob) {
            (Some(text), _) => Ok(Self::Text(TextResourceContents { uri, mime_type, text, meta })),
            (None, Some(blob)) => Ok(Self::Blob(BlobResourceContents { uri, mime_type, blob, meta })),
            (None, None) => Err(serde::de::Error::custom("resource contents have neither `text` nor `blob`")),
        }
    }
}

impl From<TextResourceContents> for ResourceContents {
    fn from(contents: TextResourceContents) -> Self {
        Self::Text(contents)
    }
}

impl From<BlobResourceContents> for ResourceContents {
    fn from(contents: BlobResourceContents) -> Self {
        Self::Blob(contents)
    }
}

/// Contents of a resource that are text.
///
/// # On the wire
///
/// `{"uri": "note://n7", "mimeType": "text/plain", "text": "milk"}`
///
/// # Specification
///
/// [Text content](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#text-content)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TextResourceContents {
    /// The URI of the resource, or of this part of it.
    pub uri: String,
    /// The MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The text.
    pub text: String,
    /// What the contents say beside their members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl TextResourceContents {
    /// Creates contents of text.
    pub fn new(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self { uri: uri.into(), mime_type: None, text: text.into(), meta: None }
    }

    with_methods! {
        /// Sets the MIME type.
        with_mime_type(mime_type: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}

/// Contents of a resource that are bytes.
///
/// # On the wire
///
/// `{"uri": "note://n7/pic", "mimeType": "image/png", "blob": "iVBORw0KGgo="}`; `blob` is Base64
///
/// # Specification
///
/// [Binary content](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#binary-content)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BlobResourceContents {
    /// The URI of the resource, or of this part of it.
    pub uri: String,
    /// The MIME type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The bytes, in Base64.
    pub blob: String,
    /// What the contents say beside their members (since 2025-06-18).
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

impl BlobResourceContents {
    /// Creates contents from Base64.
    pub fn new(uri: impl Into<String>, blob: impl Into<String>) -> Self {
        Self { uri: uri.into(), mime_type: None, blob: blob.into(), meta: None }
    }

    /// Creates contents from bytes.
    pub fn from_bytes(uri: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self::new(uri, STANDARD.encode(bytes))
    }

    /// Returns the bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if `blob` is not Base64.
    pub fn bytes(&self) -> Result<Vec<u8>, InvalidBase64> {
        STANDARD.decode(&self.blob).map_err(InvalidBase64)
    }

    with_methods! {
        /// Sets the MIME type.
        with_mime_type(mime_type: String);
        /// Sets `_meta`.
        with_meta(meta: Meta);
    }
}
