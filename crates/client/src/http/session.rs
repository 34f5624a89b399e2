//! What all requests to a server share: where it is, who it thinks this is, and where its messages go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use turbomcp_protocol::{ErrorCode, McpError, Message, Revision};

use super::body::Received;
use super::send::Http;
use crate::Error;
use crate::inbox::Inbox;
use crate::questions::write_answer;
use crate::sync::lock;

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long a server may take to take a notification or an answer.
pub(super) const NOTIFYING: Duration = Duration::from_secs(30);

/// The server as one client sees it.
pub(super) struct Session {
    pub(super) http: Http,
    pub(super) inbox: Arc<Inbox>,
    agreed: Mutex<Agreed>,
}

#[derive(Debug, Default, Clone)]
struct Agreed {
    id: Option<HeaderValue>,
    revision: Option<Revision>,
}

impl Session {
    pub(super) fn new(http: Http, inbox: Arc<Inbox>) -> Self {
        Self { http, inbox, agreed: Mutex::default() }
    }

    pub(super) fn set_revision(&self, revision: Option<Revision>) {
        lock(&self.agreed).revision = revision;
        self.inbox.set_revision(revision);
    }

    pub(super) fn set_id(&self, id: Option<HeaderValue>) {
        lock(&self.agreed).id = id;
    }

    pub(super) fn id(&self) -> Option<HeaderValue> {
        lock(&self.agreed).id.clone()
    }

    pub(super) fn is_legacy(&self) -> bool {
        lock(&self.agreed).revision.is_some_and(Revision::is_legacy)
    }

    /// Returns the headers of a request that belongs to what was agreed on.
    pub(super) fn headers(&self) -> HeaderMap {
        let Agreed { id, revision } = lock(&self.agreed).clone();
        let mut headers = HeaderMap::with_capacity(8);
        if let Some(id) = id {
            headers.insert(SESSION_ID, id);
        }
        if let Some(revision) = revision.filter(|revision| revision.has_version_header()) {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(revision.as_str()));
        }
        headers
    }

    pub(super) async fn post(
        &self,
        mut headers: HeaderMap,
        body: Bytes,
        operation: Option<&str>,
    ) -> Result<Response<Received>, Error> {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(meter) = self.inbox.meter() {
            meter.sent(1, body.len());
        }
        let generation = self.http.generation();
        let response = self.http.send(Method::POST, &self.http.url, &headers, body, operation).await;
        if self.http.generation() != generation {
            self.inbox.forget_private();
        }
        response
    }

    /// Opens a listening stream, or resumes one.
    pub(super) async fn get(&self, last_event_id: Option<&str>) -> Result<Response<Received>, Error> {
        let mut headers = self.headers();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_event_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, id);
        }
        self.http.send(Method::GET, &self.http.url, &headers, Bytes::new(), None).await
    }

    pub(super) async fn delete(&self) -> Result<StatusCode, Error> {
        let headers = self.headers();
        let response = self.http.send(Method::DELETE, &self.http.url, &headers, Bytes::new(), None).await?;
        Ok(response.status())
    }

    /// Takes a message that came on any stream, and sends what it asks for on its way.
    pub(super) fn frame(self: &Arc<Self>, frame: &Bytes) {
        for question in self.inbox.frame(frame) {
            let session = self.clone();
            self.inbox.answer(question, move |answer| async move { session.reply(answer.into()).await });
        }
    }

    /// Sends an answer to the server, which is told if it does not take it: otherwise it would go on waiting.
    async fn reply(&self, answer: Bytes) {
        let why = match self.tell(answer.clone()).await {
            Ok(response) if response.status().is_success() => return,
            Ok(response) => format!("the answer was refused with HTTP status {}", response.status().as_u16()),
            // A server that refuses an answer unread may close the connection before it has said so.
            Err(error) => format!("the answer was not taken: {error}"),
        };
        tracing::warn!(why, "an answer to the server did not arrive");
        let Some((_, id)) = Message::beginning(&answer) else { return };
        let error = McpError::new(ErrorCode::INTERNAL_ERROR, why);
        let failure = write_answer(id.of(&answer), Err(error));
        if let Err(error) = self.tell(failure.into()).await {
            tracing::warn!(%error, "an answer to the server could not be sent");
        }
    }

    /// Sends what the server only has to take.
    async fn tell(&self, message: Bytes) -> Result<Response<Received>, Error> {
        let posting = self.post(self.headers(), message, None);
        tokio::time::timeout(NOTIFYING, posting).await.unwrap_or_else(|_| Err(Error::timeout(NOTIFYING)))
    }
}

/// True if a response is of this media type.
pub(super) fn is_of_type(response: &Response<Received>, expected: &str) -> bool {
    let value = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}
