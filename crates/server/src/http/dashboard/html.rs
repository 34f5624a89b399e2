//! Text that becomes HTML: what is not written here is escaped.

use std::fmt::{self, Display, Write};

/// HTML under construction.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    /// Adds markup, which is written in this crate.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Adds a text, for the content of an element or the quoted value of an attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a `String` cannot fail, here and below.
        let _ = write!(Escaped(&mut self.out), "{text}");
        self
    }

    /// Adds a text for the value of a parameter in the query of a URL.
    pub(super) fn query(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => self.out.push(byte.into()),
                _ => _ = write!(self.out, "%{byte:02X}"),
            }
        }
        self
    }

    /// Adds what is HTML already.
    pub(super) fn html(&mut self, other: &Self) -> &mut Self {
        self.out.push_str(&other.out);
        self
    }

    pub(super) fn into_string(self) -> String {
        self.out
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // HTML has no such characters, and a browser would take others for them.
                '\0' => self.0.push('\u{fffd}'),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_here_is_escaped() {
        let mut html = Html::default();
        html.raw("<a href=\"/?q=").query("a b&\"<é").raw("\">").text("<script>&'\"\0").raw("</a>");
        let expected = "<a href=\"/?q=a%20b%26%22%3C%C3%A9\">&lt;script&gt;&amp;&#39;&quot;\u{fffd}</a>";
        assert_eq!(html.into_string(), expected);
    }
}
