//! What is noted of requests for the dashboard, as they end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use turbomcp_protocol::scan::{member, text_of};
use turbomcp_protocol::types::Implementation;
use turbomcp_protocol::{Method, Revision};
use turbomcp_transport::Principal;
use turbomcp_transport::metrics::Meter;

use super::shown;
use crate::TraceContext;
use crate::inner::Inner;
use crate::metrics::{End, label};
use crate::peer::Peer;
use crate::request::Request;
use crate::sessions::SessionKey;
use crate::sync::lock;

/// For how many seconds rates are kept.
const SECONDS: usize = 64;

/// By how many requests percentiles are told.
const DURATIONS: usize = 1024;

/// How many legacy clients are kept apart, and how many bytes of what clients choose are kept.
const SESSIONS: usize = 1000;
const SHOWN: usize = 128;

/// What marks the connection by which the pages call.
#[derive(Debug, Clone, Copy)]
pub(super) struct FromDashboard;

/// The last requests of a server, how many there were lately, and who has sent them.
#[derive(Debug)]
pub(crate) struct Watch {
    started: SystemTime,
    since: Instant,
    capacity: usize,
    argument_bytes: Option<usize>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calls: VecDeque<Arc<Call>>,
    seconds: [Second; SECONDS],
    /// How long the last requests took, in microseconds; the next one goes to `next`.
    durations: Vec<u32>,
    next: usize,
    revisions: [u64; Revision::ALL.len()],
    /// By where the peer is, which nothing else can be while there is a weak pointer to it.
    sessions: HashMap<usize, Session>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    requests: u32,
    errors: u32,
}

/// One request that has ended.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) at: SystemTime,
    pub(super) method: &'static str,
    /// The tool or prompt, or the URI of a resource.
    pub(super) name: Option<Box<str>>,
    pub(super) took: Duration,
    pub(super) end: End,
    pub(super) revision: Revision,
    pub(super) binding: &'static str,
    pub(super) principal: Option<Box<str>>,
    pub(super) trace: Option<Box<str>>,
    pub(super) arguments: Option<Box<str>>,
}

#[derive(Debug)]
struct Session {
    peer: Weak<Peer>,
    binding: &'static str,
    principal: Option<Box<str>>,
    opened: SystemTime,
    last: Instant,
    requests: u64,
    errors: u64,
}

/// One legacy client that is connected.
#[derive(Debug)]
pub(super) struct Client {
    /// The beginning of a hash of the session's id, by which it cannot be used.
    pub(super) mark: Option<String>,
    pub(super) client: Implementation,
    pub(super) revision: Revision,
    pub(super) binding: &'static str,
    pub(super) principal: Option<Box<str>>,
    pub(super) opened: SystemTime,
    pub(super) idle: Duration,
    pub(super) requests: u64,
    pub(super) errors: u64,
}

/// How many requests there were in each of the last seconds, the newest last, and how many of them failed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) requests: Vec<u32>,
    pub(super) errors: Vec<u32>,
}

/// What is known of a request when it begins, and is kept until it has ended.
#[derive(Debug)]
pub(crate) struct Seen {
    at: SystemTime,
    binding: &'static str,
    principal: Option<Box<str>>,
    trace: Option<Box<str>>,
}

impl Seen {
    /// Notes that a request begins, if there is a dashboard.
    #[inline]
    pub(crate) fn begin(inner: &Inner, request: &Request) -> Option<Box<Self>> {
        inner.server.operator().dashboard.is_some().then(|| Self::of(inner, request))
    }

    #[cold]
    fn of(inner: &Inner, request: &Request) -> Box<Self> {
        let extensions = request.extensions();
        let binding = match extensions.get::<FromDashboard>() {
            Some(_) => "dashboard",
            None => inner.meter().map_or("other", |meter: &Meter| meter.binding().as_str()),
        };
        let principal = extensions.get::<Principal>().map(|principal| short(principal.subject()));
        let trace = TraceContext::of(inner, extensions).map(|context| context.trace_id().into());
        Box::new(Self { at: SystemTime::now(), binding, principal, trace })
    }

    /// Notes how it has ended.
    #[cold]
    pub(crate) fn ended(self, inner: &Inner, end: End) {
        if let Some(dashboard) = &inner.server.operator().dashboard {
            dashboard.watch.note(self, inner, end);
        }
    }
}

/// Returns the beginning of what a client chose.
fn short(text: &str) -> Box<str> {
    shown::beginning(text, SHOWN).into()
}

impl Watch {
    pub(super) fn new(capacity: usize, argument_bytes: Option<usize>) -> Self {
        let state = State {
            calls: VecDeque::new(),
            seconds: [Second::default(); SECONDS],
            durations: Vec::new(),
            next: 0,
            revisions: Default::default(),
            sessions: HashMap::new(),
        };
        let (started, since) = (SystemTime::now(), Instant::now());
        Self { started, since, capacity, argument_bytes, state: Mutex::new(state) }
    }

    fn note(&self, seen: Seen, inner: &Inner, end: End) {
        let took = inner.started.elapsed();
        let name = inner.message.known.name.or(inner.message.known.uri).and_then(|span| text_of(inner.raw(span)));
        let arguments = self.argument_bytes.and_then(|bytes| arguments(inner, bytes));
        let call = Call {
            at: seen.at,
            method: label(&inner.method),
            name: name.map(|name| short(&shown::url_without_secrets(&name))),
            took,
            end,
            revision: inner.revision,
            binding: seen.binding,
            principal: seen.principal,
            trace: seen.trace,
            arguments,
        };
        let is_long = inner.method == Method::SUBSCRIPTIONS_LISTEN;
        let mut state = lock(&self.state);
        state.count(self.since.elapsed().as_secs(), (!is_long).then_some(took), end);
        state.revisions[inner.revision.index()] += 1;
        if let Some(peer) = &inner.peer {
            state.visit(peer, &call);
        }
        // Room for all of it at once would be taken by servers that nobody asks.
        if state.calls.len() >= self.capacity {
            state.calls.pop_front();
        }
        state.calls.push_back(Arc::new(call));
    }

    /// Returns when the server was built, and for how long that is.
    pub(super) fn started(&self) -> (SystemTime, Duration) {
        (self.started, self.since.elapsed())
    }

    /// Returns the last requests, the newest first.
    pub(super) fn calls(&self) -> Vec<Arc<Call>> {
        lock(&self.state).calls.iter().rev().cloned().collect()
    }

    /// Returns how many requests are kept at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many requests there were in the last minute.
    pub(super) fn rates(&self) -> Rates {
        lock(&self.state).rates(self.since.elapsed().as_secs())
    }

    /// Returns how long the last requests took, of which this part, in hundredths, took no longer; none before the first.
    pub(super) fn percentiles<const N: usize>(&self, hundredths: [usize; N]) -> Option<[Duration; N]> {
        let mut durations = lock(&self.state).durations.clone();
        durations.sort_unstable();
        let last = durations.len().checked_sub(1)?;
        let at = |hundredths: usize| (durations.len() * hundredths).div_ceil(100).saturating_sub(1).min(last);
        Some(hundredths.map(|part| Duration::from_micros(durations[at(part)].into())))
    }

    /// Returns how many requests were made in each revision that was spoken.
    pub(super) fn revisions(&self) -> Vec<(Revision, u64)> {
        let counts = lock(&self.state).revisions;
        Revision::ALL.into_iter().map(|known| (known, counts[known.index()])).filter(|(_, count)| *count > 0).collect()
    }

    /// Returns the legacy clients that are there, whoever was active last first.
    pub(super) fn clients(&self) -> Vec<Client> {
        let mut state = lock(&self.state);
        state.forget();
        let mut clients: Vec<_> = state.sessions.values().filter_map(Session::client).collect();
        drop(state);
        clients.sort_by_key(|client| client.idle);
        clients
    }
}

impl State {
    fn count(&mut self, now: u64, took: Option<Duration>, end: End) {
        let second = &mut self.seconds[(now % SECONDS as u64) as usize];
        if second.number != now {
            *second = Second { number: now, ..Second::default() };
        }
        second.requests += 1;
        second.errors += u32::from(matches!(end, End::Error(_)));
        let Some(took) = took else { return };
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        match self.durations.get_mut(self.next) {
            Some(oldest) => *oldest = micros,
            None => self.durations.push(micros),
        }
        self.next = (self.next + 1) % DURATIONS;
    }

    fn rates(&self, now: u64) -> Rates {
        let mut rates = Rates::default();
        // The second that is under way has not seen all of its requests.
        for number in now.saturating_sub(60)..now {
            let second = self.seconds[(number % SECONDS as u64) as usize];
            let is_of_then = second.number == number;
            rates.requests.push(if is_of_then { second.requests } else { 0 });
            rates.errors.push(if is_of_then { second.errors } else { 0 });
        }
        rates
    }

    fn visit(&mut self, peer: &Arc<Peer>, call: &Call) {
        let key = Arc::as_ptr(peer).addr();
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&key) {
            self.forget();
            if self.sessions.len() >= SESSIONS {
                return;
            }
        }
        let session = self.sessions.entry(key).or_insert_with(|| Session {
            peer: Arc::downgrade(peer),
            binding: call.binding,
            principal: None,
            opened: call.at,
            last: Instant::now(),
            requests: 0,
            errors: 0,
        });
        session.last = Instant::now();
        session.principal.clone_from(&call.principal);
        session.requests += 1;
        session.errors += u64::from(matches!(call.end, End::Error(_)));
    }

    /// Forgets clients that are gone.
    fn forget(&mut self) {
        self.sessions.retain(|_, session| session.peer.strong_count() > 0);
    }
}

impl Session {
    fn client(&self) -> Option<Client> {
        let peer = self.peer.upgrade()?;
        let agreed = peer.agreed()?;
        Some(Client {
            mark: peer.session_id().map(|id| SessionKey::of(id).as_str()[..8].to_owned()),
            client: agreed.client_info.clone(),
            revision: agreed.revision,
            binding: self.binding,
            principal: self.principal.clone(),
            opened: self.opened,
            idle: self.last.elapsed(),
            requests: self.requests,
            errors: self.errors,
        })
    }
}

/// Returns the beginning of the arguments of a tool, without what is named like a secret.
fn arguments(inner: &Inner, bytes: usize) -> Option<Box<str>> {
    if inner.method != Method::TOOLS_CALL {
        return None;
    }
    let raw = member(inner.raw(inner.message.params?), "arguments")?;
    // What is far longer than what is kept of it is not read for that.
    if raw.len() > bytes.saturating_mul(4).max(MOST_READ) {
        return Some(format!("[{} bytes]", raw.len()).into());
    }
    let value: Value = serde_json::from_slice(raw).ok()?;
    let text = shown::without_secrets(value).to_string();
    let kept = shown::beginning(&text, bytes);
    Some(if kept.len() < text.len() { format!("{kept}…").into() } else { kept.into() })
}

const MOST_READ: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ErrorType;

    fn state() -> State {
        Mutex::into_inner(Watch::new(1, None).state).unwrap()
    }

    #[test]
    fn rates_are_of_the_last_minute() {
        let mut state = state();
        for (second, count) in [(0, 5), (1, 2), (59, 1), (60, 3)] {
            (0..count).for_each(|_| state.count(second, None, End::Success));
        }
        state.count(60, None, End::Error(ErrorType::Tool));
        let at_60 = state.rates(60);
        assert_eq!((at_60.requests.len(), at_60.requests[0], at_60.requests[1], at_60.requests[59]), (60, 5, 2, 1));
        let at_61 = state.rates(61);
        assert_eq!((at_61.requests[0], at_61.requests[59], at_61.errors[59]), (2, 4, 1));
        // A second of which nothing was counted has not the numbers of the one that was there before.
        assert_eq!(state.rates(61 + SECONDS as u64).requests, vec![0; 60]);
        assert_eq!(state.rates(0), Rates::default());
    }

    #[test]
    fn percentiles_are_of_the_last_requests() {
        let watch = Watch::new(1, None);
        assert_eq!(watch.percentiles([50]), None);
        let put = |count: u64| {
            for micros in 1..=count {
                lock(&watch.state).count(0, Some(Duration::from_micros(micros)), End::Success);
            }
        };
        put(100);
        assert_eq!(watch.percentiles([50, 95, 99, 100]), Some([50, 95, 99, 100].map(Duration::from_micros)));
        (0..DURATIONS).for_each(|_| lock(&watch.state).count(0, Some(Duration::from_secs(1)), End::Success));
        assert_eq!(watch.percentiles([1, 100]), Some([Duration::from_secs(1); 2]));
        assert_eq!(lock(&watch.state).durations.len(), DURATIONS);
    }
}
