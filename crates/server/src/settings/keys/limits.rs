//! What a server takes on.

use std::time::Duration;

use super::{Key, Section, key};
use crate::Limits;
use crate::settings::Settings;
use crate::settings::kind::{Bytes, Count, MILLISECOND, Time, YEARS};

pub(super) static SECTIONS: &[Section] =
    &[Section { name: "limits", about: "How much a server takes on.", feature: None, keys: LIMITS }];

const MANY: usize = 1_000_000_000;
const GIB: usize = 1 << 30;

/// What whoever speaks HTTP needs at the least for a head.
const SMALLEST_HEAD: usize = 8 << 10;

const TIME: Time = Time(MILLISECOND, YEARS);
const COUNT: Count<usize> = Count(1, MANY);
const BYTES: Bytes = Bytes(1, GIB);

fn limits(settings: &mut Settings) -> &mut Limits {
    &mut settings.config.limits
}

static LIMITS: &[Key] = &[
    key!("limits.message_bytes", BYTES, Connection, limits, at => at.message_bytes,
        "The longest message of a connection."),
    key!("limits.request_timeout", TIME, Request, limits, at => at.request_timeout,
        "How long a request may take, where `timeout` says nothing."),
    key!("limits.client_answer_timeout", TIME, Request, limits, at => at.client_answer_timeout,
        "How long a client may take to answer what a legacy server asks it."),
    key!("limits.requests_in_flight", COUNT, Request, limits, at => at.requests_in_flight,
        "How many requests of one connection or session may wait, and how many messages a batch may have."),
    key!("limits.outgoing_bytes", BYTES, Connection, limits, at => at.outgoing_bytes,
        "How many bytes wait for a slow peer before its handlers are held up."),
    key!("limits.outgoing_notifications", COUNT, Request, limits, at => at.outgoing_notifications,
        "How many change notifications wait for a slow subscriber."),
    key!("limits.subscriptions", COUNT, Request, limits, at => at.subscriptions,
        "How many subscriptions are open at once."),
    key!("limits.subscribed_resources", COUNT, Request, limits, at => at.subscribed_resources,
        "How many resource URIs one subscription or legacy session names."),
    key!("limits.end_of_input", Time(Duration::ZERO, YEARS), Request, limits, at => at.end_of_input,
        "How long requests may go on after standard input has ended."),
    key!("limits.shutdown", Time(Duration::ZERO, YEARS), Start, limits, at => at.shutdown,
        "How long requests may go on after the server was asked to end."),
    key!("limits.page_size", COUNT, Request, limits, at => at.page_size,
        "How many entries a page of a list has."),
    key!("limits.request_state_age", Time(Duration::from_secs(1), YEARS), Start, limits, at => at.request_state_age,
        "How long a sealed `requestState` is accepted."),
    key!("limits.body_bytes", BYTES, Request, limits, at => at.body_bytes,
        "HTTP: the longest body of a request."),
    key!("limits.body_timeout", TIME, Request, limits, at => at.body_timeout,
        "HTTP: how long a client may take to send a body."),
    key!("limits.header_bytes", Bytes(SMALLEST_HEAD, GIB), Start, limits, at => at.header_bytes,
        "HTTP: how long the head of a request may be."),
    key!("limits.header_timeout", TIME, Start, limits, at => at.header_timeout,
        "HTTP: how long a client may take to send the head of a request."),
    key!("limits.connections", COUNT, Start, limits, at => at.connections,
        "How many connections are open at once."),
    key!("limits.handshakes", COUNT, Start, limits, at => at.handshakes,
        "TLS: how many handshakes are under way at once."),
    key!("limits.handshake_timeout", TIME, Start, limits, at => at.handshake_timeout,
        "TLS: how long a handshake may take."),
    key!("limits.keep_alive", TIME, Connection, limits, at => at.keep_alive,
        "HTTP, WebSocket: how long a stream is silent before a sign of life is sent or asked for."),
    key!("limits.sessions", COUNT, Request, limits, at => at.sessions,
        "HTTP: how many legacy sessions exist at once."),
    key!("limits.session_idle", TIME, Start, limits, at => at.session_idle,
        "HTTP: how long a legacy session lasts that nobody uses."),
    key!("limits.replay_events", Count(0, MANY), Connection, limits, at => at.replay_events,
        "HTTP: how many messages of a legacy stream are kept for a client that reconnects."),
    key!("limits.replay_bytes", Bytes(0, GIB), Connection, limits, at => at.replay_bytes,
        "HTTP: how many bytes are kept for it."),
    key!("limits.replay_age", Time(Duration::ZERO, YEARS), Connection, limits, at => at.replay_age,
        "HTTP: how long they are kept."),
];
