//! Sessions in Redis.
//!
//! Beneath the prefix, `session:KEY` is a hash with the record, `sessions` a sorted set of keys by when they expire,
//! `streams:KEY` a list of the streams of a session beside 0, the oldest first, `logs:KEY` a hash with what is known of
//! each, and `events:KEY:STREAM` a list of events; `events:KEY:STREAM:NUMBER` is there for ten minutes after a call
//! with that number has added some. The clock is that of Redis.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use redis::{Script, ScriptInvocation};

use super::store::{EventBounds, NewEvents, SessionKey, SessionStore, StoredEvents, StoredSession};
use super::table::millis;
use crate::store::{Redis, StoreError};

/// KEYS session, index. ARGV key, record, ttl, cap.
static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
        if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
        if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
        redis.call('HSET', KEYS[1], 'version', 1, 'requests', 0, 'record', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
        return 1",
    )
});

/// KEYS session, index, streams, logs. ARGV key, ttl, requests.
static VISIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('HINCRBY', KEYS[1], 'requests', ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        redis.call('PEXPIRE', KEYS[3], ARGV[2])
        redis.call('PEXPIRE', KEYS[4], ARGV[2])
        redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
        return redis.call('HMGET', KEYS[1], 'version', 'requests', 'record')",
    )
});

/// KEYS session. ARGV version, record.
static UPDATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
        redis.call('HINCRBY', KEYS[1], 'version', 1)
        redis.call('HSET', KEYS[1], 'record', ARGV[2])
        return 1",
    )
});

/// KEYS session, index, streams, logs. ARGV key, what the keys of events begin with.
static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"for _, stream in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do
            redis.call('DEL', ARGV[2] .. stream)
        end
        redis.call('DEL', ARGV[2] .. '0', KEYS[3], KEYS[4])
        redis.call('ZREM', KEYS[2], ARGV[1])
        return redis.call('DEL', KEYS[1])",
    )
});

/// KEYS session, streams, logs. ARGV what the keys of events begin with, stream, first or 0, is over, bounds of events, of
/// bytes, age and streams, what it is added once by or nothing, events.
static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local ttl = redis.call('PTTL', KEYS[1])
        if ttl == -2 then return 0 end
        local stream, list = ARGV[2], ARGV[1] .. ARGV[2]
        if ARGV[9] ~= '' and not redis.call('SET', list .. ':' .. ARGV[9], 1, 'PX', 600000, 'NX') then return 1 end
        local last = tonumber(redis.call('HGET', KEYS[3], stream .. '.last') or -1)
        local bytes = tonumber(redis.call('HGET', KEYS[3], stream .. '.bytes') or 0)
        if last < 0 then
            last = 0
            if stream ~= '0' then redis.call('RPUSH', KEYS[2], stream) end
            while redis.call('LLEN', KEYS[2]) > math.max(tonumber(ARGV[8]), 1) do
                local old = redis.call('LPOP', KEYS[2])
                redis.call('DEL', ARGV[1] .. old)
                redis.call('HDEL', KEYS[3], old .. '.last', old .. '.bytes', old .. '.over')
            end
        end
        local first = tonumber(ARGV[3])
        if first == 0 then first = last + 1 end
        if first > last + 1 then
            redis.call('DEL', list)
            last = first - 1
        end
        if redis.call('EXISTS', list) == 0 then bytes = 0 end
        for index = 10, #ARGV do
            local number = first + index - 10
            if number > last then
                redis.call('RPUSH', list, ARGV[index])
                bytes = bytes + #ARGV[index]
                last = number
            end
        end
        local length = redis.call('LLEN', list)
        while length > 1 and (length > tonumber(ARGV[5]) or bytes > tonumber(ARGV[6])) do
            bytes = bytes - #redis.call('LPOP', list)
            length = length - 1
        end
        redis.call('HSET', KEYS[3], stream .. '.last', string.format('%.0f', last), stream .. '.bytes', bytes)
        if ARGV[4] == '1' then redis.call('HSET', KEYS[3], stream .. '.over', 1) end
        redis.call('PEXPIRE', list, ARGV[7])
        if ttl > 0 then
            redis.call('PEXPIRE', KEYS[2], ttl)
            redis.call('PEXPIRE', KEYS[3], ttl)
        end
        return 1",
    )
});

/// KEYS session, logs, list. ARGV stream, after.
static EVENTS: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('EXISTS', KEYS[1]) == 0 then return false end
        local last = tonumber(redis.call('HGET', KEYS[2], ARGV[1] .. '.last') or -1)
        if last < 0 then return false end
        local oldest = last + 1 - redis.call('LLEN', KEYS[3])
        local first = math.max(tonumber(ARGV[2]) + 1, oldest)
        local events = {}
        if first <= last then events = redis.call('LRANGE', KEYS[3], first - oldest, -1) end
        local over = redis.call('HEXISTS', KEYS[2], ARGV[1] .. '.over')
        return {string.format('%.0f', last), over, events}",
    )
});

/// The largest number that the scripts count to exactly.
const MOST: u64 = 1 << 53;

/// Sessions in Redis; clones share them.
#[derive(Debug, Clone)]
pub struct RedisSessions {
    redis: Redis,
}

impl RedisSessions {
    /// Keeps sessions behind a connection.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn session(&self, key: &SessionKey) -> String {
        self.redis.key(format_args!("session:{key}"))
    }

    fn index(&self) -> String {
        self.redis.key("sessions")
    }

    fn streams(&self, key: &SessionKey) -> String {
        self.redis.key(format_args!("streams:{key}"))
    }

    fn logs(&self, key: &SessionKey) -> String {
        self.redis.key(format_args!("logs:{key}"))
    }

    /// Returns what the keys of the events of a session begin with.
    fn events_of(&self, key: &SessionKey) -> String {
        self.redis.key(format_args!("events:{key}:"))
    }
}

fn invoke<'a>(script: &'a Script, keys: &[String]) -> ScriptInvocation<'a> {
    let mut invocation = script.prepare_invoke();
    for key in keys {
        invocation.key(key);
    }
    invocation
}

/// Returns a time in milliseconds that Redis takes: at least one, and no more than it can add to the time of day.
fn ttl_of(duration: Duration) -> u64 {
    millis(duration).clamp(1, MOST / 2)
}

impl SessionStore for RedisSessions {
    async fn create(&self, key: &SessionKey, record: &[u8], ttl: Duration, cap: usize) -> Result<bool, StoreError> {
        let mut create = invoke(&CREATE, &[self.session(key), self.index()]);
        create.arg(key.as_str()).arg(record).arg(ttl_of(ttl)).arg(cap);
        self.redis.run(&create).await
    }

    async fn visit(&self, key: &SessionKey, ttl: Duration, requests: u64) -> Result<Option<StoredSession>, StoreError> {
        let mut visit = invoke(&VISIT, &[self.session(key), self.index(), self.streams(key), self.logs(key)]);
        visit.arg(key.as_str()).arg(ttl_of(ttl)).arg(requests);
        let found: Vec<Vec<u8>> = self.redis.run(&visit).await?;
        let Ok([version, requests, record]) = <[Vec<u8>; 3]>::try_from(found) else { return Ok(None) };
        let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match (number(&version), number(&requests)) {
            (Some(version), Some(requests)) => Ok(Some(StoredSession::new(version, requests, record))),
            _ => Err(StoreError::corrupt("what Redis has of a session is not what was written there")),
        }
    }

    async fn update(&self, key: &SessionKey, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        let mut update = invoke(&UPDATE, &[self.session(key)]);
        update.arg(version).arg(record);
        self.redis.run(&update).await
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let mut remove = invoke(&REMOVE, &[self.session(key), self.index(), self.streams(key), self.logs(key)]);
        remove.arg(key.as_str()).arg(self.events_of(key));
        self.redis.run(&remove).await
    }

    async fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> Result<bool, StoreError> {
        let mut append = invoke(&APPEND, &[self.session(key), self.streams(key), self.logs(key)]);
        append.arg(self.events_of(key)).arg(stream).arg(events.first.unwrap_or(0)).arg(u8::from(events.is_over));
        append.arg(bounds.events).arg(bounds.bytes).arg(ttl_of(bounds.age)).arg(bounds.streams);
        append.arg(events.once.map_or_else(String::new, |once| once.to_string()));
        for event in events.events {
            append.arg(&event[..]);
        }
        self.redis.run(&append).await
    }

    async fn events(&self, key: &SessionKey, stream: u32, after: u64) -> Result<Option<StoredEvents>, StoreError> {
        let list = format!("{}{stream}", self.events_of(key));
        let mut events = invoke(&EVENTS, &[self.session(key), self.logs(key), list]);
        events.arg(stream).arg(after.min(MOST));
        let found: Option<(u64, bool, Vec<Vec<u8>>)> = self.redis.run(&events).await?;
        Ok(found.map(|(last, is_over, events)| {
            StoredEvents::new(last, events.into_iter().map(Bytes::from).collect(), is_over)
        }))
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        // Redis removes what has expired by itself; what is left is to count it out.
        let script = Script::new(
            r"local time = redis.call('TIME')
            return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time[1] * 1000 + math.floor(time[2] / 1000))",
        );
        self.redis.run(&invoke(&script, &[self.index()])).await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        let script = Script::new(
            r"local time = redis.call('TIME')
            return redis.call('ZCOUNT', KEYS[1], '(' .. time[1] * 1000 + math.floor(time[2] / 1000), '+inf')",
        );
        self.redis.run(&invoke(&script, &[self.index()])).await
    }
}
