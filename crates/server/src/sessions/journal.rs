//! The file that sessions are kept in: what happened, in frames that tell whether they are whole.
//!
//! A frame is the length of what it holds, a check of that length, a check of what it holds, and that. Each frame was written
//! by one write and counts only as a whole, so that what a crash cut off is the last one.

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::store::{EventBounds, NewEvents, SessionKey};
use super::table::{Entry, Log, Table, Time};
use crate::store::StoreError;

/// What a file begins with.
pub(super) const MAGIC: &[u8; 16] = b"turbomcp-sess-1\n";

/// Length, check of the length, check of the content.
const HEAD: usize = 4 + 4 + 8;

const PUT: u8 = 1;
const REMOVE: u8 = 2;
const APPEND: u8 = 3;
const TOUCH: u8 = 4;

/// What happened, since the last frame.
#[derive(Debug, Default)]
pub(super) struct Frame {
    content: Vec<u8>,
}

impl Frame {
    pub(super) fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.content.len()
    }

    /// A session is as it says here, but for its events.
    pub(super) fn put(&mut self, key: &SessionKey, entry: &Entry) {
        self.content.push(PUT);
        self.bytes(key.as_str().as_bytes());
        for number in [entry.version, entry.requests, entry.expires] {
            self.number(number);
        }
        self.bytes(&entry.record);
    }

    pub(super) fn remove(&mut self, key: &SessionKey) {
        self.content.push(REMOVE);
        self.bytes(key.as_str().as_bytes());
    }

    pub(super) fn touch(&mut self, key: &SessionKey, requests: u64, expires: Time) {
        self.content.push(TOUCH);
        self.bytes(key.as_str().as_bytes());
        self.number(requests);
        self.number(expires);
    }

    pub(super) fn append(
        &mut self,
        key: &SessionKey,
        stream: u32,
        new: NewEvents<'_>,
        bounds: EventBounds,
        now: Time,
        expires: Time,
    ) {
        self.content.push(APPEND);
        self.bytes(key.as_str().as_bytes());
        let counts = [bounds.events, bounds.bytes, bounds.streams, new.events.len()];
        let counts = counts.map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let numbers = [u64::from(stream), new.first.unwrap_or(0), u64::from(new.is_over), now, expires];
        for number in numbers.into_iter().chain(counts) {
            self.number(number);
        }
        for event in new.events {
            self.bytes(event);
        }
    }

    fn number(&mut self, number: u64) {
        self.content.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.content.extend_from_slice(bytes);
    }

    /// Writes the frame behind what is there, and begins a new one.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.content.len()).expect("frames are cut before they are so long").to_le_bytes();
        out.extend_from_slice(&length);
        out.extend_from_slice(&check::<4>(&length));
        out.extend_from_slice(&check::<8>(&self.content));
        out.append(&mut self.content);
    }
}

fn check<const N: usize>(content: &[u8]) -> [u8; N] {
    let digest = digest(&SHA256, content);
    digest.as_ref().first_chunk().copied().expect("a digest has 32 bytes")
}

/// Writes all that a table holds, in frames.
pub(super) fn write_all(table: &Table, out: &mut Vec<u8>) {
    /// How long a frame may get.
    const LONG: usize = 1 << 20;

    out.extend_from_slice(MAGIC);
    let mut frame = Frame::default();
    for (key, entry) in &table.sessions {
        frame.put(key, entry);
        for log in &entry.streams {
            frame.log(key, log);
            if frame.len() > LONG {
                frame.write(out);
            }
        }
        if frame.len() > LONG {
            frame.write(out);
        }
    }
    if !frame.is_empty() {
        frame.write(out);
    }
}

impl Frame {
    fn log(&mut self, key: &SessionKey, log: &Log) {
        let events: Vec<Bytes> = log.events.iter().cloned().collect();
        let first = Some(log.last + 1 - events.len() as u64);
        let new = NewEvents { first, events: &events, is_over: log.is_over, once: None };
        let bounds =
            EventBounds { events: usize::MAX, bytes: usize::MAX, age: std::time::Duration::ZERO, streams: usize::MAX };
        // At no time, so that nothing is too old to be added.
        self.append(key, log.stream, new, bounds, 0, log.expires);
    }
}

/// Reads a file into a table, and returns how much of it was whole.
pub(super) fn read_all(file: &[u8], table: &mut Table) -> Result<usize, StoreError> {
    let Some(mut rest) = file.strip_prefix(MAGIC) else {
        return Err(StoreError::corrupt("it does not begin as a file of sessions does"));
    };
    loop {
        let at = file.len() - rest.len();
        let damaged = || StoreError::corrupt(format!("it is damaged at byte {at}"));
        let Some((head, behind)) = rest.split_at_checked(HEAD) else { return Ok(at) };
        // What a file system has made room for, and a crash kept from being written.
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(at);
        }
        let (length, checks) = head.split_at(4);
        if check::<4>(length) != checks[..4] {
            return Err(damaged());
        }
        let length = u32::from_le_bytes(length.try_into().expect("these are four bytes"));
        let Some((content, behind)) = behind.split_at_checked(length as usize) else { return Ok(at) };
        if check::<8>(content) != checks[4..] {
            // The last frame may have been cut off in any place; one that others follow was acknowledged.
            return if behind.is_empty() { Ok(at) } else { Err(damaged()) };
        }
        replay(content, table).ok_or_else(damaged)?;
        rest = behind;
    }
}

/// Has happen what a frame says; none if it says something else.
fn replay(content: &[u8], table: &mut Table) -> Option<()> {
    let mut reader = Reader { rest: content };
    while !reader.rest.is_empty() {
        let kind = reader.byte()?;
        let key = SessionKey::from_kept(std::str::from_utf8(reader.bytes()?).ok()?);
        match kind {
            PUT => {
                let (version, requests, expires) = (reader.number()?, reader.number()?, reader.number()?);
                let record = Bytes::copy_from_slice(reader.bytes()?);
                let streams = table.sessions.remove(&key).map(|entry| entry.streams).unwrap_or_default();
                table.sessions.insert(key, Entry { version, requests, expires, record, streams });
            }
            REMOVE => _ = table.sessions.remove(&key),
            TOUCH => {
                let (requests, expires) = (reader.number()?, reader.number()?);
                if let Some(entry) = table.sessions.get_mut(&key) {
                    (entry.requests, entry.expires) = (requests, expires);
                }
            }
            APPEND => {
                let stream = u32::try_from(reader.number()?).ok()?;
                let first = Some(reader.number()?).filter(|first| *first > 0);
                let is_over = reader.number()? > 0;
                let (now, expires) = (reader.number()?, reader.number()?);
                let mut count = || reader.number().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
                let (events, bytes, streams, length) = (count()?, count()?, count()?, count()?);
                let mut added = Vec::new();
                for _ in 0..length {
                    added.push(Bytes::copy_from_slice(reader.bytes()?));
                }
                let bounds = EventBounds { events, bytes, age: std::time::Duration::ZERO, streams };
                if let Some(entry) = table.sessions.get_mut(&key) {
                    // Whoever would have asked again is gone as well.
                    let new = NewEvents { first, events: &added, is_over, once: None };
                    entry.append(stream, new, bounds, expires, now);
                }
            }
            _ => return None,
        }
    }
    Some(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }
}
