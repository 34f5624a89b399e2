//! Every store of sessions against a naive model of one: whatever is done in whatever order, both say the same.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use turbomcp::sessions::{self, EventBounds, NewEvents, SessionKey, SessionStore};
use turbomcp_tests::engines;

use crate::folder::Folder;

const LONG: Duration = Duration::from_secs(600);

/// How much is done in one run, and by which seeds.
const STEPS: usize = 300;
const SEEDS: [u64; 3] = [1, 0x5eed, 0x9e37_79b9_7f4a_7c15];

const CAP: usize = 4;
const EVENTS: usize = 5;
const BYTES: usize = 40;
const STREAMS: usize = 2;

#[derive(Default)]
struct Model {
    sessions: HashMap<usize, Session>,
}

#[derive(Default)]
struct Session {
    version: u64,
    requests: u64,
    record: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
    /// The streams beside 0 in the order in which they came.
    order: Vec<u32>,
}

#[derive(Default)]
struct Stream {
    last: u64,
    events: Vec<(u64, String)>,
    is_over: bool,
    added: Vec<u64>,
}

/// One thing that is done.
#[derive(Debug, Clone)]
enum Step {
    Create(usize, Vec<u8>),
    Visit(usize, u64),
    Update(usize, u64, Vec<u8>),
    Remove(usize),
    Append { session: usize, stream: u32, first: Option<u64>, events: Vec<String>, is_over: bool, once: Option<u64> },
    Events(usize, u32, u64),
    Count,
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn text(&mut self) -> String {
        let length = usize::try_from(self.below(16)).unwrap();
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }
}

impl Model {
    /// Chooses what is done next: mostly what makes sense, and sometimes what does not.
    fn choose(&self, random: &mut Random, step: u64) -> Step {
        let session = usize::try_from(random.below(6)).unwrap();
        let stream = u32::try_from(random.below(4)).unwrap();
        let known = self.sessions.get(&session);
        match random.below(20) {
            0..3 => Step::Create(session, random.text().into_bytes()),
            3..5 => Step::Visit(session, random.below(3)),
            5..8 => {
                let version = known.map_or(1, |known| known.version);
                let off = if random.below(4) == 0 { 1 } else { 0 };
                Step::Update(session, version + off, random.text().into_bytes())
            }
            8 => Step::Remove(session),
            9..15 => {
                let next = known.and_then(|known| known.streams.get(&stream)).map_or(0, |stream| stream.last) + 1;
                let first = match random.below(6) {
                    0..2 => None,
                    2..4 => Some(next),
                    4 => Some(next.saturating_sub(random.below(3)).max(1)),
                    _ => Some(next + random.below(3)),
                };
                let count = random.below(4);
                let events = (0..count).map(|_| random.text()).collect();
                let once = first.is_none().then_some(step);
                Step::Append { session, stream, first, events, is_over: random.below(8) == 0, once }
            }
            15..19 => Step::Events(session, stream, random.below(12)),
            _ => Step::Count,
        }
    }

    /// Does it, and says what came of it.
    fn apply(&mut self, step: &Step) -> String {
        match step {
            Step::Create(session, record) => {
                let fits = self.sessions.contains_key(session) || self.sessions.len() < CAP;
                if fits {
                    let new = || Session { version: 1, record: record.clone(), ..Session::default() };
                    self.sessions.entry(*session).or_insert_with(new);
                }
                fits.to_string()
            }
            Step::Visit(session, requests) => match self.sessions.get_mut(session) {
                Some(known) => {
                    known.requests += requests;
                    format!("{} {} {:?}", known.version, known.requests, known.record)
                }
                None => "none".to_owned(),
            },
            Step::Update(session, version, record) => {
                let known = self.sessions.get_mut(session).filter(|known| known.version == *version);
                let is_there = known.is_some();
                if let Some(known) = known {
                    known.version += 1;
                    known.record.clone_from(record);
                }
                is_there.to_string()
            }
            Step::Remove(session) => self.sessions.remove(session).is_some().to_string(),
            Step::Append { session, stream, first, events, is_over, once } => {
                let Some(known) = self.sessions.get_mut(session) else { return "false".to_owned() };
                known.append(*stream, *first, events, *is_over, *once);
                "true".to_owned()
            }
            Step::Events(session, stream, after) => {
                match self.sessions.get(session).and_then(|known| known.streams.get(stream)) {
                    Some(stream) => {
                        let behind = stream.events.iter().filter(|(number, _)| number > after);
                        let texts: Vec<_> = behind.map(|(_, text)| text.clone()).collect();
                        format!("{} {texts:?} {}", stream.last, stream.is_over)
                    }
                    None => "none".to_owned(),
                }
            }
            Step::Count => self.sessions.len().to_string(),
        }
    }
}

impl Session {
    fn append(&mut self, number: u32, first: Option<u64>, events: &[String], is_over: bool, once: Option<u64>) {
        if !self.streams.contains_key(&number) && number != 0 {
            self.order.push(number);
            if self.order.len() > STREAMS {
                let oldest = self.order.remove(0);
                self.streams.remove(&oldest);
            }
        }
        let stream = self.streams.entry(number).or_default();
        if once.is_some_and(|once| stream.added.contains(&once)) {
            return;
        }
        stream.added.extend(once);
        let first = first.unwrap_or(stream.last + 1);
        if first > stream.last + 1 {
            stream.events.clear();
            stream.last = first - 1;
        }
        for (number, text) in (first..).zip(events) {
            if number > stream.last {
                stream.events.push((number, text.clone()));
                stream.last = number;
            }
        }
        let bytes = |events: &[(u64, String)]| events.iter().map(|(_, text)| text.len()).sum::<usize>();
        while stream.events.len() > 1 && (stream.events.len() > EVENTS || bytes(&stream.events) > BYTES) {
            stream.events.remove(0);
        }
        stream.is_over |= is_over;
    }
}

/// Does it in a store, and says what came of it.
async fn perform(store: &impl SessionStore, keys: &[SessionKey], step: &Step) -> String {
    let bounds = EventBounds::new(EVENTS, BYTES, LONG, STREAMS);
    match step {
        Step::Create(session, record) => store.create(&keys[*session], record, LONG, CAP).await.unwrap().to_string(),
        Step::Visit(session, requests) => match store.visit(&keys[*session], LONG, *requests).await.unwrap() {
            Some(found) => format!("{} {} {:?}", found.version, found.requests, found.record),
            None => "none".to_owned(),
        },
        Step::Update(session, version, record) => {
            store.update(&keys[*session], *version, record).await.unwrap().to_string()
        }
        Step::Remove(session) => store.remove(&keys[*session]).await.unwrap().to_string(),
        Step::Append { session, stream, first, events, is_over, once } => {
            let events: Vec<_> = events.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
            let mut new = NewEvents::new(*first, &events);
            if let Some(once) = once {
                new = new.once(*once);
            }
            if *is_over {
                new = new.and_no_more();
            }
            store.append(&keys[*session], *stream, new, bounds).await.unwrap().to_string()
        }
        Step::Events(session, stream, after) => match store.events(&keys[*session], *stream, *after).await.unwrap() {
            Some(found) => {
                let texts = found.events.iter().map(|event| String::from_utf8(event.to_vec()).unwrap());
                format!("{} {:?} {}", found.last, texts.collect::<Vec<_>>(), found.is_over)
            }
            None => "none".to_owned(),
        },
        Step::Count => store.count().await.unwrap().to_string(),
    }
}

async fn is_as_the_model(store: impl SessionStore) {
    let mut step_number = 0;
    for seed in SEEDS {
        let keys: Vec<_> = (0..6).map(|number| SessionKey::of(&format!("{seed} {number}"))).collect();
        let (mut model, mut random) = (Model::default(), Random(seed));
        let mut done = Vec::new();
        for _ in 0..STEPS {
            step_number += 1;
            let step = model.choose(&mut random, step_number);
            // What is not answered in time is asked again, where that may be done twice.
            let is_repeated = matches!(step, Step::Append { once: Some(_), .. }) && random.below(3) == 0;
            for _ in 0..1 + u8::from(is_repeated) {
                let (expected, found) = (model.apply(&step), perform(&store, &keys, &step).await);
                done.push(step.clone());
                assert_eq!(found, expected, "seed {seed}, after {:#?}", &done[done.len().saturating_sub(20)..]);
            }
        }
        for key in &keys {
            store.remove(key).await.unwrap();
        }
        assert_eq!(store.count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn memory_is_as_the_model() {
    is_as_the_model(sessions::memory()).await;
}

#[tokio::test]
async fn a_file_is_as_the_model() {
    let folder = Folder::new();
    is_as_the_model(sessions::memory_with_persistence(folder.path()).await.unwrap()).await;
}

#[tokio::test]
async fn redis_is_as_the_model() {
    is_as_the_model(sessions::redis(&engines::Redis::shared().url()).await.unwrap()).await;
}

#[tokio::test]
async fn postgres_is_as_the_model() {
    is_as_the_model(sessions::postgres(&engines::Postgres::shared().url()).await.unwrap()).await;
}
