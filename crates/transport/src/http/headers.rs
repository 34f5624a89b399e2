//! The values of headers that mirror what is in the body: `Mcp-Name` and `Mcp-Param-*`.
//!
//! A text that is not safe in a header travels as `=?base64?` + Base64 of its UTF-8 + `?=`; everything else as it is.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// The greatest integer that is mirrored, which is the greatest that a double-precision number tells from the next.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Encodes a text as the value of a header.
///
/// ```
/// use turbomcp_transport::http::headers::encode_value;
///
/// assert_eq!(encode_value("us-west 1"), "us-west 1");
/// assert_eq!(encode_value("ä"), "=?base64?w6Q=?=");
/// ```
///
/// # Specification
///
/// [Value encoding](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding)
#[must_use]
pub fn encode_value(value: &str) -> Cow<'_, str> {
    let is_plain = value.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
    // Whatever a reader could take for the wrapped form has to be wrapped itself.
    let is_wrapped = value.starts_with(PREFIX) && value.ends_with(SUFFIX);
    if is_plain && !value.starts_with(' ') && !value.ends_with(' ') && !is_wrapped {
        return Cow::Borrowed(value);
    }
    let mut wrapped = String::with_capacity(PREFIX.len() + value.len().div_ceil(3) * 4 + SUFFIX.len());
    wrapped.push_str(PREFIX);
    STANDARD.encode_string(value, &mut wrapped);
    wrapped.push_str(SUFFIX);
    Cow::Owned(wrapped)
}

/// Decodes the value of a header.
///
/// White space around it is not part of it. Markers in another case, or only one of them, are text like any other.
///
/// # Errors
///
/// Returns an error if the value has characters that a header cannot have, or is wrapped but not in strict Base64 of
/// UTF-8.
///
/// # Specification
///
/// [Value encoding](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding)
pub fn decode_value(value: &[u8]) -> Result<Cow<'_, str>, HeaderValueError> {
    let value = trim(value);
    if !value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E)) {
        return Err(HeaderValueError { kind: Kind::Characters });
    }
    let text = std::str::from_utf8(value).map_err(|_| HeaderValueError { kind: Kind::Characters })?;
    let Some(wrapped) = text.strip_prefix(PREFIX).and_then(|text| text.strip_suffix(SUFFIX)) else {
        return Ok(Cow::Borrowed(text));
    };
    let decoded = STANDARD.decode(wrapped).map_err(|_| HeaderValueError { kind: Kind::Base64 })?;
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| HeaderValueError { kind: Kind::Utf8 })
}

/// Returns true if a decoded header value and a JSON number are the same integer.
///
/// They are compared as numbers: `42` is `42.0` and `4.2e1`. Integers beyond ±(2⁵³−1), which are not mirrored, equal
/// nothing.
///
/// # Specification
///
/// [Server validation](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation)
#[must_use]
pub fn matches_integer(header: &str, number: &str) -> bool {
    integer(header).is_some_and(|value| integer(number) == Some(value))
}

/// A header value that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderValueError {
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Characters,
    Base64,
    Utf8,
}

impl fmt::Display for HeaderValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Characters => "header value has characters outside of printable ASCII",
            Kind::Base64 => "header value is marked as Base64 but is none",
            Kind::Utf8 => "header value is Base64 of something other than UTF-8",
        })
    }
}

impl Error for HeaderValueError {}

/// Takes off the optional white space of HTTP, which is less than what `trim_ascii` knows.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Reads a JSON number exactly; none if it is no number, no integer, or too large.
fn integer(text: &str) -> Option<i64> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return None,
        None => (mantissa, ""),
    };
    if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }

    // The number is its digits, without the point, times a power of ten.
    let digits = || whole.bytes().chain(fraction.bytes());
    let length = whole.len() + fraction.len();
    let zeros = digits().rev().take_while(|digit| *digit == b'0').count();
    if zeros == length {
        return Some(0);
    }
    let power = exponent.checked_add(i64::try_from(zeros).ok()?)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let power = u32::try_from(power).ok()?;
    let mut value = 0_u64;
    for digit in digits().take(length - zeros) {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    let value = 10_u64.checked_pow(power).and_then(|factor| value.checked_mul(factor))?;
    let value = i64::try_from(value).ok().filter(|_| value <= MAX_INTEGER)?;
    Some(if negative { -value } else { value })
}

/// Reads what stands behind `e`; one beyond all bounds is as good as any other that large.
fn exponent(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => (1, text),
    };
    is_digits(digits).then(|| sign * digits.parse::<i64>().unwrap_or(i64::MAX / 2))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn encodes(value: &str, header: &str) {
        assert_eq!(encode_value(value), header);
        assert_eq!(decode_value(header.as_bytes()).as_deref(), Ok(value), "{header} is not read back");
    }

    #[track_caller]
    fn decodes(header: &str, value: &str) {
        assert_eq!(decode_value(header.as_bytes()).as_deref(), Ok(value));
    }

    #[track_caller]
    fn refuses(header: &[u8], kind: Kind) {
        assert_eq!(decode_value(header), Err(HeaderValueError { kind }));
    }

    #[test]
    fn hdr_27_safe_ascii_is_sent_as_it_is() {
        for value in ["blue", "a b", "", "-7", "true", "file:///path/to/file%20name.txt", "=?base64?", "a?=", "~!@#"] {
            encodes(value, value);
            assert!(matches!(encode_value(value), Cow::Borrowed(_)), "{value} was copied");
            assert!(matches!(decode_value(value.as_bytes()), Ok(Cow::Borrowed(_))), "{value} was copied");
        }
    }

    #[test]
    fn hdr_28_other_values_are_wrapped() {
        encodes(" a", "=?base64?IGE=?=");
        encodes("a ", "=?base64?YSA=?=");
        encodes(" ", "=?base64?IA==?=");
        encodes("ä", "=?base64?w6Q=?=");
        encodes("x\r\ny", "=?base64?eA0KeQ==?=");
        encodes("\tq", "=?base64?CXE=?=");
        encodes("a\tq", "=?base64?YQlx?=");
        encodes("\0", "=?base64?AA==?=");
        encodes("\u{7f}", "=?base64?fw==?=");
    }

    #[test]
    fn hdr_29_values_that_look_wrapped_are_wrapped() {
        encodes("=?base64?zz?=", "=?base64?PT9iYXNlNjQ/eno/PQ==?=");
        encodes("=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?=");
    }

    #[test]
    fn hdr_30_other_markers_are_text() {
        for header in ["=?BASE64?YQ==?=", "=?Base64?YQ==?=", "YQ==", "=?base64?YQ==", "YQ==?=", "=?base64?="] {
            decodes(header, header);
        }
    }

    #[test]
    fn hdr_31_wrapped_values_with_bad_padding_are_refused() {
        for header in ["=?base64?YQ?=", "=?base64?YQ=?=", "=?base64?YQ===?=", "=?base64?YWI?=", "=?base64?====?="] {
            refuses(header.as_bytes(), Kind::Base64);
        }
    }

    #[test]
    fn hdr_31_wrapped_values_outside_the_alphabet_are_refused() {
        for header in ["=?base64?Y!Q=?=", "=?base64?Y Q=?=", "=?base64?_-8=?=", "=?base64?YR==?=", "=?base64?Y?="] {
            refuses(header.as_bytes(), Kind::Base64);
        }
    }

    #[test]
    fn wrapped_values_that_are_not_utf_8_are_refused() {
        refuses(b"=?base64?/w==?=", Kind::Utf8);
        refuses(b"=?base64?wKA=?=", Kind::Utf8);
    }

    #[test]
    fn a_wrapped_empty_text_is_read() {
        decodes("=?base64??=", "");
    }

    #[test]
    fn hdr_10_white_space_around_a_value_is_trimmed() {
        decodes("  blue\t", "blue");
        decodes("\t =?base64?IGE=?= ", " a");
        decodes("   ", "");
    }

    #[test]
    fn hdr_16_other_characters_are_refused() {
        for header in [&b"caf\xC3\xA9"[..], b"\xFF", b"a\x00", b"a\x7F", b"a\nb", b"\x0Ba"] {
            refuses(header, Kind::Characters);
        }
    }

    #[track_caller]
    fn equal(header: &str, number: &str) {
        assert!(matches_integer(header, number), "{header} {number}");
        assert!(matches_integer(number, header), "{number} {header}");
    }

    #[track_caller]
    fn unequal(header: &str, number: &str) {
        assert!(!matches_integer(header, number), "{header} {number}");
        assert!(!matches_integer(number, header), "{number} {header}");
    }

    #[test]
    fn hdr_09_integers_are_compared_as_numbers() {
        equal("42", "42");
        equal("42", "42.0");
        equal("42", "42.000");
        equal("42", "4.2e1");
        equal("42", "420E-1");
        equal("42", "0.42e+2");
        equal("-7", "-7.0");
        equal("0", "-0");
        equal("0", "0.0");
        equal("0", "0e999999999999999999999999");
        equal("100", "1e2");
        equal("1000000", "1000000.0000000000000000000000000");
        unequal("42", "43");
        unequal("42", "-42");
        unequal("42", "42.5");
        unequal("42", "4.25e1");
        unequal("1", "1e-1");
        unequal("1", "1e-999999999999999999999999");
        unequal("1", "1e999999999999999999999999");
    }

    #[test]
    fn hdr_23_integers_are_exact_up_to_the_limit_and_refused_beyond() {
        equal("9007199254740991", "9007199254740991");
        equal("-9007199254740991", "-9007199254740991.0");
        unequal("9007199254740991", "9007199254740990");
        unequal("9007199254740992", "9007199254740992");
        unequal("9007199254740993", "9007199254740992");
        unequal("-9007199254740992", "-9007199254740992");
        unequal("18446744073709551616", "18446744073709551616");
        unequal("1e16", "1e16");
        unequal("1e100", "1e100");
    }

    #[test]
    fn what_is_no_number_equals_nothing() {
        for text in ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1_0", " 1", "1 ", "--1", "NaN", "１"] {
            unequal(text, "1");
            unequal(text, text);
        }
    }
}
