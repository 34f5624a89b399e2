use super::*;
use crate::compression::CompressionAlgorithm::{Brotli, Gzip, Lz4};
use crate::compression::probe::tests::noise;

const BOTH: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

fn codings(algorithms: &[CompressionAlgorithm]) -> Codings {
    Codings::new(&CompressionConfig::new().algorithms(algorithms.iter().copied())).unwrap()
}

fn header(name: http::HeaderName, values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

/// Something of this length that can be compressed.
fn text(length: usize) -> Bytes {
    let text: String = (0..).map(|n| format!("line {n} of a long text; ")).take(length / 15 + 1).collect();
    Bytes::from(text).slice(..length)
}

fn encoded(codings: &Codings, coding: Coding, bytes: &Bytes) -> Vec<Bytes> {
    match codings.encode(coding, bytes).unwrap() {
        Encoded::Whole(bytes) => vec![bytes],
        Encoded::Pieces(mut pieces) => std::iter::from_fn(|| pieces.next_piece()).collect(),
    }
}

#[test]
fn the_coding_that_the_other_side_likes_best_is_chosen() {
    let check = |algorithms: &[CompressionAlgorithm], accept: &[&str], expected: Option<Coding>| {
        assert_eq!(codings(algorithms).choose(&header(ACCEPT_ENCODING, accept)), expected, "{algorithms:?} {accept:?}");
    };
    let (br, gzip) = (Some(Coding::Brotli), Some(Coding::Gzip));
    check(&[Brotli, Gzip], &["gzip, deflate, br"], br);
    check(&[Gzip, Brotli], &["gzip, deflate, br"], gzip);
    check(&[Gzip, Brotli], &["gzip;q=0.8, br;q=0.9"], br);
    check(&[Gzip, Brotli], &["GZIP;Q=0.8", "x;q=1, BR ; q=1.000"], br);
    check(&[Brotli, Gzip], &["x-gzip"], gzip);
    check(&[Brotli, Gzip], &["*"], br);
    check(&[Brotli, Gzip], &["br;q=0, *;q=0.1"], gzip);
    check(&[Brotli, Gzip], &["gzip;q=0.5, identity"], None);
    check(&[Brotli, Gzip], &["gzip;q=0.5, identity;q=0.4"], gzip);
    check(&[Brotli, Gzip], &["gzip;q=0"], None);
    check(&[Brotli, Gzip], &["gzip;q=2"], None);
    check(&[Brotli, Gzip], &["gzip;q=0.1234"], None);
    check(&[Brotli, Gzip], &["identity"], None);
    check(&[Brotli, Gzip], &["deflate, zstd"], None);
    check(&[Brotli, Gzip], &[""], None);
    check(&[Brotli, Gzip], &[], None);
    check(&[Gzip, Lz4], &["br"], None);
}

#[test]
fn a_body_is_in_one_coding_that_is_known() {
    let codings = codings(&[Gzip]);
    for (values, expected) in [
        (&[][..], Ok(None)),
        (&["identity"], Ok(None)),
        (&[""], Ok(None)),
        (&["gzip"], Ok(Some(Coding::Gzip))),
        (&["X-GZIP"], Ok(Some(Coding::Gzip))),
        (&["br"], Err(CodingError::Unknown)),
        (&["zstd"], Err(CodingError::Unknown)),
        (&["gzip, gzip"], Err(CodingError::Unknown)),
        (&["gzip", "gzip"], Err(CodingError::Unknown)),
    ] {
        assert_eq!(codings.of(&header(CONTENT_ENCODING, values)), expected, "{values:?}");
    }
}

#[test]
fn what_is_encoded_is_decoded_however_it_arrives() {
    for coding in BOTH {
        for length in [1024, 5000, 64 << 10, (64 << 10) + 1, 300_000] {
            let codings = codings(&[Brotli, Gzip]);
            let text = text(length);
            let is_in_pieces = matches!(codings.encode(coding, &text), Some(Encoded::Pieces(_)));
            assert_eq!(is_in_pieces, length > 64 << 10, "{coding:?} {length}");
            let codings = self::codings(&[Brotli, Gzip]);
            let whole = encoded(&codings, coding, &text).concat();
            assert!(whole.len() < length / 3, "{coding:?} {length}");
            assert_eq!(codings.decode(coding, &whole, length).unwrap(), text);
            let stats = codings.config.stats();
            assert_eq!((stats.compressed, stats.bytes_in, stats.bytes_out), (1, length as u64, whole.len() as u64));
            assert_eq!(
                (stats.expanded, stats.received_bytes, stats.expanded_bytes),
                (1, whole.len() as u64, length as u64)
            );
            for step in [1, 7, 1000] {
                let mut decoder = codings.decoder(coding, length);
                let mut found: Vec<_> = whole.chunks(step).map(|piece| decoder.push(piece).unwrap()).collect();
                found.push(decoder.finish().unwrap());
                assert_eq!(found.concat(), text, "{coding:?} {length} {step}");
            }
        }
    }
}

/// A server that compresses a stream of events makes each of them readable at once.
#[test]
fn what_was_flushed_can_be_read_before_the_end() {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    let mut brotli = CompressorWriter::new(Vec::new(), STEP, 5, 20);
    let codings = codings(&[Brotli, Gzip]);
    let mut decoders = BOTH.map(|coding| codings.decoder(coding, 1000));
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        gzip.write_all(event.as_bytes()).unwrap();
        gzip.flush().unwrap();
        brotli.write_all(event.as_bytes()).unwrap();
        brotli.flush().unwrap();
        let sent = [std::mem::take(brotli.get_mut()), std::mem::take(gzip.get_mut())];
        for (decoder, sent) in decoders.iter_mut().zip(sent) {
            assert_eq!(decoder.push(&sent).unwrap(), event);
        }
    }
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    // A thousand times as large as it is, and more by Brotli.
    let bomb = Bytes::from(vec![b'a'; 8 << 20]);
    let codings = codings(&[Brotli, Gzip]);
    for coding in BOTH {
        let small = encoded(&codings, coding, &bomb).concat();
        assert!(small.len() * MAX_RATIO < bomb.len(), "{coding:?} {}", small.len());
        assert_eq!(codings.decode(coding, &small, usize::MAX), Err(CodingError::TooLarge), "by its ratio");
        assert_eq!(codings.decode(coding, &small, 1000), Err(CodingError::TooLarge), "by the limit");
        let mut decoder = codings.decoder(coding, 1 << 20);
        let failed = small.chunks(100).find_map(|piece| decoder.push(piece).err());
        let failed = failed.or_else(|| decoder.finish().err());
        // Gzip spreads it over its pieces, none of which is over the limit; Brotli says it all at once.
        assert!(coding == Coding::Gzip || failed == Some(CodingError::TooLarge), "{coding:?} {failed:?}");
    }
}

#[test]
fn what_is_cut_or_garbled_or_followed_by_something_is_malformed() {
    let codings = codings(&[Brotli, Gzip]);
    let text = text(5000);
    for coding in BOTH {
        let good = encoded(&codings, coding, &text).concat();
        let cut = &good[..good.len() - 1];
        let followed = [&good[..], b"x"].concat();
        let garbled = [&[0xff, 0xff, 0xff, 0xff], &good[4..]].concat();
        for (case, bytes) in
            [("cut", cut), ("followed", &followed), ("garbled", &garbled), ("plain", &text), ("empty", b"")]
        {
            assert_eq!(codings.decode(coding, bytes, 1 << 20), Err(CodingError::Malformed), "{coding:?} {case}");
        }
    }
}

/// What begins as the "large window" of the codec does, which is not in RFC 7932: a window of a GiB, and bytes as they are.
#[test]
fn a_window_larger_than_brotli_has_is_refused_before_it_is_filled() {
    let codings = codings(&[Brotli]);
    let large = {
        let params = BrotliEncoderParams { large_window: true, lgwin: 30, ..BrotliEncoderParams::default() };
        let mut encoder = CompressorWriter::with_params(Vec::new(), STEP, &params);
        encoder.write_all(&text(5000)).unwrap();
        encoder.into_inner()
    };
    assert_eq!((large[0], large[1] & 0x3f), (0x11, 30), "what says that six bits follow, and what they say");
    for bytes in [&large[..], &[0x11], &[0x91, 0x1e]] {
        let whole = codings.decode(Coding::Brotli, bytes, 1 << 20);
        assert_eq!(whole.err(), Some(CodingError::Malformed), "{:?}", &bytes[..1]);
        let mut decoder = codings.decoder(Coding::Brotli, 1 << 20);
        assert_eq!(decoder.push(b""), Ok(Bytes::new()));
        assert_eq!(decoder.push(&bytes[..1]), Err(CodingError::Malformed), "{:?}", &bytes[..1]);
    }
    // Only the first byte says so.
    let good = encoded(&codings, Coding::Brotli, &text(5000)).concat();
    let mut decoder = codings.decoder(Coding::Brotli, 1 << 20);
    let pieces: Vec<_> = good.iter().map(|byte| decoder.push(&[*byte]).unwrap()).collect();
    assert!(good[1..].iter().any(|byte| byte & 0x7f == 0x11), "there is such a byte further on");
    assert_eq!([pieces.concat(), decoder.finish().unwrap().to_vec()].concat(), text(5000));
}

#[test]
fn settings_that_are_not_possible_are_refused() {
    for (config, why) in [
        (CompressionConfig::new().quality_level(0), "no quality level 0"),
        (CompressionConfig::new().quality_level(10), "no quality level 10"),
        (CompressionConfig::new().streaming_threshold(1000), "1000 bytes cannot be compressed at once"),
        (CompressionConfig::new().streaming_threshold(2 << 20), "cannot be compressed at once"),
        (CompressionConfig::new().algorithms([]), "hold none of"),
        (CompressionConfig::new().algorithms([Lz4]), "hold none of [Brotli, Gzip]"),
    ] {
        let error = Codings::new(&config).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_is_too_small_or_becomes_no_smaller_is_left() {
    let config = CompressionConfig::new().algorithms([Gzip]).min_size(100);
    let codings = Codings::new(&config).unwrap();
    assert!(codings.encode(Coding::Gzip, &text(99)).is_none());
    assert!(codings.encode(Coding::Gzip, &text(100)).is_some());
    assert!(codings.encode(Coding::Gzip, &noise(2000).into()).is_none());
    assert_eq!((config.stats().compressed, config.stats().left), (1, 2));
    assert!(config.stats().ratio().unwrap() > 1.0);
}

#[test]
fn the_level_is_what_the_codec_is_told() {
    let text = Bytes::from_static(include_bytes!("../coding.rs"));
    for coding in BOTH {
        let size = |level| {
            let codings = Codings::new(&CompressionConfig::new().quality_level(level)).unwrap();
            encoded(&codings, coding, &text).concat().len()
        };
        assert!(size(9) < size(1), "{coding:?}: {} {}", size(9), size(1));
    }
}
