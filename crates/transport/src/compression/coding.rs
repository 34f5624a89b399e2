//! Content codings of HTTP: which one is agreed on, and what is in it.
//!
//! [RFC 9110, section 8.4](https://www.rfc-editor.org/rfc/rfc9110#section-8.4)

use std::fmt;
use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use brotli::{CompressorWriter, DecompressorWriter};
use bytes::Bytes;
use flate2::write::{GzDecoder, GzEncoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};

use super::bounded::Bounded;
use super::{CompressionAlgorithm, CompressionConfig, CompressionError};

const KNOWN: [CompressionAlgorithm; 2] = [CompressionAlgorithm::Brotli, CompressionAlgorithm::Gzip];

/// How many bytes one may become at most, beyond a first MiB: what is short may well say one thing over and over.
const MAX_RATIO: usize = 200;
const FREE: usize = 1 << 20;

/// How much is handed from a codec to what collects it at once.
const STEP: usize = 4096;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is one for each algorithm that HTTP knows")]
pub enum Coding {
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// Returns its name.
    #[must_use]
    pub fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        })
    }

    fn parse(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("br") {
            Some(Self::Brotli)
        } else if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else {
            None
        }
    }
}

/// The content codings of one side.
#[derive(Debug)]
pub struct Codings {
    config: CompressionConfig,
    known: Vec<Coding>,
    accepted: HeaderValue,
}

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodingError {
    /// It is in a coding that is not known here, or in several.
    Unknown,
    /// It is larger than it may be.
    TooLarge,
    /// It is not what it says it is.
    Malformed,
}

impl fmt::Display for CodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the body is in a content coding that is not known here",
            Self::TooLarge => "the body is too large once it is decoded",
            Self::Malformed => "the body is not in the content coding that it names",
        })
    }
}

impl std::error::Error for CodingError {}

impl Codings {
    /// Takes the codings of a configuration.
    ///
    /// # Errors
    ///
    /// If a setting is not possible, or HTTP knows none of the algorithms.
    pub fn new(config: &CompressionConfig) -> Result<Self, CompressionError> {
        config.check(&KNOWN)?;
        let coding = |algorithm| match algorithm {
            CompressionAlgorithm::Brotli => Coding::Brotli,
            _ => Coding::Gzip,
        };
        let known: Vec<_> = config.known(&KNOWN).map(coding).collect();
        let accepted = match (known.first(), known.contains(&Coding::Brotli), known.contains(&Coding::Gzip)) {
            (Some(Coding::Brotli), _, true) => "br, gzip",
            (Some(Coding::Gzip), true, _) => "gzip, br",
            (Some(Coding::Brotli), ..) => "br",
            _ => "gzip",
        };
        Ok(Self { config: config.clone(), known, accepted: HeaderValue::from_static(accepted) })
    }

    /// Returns what is said to the other side: the value of `Accept-Encoding`.
    pub fn accepted(&self) -> &HeaderValue {
        &self.accepted
    }

    /// Returns the coding that the other side likes best, by its `Accept-Encoding`; none if it knows none, or likes plain
    /// text better.
    #[must_use]
    pub fn choose(&self, headers: &HeaderMap) -> Option<Coding> {
        let (mut any, mut plain, mut named) = (0, 0, [0; 2]);
        let at = |coding: Coding| usize::from(coding == Coding::Gzip);
        let mut is_named = [false; 2];
        for value in headers.get_all(ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
                let (name, weight) = (name.trim(), weight(parameters));
                if let Some(coding) = Coding::parse(name) {
                    named[at(coding)] = weight;
                    is_named[at(coding)] = true;
                } else if name == "*" {
                    any = weight;
                } else if name.eq_ignore_ascii_case("identity") {
                    plain = weight;
                }
            }
        }
        let weight_of = |coding| if is_named[at(coding)] { named[at(coding)] } else { any };
        let mut best = None;
        for coding in self.known.iter().copied() {
            let weight = weight_of(coding);
            if weight > 0 && weight >= plain && best.is_none_or(|(_, least)| weight > least) {
                best = Some((coding, weight));
            }
        }
        best.map(|(coding, _)| coding)
    }

    /// Returns the coding of a body, by its `Content-Encoding`; none if it is plain.
    ///
    /// # Errors
    ///
    /// [`CodingError::Unknown`].
    pub fn of(&self, headers: &HeaderMap) -> Result<Option<Coding>, CodingError> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return if headers.contains_key(CONTENT_ENCODING) { Err(CodingError::Unknown) } else { Ok(None) };
        };
        let name = value.to_str().map_err(|_| CodingError::Unknown)?.trim();
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        let coding = Coding::parse(name).filter(|coding| self.known.contains(coding));
        coding.map(Some).ok_or(CodingError::Unknown)
    }

    /// Encodes a body; none if it is better left as it is.
    #[must_use]
    pub fn encode(&self, coding: Coding, bytes: &Bytes) -> Option<Encoded> {
        let tally = self.config.tally();
        if !self.config.wants(bytes) {
            tally.left();
            return None;
        }
        let mut encoder = Encoder::new(coding, self.config.level(), bytes.len());
        if bytes.len() > self.config.piece() {
            tally.compressed(0, 0);
            let pieces = Pieces { rest: bytes.clone(), encoder: Some(encoder), config: self.config.clone() };
            return Some(Encoded::Pieces(Box::new(pieces)));
        }
        encoder.write(bytes);
        let encoded = encoder.finish();
        if encoded.len() >= bytes.len() {
            tally.left();
            return None;
        }
        tally.compressed(bytes.len(), encoded.len());
        Some(Encoded::Whole(encoded.into()))
    }

    /// Decodes a body that is there as a whole.
    ///
    /// # Errors
    ///
    /// If it becomes larger than `limit`, or than a MiB and 200 times as large as it is, or is malformed.
    pub fn decode(&self, coding: Coding, bytes: &[u8], limit: usize) -> Result<Bytes, CodingError> {
        let limit = limit.min(FREE.max(bytes.len().saturating_mul(MAX_RATIO)));
        let mut decoder = Decoding::new(coding, limit);
        decoder.feed(bytes)?;
        decoder.close()?;
        let decoded = decoder.sink().take();
        self.config.tally().expanded(bytes.len(), decoded.len());
        Ok(decoded.into())
    }

    /// Starts to decode a body that comes piece by piece, each of which may become as large as `limit`.
    #[must_use]
    pub fn decoder(&self, coding: Coding, limit: usize) -> Decoder {
        self.config.tally().expanded(0, 0);
        Decoder { decoding: Decoding::new(coding, limit), config: self.config.clone() }
    }
}

/// Reads the weight of a coding, in thousandths; what is malformed has none.
fn weight(parameters: &str) -> u32 {
    let Some(weight) = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    }) else {
        return 1000;
    };
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if digits && part.bytes().all(|byte| byte == b'0') => 1000,
        "0" if digits => format!("{part:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// A body that was encoded.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is there as a whole, or it is not")]
pub enum Encoded {
    /// At once.
    Whole(Bytes),
    /// Whenever the next piece is asked for.
    Pieces(Box<Pieces>),
}

/// A long body that is encoded as it is sent.
pub struct Pieces {
    rest: Bytes,
    /// None once it was finished.
    encoder: Option<Encoder>,
    config: CompressionConfig,
}

impl Pieces {
    /// Encodes until there is something to send; none at the end.
    pub fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            let mut encoder = self.encoder.take()?;
            let piece = self.rest.split_to(self.config.piece().min(self.rest.len()));
            encoder.write(&piece);
            let out = if self.rest.is_empty() {
                encoder.finish()
            } else {
                let out = encoder.take();
                self.encoder = Some(encoder);
                out
            };
            self.config.tally().more(piece.len(), out.len());
            if !out.is_empty() {
                return Some(out.into());
            }
        }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    fn new(coding: Coding, level: u32, size: usize) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(level))),
            Coding::Brotli => {
                let window = (usize::BITS - size.leading_zeros()).clamp(10, 22);
                let params = BrotliEncoderParams {
                    quality: i32::try_from(level).unwrap_or(6),
                    lgwin: i32::try_from(window).unwrap_or(22),
                    size_hint: size,
                    ..BrotliEncoderParams::default()
                };
                Self::Brotli(Box::new(CompressorWriter::with_params(Vec::new(), STEP, &params)))
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Brotli(encoder) => encoder.write_all(bytes),
        };
        written.expect("memory takes whatever is written");
    }

    /// Takes what is ready.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
        })
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.finish().expect("memory takes whatever is written"),
            Self::Brotli(encoder) => encoder.into_inner(),
        }
    }
}

enum Decoding {
    Gzip(Box<GzDecoder<Bounded>>),
    /// With whether anything has come yet.
    Brotli(Box<DecompressorWriter<Bounded>>, bool),
}

/// Returns true if a body of Brotli begins as one does whose window may be larger than the coding `br` allows for.
fn has_large_window(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x7f == 0x11)
}

impl Decoding {
    fn new(coding: Coding, limit: usize) -> Self {
        let sink = Bounded::new(limit);
        match coding {
            Coding::Gzip => Self::Gzip(Box::new(GzDecoder::new(sink))),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(sink, STEP)), false),
        }
    }

    fn sink(&mut self) -> &mut Bounded {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Brotli(decoder, _) => decoder.get_mut(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), CodingError> {
        let fed = match self {
            Self::Gzip(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            // The codec would make room for up to a GiB, and fill it before the first byte came out and was counted.
            Self::Brotli(_, false) if has_large_window(bytes) => return Err(CodingError::Malformed),
            Self::Brotli(decoder, begun) => {
                *begun |= !bytes.is_empty();
                decoder.write_all(bytes)
            }
        };
        self.outcome(fed)
    }

    /// Finds out whether it is whole.
    fn close(&mut self) -> Result<(), CodingError> {
        let closed = match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Brotli(decoder, _) => decoder.close(),
        };
        self.outcome(closed)
    }

    fn outcome(&mut self, outcome: std::io::Result<()>) -> Result<(), CodingError> {
        let is_over = self.sink().is_over();
        outcome.map_err(|_| if is_over { CodingError::TooLarge } else { CodingError::Malformed })
    }
}

/// Decodes a body that comes piece by piece.
pub struct Decoder {
    decoding: Decoding,
    config: CompressionConfig,
}

impl Decoder {
    /// Takes a piece, and returns as much as can be read with it; that may be nothing.
    ///
    /// # Errors
    ///
    /// If it becomes too large, or is malformed. Nothing can be read any more then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, CodingError> {
        self.decoding.feed(bytes)?;
        Ok(self.taken(bytes.len()))
    }

    /// Returns what is left at the end.
    ///
    /// # Errors
    ///
    /// If something is missing.
    pub fn finish(&mut self) -> Result<Bytes, CodingError> {
        self.decoding.close()?;
        Ok(self.taken(0))
    }

    fn taken(&mut self, before: usize) -> Bytes {
        let out = self.decoding.sink().take();
        self.config.tally().more_expanded(before, out.len());
        out.into()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
