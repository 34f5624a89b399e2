//! Whether something is worth compressing, by a look at samples of it.

use lz4_flex::block;

/// How much is looked at, in how many places.
const SAMPLE: usize = 2 << 10;
const PLACES: usize = 3;

/// Returns true if the samples become smaller by a tenth.
///
/// LZ4 finds what repeats and does not count how often bytes occur. So text becomes smaller, and base64 of what is
/// compressed already does not, although a slower algorithm would win back what base64 adds to it.
pub(super) fn is_worth_it(bytes: &[u8]) -> bool {
    let (mut before, mut after) = (0, 0);
    let mut look = |sample: &[u8]| {
        before += sample.len();
        after += block::compress(sample).len();
    };
    if bytes.len() <= SAMPLE * PLACES {
        look(bytes);
    } else {
        let step = (bytes.len() - SAMPLE) / (PLACES - 1);
        (0..PLACES).for_each(|place| look(&bytes[place * step..][..SAMPLE]));
    }
    after * 10 < before * 9
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes without any order.
    pub(in crate::compression) fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn text_is_worth_it_and_what_is_compressed_already_is_not() {
        let base64: Vec<u8> = noise(100_000)
            .iter()
            .map(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[usize::from(byte & 63)])
            .collect();
        let list: String =
            (0..500).map(|n| format!(r#"{{"name":"tool_{n}","description":"Does {n} things"}},"#)).collect();
        let prose = include_bytes!("config.rs");
        let han = "工具列出了服务器可以执行的操作,每个工具都有名称、描述和参数。".repeat(40);
        for (name, bytes, expected) in [
            ("a list", list.as_bytes(), true),
            ("prose", &prose[..], true),
            ("other scripts", han.as_bytes(), true),
            ("noise", &noise(100_000), false),
            ("an image in base64", &base64, false),
            ("a small one", &base64[..3000], false),
        ] {
            assert_eq!(is_worth_it(bytes), expected, "{name}");
        }
        assert!(is_worth_it(&[&base64[..10_000], list.as_bytes()].concat()), "half of it is");
    }
}
