//! Compression: what is compressed, by what, and within which bounds.
//!
//! ```
//! use turbomcp_transport::compression::CompressionAlgorithm::{Brotli, Gzip, Lz4};
//! use turbomcp_transport::compression::CompressionConfig;
//!
//! let config = CompressionConfig::adaptive()
//!     .algorithms([Brotli, Gzip, Lz4])
//!     .min_size(1024)
//!     .quality_level(6)
//!     .streaming_threshold(64 << 10);
//! # drop(config);
//! ```
//!
//! | binding | compresses by | agreed on by |
//! |---|---|---|
//! | HTTP | Brotli, gzip | `Accept-Encoding` and `Content-Encoding` |
//! | TCP, TLS, Unix sockets, any [`Lines`](crate::lines::Lines) | LZ4 | what the client begins with |

#[cfg(feature = "http")]
mod bounded;
#[cfg(feature = "http")]
pub mod coding;
mod config;
mod lz4;
mod offer;
mod probe;
mod stats;

pub use config::{CompressionAlgorithm, CompressionConfig, CompressionError};
pub use lz4::{Lz4Reader, Lz4Writer};
pub use stats::CompressionStats;
