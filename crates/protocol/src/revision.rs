//! The five dated revisions of the protocol, and what each of them can do.
//!
//! | | 2024-11-05 | 2025-03-26 | 2025-06-18 | 2025-11-25 | 2026-07-28 |
//! |---|---|---|---|---|---|
//! | era | legacy | legacy | legacy | legacy | modern |
//! | JSON-RPC batches | | yes | | | |
//! | audio content, tool annotations, progress messages, `completions` capability | | yes | yes | yes | yes |
//! | structured output, titles, resource links, elicitation, `context` of a completion | | | yes | yes | yes |
//! | icons, URL elicitation, sampling with tools, multi-select enumerations | | | | yes | yes |
//! | structured output that is not an object, result types, cache hints | | | | | yes |
//!
//! Code elsewhere never compares revisions: it asks one of the methods here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A dated revision of the Model Context Protocol that this crate implements.
///
/// # Specification
///
/// [Versioning](https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// `2024-11-05`
    V2024_11_05,
    /// `2025-03-26`
    V2025_03_26,
    /// `2025-06-18`
    V2025_06_18,
    /// `2025-11-25`
    V2025_11_25,
    /// `2026-07-28`
    V2026_07_28,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// The newest revision.
    pub const LATEST: Self = Self::V2026_07_28;

    /// The newest revision that is negotiated by `initialize`.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision a legacy HTTP request without a version header is taken to speak.
    pub const ASSUMED: Self = Self::V2025_03_26;

    /// Returns the revision with this dated name, if it is one of [`Revision::ALL`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == name)
    }

    /// Returns the dated name, as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Returns the position in [`Revision::ALL`], for tables with a row per revision.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns true for the stateless era, where each request carries its own metadata.
    #[must_use]
    pub const fn is_modern(self) -> bool {
        matches!(self, Self::V2026_07_28)
    }

    /// Returns true for the eras negotiated by `initialize`.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        !self.is_modern()
    }

    /// Returns true if messages may come as JSON-RPC batches.
    #[must_use]
    pub const fn has_batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    /// Returns true if content may be audio.
    #[must_use]
    pub const fn has_audio(self) -> bool {
        !matches!(self, Self::V2024_11_05)
    }

    /// Returns true if tools may carry annotations.
    #[must_use]
    pub const fn has_tool_annotations(self) -> bool {
        !matches!(self, Self::V2024_11_05)
    }

    /// Returns true if progress notifications may carry a message.
    #[must_use]
    pub const fn has_progress_message(self) -> bool {
        !matches!(self, Self::V2024_11_05)
    }

    /// Returns true if servers declare the `completions` capability.
    #[must_use]
    pub const fn has_completions_capability(self) -> bool {
        !matches!(self, Self::V2024_11_05)
    }

    /// Returns true if tools may have an output schema and results structured content.
    #[must_use]
    pub const fn has_structured_content(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if structured content may be any JSON value, not only an object.
    #[must_use]
    pub const fn has_any_structured_content(self) -> bool {
        self.is_modern()
    }

    /// Returns true if named things carry a `title`.
    #[must_use]
    pub const fn has_titles(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if content may link to a resource.
    #[must_use]
    pub const fn has_resource_links(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if types other than params and results carry `_meta`.
    #[must_use]
    pub const fn has_meta_everywhere(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if annotations may say when something was last modified.
    #[must_use]
    pub const fn has_last_modified(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if a server may ask the user by a form.
    #[must_use]
    pub const fn has_elicitation(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if HTTP requests after `initialize` carry `MCP-Protocol-Version`.
    #[must_use]
    pub const fn has_version_header(self) -> bool {
        self.since_2025_06_18()
    }

    /// Returns true if a server may send the user to a URL.
    #[must_use]
    pub const fn has_url_elicitation(self) -> bool {
        self.since_2025_11_25()
    }

    /// Returns true if a form may have fields for several values, titled choices, and defaults for every field.
    #[must_use]
    pub const fn has_multi_select(self) -> bool {
        self.since_2025_11_25()
    }

    /// Returns true if implementations, tools, resources and prompts carry icons.
    #[must_use]
    pub const fn has_icons(self) -> bool {
        self.since_2025_11_25()
    }

    /// Returns true if implementations carry a description.
    #[must_use]
    pub const fn has_implementation_description(self) -> bool {
        self.since_2025_11_25()
    }

    /// Returns true if sampling messages may hold several blocks, and tools may be offered to the model.
    #[must_use]
    pub const fn has_sampling_tools(self) -> bool {
        self.since_2025_11_25()
    }

    /// Returns true if an event stream begins with an empty event that carries an id.
    #[must_use]
    pub const fn has_priming_event(self) -> bool {
        matches!(self, Self::V2025_11_25)
    }

    /// Returns true if requests can be made tasks by the protocol itself, rather than by its extension.
    #[must_use]
    pub const fn has_tasks(self) -> bool {
        matches!(self, Self::V2025_11_25)
    }

    const fn since_2025_06_18(self) -> bool {
        !matches!(self, Self::V2024_11_05 | Self::V2025_03_26)
    }

    const fn since_2025_11_25(self) -> bool {
        matches!(self, Self::V2025_11_25 | Self::V2026_07_28)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format_args!("unknown protocol version `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_parses_from_its_own_name() {
        for (i, r) in Revision::ALL.into_iter().enumerate() {
            assert_eq!(Revision::parse(r.as_str()), Some(r));
            assert_eq!(r.index(), i);
        }
        assert_eq!(Revision::parse("2024-11-5"), None);
    }

    #[test]
    fn exactly_one_revision_is_modern() {
        assert_eq!(Revision::ALL.into_iter().filter(|r| r.is_modern()).collect::<Vec<_>>(), [Revision::LATEST]);
    }
}
