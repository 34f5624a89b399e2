//! Bodies in content codings.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use turbomcp_transport::compression::CompressionConfig;
pub(super) use turbomcp_transport::compression::coding::Pieces;
use turbomcp_transport::compression::coding::{Coding, CodingError, Codings, Encoded};

use turbomcp_transport::metrics::Meter;

use super::HttpServer;
use super::body::Body;
use super::endpoint::{Rejected, refuse};
use crate::Error;

impl HttpServer {
    /// Compresses answers for clients that accept it, and takes compressed requests.
    ///
    /// An answer is compressed if it is one JSON text. Event streams are not: each event would have to be flushed by itself,
    /// and a compressor would stay in memory for as long as the stream does. A request may become as large as
    /// [`Limits::body_bytes`](crate::Limits::body_bytes), and beyond a MiB no larger than 200 times what it is; one that
    /// does not keep to that is answered with 413, and one in a coding that is not known with 415.
    ///
    /// A configuration that HTTP cannot follow is an error when the server listens.
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
            .map_err(|error| Error::configuration(error.to_string()))?;
        Ok(Some(Arc::new(Compression(codings))))
    }
}

#[derive(Debug)]
pub(super) struct Compression(Codings);

impl Compression {
    /// Returns the coding that a client wants its answer in.
    pub(super) fn chosen(&self, headers: &HeaderMap) -> Option<Coding> {
        self.0.choose(headers)
    }

    /// Decodes the body of a request.
    pub(super) fn decode(&self, headers: &HeaderMap, frame: Bytes, limit: usize) -> Result<Bytes, Rejected> {
        let decoded = self.0.of(headers).and_then(|coding| match coding {
            Some(coding) => self.0.decode(coding, &frame, limit),
            None => Ok(frame),
        });
        decoded.map_err(|error| {
            let status = match error {
                CodingError::Unknown => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                CodingError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::BAD_REQUEST,
            };
            Box::new(refuse(status, error.to_string()))
        })
    }

    /// Encodes an answer, if it is one to encode, and says what requests may be encoded in.
    pub(super) fn encode(&self, chosen: Option<Coding>, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        parts.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        parts.headers.insert(ACCEPT_ENCODING, self.0.accepted().clone());
        let encoded = match (chosen, body.whole()) {
            (Some(coding), Some(bytes)) if !is_stream(&parts.headers) => {
                self.0.encode(coding, bytes).map(|e| (coding, e))
            }
            _ => None,
        };
        let Some((coding, encoded)) = encoded else { return Response::from_parts(parts, body) };
        parts.headers.insert(CONTENT_ENCODING, coding.name());
        let body = match encoded {
            Encoded::Whole(bytes) => Body::full(bytes),
            Encoded::Pieces(pieces) => Body::pieces(pieces),
        };
        Response::from_parts(parts, body)
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}
