//! What can go wrong with authorization.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

type Source = Box<dyn StdError + Send + Sync>;

/// How much of what an authorization server says is shown.
const MAX_SHOWN: usize = 300;

/// An error from authorization.
///
/// `Debug` writes the error and its causes in one line, so that `main` may return it; `{:#?}` writes its parts.
pub struct Error {
    kind: Kind,
    source: Option<Source>,
}

#[derive(Debug)]
enum Kind {
    /// What was published or answered must not be used.
    Refused(Cow<'static, str>),
    /// An error by the words of OAuth.
    OAuth {
        what: &'static str,
        code: String,
        description: Option<String>,
    },
    /// Somebody could not be reached.
    Connect(Cow<'static, str>),
    Timeout(&'static str, Duration),
    /// The settings do not fit.
    Usage(Cow<'static, str>),
    /// Credentials could not be kept or found.
    Store(&'static str),
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn refused(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Refused(why.into()))
    }

    pub(crate) fn oauth(what: &'static str, code: &str, description: Option<&str>) -> Self {
        Self::new(Kind::OAuth { what, code: shown(code), description: description.map(shown) })
    }

    pub(crate) fn connect(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Connect(why.into()))
    }

    pub(crate) fn timeout(what: &'static str, limit: Duration) -> Self {
        Self::new(Kind::Timeout(what, limit))
    }

    pub(crate) fn usage(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Usage(why.into()))
    }

    pub(crate) fn store(what: &'static str) -> Self {
        Self::new(Kind::Store(what))
    }

    /// Returns true if what a server published or answered must not be used, so authorization was not gone on with.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, Kind::Refused(_))
    }

    /// Returns the code of the error an authorization server answered with, such as `access_denied`.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        match &self.kind {
            Kind::OAuth { code, .. } => Some(code),
            _ => None,
        }
    }

    /// True if the same would come of trying again later.
    pub(crate) fn is_final(&self) -> bool {
        match &self.kind {
            Kind::Refused(_) => true,
            Kind::OAuth { code, .. } => {
                !matches!(code.as_str(), "temporarily_unavailable" | "server_error" | "slow_down")
            }
            Kind::Connect(_) | Kind::Timeout(..) | Kind::Usage(_) | Kind::Store(_) => false,
        }
    }

    /// Returns true if somebody could not be reached.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, Kind::Connect(_))
    }

    /// Returns true if somebody, such as the user, did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout(..))
    }

    /// Returns true if the settings do not fit: a client id is missing, a key cannot be read.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self.kind, Kind::Usage(_))
    }

    /// Returns true if credentials could not be kept or found.
    #[must_use]
    pub fn is_store(&self) -> bool {
        matches!(self.kind, Kind::Store(_))
    }
}

/// Shortens a foreign text and leaves out what could steer a terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect()
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.debug_struct("Error").field("kind", &self.kind).field("source", &self.source).finish();
        }
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(next) = cause {
            line.extend([": ", &next.to_string()]);
            cause = next.source();
        }
        // What others have said is not to steer a terminal.
        f.write_str(&line.replace(|c: char| c.is_control() && c != '\n', ""))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Refused(why) | Kind::Connect(why) | Kind::Usage(why) => f.write_str(why),
            Kind::OAuth { what, code, description: None } => write!(f, "{what} was refused: {code}"),
            Kind::OAuth { what, code, description: Some(text) } => write!(f, "{what} was refused: {code} ({text})"),
            Kind::Timeout(what, limit) => write!(f, "{what} took longer than {limit:?}"),
            Kind::Store(what) => f.write_str(what),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_may_return_it() {
        let error =
            Error::connect("https://id.example cannot be reached").with_source(std::io::Error::other("refused"));
        assert_eq!(format!("{error:?}"), "https://id.example cannot be reached: refused");
        assert!(format!("{error:#?}").contains("kind: Connect("));
    }

    #[test]
    fn foreign_texts_cannot_steer_a_terminal() {
        let error = Error::oauth("the token request", "bad\u{1b}[31m", Some(&"x".repeat(1000)));
        let shown = error.to_string();
        assert!(!shown.contains('\u{1b}') && shown.len() < 400, "{shown}");
        assert_eq!(error.oauth_error(), Some("bad[31m"));
    }
}
