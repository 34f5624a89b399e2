//! The bounds a server keeps by default.

use std::time::Duration;

/// How much a server takes on, all in one place. Nothing in it is unbounded.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::{Limits, ServerBuilder};
///
/// let mut limits = Limits::default();
/// limits.request_timeout = Duration::from_secs(30);
/// let server = ServerBuilder::new().name("careful").limits(limits).build();
/// # drop(server);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message received on a connection; a longer one is skipped and answered with an error. What answers to a
    /// batch have no room in as many bytes are errors. 16 MiB.
    pub message_bytes: usize,
    /// How long a request may take, unless its handler sets a time of its own; without the time that the handler waits for
    /// the client to answer. 5 minutes.
    pub request_timeout: Duration,
    /// How long the server waits for the client to answer a legacy server request. 5 minutes.
    pub client_answer_timeout: Duration,
    /// How many requests one connection or HTTP session may have waiting, and how many messages a batch may have; more are
    /// refused. 1024.
    pub requests_in_flight: usize,
    /// How many bytes wait for a slow peer before its handlers, and reading from it, are held up. 256 KiB.
    pub outgoing_bytes: usize,
    /// How many change notifications wait for a slow subscriber before further ones are dropped. 1024.
    pub outgoing_notifications: usize,
    /// How many subscriptions are open at once, over all peers. 100,000.
    pub subscriptions: usize,
    /// How many resource URIs one subscription or legacy session names. 1000.
    pub subscribed_resources: usize,
    /// How long requests in flight may go on after standard input has ended. 1.5 seconds.
    pub end_of_input: Duration,
    /// How long requests in flight may go on after shutdown was asked for; those that are not done by then are answered with
    /// an error, for which there is another second. 30 seconds.
    pub shutdown: Duration,
    /// How many entries one page of a list holds. 1000.
    pub page_size: usize,
    /// How long a sealed `requestState` is accepted. 15 minutes.
    pub request_state_age: Duration,
    /// HTTP: the longest body of a request; a longer one is refused with 413. 4 MiB.
    pub body_bytes: usize,
    /// HTTP: how long a client may take to send a body. 30 seconds.
    pub body_timeout: Duration,
    /// HTTP: how many bytes the head of a request may have. 64 KiB.
    pub header_bytes: usize,
    /// HTTP: how long a client may take to send the head of a request, the pause before it included. 60 seconds.
    pub header_timeout: Duration,
    /// HTTP, WebSocket, TCP, TLS and Unix sockets: how many connections are open at once; further ones wait to be accepted.
    /// 10,000.
    pub connections: usize,
    /// TLS: how many handshakes are under way at once; a peer that has said nothing yet does not count. 1024.
    pub handshakes: usize,
    /// TLS: how long a handshake may take, the silence before it included. 10 seconds.
    pub handshake_timeout: Duration,
    /// HTTP: how long an event stream is silent before a comment is sent as a sign of life. WebSocket: how long a client is
    /// silent before it is asked for one; when that was no use for as long again, it is given up. 15 seconds.
    pub keep_alive: Duration,
    /// HTTP: how many legacy sessions exist at once, and how many streams of HTTP+SSE; further ones are refused. 10,000.
    pub sessions: usize,
    /// HTTP: how long a legacy session lasts that nobody uses. 30 minutes.
    pub session_idle: Duration,
    /// HTTP: how many messages of a legacy event stream are kept for a client that reconnects. 256.
    pub replay_events: usize,
    /// HTTP: how many bytes of a legacy event stream, and of all those of a session that are over, are kept for a client
    /// that reconnects. 1 MiB.
    pub replay_bytes: usize,
    /// HTTP: how long messages are kept for a client that reconnects. 5 minutes.
    pub replay_age: Duration,
}

impl Limits {
    /// Returns how long requests in flight may go on, as something that clocks can count.
    pub(crate) fn shutdown_time(&self) -> Duration {
        const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

        self.shutdown.min(FAR)
    }

    /// Returns how long connections may go on after shutdown was asked for.
    pub(crate) fn drain(&self) -> Duration {
        /// For what is written once the time of those in flight is over.
        const GRACE: Duration = Duration::from_secs(1);

        self.shutdown_time() + GRACE
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 16 << 20,
            request_timeout: Duration::from_secs(5 * 60),
            client_answer_timeout: Duration::from_secs(5 * 60),
            requests_in_flight: 1024,
            outgoing_bytes: 256 << 10,
            outgoing_notifications: 1024,
            subscriptions: 100_000,
            subscribed_resources: 1000,
            end_of_input: Duration::from_millis(1500),
            shutdown: Duration::from_secs(30),
            page_size: 1000,
            request_state_age: Duration::from_secs(15 * 60),
            body_bytes: 4 << 20,
            body_timeout: Duration::from_secs(30),
            header_bytes: 64 << 10,
            header_timeout: Duration::from_secs(60),
            connections: 10_000,
            handshakes: 1024,
            handshake_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            sessions: 10_000,
            session_idle: Duration::from_secs(30 * 60),
            replay_events: 256,
            replay_bytes: 1 << 20,
            replay_age: Duration::from_secs(5 * 60),
        }
    }
}
