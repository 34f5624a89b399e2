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
    /// The longest message received on a connection; a longer one is skipped and answered with an error. 16 MiB.
    pub message_bytes: usize,
    /// The longest HTTP body received; a longer one is answered with 413. 4 MiB.
    pub body_bytes: usize,
    /// How long a request may take, unless its handler sets a time of its own. 5 minutes.
    pub request_timeout: Duration,
    /// How long the server waits for the client to answer a legacy server request. 5 minutes.
    pub client_answer_timeout: Duration,
    /// How many requests one connection, HTTP session or batch may have waiting; more are refused. 1024.
    pub requests_in_flight: usize,
    /// How many bytes wait for a slow peer before its handlers, and reading from it, are held up. 256 KiB.
    pub outgoing_bytes: usize,
    /// How many change notifications wait for a slow subscriber before further ones are dropped. 1024.
    pub outgoing_notifications: usize,
    /// How many subscriptions are open at once, over all peers. 100,000.
    pub subscriptions: usize,
    /// How many resource URIs one subscription or legacy session names. 1000.
    pub subscribed_resources: usize,
    /// How many legacy HTTP sessions exist at once; more are refused with 503, none is evicted. 10,000.
    pub sessions: usize,
    /// How long a legacy HTTP session may be idle before it ends. 30 minutes.
    pub session_idle: Duration,
    /// How many events a legacy HTTP session keeps for a client that reconnects. 256.
    pub replay_events: usize,
    /// How many bytes of such events a session keeps. 1 MiB.
    pub replay_bytes: usize,
    /// How long such events are kept. 5 minutes.
    pub replay_age: Duration,
    /// How many HTTP connections the listener serves at once; more wait to be accepted. 10,000.
    pub connections: usize,
    /// How long an HTTP client may take to send the head of a request. 30 seconds.
    pub header_timeout: Duration,
    /// How long an HTTP client may take to send the body of a request. 30 seconds.
    pub body_timeout: Duration,
    /// The largest head of an HTTP request. 64 KiB.
    pub header_bytes: usize,
    /// How often a comment is sent on an event stream with nothing to say. 15 seconds.
    pub keep_alive: Duration,
    /// How long requests in flight may go on after standard input has ended. 1.5 seconds.
    pub end_of_input: Duration,
    /// How long requests in flight may go on after shutdown was asked for. 30 seconds.
    pub shutdown: Duration,
    /// How many entries one page of a list holds. 1000.
    pub page_size: usize,
    /// How long a sealed `requestState` is accepted. 15 minutes.
    pub request_state_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 16 << 20,
            body_bytes: 4 << 20,
            request_timeout: Duration::from_secs(5 * 60),
            client_answer_timeout: Duration::from_secs(5 * 60),
            requests_in_flight: 1024,
            outgoing_bytes: 256 << 10,
            outgoing_notifications: 1024,
            subscriptions: 100_000,
            subscribed_resources: 1000,
            sessions: 10_000,
            session_idle: Duration::from_secs(30 * 60),
            replay_events: 256,
            replay_bytes: 1 << 20,
            replay_age: Duration::from_secs(5 * 60),
            connections: 10_000,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            header_bytes: 64 << 10,
            keep_alive: Duration::from_secs(15),
            end_of_input: Duration::from_millis(1500),
            shutdown: Duration::from_secs(30),
            page_size: 1000,
            request_state_age: Duration::from_secs(15 * 60),
        }
    }
}
