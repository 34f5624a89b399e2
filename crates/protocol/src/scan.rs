//! A strict JSON scanner that builds nothing: it checks the grammar and says where the members of an object lie.
//!
//! `params` and tool `arguments` stay raw until a handler's own type reads them, so the request path needs positions,
//! not values. `serde_json::value::RawValue` gives them too, at about twice the instructions for large arguments.

use std::borrow::Cow;
use std::num::NonZeroU32;

use serde::de::DeserializeOwned;

use crate::escape::plain_run;

/// How deeply arrays and objects may nest, as in `serde_json`.
pub const MAX_DEPTH: u32 = 128;

/// Where a JSON value lies in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: NonZeroU32,
}

impl Span {
    /// Returns the bytes of the value within the text that was scanned.
    ///
    /// # Panics
    ///
    /// If `text` is shorter than the text that was scanned.
    #[must_use]
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.range()]
    }

    /// Returns the positions as a range.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end.get() as usize
    }

    /// Moves a position found within a part of a text to the whole text, where the part begins at `offset`.
    #[must_use]
    pub fn shifted(self, offset: usize) -> Self {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: self.start.saturating_add(offset), end: self.end.saturating_add(offset) }
    }
}

/// Why a text is not one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanError {
    /// It breaks the grammar at this byte, or ends too early.
    Syntax(usize),
    /// It nests deeper than [`MAX_DEPTH`].
    TooDeep,
    /// It is longer than 4 GiB.
    TooLong,
}

impl std::fmt::Display for ScanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(at) => write!(f, "not JSON at byte {at}"),
            Self::TooDeep => write!(f, "JSON nested deeper than {MAX_DEPTH}"),
            Self::TooLong => f.write_str("JSON longer than 4 GiB"),
        }
    }
}

impl std::error::Error for ScanError {}

/// A position in a JSON text.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `text`, which must be UTF-8 where that matters: the scanner looks at ASCII only.
    ///
    /// # Errors
    ///
    /// If the text is too long for a [`Span`].
    pub fn new(text: &'a [u8]) -> Result<Self, ScanError> {
        if u32::try_from(text.len()).is_err() {
            return Err(ScanError::TooLong);
        }
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// Returns the first byte of the next value, without moving.
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_whitespace();
        self.text.get(self.at).copied()
    }

    /// Moves over one value of any kind.
    ///
    /// # Errors
    ///
    /// If there is no well-formed value here.
    pub fn value(&mut self) -> Result<Span, ScanError> {
        self.skip_whitespace();
        let start = self.at;
        match self.text.get(self.at) {
            Some(b'"') => self.string()?,
            Some(b'{') => self.members(|_, scanner| scanner.value().map(drop))?,
            Some(b'[') => self.elements(|scanner| scanner.value().map(drop))?,
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            Some(_) => self.number()?,
            None => return Err(self.error()),
        }
        Ok(self.span_from(start))
    }

    /// Moves over an object, calling `member` at each value; `member` must move over it.
    ///
    /// # Errors
    ///
    /// If there is no well-formed object here, or `member` returns an error.
    pub fn members(
        &mut self,
        mut member: impl FnMut(Key<'a>, &mut Self) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.enter(b'{')?;
        if self.peek() == Some(b'}') {
            return self.leave();
        }
        loop {
            self.skip_whitespace();
            let start = self.at;
            if self.text.get(self.at) != Some(&b'"') {
                return Err(self.error());
            }
            self.string()?;
            let key = Key { raw: &self.text[start + 1..self.at - 1] };
            self.skip_whitespace();
            self.expect(b':')?;
            member(key, self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.leave(),
                _ => return Err(self.error()),
            }
        }
    }

    /// Moves over an array, calling `element` at each value; `element` must move over it.
    ///
    /// # Errors
    ///
    /// If there is no well-formed array here, or `element` returns an error.
    pub fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), ScanError>) -> Result<(), ScanError> {
        self.enter(b'[')?;
        if self.peek() == Some(b']') {
            return self.leave();
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.leave(),
                _ => return Err(self.error()),
            }
        }
    }

    /// Returns where the next value lies, which `inside` moves over.
    ///
    /// # Errors
    ///
    /// If `inside` returns one.
    pub fn spanned(&mut self, inside: impl FnOnce(&mut Self) -> Result<(), ScanError>) -> Result<Span, ScanError> {
        self.skip_whitespace();
        let start = self.at;
        inside(self)?;
        Ok(self.span_from(start))
    }

    /// Checks that nothing but white space is left.
    ///
    /// # Errors
    ///
    /// If there is more.
    pub fn end(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error()),
        }
    }

    fn enter(&mut self, open: u8) -> Result<(), ScanError> {
        self.skip_whitespace();
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(ScanError::TooDeep) } else { Ok(()) }
    }

    fn leave(&mut self) -> Result<(), ScanError> {
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.text.get(self.at) == Some(&byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.error())
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), ScanError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.error())
        }
    }

    #[inline]
    fn string(&mut self) -> Result<(), ScanError> {
        self.at += 1;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => match self.text.get(self.at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                    Some(b'u') if self.is_hex(self.at + 2) => self.at += 6,
                    _ => return Err(self.error()),
                },
                _ => return Err(self.error()),
            }
        }
    }

    fn is_hex(&self, at: usize) -> bool {
        self.text.get(at..at + 4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error()),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(self.error()) } else { Ok(()) }
    }

    fn span_from(&self, start: usize) -> Span {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { start: narrow(start), end: NonZeroU32::new(narrow(self.at)).unwrap_or(NonZeroU32::MIN) }
    }

    fn error(&self) -> ScanError {
        ScanError::Syntax(self.at)
    }
}

/// The name of a member, as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    raw: &'a [u8],
}

impl<'a> Key<'a> {
    /// Returns the name as it stands between its quotes; a name with escapes never equals a plain one this way.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Returns the name, with escapes resolved.
    #[must_use]
    pub fn name(self) -> Cow<'a, [u8]> {
        if !self.raw.contains(&b'\\') {
            return Cow::Borrowed(self.raw);
        }
        let quoted = [b"\"", self.raw, b"\""].concat();
        match serde_json::from_slice::<String>(&quoted) {
            Ok(name) => Cow::Owned(name.into_bytes()),
            Err(_) => Cow::Borrowed(self.raw),
        }
    }
}

/// Returns the text of a JSON string, borrowed where it has no escapes, or `None` if `raw` is not a string.
#[must_use]
pub fn text_of(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// Decodes one scanned value.
///
/// # Errors
///
/// If the value is not a `T`.
pub fn decode<T: DeserializeOwned>(raw: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(raw)
}

/// Returns the raw value of one member of an object; none if it is not there, or the text is no object.
#[must_use]
pub fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    let mut scanner = Scanner::new(object).ok()?;
    scanner
        .members(|key, scanner| {
            let span = scanner.value()?;
            if *key.name() == *name.as_bytes() {
                found = Some(span.of(object));
            }
            Ok(())
        })
        .ok()?;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &[u8]) -> Result<(), ScanError> {
        let mut scanner = Scanner::new(text)?;
        scanner.value()?;
        scanner.end()
    }

    /// The scanner and `serde_json` must agree on what is JSON.
    #[track_caller]
    fn check(text: &str) {
        let expected = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        assert_eq!(scan(text.as_bytes()).is_ok(), expected, "{text}");
    }

    #[test]
    fn agrees_with_serde_json_on_what_is_json() {
        for text in [
            "",
            " ",
            "null",
            "nul",
            "true",
            "tru",
            "false",
            "0",
            "-0",
            "01",
            "1.",
            ".5",
            "1.5",
            "-1.5e+3",
            "1e",
            "1e5",
            "-",
            "+1",
            "\"\"",
            "\"a\"",
            "\"",
            "\"\\\"",
            "\"\\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u1234\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[]",
            "[",
            "[1",
            "[1,]",
            "[,1]",
            "[1,2]",
            "[1 2]",
            "{}",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            " { \"a\" : [ 1 , { } ] } ",
            "{}{}",
            "nullnull",
            "[true,false,null]",
            "NaN",
            "Infinity",
            "'a'",
            "// x",
            "[1]x",
            "\u{feff}1",
            "1 ",
            "\t1",
            "\u{a0}1",
        ] {
            check(text);
        }
    }

    #[test]
    fn agrees_with_serde_json_on_every_truncation_and_mutation() {
        let text = r#"{"jsonrpc":"2.0","id":-12.5e3,"x":["a\u00e9\n",true,null,{"y":[[],{}]}],"ü":"€"}"#;
        for (end, _) in text.char_indices() {
            check(&text[..end]);
        }
        for (at, old) in text.char_indices() {
            for new in "{}[]\",:0a\\ -.e\u{1}t".chars() {
                let mut mutated = String::from(&text[..at]);
                mutated.push(new);
                mutated.push_str(&text[at + old.len_utf8()..]);
                check(&mutated);
            }
        }
    }

    #[test]
    fn refuses_what_nests_too_deeply() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(scan(nested(128).as_bytes()), Ok(()));
        assert_eq!(scan(nested(129).as_bytes()), Err(ScanError::TooDeep));
        assert_eq!(scan("[".repeat(1_000_000).as_bytes()), Err(ScanError::TooDeep));
    }

    #[test]
    fn resolves_escapes_in_names() {
        let mut names = Vec::new();
        let text = br#"{"plain":1,"m\u0065thod":2}"#;
        Scanner::new(text)
            .unwrap()
            .members(|key, scanner| {
                names.push(String::from_utf8(key.name().into_owned()).unwrap());
                scanner.value().map(drop)
            })
            .unwrap();
        assert_eq!(names, ["plain", "method"]);
    }
}
