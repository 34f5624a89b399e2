//! HTTP+SSE, the binding of 2024-11-05: one stream for all that the server says, and an address to post to.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use turbomcp_transport::{Batch, Receive, Send, Transport};

use super::body::Events;
use super::send::{Http, resolve, same_origin};
use crate::Error;

/// How many events may come before the one that names the address.
const MAX_EVENTS: usize = 8;

/// A connection of the first revision, which is a stream in each direction like any other.
pub(super) struct FirstTransport {
    http: Http,
    events: Events,
    endpoint: Uri,
}

/// Opens the stream and waits for the address.
pub(super) async fn open(http: Http) -> Result<FirstTransport, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    let response = http.send(Method::GET, &http.url, &headers, Bytes::new(), None).await?;
    let status = response.status();
    if !status.is_success() || !super::session::is_of_type(&response, "text/event-stream") {
        return Err(Error::http_status(status.as_u16()));
    }
    let mut events = Events::new(response.into_body(), http.max_message_bytes);
    for _ in 0..MAX_EVENTS {
        let Some(event) = events.next().await? else { break };
        if event.event.as_deref() != Some("endpoint") {
            continue;
        }
        let endpoint = std::str::from_utf8(&event.data).ok().and_then(|text| resolve(&http.url, text.trim()));
        let endpoint = endpoint.filter(|endpoint| same_origin(&http.url, endpoint));
        let endpoint = endpoint.ok_or_else(|| Error::protocol("the address to post to is of another origin"))?;
        return Ok(FirstTransport { http, events, endpoint });
    }
    Err(Error::protocol("the server names no address to post to"))
}

impl Transport for FirstTransport {
    type Receive = FirstReceiver;
    type Send = FirstSender;

    fn split(self) -> (FirstReceiver, FirstSender) {
        (FirstReceiver { events: self.events }, FirstSender { http: self.http, endpoint: self.endpoint })
    }
}

pub(super) struct FirstReceiver {
    events: Events,
}

impl Receive for FirstReceiver {
    async fn recv(&mut self) -> Result<Option<Bytes>, turbomcp_transport::Error> {
        loop {
            match self.events.next().await {
                Ok(Some(event)) if event.data.is_empty() => {}
                Ok(Some(event)) if event.event.as_deref().is_none_or(|name| name == "message") => {
                    return Ok(Some(event.data));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => {
                    tracing::debug!(%error, "the stream of the server has failed");
                    return Err(turbomcp_transport::Error::closed());
                }
            }
        }
    }
}

pub(super) struct FirstSender {
    http: Http,
    endpoint: Uri,
}

impl Send for FirstSender {
    async fn send(&mut self, batch: Batch<'_>) -> Result<(), turbomcp_transport::Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for message in batch.messages() {
            let body = Bytes::copy_from_slice(message);
            let sent = self.http.send(Method::POST, &self.endpoint, &headers, body, None).await;
            match sent {
                Ok(response) if response.status().is_success() => {}
                Ok(response) => tracing::warn!(status = response.status().as_u16(), "the server refused a message"),
                Err(error) => {
                    tracing::debug!(%error, "the server cannot be written to");
                    return Err(turbomcp_transport::Error::closed());
                }
            }
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<(), turbomcp_transport::Error> {
        Ok(())
    }
}
