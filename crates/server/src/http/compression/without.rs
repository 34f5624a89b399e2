//! HTTP in a build without compression.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};

use turbomcp_transport::metrics::Meter;

use super::body::Body;
use super::endpoint::Rejected;
use crate::Error;

/// Nothing to set.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {}

impl Setting {
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "with compression there is something to check")]
    pub(super) fn ready(&self, _: Option<&Meter>) -> Result<Option<Arc<Compression>>, Error> {
        Ok(None)
    }
}

/// There is none.
#[derive(Debug)]
pub(super) enum Compression {}

impl Compression {
    pub(super) fn chosen(&self, _: &HeaderMap) -> Option<Never> {
        match *self {}
    }

    pub(super) fn decode(&self, _: &HeaderMap, _: Bytes, _: usize) -> Result<Bytes, Rejected> {
        match *self {}
    }

    pub(super) fn encode(&self, _: Option<Never>, _: Response<Body>) -> Response<Body> {
        match *self {}
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Never {}

/// There are none.
pub(super) enum Pieces {}

impl Pieces {
    pub(super) fn next_piece(&mut self) -> Option<Bytes> {
        match *self {}
    }
}
