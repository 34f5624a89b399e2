//! Idempotency keys in Redis.
//!
//! Beneath the prefix, `once:KEY` is a hash with what is known of a call, and `onces` a sorted set of those that were
//! run, by when they are over. `onces-of:CALLER` is the same of one caller, whose `onces-bytes:CALLER` is a hash of how long
//! the answers are, each and all. The clock is that of Redis.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::store::{Begun, IdempotencyStore, OnceBounds, OnceCall};
use crate::store::{Redis, StoreError};

/// KEYS call. ARGV fingerprint, owner, lease.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'owner', 'answer')
        if known[3] then return {known[1], known[3]} end
        if known[1] and known[2] ~= ARGV[2] then return {known[1]} end
        redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return {}",
    )
});

/// KEYS call. ARGV fingerprint, owner, lease.
///
/// One whose lease ran out is not there any more, and still its owner's until another takes it.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local known = redis.call('HMGET', KEYS[1], 'owner', 'answer')
        if known[2] or (known[1] and known[1] ~= ARGV[2]) then return 0 end
        redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2])
        return redis.call('PEXPIRE', KEYS[1], ARGV[3])",
    )
});

/// KEYS call, index, index of the caller, lengths of the caller. ARGV key, owner, answer, ttl, most, what keys of calls
/// begin with, fingerprint, caller, most of one, most bytes of one, what keys of indexes and of lengths of callers begin
/// with.
///
/// What an index has is over once its time has come: its call may be one that has begun since, and is left alone, as is
/// any that runs. A caller of whom no index is left has no lengths either, whatever became of the index.
static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local owner = redis.call('HGET', KEYS[1], 'owner')
        if owner and owner ~= ARGV[2] then return 0 end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local function discount(key, caller)
            redis.call('ZREM', ARGV[11] .. caller, key)
            local lengths = ARGV[12] .. caller
            local length = redis.call('HGET', lengths, key)
            if length then
                redis.call('HDEL', lengths, key)
                redis.call('HINCRBY', lengths, 'all', -length)
            end
        end
        local function last(key)
            if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
        end
        redis.call('HSET', KEYS[1], 'fingerprint', ARGV[7], 'owner', ARGV[2], 'answer', ARGV[3], 'caller', ARGV[8])
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
        local function forget(key)
            local call = ARGV[6] .. key
            if redis.call('HEXISTS', call, 'answer') == 1 then redis.call('DEL', call) end
        end
        for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do discount(key, ARGV[8]) end
        discount(ARGV[1], ARGV[8])
        if redis.call('ZCARD', KEYS[3]) == 0 then redis.call('DEL', KEYS[4]) end
        redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[1])
        redis.call('HSET', KEYS[4], ARGV[1], #ARGV[3])
        local bytes = redis.call('HINCRBY', KEYS[4], 'all', #ARGV[3])
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
        redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
        local count = redis.call('ZCARD', KEYS[3])
        while count > 1 and (count > tonumber(ARGV[9]) or bytes > tonumber(ARGV[10])) do
            local key = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
            forget(key)
            redis.call('ZREM', KEYS[2], key)
            discount(key, ARGV[8])
            count, bytes = count - 1, tonumber(redis.call('HGET', KEYS[4], 'all'))
        end
        local old = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[5])
        if old > 0 then
            for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, old - 1)) do
                local caller = redis.call('HGET', ARGV[6] .. key, 'caller')
                forget(key)
                if caller then discount(key, caller) end
            end
            redis.call('ZREMRANGEBYRANK', KEYS[2], 0, old - 1)
        end
        for index = 2, 4 do last(KEYS[index]) end
        return 1",
    )
});

/// KEYS call. ARGV owner.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local known = redis.call('HMGET', KEYS[1], 'owner', 'answer')
        if known[1] == ARGV[1] and not known[2] then redis.call('DEL', KEYS[1]) end
        return 1",
    )
});

/// Idempotency keys in Redis, which replicas share; clones share them, too.
#[derive(Debug, Clone)]
pub struct RedisIdempotency {
    redis: Redis,
}

impl RedisIdempotency {
    /// Takes the engine to use.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn key(&self, call: OnceCall<'_>) -> String {
        self.redis.key(format_args!("once:{}", call.key))
    }
}

fn millis(duration: Duration) -> u64 {
    // What Redis can add to the time of day, and the scripts count exactly.
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 52)
}

impl IdempotencyStore for RedisIdempotency {
    async fn begin(&self, call: OnceCall<'_>, lease: Duration) -> Result<Begun, StoreError> {
        let mut begin = BEGIN.key(self.key(call));
        begin.arg(call.fingerprint).arg(call.owner).arg(millis(lease));
        let found: Vec<Vec<u8>> = self.redis.run(&begin).await?;
        let mut found = found.into_iter();
        let Some(fingerprint) = found.next() else { return Ok(Begun::Mine) };
        let fingerprint = String::from_utf8_lossy(&fingerprint).into_owned();
        Ok(match found.next() {
            Some(answer) => Begun::Done(fingerprint, answer),
            None => Begun::Running(fingerprint),
        })
    }

    async fn renew(&self, call: OnceCall<'_>, lease: Duration) -> Result<bool, StoreError> {
        let mut renew = RENEW.key(self.key(call));
        renew.arg(call.fingerprint).arg(call.owner).arg(millis(lease));
        self.redis.run(&renew).await
    }

    async fn finish(
        &self,
        call: OnceCall<'_>,
        answer: &[u8],
        ttl: Duration,
        bounds: OnceBounds,
    ) -> Result<bool, StoreError> {
        let (of_one, bytes_of_one) = (self.redis.key("onces-of:"), self.redis.key("onces-bytes:"));
        let mut finish = FINISH.key(self.key(call));
        finish.key(self.redis.key("onces"));
        finish.key(format!("{of_one}{}", call.caller)).key(format!("{bytes_of_one}{}", call.caller));
        finish.arg(call.key).arg(call.owner).arg(answer).arg(millis(ttl)).arg(bounds.entries);
        finish.arg(self.redis.key("once:")).arg(call.fingerprint).arg(call.caller);
        finish.arg(bounds.entries_of_one).arg(bounds.bytes_of_one).arg(of_one).arg(bytes_of_one);
        self.redis.run(&finish).await
    }

    async fn release(&self, call: OnceCall<'_>) -> Result<(), StoreError> {
        let mut release = RELEASE.key(self.key(call));
        release.arg(call.owner);
        self.redis.run::<u8>(&release).await.map(drop)
    }
}
