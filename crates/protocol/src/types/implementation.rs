//! Who a peer says it is.

use serde::{Deserialize, Serialize};

/// The name and version of a client or server.
///
/// # On the wire
///
/// `{"name": "notes", "version": "2.1.0", "title": "Notes"}`
///
/// # Specification
///
/// [`Implementation`](https://modelcontextprotocol.io/specification/2026-07-28/schema#implementation)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Implementation {
    /// The name programs know it by.
    pub name: String,
    /// The name people know it by (since 2025-06-18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its version.
    pub version: String,
    /// What it does (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its home page (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website_url: Option<String>,
    /// Pictures for user interfaces (since 2025-11-25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icons: Option<Vec<Icon>>,
}

impl Implementation {
    /// Creates one from its name and version.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }

    with_methods! {
        /// Sets the name people know it by.
        with_title(title: String);
        /// Says what it does.
        with_description(description: String);
        /// Sets its home page.
        with_website_url(website_url: String);
        /// Sets the pictures for user interfaces.
        with_icons(icons: Vec<Icon>);
    }
}

/// A picture a user interface may show for an implementation, tool, resource or prompt.
///
/// # On the wire
///
/// `{"src": "https://notes.example/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "light"}`
///
/// # Specification
///
/// [Icons](https://modelcontextprotocol.io/specification/2026-07-28/basic#icons)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Icon {
    /// Where the picture is: an `https:` or `data:` URI.
    pub src: String,
    /// Its MIME type, where the source may say less or the wrong thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// The sizes it suits, such as `48x48`, or `any` for one that scales.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Vec<String>>,
    /// The background it is made for; both, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<IconTheme>,
}

impl Icon {
    /// Creates an icon from the URI of its picture.
    pub fn new(src: impl Into<String>) -> Self {
        Self { src: src.into(), mime_type: None, sizes: None, theme: None }
    }

    with_methods! {
        /// Sets the MIME type.
        with_mime_type(mime_type: String);
        /// Sets the sizes it suits.
        with_sizes(sizes: Vec<String>);
        /// Sets the background it is made for.
        with_theme(theme: IconTheme);
    }
}

open_string! {
    /// The background an [`Icon`] is made for.
    ///
    /// # Specification
    ///
    /// [Icons](https://modelcontextprotocol.io/specification/2026-07-28/basic#icons)
    IconTheme {
        /// A light background.
        LIGHT = "light";
        /// A dark background.
        DARK = "dark";
    }
}
