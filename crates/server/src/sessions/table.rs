//! Sessions in memory, without a clock of their own: what both stores of this process are made of.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::store::{EventBounds, NewEvents, SessionKey, StoredEvents, StoredSession};

/// Milliseconds since 1970.
pub(super) type Time = u64;

#[derive(Default)]
pub(super) struct Table {
    pub(super) sessions: HashMap<SessionKey, Entry>,
}

pub(super) struct Entry {
    pub(super) version: u64,
    pub(super) requests: u64,
    pub(super) expires: Time,
    pub(super) record: Bytes,
    /// The oldest first.
    pub(super) streams: VecDeque<Log>,
}

pub(super) struct Log {
    pub(super) stream: u32,
    /// The number of the last event there was.
    pub(super) last: u64,
    pub(super) events: VecDeque<Bytes>,
    pub(super) bytes: usize,
    pub(super) is_over: bool,
    pub(super) expires: Time,
    /// The newest of what was added once, the oldest first.
    added: VecDeque<u64>,
}

/// How many calls that add events are remembered of a stream, so that none adds them twice.
pub(super) const REMEMBERED: usize = 64;

impl Table {
    fn entry(&mut self, key: &SessionKey, now: Time) -> Option<&mut Entry> {
        self.sessions.get_mut(key).filter(|entry| entry.expires > now)
    }

    /// Adds a session; false if there are too many. That it is there already is no failure.
    pub(super) fn create(&mut self, key: &SessionKey, record: Bytes, expires: Time, cap: usize, now: Time) -> bool {
        if self.entry(key, now).is_some() {
            return true;
        }
        if self.sessions.len() >= cap {
            self.sweep(now);
        }
        if self.sessions.len() >= cap {
            return false;
        }
        let entry = Entry { version: 1, requests: 0, expires, record, streams: VecDeque::new() };
        self.sessions.insert(key.clone(), entry);
        true
    }

    pub(super) fn visit(&mut self, key: &SessionKey, expires: Time, requests: u64, now: Time) -> Option<StoredSession> {
        let entry = self.entry(key, now)?;
        entry.requests += requests;
        entry.expires = expires;
        Some(StoredSession::new(entry.version, entry.requests, entry.record.to_vec()))
    }

    /// Replaces a record of this version; the entry, unless there is none of it.
    pub(super) fn update(&mut self, key: &SessionKey, version: u64, record: Bytes, now: Time) -> Option<&Entry> {
        let entry = self.entry(key, now).filter(|entry| entry.version == version)?;
        entry.version += 1;
        entry.record = record;
        Some(entry)
    }

    pub(super) fn remove(&mut self, key: &SessionKey, now: Time) -> bool {
        self.sessions.remove(key).is_some_and(|entry| entry.expires > now)
    }

    pub(super) fn append(
        &mut self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
        now: Time,
    ) -> bool {
        if self.has_added(key, stream, events.once, now) {
            return true;
        }
        let Some(entry) = self.entry(key, now) else { return false };
        entry.append(stream, events, bounds, now.saturating_add(millis(bounds.age)), now);
        true
    }

    /// Returns true if these events were added by a call before.
    pub(super) fn has_added(&mut self, key: &SessionKey, stream: u32, once: Option<u64>, now: Time) -> bool {
        let log = self.entry(key, now).and_then(|entry| entry.streams.iter().find(|log| log.stream == stream));
        once.zip(log).is_some_and(|(once, log)| log.added.contains(&once))
    }

    pub(super) fn events(&mut self, key: &SessionKey, stream: u32, after: u64, now: Time) -> Option<StoredEvents> {
        let log = self.entry(key, now)?.streams.iter_mut().find(|log| log.stream == stream)?;
        log.forget(now);
        let oldest = log.last + 1 - log.events.len() as u64;
        let first = after.saturating_add(1).max(oldest);
        let skipped = usize::try_from(first - oldest).unwrap_or(usize::MAX);
        let events = log.events.iter().skip(skipped).cloned().collect();
        Some(StoredEvents::new(log.last, events, log.is_over))
    }

    pub(super) fn sweep(&mut self, now: Time) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, entry| entry.expires > now);
        for entry in self.sessions.values_mut() {
            entry.streams.iter_mut().for_each(|log| log.forget(now));
        }
        before - self.sessions.len()
    }

    pub(super) fn count(&self, now: Time) -> usize {
        self.sessions.values().filter(|entry| entry.expires > now).count()
    }
}

impl Entry {
    pub(super) fn append(&mut self, stream: u32, new: NewEvents<'_>, bounds: EventBounds, expires: Time, now: Time) {
        let log = match self.streams.iter().position(|log| log.stream == stream) {
            Some(index) => &mut self.streams[index],
            None => {
                self.streams.push_back(Log::new(stream, expires));
                let mut extra =
                    self.streams.iter().filter(|log| log.stream != 0).count().saturating_sub(bounds.streams.max(1));
                self.streams.retain(|log| {
                    let goes = extra > 0 && log.stream != 0;
                    extra -= usize::from(goes);
                    !goes
                });
                self.streams.back_mut().expect("it was just added")
            }
        };
        log.forget(now);
        let first = new.first.unwrap_or(log.last + 1);
        if first > log.last + 1 {
            log.events.clear();
            log.bytes = 0;
            log.last = first - 1;
        }
        for (number, event) in (first..).zip(new.events) {
            if number > log.last {
                log.last = number;
                log.bytes += event.len();
                log.events.push_back(event.clone());
            }
        }
        while log.events.len() > 1 && (log.events.len() > bounds.events || log.bytes > bounds.bytes) {
            log.bytes -= log.events.pop_front().map_or(0, |event| event.len());
        }
        log.is_over |= new.is_over;
        log.expires = expires;
        if let Some(once) = new.once {
            if log.added.len() >= REMEMBERED {
                log.added.pop_front();
            }
            log.added.push_back(once);
        }
    }
}

impl Log {
    pub(super) fn new(stream: u32, expires: Time) -> Self {
        let (events, added) = (VecDeque::new(), VecDeque::new());
        Self { stream, last: 0, events, bytes: 0, is_over: false, expires, added }
    }

    /// Gives up the events once they are too old; their numbers are not used again.
    fn forget(&mut self, now: Time) {
        if self.expires <= now {
            self.events = VecDeque::new();
            self.bytes = 0;
        }
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the time of day.
pub(super) fn now() -> Time {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, millis)
}
