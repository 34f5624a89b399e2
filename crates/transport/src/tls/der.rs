//! Just enough of DER for what webpki does not read.

use turbomcp_protocol::date;

/// Elements one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Without tag and length.
    pub(super) content: &'a [u8],
    /// With them.
    pub(super) whole: &'a [u8],
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag of a member that has a number and holds other elements.
pub(super) const fn numbered(number: u8) -> u8 {
    0xa0 | number
}

impl<'a> Elements<'a> {
    pub(super) fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next element; none if there is none, or it is malformed.
    pub(super) fn take(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        // A tag of several bytes is nothing that certificates have.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length =
                    bytes.iter().try_fold(0usize, |sum, &byte| Some(sum.checked_mul(256)? | usize::from(byte)))?;
                let is_shortest = length > 0x7f && bytes[0] != 0;
                if !is_shortest {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    /// Takes the next element, which has to be of this kind.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.take().filter(|element| element.tag == tag).map(|element| element.content)
    }

    /// Takes the next element if it is of this kind.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.expect(tag).map(Some) } else { Some(None) }
    }
}

/// Puts tag and length before a content.
pub(super) fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|&&byte| byte == 0).count().min(length.len() - 1)..];
    let mut out = vec![tag];
    if content.len() > 0x7f {
        out.push(0x80 | u8::try_from(length.len()).unwrap_or(0x7f));
    }
    out.extend_from_slice(length);
    out.extend_from_slice(content);
    out
}

/// Reads a time, as seconds since 1970: `YYYYMMDDHHMMSSZ`, the only form that certificates may have.
pub(super) fn time(text: &[u8]) -> Option<u64> {
    let digits =
        text.strip_suffix(b"Z").filter(|digits| digits.len() == 14 && digits.iter().all(u8::is_ascii_digit))?;
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (hour, minute, second) = (number(8..10), number(10..12), number(12..14));
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(date::day_number(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_nothing_else_is() {
        for (text, expected) in [
            ("19700101000000Z", Some(0)),
            ("20000229235959Z", Some(951_868_799)),
            ("20240301000000Z", Some(1_709_251_200)),
            ("20261121143233Z", Some(1_795_271_553)),
            ("20261321143233Z", None),
            ("20230229000000Z", None),
            ("20261121243233Z", None),
            ("20261121143233", None),
            ("20261121143233.5Z", None),
            ("261121143233Z", None),
            ("19691231235959Z", None),
        ] {
            assert_eq!(time(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn elements_are_what_they_say_they_are() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let content = vec![7; length];
            let whole = wrapped(OCTET_STRING, &content);
            let mut elements = Elements::new(&whole);
            let element = elements.take().unwrap();
            assert_eq!((element.tag, element.content, element.whole), (OCTET_STRING, &content[..], &whole[..]));
            assert!(elements.is_empty());
            assert!(Elements::new(&whole[..whole.len() - 1]).take().is_none());
        }
        for malformed in [&[][..], &[4], &[4, 1], &[0x1f, 0], &[4, 0x80, 0, 0], &[4, 0x81, 1, 0], &[4, 0x82, 0, 1, 0]] {
            assert!(Elements::new(malformed).take().is_none(), "{malformed:?}");
        }
        let huge = [4, 0x84, 0xff, 0xff, 0xff, 0xff, 0];
        assert!(Elements::new(&huge).take().is_none());
    }
}
