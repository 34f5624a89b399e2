//! Sessions in PostgreSQL, whose clock is the one that counts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Transaction};

use super::store::{EventBounds, NewEvents, SessionKey, SessionStore, StoredEvents, StoredSession};
use super::table::millis;
use crate::store::{Migrations, Postgres, STATEMENT, StoreError};

const MIGRATIONS: Migrations = Migrations {
    part: "sessions",
    steps: &[
        "CREATE TABLE turbomcp_sessions (
            key TEXT PRIMARY KEY,
            version BIGINT NOT NULL DEFAULT 1,
            requests BIGINT NOT NULL DEFAULT 0,
            expires TIMESTAMPTZ NOT NULL,
            record BYTEA NOT NULL
        ) WITH (fillfactor = 70);
        CREATE TABLE turbomcp_session_streams (
            key TEXT NOT NULL REFERENCES turbomcp_sessions ON DELETE CASCADE,
            stream BIGINT NOT NULL,
            last BIGINT NOT NULL DEFAULT 0,
            is_over BOOLEAN NOT NULL DEFAULT FALSE,
            expires TIMESTAMPTZ NOT NULL,
            born BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
            PRIMARY KEY (key, stream)
        );
        CREATE TABLE turbomcp_session_events (
            key TEXT NOT NULL,
            stream BIGINT NOT NULL,
            number BIGINT NOT NULL,
            data BYTEA NOT NULL,
            PRIMARY KEY (key, stream, number),
            FOREIGN KEY (key, stream) REFERENCES turbomcp_session_streams ON DELETE CASCADE
        )",
        "ALTER TABLE turbomcp_session_streams ADD COLUMN added BIGINT[] NOT NULL DEFAULT '{}'",
    ],
};

/// Whoever holds this advisory lock adds one of the last sessions there may be, so that two do not both take the last
/// place. Those who add one of the others share it.
const LOCK: i64 = 0x7475_7262_6f73_6573;

/// How many sessions are added at a time, so that a burst of them leaves connections to those there are.
const ADDING: usize = 2;

/// How many places are given away one by one: more than are ever added at a time, by all replicas together.
const LAST_PLACES: usize = 256;

type Params<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// Sessions in PostgreSQL; clones share them.
#[derive(Debug, Clone)]
pub struct PostgresSessions {
    postgres: Postgres,
    adding: Arc<Semaphore>,
}

impl PostgresSessions {
    /// Keeps sessions in a database, whose tables are created or brought up to date.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, does not let its user create tables, or has tables of a newer version
    /// ([`StoreError::is_configuration`]).
    ///
    /// # Cancel safety
    ///
    /// The tables are changed as a whole or not at all.
    pub async fn new(postgres: Postgres) -> Result<Self, StoreError> {
        postgres.migrate(&MIGRATIONS).await?;
        Ok(Self { postgres, adding: Arc::new(Semaphore::new(ADDING)) })
    }

    async fn rows(&self, statement: &str, params: &Params<'_>) -> Result<Vec<Row>, StoreError> {
        self.postgres.query(statement, params).await
    }
}

/// Returns milliseconds that the database can add to the time of day.
fn ttl_of(duration: Duration) -> f64 {
    // A century.
    millis(duration).min(100 * 365 * 24 * 60 * 60 * 1000) as f64
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl SessionStore for PostgresSessions {
    async fn create(&self, key: &SessionKey, record: &[u8], ttl: Duration, cap: usize) -> Result<bool, StoreError> {
        let turn = tokio::time::timeout(STATEMENT, self.adding.acquire()).await;
        let _turn = turn.map_err(|_| StoreError::unavailable("too many sessions are opened at once"))?;
        // Most are added while there is room for many more: whoever finds that needs to wait for nobody.
        let early = "INSERT INTO turbomcp_sessions (key, record, expires)
            SELECT $1, $2, now() + $3 * INTERVAL '1 millisecond'
            WHERE pg_try_advisory_xact_lock_shared($5)
                AND (SELECT count(*) FROM turbomcp_sessions WHERE expires > now() AND key <> $1) < $4
            ON CONFLICT (key) DO UPDATE SET key = $1 RETURNING 1";
        let many = number(cap.saturating_sub(LAST_PLACES) as u64);
        let params: &Params<'_> = &[
            (&key.as_str(), Type::TEXT),
            (&record, Type::BYTEA),
            (&ttl_of(ttl), Type::FLOAT8),
            (&many, Type::INT8),
            (&LOCK, Type::INT8),
        ];
        if many > 0 && !self.rows(early, params).await?.is_empty() {
            return Ok(true);
        }
        loop {
            let mut lease = self.postgres.lease().await?;
            let created = self.postgres.within(STATEMENT, async {
                let transaction = lease.transaction().await?;
                transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
                let created = create(&transaction, key, record, ttl, cap).await?;
                transaction.commit().await?;
                Ok(created)
            });
            match created.await {
                Ok(created) => {
                    lease.done();
                    return Ok(created);
                }
                Err(error) if lease.is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn visit(&self, key: &SessionKey, ttl: Duration, requests: u64) -> Result<Option<StoredSession>, StoreError> {
        let visit = "UPDATE turbomcp_sessions
            SET requests = requests + $3, expires = now() + $2 * INTERVAL '1 millisecond'
            WHERE key = $1 AND expires > now() RETURNING version, requests, record";
        let params: &Params<'_> =
            &[(&key.as_str(), Type::TEXT), (&ttl_of(ttl), Type::FLOAT8), (&number(requests), Type::INT8)];
        let rows = self.rows(visit, params).await?;
        Ok(rows.first().map(|row| {
            StoredSession::new(unsigned(row.get("version")), unsigned(row.get("requests")), row.get("record"))
        }))
    }

    async fn update(&self, key: &SessionKey, version: u64, record: &[u8]) -> Result<bool, StoreError> {
        let update = "UPDATE turbomcp_sessions SET record = $3, version = version + 1
            WHERE key = $1 AND version = $2 AND expires > now() RETURNING 1";
        let version = number(version);
        let params: &Params<'_> = &[(&key.as_str(), Type::TEXT), (&version, Type::INT8), (&record, Type::BYTEA)];
        Ok(!self.rows(update, params).await?.is_empty())
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let remove = "DELETE FROM turbomcp_sessions WHERE key = $1 RETURNING expires > now()";
        let rows = self.rows(remove, &[(&key.as_str(), Type::TEXT)]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    async fn append(
        &self,
        key: &SessionKey,
        stream: u32,
        events: NewEvents<'_>,
        bounds: EventBounds,
    ) -> Result<bool, StoreError> {
        loop {
            let mut lease = self.postgres.lease().await?;
            let appended = self.postgres.within(STATEMENT, async {
                let transaction = lease.transaction().await?;
                let appended = append(&transaction, key, stream, events, bounds).await?;
                transaction.commit().await?;
                Ok(appended)
            });
            match appended.await {
                Ok(appended) => {
                    lease.done();
                    return Ok(appended);
                }
                Err(error) if lease.is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn events(&self, key: &SessionKey, stream: u32, after: u64) -> Result<Option<StoredEvents>, StoreError> {
        // One statement, so that what it finds is of one moment.
        let events = "SELECT log.last, log.is_over, event.data
            FROM turbomcp_session_streams log
            JOIN turbomcp_sessions session ON session.key = log.key AND session.expires > now()
            LEFT JOIN turbomcp_session_events event ON event.key = log.key AND event.stream = log.stream
                AND event.number > $3 AND log.expires > now()
            WHERE log.key = $1 AND log.stream = $2 ORDER BY event.number";
        let params: &Params<'_> =
            &[(&key.as_str(), Type::TEXT), (&i64::from(stream), Type::INT8), (&number(after), Type::INT8)];
        let rows = self.rows(events, params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let events = rows.iter().filter_map(|row| row.get::<_, Option<Vec<u8>>>(2)).map(Bytes::from).collect();
        Ok(Some(StoredEvents::new(unsigned(row.get(0)), events, row.get(1))))
    }

    async fn sweep(&self) -> Result<usize, StoreError> {
        let events = "DELETE FROM turbomcp_session_events event USING turbomcp_session_streams log
            WHERE log.key = event.key AND log.stream = event.stream AND log.expires <= now()";
        self.rows(events, &[]).await?;
        Ok(self.rows("DELETE FROM turbomcp_sessions WHERE expires <= now() RETURNING 1", &[]).await?.len())
    }

    async fn count(&self) -> Result<usize, StoreError> {
        let rows = self.rows("SELECT count(*) FROM turbomcp_sessions WHERE expires > now()", &[]).await?;
        Ok(rows.first().map_or(0, |row| usize::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
    }
}

async fn create(
    transaction: &Transaction<'_>,
    key: &SessionKey,
    record: &[u8],
    ttl: Duration,
    cap: usize,
) -> Result<bool, Error> {
    let create = "INSERT INTO turbomcp_sessions (key, record, expires)
        SELECT $1, $2, now() + $3 * INTERVAL '1 millisecond'
        WHERE (SELECT count(*) FROM turbomcp_sessions WHERE expires > now() AND key <> $1) < $4
        ON CONFLICT (key) DO UPDATE SET key = $1 RETURNING 1";
    let cap = number(cap as u64);
    let params: &Params<'_> =
        &[(&key.as_str(), Type::TEXT), (&record, Type::BYTEA), (&ttl_of(ttl), Type::FLOAT8), (&cap, Type::INT8)];
    Ok(!transaction.query_typed(create, params).await?.is_empty())
}

async fn append(
    transaction: &Transaction<'_>,
    key: &SessionKey,
    stream: u32,
    new: NewEvents<'_>,
    bounds: EventBounds,
) -> Result<bool, Error> {
    let (key, stream) = (key.as_str(), i64::from(stream));
    // It locks the stream, so that what is added next is numbered behind it.
    let open = "INSERT INTO turbomcp_session_streams AS log (key, stream, expires)
        SELECT key, $2, now() FROM turbomcp_sessions WHERE key = $1 AND expires > now()
        ON CONFLICT (key, stream) DO UPDATE SET last = log.last 
        RETURNING last, expires > now(), $3 = ANY(added), log.xmax = 0";
    let once = new.once.map(u64::cast_signed);
    let params: &Params<'_> = &[(&key, Type::TEXT), (&stream, Type::INT8), (&once, Type::INT8)];
    let rows = transaction.query_typed(open, params).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    if row.get::<_, Option<bool>>(2) == Some(true) {
        return Ok(true);
    }
    let (mut last, is_fresh, is_new) = (row.get::<_, i64>(0), row.get::<_, bool>(1), row.get::<_, bool>(3));
    let first = new.first.map_or(last + 1, number);
    if first > last + 1 || !is_fresh {
        let clear = "DELETE FROM turbomcp_session_events WHERE key = $1 AND stream = $2";
        transaction.query_typed(clear, &[(&key, Type::TEXT), (&stream, Type::INT8)]).await?;
        last = last.max(first - 1);
    }
    let known = usize::try_from(last + 1 - first).unwrap_or(0).min(new.events.len());
    let events: Vec<&[u8]> = new.events[known..].iter().map(|event| &event[..]).collect();
    if !events.is_empty() {
        let add = "INSERT INTO turbomcp_session_events (key, stream, number, data)
            SELECT $1, $2, $3 + place, data FROM unnest($4) WITH ORDINALITY AS added (data, place)";
        let params: &Params<'_> =
            &[(&key, Type::TEXT), (&stream, Type::INT8), (&last, Type::INT8), (&events, Type::BYTEA_ARRAY)];
        transaction.query_typed(add, params).await?;
        last += number(events.len() as u64);
        let trim = "DELETE FROM turbomcp_session_events WHERE key = $1 AND stream = $2 AND number < $3 AND number <= (
            SELECT max(number) FROM (
                SELECT number, row_number() OVER newest AS events, sum(length(data)) OVER newest AS bytes
                FROM turbomcp_session_events WHERE key = $1 AND stream = $2
                WINDOW newest AS (ORDER BY number DESC)
            ) kept WHERE events > $4 OR bytes > $5)";
        let (events, bytes) = (number(bounds.events as u64), number(bounds.bytes as u64));
        let params: &Params<'_> = &[
            (&key, Type::TEXT),
            (&stream, Type::INT8),
            (&last, Type::INT8),
            (&events, Type::INT8),
            (&bytes, Type::INT8),
        ];
        transaction.query_typed(trim, params).await?;
    }
    let close = "UPDATE turbomcp_session_streams
        SET last = $3, is_over = is_over OR $4, expires = now() + $5 * INTERVAL '1 millisecond',
            added = CASE WHEN $6 IS NULL THEN added ELSE ($6 || added)[1:64] END
        WHERE key = $1 AND stream = $2";
    let params: &Params<'_> = &[
        (&key, Type::TEXT),
        (&stream, Type::INT8),
        (&last, Type::INT8),
        (&new.is_over, Type::BOOL),
        (&ttl_of(bounds.age), Type::FLOAT8),
        (&once, Type::INT8),
    ];
    transaction.query_typed(close, params).await?;
    if is_new {
        // The oldest make room.
        let crowd = "DELETE FROM turbomcp_session_streams WHERE key = $1 AND stream IN (
            SELECT stream FROM turbomcp_session_streams WHERE key = $1 AND stream <> 0 ORDER BY born DESC OFFSET $2)";
        let streams = number(bounds.streams.max(1) as u64);
        transaction.query_typed(crowd, &[(&key, Type::TEXT), (&streams, Type::INT8)]).await?;
    }
    Ok(true)
}
