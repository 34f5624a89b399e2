//! Which era a message belongs to, and what a modern one has to say of itself.

use std::borrow::Cow;

use turbomcp_protocol::scan::text_of;
use turbomcp_protocol::{McpError, McpResult, Message, Revision};

/// Returns the protocol version a message names in its `_meta`, which makes it a modern one.
pub(crate) fn requested_version<'a>(frame: &'a [u8], message: &Message) -> Option<McpResult<Cow<'a, str>>> {
    let version = message.known.protocol_version?;
    Some(text_of(version.of(frame)).ok_or_else(|| McpError::invalid_params("the protocol version must be a string")))
}

/// Returns the modern revision with this name, or the error that lists those there are.
pub(crate) fn modern_revision(name: &str) -> McpResult<Revision> {
    Revision::parse(name).filter(|revision| revision.is_modern()).ok_or_else(|| {
        let modern: Vec<_> = Revision::ALL.into_iter().filter(|revision| revision.is_modern()).collect();
        McpError::unsupported_protocol_version(name, &modern)
    })
}

/// Checks that a modern message says what its sender can do.
pub(crate) fn check_capabilities(frame: &[u8], message: &Message) -> McpResult<()> {
    match message.known.client_capabilities {
        Some(capabilities) if capabilities.of(frame).first() == Some(&b'{') => Ok(()),
        _ => Err(McpError::invalid_params("the client capabilities are missing from `_meta`")),
    }
}
