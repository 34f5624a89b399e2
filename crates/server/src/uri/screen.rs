//! Values that would lead out of where a template points.

use std::error::Error;
use std::fmt;

/// A URI that fits a template, but with a value that no handler is to see.
///
/// It is answered like a resource that does not exist, and logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screened {
    variable: String,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Parent,
    Absolute,
    Control,
}

impl Screened {
    /// Returns the name of the variable whose value was refused.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl fmt::Display for Screened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Reason::Parent => "has a path segment `..`",
            Reason::Absolute => "is an absolute path",
            Reason::Control => "has a control character",
        };
        write!(f, "value of variable `{}` {reason}", self.variable)
    }
}

impl Error for Screened {}

/// Whether a value may be an absolute path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absolute {
    Allowed,
    Refused,
}

/// Refuses a decoded value that a handler could mistake for a harmless one.
pub(super) fn screen(variable: &str, value: &str, absolute: Absolute) -> Result<(), Screened> {
    let refuse = |reason| Err(Screened { variable: variable.to_owned(), reason });
    // Windows takes a backslash for a slash, and whoever handles the value may run there.
    if value.split(['/', '\\']).any(|segment| segment == "..") {
        return refuse(Reason::Parent);
    }
    if value.chars().any(char::is_control) {
        return refuse(Reason::Control);
    }
    if absolute == Absolute::Refused && is_absolute(value) {
        return refuse(Reason::Absolute);
    }
    Ok(())
}

fn is_absolute(value: &str) -> bool {
    match value.as_bytes() {
        [b'/' | b'\\', ..] => true,
        // Also without a slash behind it: `C:x` is relative to wherever drive C stands.
        [letter, b':', ..] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(value: &str, absolute: Absolute, reason: Reason) {
        assert_eq!(screen("x", value, absolute), Err(Screened { variable: "x".to_owned(), reason }), "{value:?}");
    }

    #[test]
    fn defence_17_parent_segments_are_refused() {
        for value in ["..", "../a", "a/..", "a/../b", "..\\a", "a\\..", "a\\..\\b", "a/..\\b"] {
            refuses(value, Absolute::Refused, Reason::Parent);
            refuses(value, Absolute::Allowed, Reason::Parent);
        }
    }

    #[test]
    fn defence_17_absolute_paths_are_refused() {
        for value in ["/", "/etc", "\\", "\\\\host\\share", "C:\\x", "c:/x", "C:x", "z:"] {
            refuses(value, Absolute::Refused, Reason::Absolute);
            assert_eq!(screen("x", value, Absolute::Allowed), Ok(()));
        }
    }

    #[test]
    fn defence_17_nul_and_control_characters_are_refused() {
        for value in ["a\0", "\n", "a\rb", "\t", "\u{7f}", "\u{85}"] {
            refuses(value, Absolute::Allowed, Reason::Control);
        }
    }

    #[test]
    fn ordinary_values_pass() {
        for value in ["", "a", "a/b", "...", "a..b", "..a", "a b", "é", "12:30", "a.b", "."] {
            assert_eq!(screen("x", value, Absolute::Refused), Ok(()), "{value:?}");
        }
    }
}
