//! A session belongs to whoever opened it, also where what is sent is no request.

use std::net::SocketAddr;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use turbomcp_protocol::{McpError, Message};

use super::endpoint::{Endpoint, Rejected, extensions, failure, status_of};
use super::legacy::revision;
use super::session::Session;
use crate::access::identity;
use crate::outlet::Outlet;
use crate::request::Request;
use crate::run::Run;

/// What stands in the stack for an HTTP request that has no request of MCP in it.
pub(super) const PING: &[u8] = br#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#;

impl Endpoint {
    /// Lets nobody but its owner use a session that has one.
    ///
    /// Who sends something is what the layers of the stack find out, and they see requests only. So it passes the stack
    /// as a `ping`; what counts is who the layers say it is, whatever the answer.
    pub(super) async fn admit(
        &self,
        session: &Session,
        parts: &Parts,
        peer_addr: Option<SocketAddr>,
    ) -> Result<(), Rejected> {
        let Some(owner) = session.owner() else { return Ok(()) };
        let frame = Bytes::from_static(PING);
        let message = Message::decode(&frame).expect("this is a message");
        let reader = session.stream();
        let outlet = Outlet::Stream(reader.stream().clone());
        let extensions = extensions(parts.clone(), peer_addr);
        let inner = self.request(session, outlet, message, frame, revision(session));
        let mut run = Run::start_unseen(inner.clone(), Request::new(inner.clone(), extensions));
        run.start_clock();
        let answer = run.await;
        if inner.extensions.get().and_then(identity) == Some(owner) {
            return Ok(());
        }
        let stranger = McpError::forbidden("the session belongs to somebody else");
        let error = answer.as_ref().and_then(|answer| answer.as_error()).unwrap_or(&stranger);
        let status = match status_of(error, inner.revision) {
            StatusCode::OK => StatusCode::FORBIDDEN,
            status => status,
        };
        Err(Box::new(failure(status, None, error)))
    }
}
