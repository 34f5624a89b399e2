//! HTTP in a build without compression.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};

use turbomcp_transport::metrics::Meter;

use super::body::Whole;
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
    pub(super) fn request(&self, _: &mut Request<Whole>) {
        match *self {}
    }

    pub(super) fn was_refused(&self, _: StatusCode, _: &HeaderMap) -> bool {
        match *self {}
    }

    pub(super) fn decoder(&self, _: &HeaderMap, _: usize) -> Result<Option<Decoder>, Error> {
        match *self {}
    }
}

/// There are none.
#[derive(Debug)]
pub(super) enum Decoder {}

impl Decoder {
    pub(super) fn push(&mut self, _: &[u8]) -> Result<Bytes, Error> {
        match *self {}
    }

    pub(super) fn finish(&mut self) -> Result<Bytes, Error> {
        match *self {}
    }
}
