//! Tasks in Redis.
//!
//! Beneath the prefix, `task:ID` is a hash with a task, `tasks` a sorted set of ids by when their time is over, `tasks:due`
//! one by when they are due, and `tasks-of:OWNER` one of an owner's by when their time is over. The clock is that of Redis.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::store::{Due, Insertion, StoredTask, TaskCaps, TaskStore, TaskStoreFuture};
use crate::store::{Redis, StoreError};

/// KEYS task, all, due, own. ARGV id, owner, created, body, ttl, lease, cap of the owner, cap of all.
static INSERT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
        redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
        if ARGV[2] ~= '' and redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[7]) then return 1 end
        if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[8]) then return 2 end
        redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'created', ARGV[3], 'version', 1, 'body', ARGV[4])
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
        redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[1])
        redis.call('ZADD', KEYS[3], now + ARGV[6], ARGV[1])
        redis.call('ZADD', KEYS[4], now + ARGV[5], ARGV[1])
        redis.call('PEXPIRE', KEYS[4], math.max(redis.call('PTTL', KEYS[4]), tonumber(ARGV[5])))
        return 0",
    )
});

/// KEYS task. ARGV id.
static LOAD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
        local found = redis.call('HMGET', KEYS[1], 'owner', 'created', 'version', 'body')
        table.insert(found, 1, ARGV[1])
        return found",
    )
});

/// KEYS task, due. ARGV id, version, body, when it is due.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local found = redis.call('HMGET', KEYS[1], 'version', 'body')
        if not found[1] then return 0 end
        if found[1] ~= ARGV[2] then
            -- It was written, and the answer was lost.
            if tonumber(found[1]) == ARGV[2] + 1 and found[2] == ARGV[3] then return 1 end
            return 0
        end
        redis.call('HINCRBY', KEYS[1], 'version', 1)
        redis.call('HSET', KEYS[1], 'body', ARGV[3])
        if ARGV[4] == 'never' then
            redis.call('ZREM', KEYS[2], ARGV[1])
        elseif ARGV[4] ~= 'as before' then
            local time = redis.call('TIME')
            redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4], ARGV[1])
        end
        return 1",
    )
});

/// KEYS task, due. ARGV id, version, lease.
static EXTEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] then return 0 end
        if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
        return 1",
    )
});

/// KEYS due. ARGV what the keys of tasks begin with, limit.
static DUE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local due = {}
        while #due < 5 * ARGV[2] do
            local from = #due / 5
            local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', from, ARGV[2] - from)
            if #ids == 0 then break end
            for _, id in ipairs(ids) do
                local task = redis.call('HMGET', ARGV[1] .. id, 'owner', 'created', 'version', 'body')
                if task[3] then
                    table.insert(due, id)
                    for _, member in ipairs(task) do table.insert(due, member) end
                else
                    redis.call('ZREM', KEYS[1], id)
                end
            end
        end
        return due",
    )
});

/// KEYS own. ARGV what the keys of tasks begin with, limit, created, id; these two are empty where the list begins.
static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local own = {}
        for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
            local created = tonumber(redis.call('HGET', ARGV[1] .. id, 'created') or -1)
            local after = tonumber(ARGV[3])
            if created >= 0 and (not after or created > after or created == after and id > ARGV[4]) then
                table.insert(own, {created, id})
            end
        end
        table.sort(own, function(a, b) return a[1] < b[1] or a[1] == b[1] and a[2] < b[2] end)
        local page = {}
        for index = 1, math.min(#own, tonumber(ARGV[2])) do
            local id = own[index][2]
            table.insert(page, id)
            local task = redis.call('HMGET', ARGV[1] .. id, 'owner', 'created', 'version', 'body')
            for _, member in ipairs(task) do table.insert(page, member) end
        end
        return page",
    )
});

/// KEYS all, due.
static SWEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do redis.call('ZREM', KEYS[2], id) end
        return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)",
    )
});

/// Tasks in Redis; clones share them. Servers over the same database and prefix take up each other's tasks.
///
/// A task that Redis has acknowledged is as durable as Redis is set up to be: with `appendfsync always` it survives a crash
/// of the machine.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::store::Redis;
/// use turbomcp_server::tasks::{RedisTasks, TaskConfig};
///
/// let redis = Redis::connect("redis://127.0.0.1:6379").await?;
/// let server = ServerBuilder::new().tasks(TaskConfig::new().store(RedisTasks::new(redis)))?.build();
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RedisTasks {
    redis: Redis,
}

impl RedisTasks {
    /// Keeps tasks in a database of Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn task(&self, id: &str) -> String {
        self.redis.key(format_args!("task:{id}"))
    }

    fn all(&self) -> String {
        self.redis.key("tasks")
    }

    fn by_due(&self) -> String {
        self.redis.key("tasks:due")
    }

    fn of(&self, owner: &str) -> String {
        self.redis.key(format_args!("tasks-of:{owner}"))
    }
}

/// Reads tasks from their members, one after the other.
fn tasks(members: &[String]) -> Result<Vec<StoredTask>, StoreError> {
    let number = |text: &str| {
        text.parse().map_err(|error| StoreError::corrupt("a number of a task in Redis is none").with_source(error))
    };
    let read = |task: &[String]| match task {
        [id, owner, created, version, body] => {
            Ok(StoredTask::new(id, owner, number(created)?, body).with_version(number(version)?))
        }
        _ => Err(StoreError::corrupt("a task in Redis has lost a part")),
    };
    members.chunks(5).map(read).collect()
}

/// Returns milliseconds that a number of Redis' scripts holds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(100 * 365 * 24 * 60 * 60 * 1000)
}

impl TaskStore for RedisTasks {
    fn insert<'a>(
        &'a self,
        task: &'a StoredTask,
        ttl: Duration,
        lease: Duration,
        caps: TaskCaps,
    ) -> TaskStoreFuture<'a, Insertion> {
        Box::pin(async move {
            let mut script = INSERT.key(self.task(&task.id));
            script.key(self.all()).key(self.by_due()).key(self.of(&task.owner));
            script.arg(&task.id).arg(&task.owner).arg(task.created).arg(&task.body);
            script.arg(millis(ttl).max(1)).arg(millis(lease)).arg(caps.per_owner).arg(caps.total);
            Ok(match self.redis.run(&script).await? {
                0 => Insertion::Kept,
                1 => Insertion::TooManyOfOwner,
                _ => Insertion::TooMany,
            })
        })
    }

    fn load<'a>(&'a self, id: &'a str) -> TaskStoreFuture<'a, Option<StoredTask>> {
        Box::pin(async move {
            let found: Vec<String> = self.redis.run(LOAD.key(self.task(id)).arg(id)).await?;
            Ok(tasks(&found)?.pop())
        })
    }

    fn replace<'a>(&'a self, task: &'a StoredTask, due: Due) -> TaskStoreFuture<'a, bool> {
        Box::pin(async move {
            let mut script = REPLACE.key(self.task(&task.id));
            script.key(self.by_due()).arg(&task.id).arg(task.version).arg(&task.body);
            match due {
                Due::AsBefore => script.arg("as before"),
                Due::Never => script.arg("never"),
                Due::After(lease) => script.arg(millis(lease)),
            };
            self.redis.run(&script).await
        })
    }

    fn extend<'a>(&'a self, id: &'a str, version: u64, lease: Duration) -> TaskStoreFuture<'a, bool> {
        Box::pin(async move {
            let mut script = EXTEND.key(self.task(id));
            self.redis.run(script.key(self.by_due()).arg(id).arg(version).arg(millis(lease))).await
        })
    }

    fn due(&self, limit: usize) -> TaskStoreFuture<'_, Vec<StoredTask>> {
        Box::pin(async move {
            let found: Vec<String> = self.redis.run(DUE.key(self.by_due()).arg(self.task("")).arg(limit)).await?;
            tasks(&found)
        })
    }

    fn list<'a>(
        &'a self,
        owner: &'a str,
        after: Option<(u64, &'a str)>,
        limit: usize,
    ) -> TaskStoreFuture<'a, Vec<StoredTask>> {
        Box::pin(async move {
            let (created, id) = after.map(|(created, id)| (created.to_string(), id)).unwrap_or_default();
            let mut script = LIST.key(self.of(owner));
            let found: Vec<String> = self.redis.run(script.arg(self.task("")).arg(limit).arg(created).arg(id)).await?;
            tasks(&found)
        })
    }

    fn sweep(&self) -> TaskStoreFuture<'_, u64> {
        Box::pin(async move { self.redis.run(SWEEP.key(self.all()).key(self.by_due())).await })
    }
}
