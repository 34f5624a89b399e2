//! `application/x-www-form-urlencoded`.

/// Encodes one value: what is not unreserved is escaped.
pub(crate) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    append(&mut encoded, value);
    encoded
}

fn append(to: &mut String, value: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(byte.into());
        } else {
            to.extend(['%', HEX[usize::from(byte >> 4)].into(), HEX[usize::from(byte & 15)].into()]);
        }
    }
}

/// Encodes pairs, in their order.
pub(crate) fn encode_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut encoded = String::new();
    for (name, value) in pairs {
        if !encoded.is_empty() {
            encoded.push('&');
        }
        append(&mut encoded, name);
        encoded.push('=');
        append(&mut encoded, value);
    }
    encoded
}

/// Decodes pairs; none if something is not text.
pub(crate) fn decode_pairs(encoded: &str) -> Option<Vec<(String, String)>> {
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(value: &str) -> Option<String> {
    let mut bytes = value.bytes();
    let mut decoded = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_a_round_trip() {
        let pairs = [("a", "1 +&=%/ä"), ("b", ""), ("a", "2")];
        let encoded = encode_pairs(pairs);
        assert_eq!(encoded, "a=1%20%2B%26%3D%25%2F%C3%A4&b=&a=2");
        let decoded = decode_pairs(&encoded).unwrap();
        assert_eq!(decoded, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_not_encoded_well_is_not_decoded() {
        assert_eq!(decode_pairs("a+b=c+d").unwrap(), [("a b".to_owned(), "c d".to_owned())]);
        for bad in ["a=%", "a=%1", "a=%zz", "a=%ff"] {
            assert_eq!(decode_pairs(bad), None, "{bad}");
        }
    }
}
