//! In a build without an exporter, durations go nowhere else.

use std::time::Duration;

use turbomcp_protocol::Method;

use super::End;

#[derive(Debug, Default)]
pub(crate) struct Sink;

impl Sink {
    #[inline]
    #[expect(clippy::unused_self, reason = "with an exporter it holds a histogram")]
    pub(super) fn record(&self, _: &Method, _: Duration, _: End) {}
}
