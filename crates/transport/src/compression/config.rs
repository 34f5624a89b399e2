//! What compression is configured by.

use std::fmt;

use super::CompressionStats;
use super::probe::is_worth_it;
use super::stats::Tally;
use crate::metrics::Meter;

/// The largest piece that one side compresses at once, and the largest that the other takes.
pub(super) const MAX_PIECE: usize = 1 << 20;

/// Smaller pieces have nothing to compress.
const MIN_PIECE: usize = 4 << 10;

/// A way to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionAlgorithm {
    /// Brotli, over HTTP: `br`.
    Brotli,
    /// gzip, over HTTP.
    Gzip,
    /// LZ4, over anything that carries lines.
    Lz4,
}

/// What is compressed, and how.
///
/// A binding uses those of the algorithms that it knows; a binding that knows none of them refuses the configuration. It
/// counts what it saves into what the configuration, and every clone of it, [tells](Self::stats), and into the
/// [metrics](crate::metrics) of the server or the client, if they
/// [want that](crate::metrics::MetricsConfig::compression_ratio_tracking).
#[derive(Debug, Clone)]
#[must_use]
pub struct CompressionConfig {
    algorithms: Vec<CompressionAlgorithm>,
    min_size: usize,
    quality_level: u32,
    streaming_threshold: usize,
    adaptive: bool,
    tally: Tally,
}

impl Default for CompressionConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl CompressionConfig {
    /// Compresses by whatever the other side knows, whether or not there is much to gain.
    pub fn new() -> Self {
        Self {
            algorithms: vec![CompressionAlgorithm::Brotli, CompressionAlgorithm::Gzip, CompressionAlgorithm::Lz4],
            min_size: 1024,
            quality_level: 6,
            streaming_threshold: 64 << 10,
            adaptive: false,
            tally: Tally::default(),
        }
    }

    /// Compresses by whatever the other side knows, except for what a look at samples shows to be compressed already: images
    /// and sound in base64.
    pub fn adaptive() -> Self {
        Self { adaptive: true, ..Self::new() }
    }

    /// Sets the algorithms, the best liked first. Brotli, gzip and LZ4 unless set.
    ///
    /// The order decides where the other side likes several as much.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = CompressionAlgorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets how many bytes something has at least that is compressed. 1024 unless set.
    pub fn min_size(mut self, bytes: usize) -> Self {
        self.min_size = bytes;
        self
    }

    /// Sets how hard it is tried, from 1, the fastest, to 9, the smallest. 6 unless set. LZ4 knows no levels.
    pub fn quality_level(mut self, level: u32) -> Self {
        self.quality_level = level;
        self
    }

    /// Sets how many bytes are compressed at once, from 4 KiB to 1 MiB; what has more is sent piece by piece. 64 KiB unless
    /// set.
    pub fn streaming_threshold(mut self, bytes: usize) -> Self {
        self.streaming_threshold = bytes;
        self
    }

    /// Returns what was compressed so far.
    #[must_use]
    pub fn stats(&self) -> CompressionStats {
        self.tally.snapshot()
    }

    /// Checks the settings, and that one of the algorithms is among those that a binding knows.
    pub(super) fn check(&self, known: &[CompressionAlgorithm]) -> Result<(), CompressionError> {
        let refuse = |what: String| Err(CompressionError { what });
        if !(1..=9).contains(&self.quality_level) {
            return refuse(format!("there is no quality level {}, only 1 to 9", self.quality_level));
        }
        if !(MIN_PIECE..=MAX_PIECE).contains(&self.streaming_threshold) {
            return refuse(format!(
                "{} bytes cannot be compressed at once, only 4 KiB to 1 MiB",
                self.streaming_threshold
            ));
        }
        if !self.algorithms.iter().any(|algorithm| known.contains(algorithm)) {
            return refuse(format!(
                "the algorithms {:?} hold none of {known:?}, which the binding knows",
                self.algorithms
            ));
        }
        Ok(())
    }

    #[cfg(feature = "http")]
    pub(super) fn known(&self, known: &[CompressionAlgorithm]) -> impl Iterator<Item = CompressionAlgorithm> {
        self.algorithms.iter().copied().filter(|algorithm| known.contains(algorithm))
    }

    /// Returns true if something is large enough, and does not look as if nothing could be gained.
    pub(super) fn wants(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.min_size && (!self.adaptive || is_worth_it(bytes))
    }

    #[cfg(feature = "http")]
    pub(super) fn level(&self) -> u32 {
        self.quality_level
    }

    pub(super) fn piece(&self) -> usize {
        self.streaming_threshold
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Also counts into the metrics of a binding, for the crates of this workspace.
    #[doc(hidden)]
    pub fn metered(mut self, meter: Option<Meter>) -> Self {
        self.tally = self.tally.metered(meter);
        self
    }
}

/// An error in a [`CompressionConfig`].
#[derive(Debug)]
pub struct CompressionError {
    what: String,
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for CompressionError {}
