//! Percent-encoding of URIs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Decodes a percent-encoded text; none if an escape is malformed or what comes out is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Appends `text`, with every byte escaped that `keep` does not let pass.
pub(super) fn encode(text: &str, keep: impl Fn(u8) -> bool, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii() && keep(byte) {
            out.push(byte as char);
        } else {
            _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Escapes the characters of an IRI that a URI cannot have.
pub(super) fn to_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut ascii = String::with_capacity(text.len() * 2);
    encode(text, |_| true, &mut ascii);
    Cow::Owned(ascii)
}

pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

pub(super) fn is_reserved(byte: u8) -> bool {
    b":/?#[]@!$&'()*+,;=".contains(&byte)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_either_case_are_decoded_once() {
        assert_eq!(decode("a%2Fb%2fc%25%32%35").as_deref(), Some("a/b/c%25"));
        assert_eq!(decode("caf%C3%A9").as_deref(), Some("café"));
        assert!(matches!(decode("plain+text"), Some(Cow::Borrowed("plain+text"))));
    }

    #[test]
    fn malformed_escapes_and_other_encodings_are_refused() {
        for text in ["%", "%2", "a%zz", "%+1", "%2%2F", "%C3", "%FF", "%C0%AE", "%ED%A0%80", "%é1"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_kept_is_escaped() {
        let mut out = String::new();
        encode("a b/é%", is_unreserved, &mut out);
        assert_eq!(out, "a%20b%2F%C3%A9%25");
        assert_eq!(to_ascii("x/é"), "x/%C3%A9");
    }
}
