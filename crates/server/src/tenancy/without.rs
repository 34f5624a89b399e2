//! A build without tenants.

use turbomcp_transport::Extensions;

use crate::access::Visibility;
use crate::{Context, McpServer};

/// There is none.
#[derive(Debug, Clone)]
pub(crate) enum Tenant {}

/// Nothing to set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {}

pub(crate) fn visibility(_: &Setting, other: Option<Visibility>) -> Option<Visibility> {
    other
}

pub(crate) fn id_of(_: &Extensions) -> Option<&str> {
    None
}

pub(crate) fn text(tenant: &Tenant) -> &str {
    match *tenant {}
}

pub(crate) fn restore(_: &McpServer, _: &mut Extensions) {}

pub(crate) async fn may_go_on(_: &McpServer, _: &str, _: &str) -> bool {
    true
}

pub(crate) fn for_tests(ctx: Context, _: &str) -> Context {
    ctx
}
