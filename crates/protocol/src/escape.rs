//! Writing a JSON string: runs that need no escape are copied whole.

const STEP: usize = 32;

/// Appends `text` to `out` as a JSON string, quotes included.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut at = 0;
    while at < bytes.len() {
        let run = plain_run(&bytes[at..]);
        out.extend_from_slice(&bytes[at..at + run]);
        at += run;
        if let Some(&byte) = bytes.get(at) {
            write_escape(byte, out);
            at += 1;
        }
    }
    out.push(b'"');
}

/// The number of bytes at the start of `bytes` that stand for themselves inside a JSON string.
#[inline]
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    // No early exit inside a step, so that the compiler can vectorise it.
    while let Some(step) = bytes.get(at..at + STEP) {
        if step.iter().fold(false, |special, &b| special | !is_plain(b)) {
            break;
        }
        at += STEP;
    }
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && is_plain(bytes[at]) {
        at += 1;
    }
    at
}

/// Sets the top bit of each byte that is not plain; above the lowest of them also of some that are.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // Subtracting borrows into the top bit where a byte is too small; a byte equals another where their difference is 0.
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & TOPS
}

#[inline]
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        other => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(other >> 4)]);
            out.push(HEX[usize::from(other & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str) {
        let mut out = Vec::new();
        write_string(text, &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(text).unwrap());
    }

    #[test]
    fn writes_what_serde_json_writes() {
        check("");
        check("plain");
        check("a\"b\\c\nd\re\tf\u{8}g\u{c}h\u{0}i\u{1f}j\u{7f}k");
        check(&"x".repeat(100));
        check(&format!("{}\n{}", "ä€𝄞".repeat(40), "y".repeat(33)));
        for byte in 0..128u8 {
            check(&format!("{}{}{}", "p".repeat(31), char::from(byte), "q".repeat(32)));
        }
    }

    #[test]
    fn a_run_ends_at_the_first_byte_that_is_not_plain() {
        for byte in 0..=255u8 {
            for length in [1, 7, 8, 9, 31, 32, 33, 45] {
                for place in 0..length {
                    // After the place come bytes that look special to careless arithmetic.
                    let mut bytes = vec![b'!'; length];
                    bytes[place] = byte;
                    let expected = if is_plain(byte) { length } else { place };
                    assert_eq!(plain_run(&bytes), expected, "{byte} at {place} of {length}");
                }
            }
        }
        assert_eq!(plain_run("ä€𝄞 \u{80}".repeat(9).as_bytes()), "ä€𝄞 \u{80}".len() * 9);
    }
}
