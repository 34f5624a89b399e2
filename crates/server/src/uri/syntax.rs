//! What a URI, or a URI template outside its expressions, is written with.

use super::percent::{is_reserved, is_unreserved};

/// Says what is wrong with the URI or URI template of a resource, if anything is.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(legal) {
        return Err("a URI starts with a scheme, such as `file:` or one of your own");
    }
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = match byte {
            b'{' => match behind.iter().position(|&byte| byte == b'}') {
                Some(end) => &behind[end + 1..],
                None => return Err("a URI template closes the braces it opens"),
            },
            b'%' => match behind {
                [high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => behind,
                _ => return Err("a `%` in a URI is followed by two hexadecimal digits"),
            },
            byte if is_unreserved(byte) || is_reserved(byte) => behind,
            _ => return Err("a URI has percent-encoded spaces, quotes and characters beyond ASCII"),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn tells_uris_from_other_text() {
        for legal in ["x:", "a+b-c.1://h", "urn:a:b", "x://a%20b/{c}?d#e", "x://[::1]/*"] {
            assert_eq!(check(legal), Ok(()), "{legal}");
        }
        for illegal in
            ["", ":", "a", "/a:b", "1:a", "{a}:b", "x:a b", "x:\"", "x:ä", "x:%", "x:%2", "x:%zz", "x:{a", "x:}"]
        {
            assert!(check(illegal).is_err(), "{illegal}");
        }
    }
}
