//! What can go wrong with TLS.

use std::error::Error as StdError;
use std::fmt;

/// An error from setting up TLS, or from agreeing on it with a peer.
#[derive(Debug)]
pub struct TlsError {
    kind: Kind,
    what: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Configuration,
    Handshake,
}

impl TlsError {
    pub(super) fn configuration(what: impl Into<String>) -> Self {
        Self { kind: Kind::Configuration, what: what.into(), source: None }
    }

    pub(super) fn handshake(what: impl Into<String>) -> Self {
        Self { kind: Kind::Handshake, what: what.into(), source: None }
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns true if a setting or a file is not as it has to be; nobody was asked for anything.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.kind == Kind::Configuration
    }

    /// Returns true if the peer could not be reached or refuses, or is not who it has to be.
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        self.kind == Kind::Handshake
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}
