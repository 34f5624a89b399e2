//! The stream on which a legacy server says what belongs to no request.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::body::Events;
use super::session::{Session, is_of_type};
use crate::backoff::backoff;

/// A stream that lived this long has not failed, whatever ended it.
const LONG: Duration = Duration::from_secs(5);

/// How many attempts to open the stream again may fail in a row before those who listen are told that they miss something.
const MAX_FAILURES: u32 = 4;

/// Keeps a listening stream open until the server says that there is none, or the session is over.
///
/// `answered` is told once the server has answered the first attempt, whichever way.
pub(super) async fn listen(session: Arc<Session>, answered: oneshot::Sender<()>) {
    let (mut last_event_id, mut failures) = (None::<String>, 0);
    // How many attempts have failed since the stream was open; none if it never was.
    let mut lost = None::<u32>;
    let mut answered = Some(answered);
    loop {
        let opened = Instant::now();
        let mut retry = None;
        let response = session.get(last_event_id.as_deref()).await;
        drop(answered.take());
        let was_open = match response {
            Ok(response) if response.status().is_success() && is_of_type(&response, "text/event-stream") => {
                let mut events = Events::new(response.into_body(), session.http.max_message_bytes);
                while let Ok(Some(event)) = events.next().await {
                    if !event.data.is_empty() && event.event.as_deref().is_none_or(|name| name == "message") {
                        session.frame(&event.data);
                    }
                }
                let parser = events.parser();
                retry = parser.retry();
                last_event_id = parser.last_event_id().map(str::to_owned).or(last_event_id);
                true
            }
            Ok(response) if response.status().is_server_error() => false,
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => false,
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), "the server has no listening stream");
                if lost.is_some() {
                    session.inbox.end_feeds("the stream of changes was lost");
                }
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "the listening stream could not be opened");
                false
            }
        };
        lost = if was_open { Some(0) } else { lost.map(|attempts| attempts.saturating_add(1)) };
        if lost == Some(MAX_FAILURES) {
            session.inbox.end_feeds("the stream of changes was lost");
        }
        failures = if opened.elapsed() >= LONG { 1 } else { failures + 1 };
        // A server that asks for less than this soon gets more: it closes streams as fast as they are opened.
        let wait = retry.unwrap_or_default().max(backoff(failures));
        tokio::time::sleep(wait).await;
    }
}
