//! Bodies in content codings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, Request, StatusCode};
use turbomcp_transport::compression::CompressionConfig;
use turbomcp_transport::compression::coding::{self, Coding, CodingError, Codings, Encoded};

use turbomcp_transport::metrics::Meter;

use super::HttpTarget;
use super::body::Whole;
use crate::Error;

impl HttpTarget {
    /// Takes compressed answers, of which event streams are a kind, and compresses requests once the server has said that it
    /// takes such, by an `Accept-Encoding` of its own.
    ///
    /// A request that is refused all the same, by 415, is sent again as it is, and so are all further ones. A configuration
    /// that HTTP cannot follow is an error when the server is connected to.
    pub fn compression(mut self, config: CompressionConfig) -> Self {
        self.compression = Setting(Some(config));
        self
    }
}

/// What was set, if anything was.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting(Option<CompressionConfig>);

impl Setting {
    pub(super) fn ready(&self, meter: Option<&Meter>) -> Result<Option<Arc<Compression>>, Error> {
        let Some(config) = &self.0 else { return Ok(None) };
        let codings = Codings::new(&config.clone().metered(meter.cloned()))
            .map_err(|error| Error::connect("compression cannot be set up").with_source(error))?;
        Ok(Some(Arc::new(Compression { codings, takes: AtomicU8::new(NOTHING) })))
    }
}

/// What the server takes, as it has said.
const NOTHING: u8 = 0;
const BROTLI: u8 = 1;
const GZIP: u8 = 2;
/// It has refused what it has said that it takes.
const NEVER: u8 = 3;

#[derive(Debug)]
pub(super) struct Compression {
    codings: Codings,
    takes: AtomicU8,
}

impl Compression {
    /// Says what answers may be encoded in, and encodes the request if that is known to be of use.
    pub(super) fn request(&self, request: &mut Request<Whole>) {
        request.headers_mut().insert(ACCEPT_ENCODING, self.codings.accepted().clone());
        let coding = match self.takes.load(Ordering::Relaxed) {
            BROTLI => Coding::Brotli,
            GZIP => Coding::Gzip,
            _ => return,
        };
        let encoded = match self.codings.encode(coding, request.body().bytes()) {
            None => return,
            Some(Encoded::Whole(bytes)) => bytes,
            // A request says how long it is, so the pieces are put together.
            Some(Encoded::Pieces(mut pieces)) => {
                let pieces: Vec<_> = std::iter::from_fn(|| pieces.next_piece()).collect();
                pieces.concat().into()
            }
        };
        *request.body_mut() = Whole::new(encoded);
        request.headers_mut().insert(CONTENT_ENCODING, coding.name());
    }

    /// Learns what the server takes; true if it has refused a request because of its coding.
    pub(super) fn was_refused(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let known = self.takes.load(Ordering::Relaxed);
        if known == NEVER {
            return false;
        }
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && known != NOTHING {
            self.takes.store(NEVER, Ordering::Relaxed);
            return true;
        }
        if headers.contains_key(ACCEPT_ENCODING) {
            let takes = match self.codings.choose(headers) {
                Some(Coding::Brotli) => BROTLI,
                Some(Coding::Gzip) => GZIP,
                None => NOTHING,
            };
            // Another request may have been refused meanwhile, which counts for more.
            let learn = |known| (known != NEVER).then_some(takes);
            let _ = self.takes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, learn);
        }
        false
    }

    /// Returns what reads a body, if it is not plain.
    pub(super) fn decoder(&self, headers: &HeaderMap, limit: usize) -> Result<Option<Decoder>, Error> {
        let coding = self.codings.of(headers).map_err(unreadable)?;
        Ok(coding.map(|coding| Decoder(Box::new(self.codings.decoder(coding, limit)))))
    }
}

#[derive(Debug)]
pub(super) struct Decoder(Box<coding::Decoder>);

impl Decoder {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, Error> {
        self.0.push(bytes).map_err(unreadable)
    }

    pub(super) fn finish(&mut self) -> Result<Bytes, Error> {
        self.0.finish().map_err(unreadable)
    }
}

fn unreadable(error: CodingError) -> Error {
    Error::protocol("the response cannot be read").with_source(error)
}
