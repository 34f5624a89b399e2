//! Results that may be kept for a while.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use turbomcp_protocol::Method;

use crate::subscription::{Change, covers};
use crate::sync::lock;

const MAX_ENTRIES: usize = 512;
const MAX_BYTES: usize = 16 << 20;

/// What a client keeps of its one server. It is never shared, so private results may be in it.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts invalidations, so that a result that was on its way meanwhile is not kept.
    generation: u64,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    method: Method,
    params: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    result: Bytes,
    until: Instant,
    /// What was read, so that news of it can be told from news of others.
    uri: Option<String>,
}

impl Cache {
    pub(crate) fn get(&self, method: &Method, params: &[u8]) -> Option<Bytes> {
        let mut state = lock(&self.state);
        if state.entries.is_empty() {
            return None;
        }
        let key = Key { method: method.clone(), params: params.to_vec() };
        let entry = state.entries.get(&key)?;
        if Instant::now() < entry.until {
            return Some(entry.result.clone());
        }
        state.remove(&key);
        None
    }

    /// Returns the generation a result has to be stored with that is asked for now.
    pub(crate) fn generation(&self) -> u64 {
        lock(&self.state).generation
    }

    pub(crate) fn put(
        &self,
        generation: u64,
        method: &Method,
        params: &[u8],
        uri: Option<&str>,
        result: &[u8],
        ttl: Duration,
    ) {
        let now = Instant::now();
        let Some(until) = now.checked_add(ttl).filter(|until| *until > now) else { return };
        let mut state = lock(&self.state);
        if state.generation != generation {
            return;
        }
        if state.entries.len() >= MAX_ENTRIES || state.bytes + result.len() > MAX_BYTES {
            state.retain(|_, entry| entry.until > now);
        }
        if state.entries.len() >= MAX_ENTRIES || state.bytes + result.len() > MAX_BYTES {
            return;
        }
        let key = Key { method: method.clone(), params: params.to_vec() };
        state.remove(&key);
        state.bytes += result.len();
        // A copy, because the result is a part of a larger buffer.
        let entry = Entry { result: Bytes::copy_from_slice(result), until, uri: uri.map(str::to_owned) };
        state.entries.insert(key, entry);
    }

    /// Forgets what a change makes stale.
    pub(crate) fn invalidate(&self, change: &Change) {
        let mut state = lock(&self.state);
        state.generation += 1;
        state.retain(|key, entry| match change {
            Change::Tools => key.method != Method::TOOLS_LIST,
            Change::Prompts => key.method != Method::PROMPTS_LIST,
            Change::Resources => key.method != Method::RESOURCES_LIST && key.method != Method::RESOURCES_TEMPLATES_LIST,
            Change::Task { .. } => true,
            // News of a part is news of the whole.
            Change::Resource { uri } => !entry.uri.as_ref().is_some_and(|read| covers(read, uri) || covers(uri, read)),
        });
    }

    /// Forgets the pages of one list.
    pub(crate) fn forget(&self, method: &Method) {
        let mut state = lock(&self.state);
        state.generation += 1;
        state.retain(|key, _| key.method != *method);
    }

    /// Forgets everything: somebody else is asking from now on.
    pub(crate) fn clear(&self) {
        let mut state = lock(&self.state);
        state.generation += 1;
        state.retain(|_, _| false);
    }
}

impl State {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.result.len();
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&Key, &Entry) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|key, entry| {
            let kept = keep(key, entry);
            if !kept {
                *bytes -= entry.result.len();
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn cache_08_a_result_is_fresh_for_its_time_and_no_longer() {
        let cache = Cache::default();
        cache.put(0, &Method::TOOLS_LIST, b"", None, b"{}", MINUTE);
        cache.put(0, &Method::PROMPTS_LIST, b"", None, b"{}", Duration::ZERO);
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert!(cache.get(&Method::TOOLS_LIST, b"").is_some());
        assert!(cache.get(&Method::PROMPTS_LIST, b"").is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(cache.get(&Method::TOOLS_LIST, b"").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn cache_05_another_method_or_other_params_are_another_entry() {
        let cache = Cache::default();
        cache.put(0, &Method::TOOLS_LIST, b"\"cursor\":\"a\"", None, b"1", MINUTE);
        assert!(cache.get(&Method::TOOLS_LIST, b"").is_none());
        assert!(cache.get(&Method::PROMPTS_LIST, b"\"cursor\":\"a\"").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn cache_10_a_notification_makes_stale_what_it_is_about() {
        let cache = Cache::default();
        cache.put(0, &Method::TOOLS_LIST, b"", None, b"1", MINUTE);
        cache.put(0, &Method::RESOURCES_READ, b"a", Some("x://a"), b"2", MINUTE);
        cache.put(0, &Method::RESOURCES_READ, b"b", Some("x://b"), b"3", MINUTE);
        cache.invalidate(&Change::Resource { uri: "x://a/part".to_owned() });
        assert!(cache.get(&Method::RESOURCES_READ, b"a").is_none());
        assert!(cache.get(&Method::RESOURCES_READ, b"b").is_some());
        cache.invalidate(&Change::Tools);
        assert!(cache.get(&Method::TOOLS_LIST, b"").is_none());
        // What was asked for before the change is not kept after it.
        cache.put(0, &Method::TOOLS_LIST, b"", None, b"1", MINUTE);
        assert!(cache.get(&Method::TOOLS_LIST, b"").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_grow_without_bound() {
        let cache = Cache::default();
        for number in 0..2 * MAX_ENTRIES {
            cache.put(0, &Method::TOOLS_LIST, &number.to_be_bytes(), None, &[b' '; 100_000], MINUTE);
        }
        let state = lock(&cache.state);
        assert!(state.bytes <= MAX_BYTES && state.entries.len() <= MAX_ENTRIES);
    }
}
