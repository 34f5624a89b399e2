//! Idempotency keys in PostgreSQL, whose clock is the one that counts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};

use super::store::{Begun, IdempotencyStore, OnceBounds, OnceCall};
use crate::store::{Migrations, Postgres, StoreError};
use crate::sync::lock;

const MIGRATIONS: Migrations = Migrations {
    part: "idempotency",
    steps: &[
        "CREATE TABLE turbomcp_idempotency (
            key TEXT PRIMARY KEY,
            fingerprint TEXT NOT NULL,
            owner TEXT NOT NULL,
            answer BYTEA,
            finished BIGINT,
            expires TIMESTAMPTZ NOT NULL
        );
        CREATE SEQUENCE turbomcp_idempotency_finished;
        CREATE INDEX ON turbomcp_idempotency (finished);
        CREATE INDEX ON turbomcp_idempotency (expires)",
        "ALTER TABLE turbomcp_idempotency ADD COLUMN caller TEXT NOT NULL DEFAULT '';
        CREATE INDEX ON turbomcp_idempotency (caller, finished)",
    ],
};

/// Idempotency keys in PostgreSQL, which replicas share; clones share them, too.
#[derive(Debug, Clone)]
pub struct PostgresIdempotency {
    postgres: Postgres,
    finished: Arc<Mutex<Finished>>,
}

/// What this process has kept.
#[derive(Debug, Default)]
struct Finished {
    answers: u64,
    /// Whose, since the last sweep.
    callers: Vec<String>,
}

impl Finished {
    /// Counts an answer, and returns whose there were since the last sweep if there is to be one.
    fn count(&mut self, caller: &str, bounds: OnceBounds) -> Option<Vec<String>> {
        if !self.callers.iter().any(|known| known == caller) {
            self.callers.push(caller.to_owned());
        }
        self.answers += 1;
        let is_time = (self.answers - 1).is_multiple_of(finishes_between_sweeps(bounds));
        is_time.then(|| std::mem::take(&mut self.callers))
    }
}

type Params<'a> = [(&'a (dyn ToSql + Sync), Type)];

impl PostgresIdempotency {
    /// Keeps keys in a database, whose table is created or brought up to date.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, does not let its user create tables, or has a table of a newer version
    /// ([`StoreError::is_configuration`]).
    ///
    /// # Cancel safety
    ///
    /// The table is changed as a whole or not at all.
    pub async fn new(postgres: Postgres) -> Result<Self, StoreError> {
        postgres.migrate(&MIGRATIONS).await?;
        Ok(Self { postgres, finished: Arc::default() })
    }

    /// Deletes what is over, and the oldest of what is too much, of these callers and in all; some of it, if there is much.
    ///
    /// A row that changes meanwhile is somebody's again: what it is deleted for is looked at once it is locked. Rows
    /// that another sweep has locked are its own, so that no two wait for each other.
    async fn sweep(&self, callers: &[String], bounds: OnceBounds) -> Result<(), StoreError> {
        // A lease that ran out may still be kept by who has it, unless another takes the call.
        let over = "DELETE FROM turbomcp_idempotency WHERE key = ANY(ARRAY(
                SELECT key FROM turbomcp_idempotency WHERE expires <= now()
                    AND (answer IS NOT NULL OR expires <= now() - INTERVAL '1 hour')
                ORDER BY expires LIMIT 500 FOR UPDATE SKIP LOCKED))
            AND expires <= now()";
        self.postgres.query(over, &[]).await?;
        let of_one = "DELETE FROM turbomcp_idempotency WHERE key = ANY(ARRAY(
                SELECT kept.key FROM turbomcp_idempotency AS kept JOIN (
                    SELECT key, finished, row_number() OVER newest AS place, sum(octet_length(answer)) OVER newest AS bytes
                    FROM turbomcp_idempotency WHERE caller = ANY($1) AND finished IS NOT NULL
                    WINDOW newest AS (PARTITION BY caller ORDER BY finished DESC)
                ) AS counted ON counted.key = kept.key AND counted.finished = kept.finished
                WHERE place > 1 AND (place > $2 OR bytes > $3)
                ORDER BY kept.finished LIMIT 500 FOR UPDATE OF kept SKIP LOCKED))
            AND finished IS NOT NULL";
        let params: &Params<'_> = &[
            (&callers, Type::TEXT_ARRAY),
            (&whole(bounds.entries_of_one), Type::INT8),
            (&whole(bounds.bytes_of_one), Type::INT8),
        ];
        self.postgres.query(of_one, params).await?;
        let last = "SELECT finished FROM turbomcp_idempotency WHERE finished IS NOT NULL
            ORDER BY finished DESC OFFSET $1 LIMIT 1";
        let last = self.postgres.query(last, &[(&whole(bounds.entries), Type::INT8)]).await?;
        let Some(last) = last.first().map(|row| row.get::<_, i64>(0)) else { return Ok(()) };
        let too_much = "DELETE FROM turbomcp_idempotency WHERE key = ANY(ARRAY(
                SELECT key FROM turbomcp_idempotency WHERE finished <= $1
                ORDER BY finished LIMIT 500 FOR UPDATE SKIP LOCKED))
            AND finished <= $1";
        self.postgres.query(too_much, &[(&last, Type::INT8)]).await.map(drop)
    }

    async fn is_changed(&self, statement: &str, params: &Params<'_>) -> Result<bool, StoreError> {
        Ok(!self.postgres.query(statement, params).await?.is_empty())
    }
}

/// Returns milliseconds that the database can add to the time of day.
fn millis(duration: Duration) -> f64 {
    // A century.
    duration.as_secs_f64().min(100.0 * 365.0 * 24.0 * 60.0 * 60.0) * 1000.0
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The fewer are kept, the fewer may be too much.
fn finishes_between_sweeps(bounds: OnceBounds) -> u64 {
    (bounds.entries.min(bounds.entries_of_one) / 64).clamp(1, 64) as u64
}

impl IdempotencyStore for PostgresIdempotency {
    async fn begin(&self, call: OnceCall<'_>, lease: Duration) -> Result<Begun, StoreError> {
        // The row is written in any case, so that what is returned is of one moment.
        let begin = "INSERT INTO turbomcp_idempotency AS known (key, fingerprint, owner, expires, caller)
            VALUES ($1, $2, $3, now() + $4 * INTERVAL '1 millisecond', $5)
            ON CONFLICT (key) DO UPDATE SET caller = excluded.caller,
                fingerprint = CASE WHEN known.expires <= now() THEN $2 ELSE known.fingerprint END,
                owner = CASE WHEN known.expires <= now() THEN $3 ELSE known.owner END,
                answer = CASE WHEN known.expires <= now() THEN NULL ELSE known.answer END,
                finished = CASE WHEN known.expires <= now() THEN NULL ELSE known.finished END,
                expires = CASE WHEN known.expires <= now() THEN excluded.expires ELSE known.expires END
            RETURNING fingerprint, owner, answer";
        let params: &Params<'_> = &[
            (&call.key, Type::TEXT),
            (&call.fingerprint, Type::TEXT),
            (&call.owner, Type::TEXT),
            (&millis(lease), Type::FLOAT8),
            (&call.caller, Type::TEXT),
        ];
        let rows = self.postgres.query(begin, params).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("PostgreSQL has not returned what was written"))?;
        Ok(match row.get::<_, Option<Vec<u8>>>(2) {
            Some(answer) => Begun::Done(row.get(0), answer),
            None if row.get::<_, &str>(1) == call.owner => Begun::Mine,
            None => Begun::Running(row.get(0)),
        })
    }

    async fn renew(&self, call: OnceCall<'_>, lease: Duration) -> Result<bool, StoreError> {
        let renew = "UPDATE turbomcp_idempotency SET expires = now() + $3 * INTERVAL '1 millisecond'
            WHERE key = $1 AND owner = $2 AND answer IS NULL RETURNING 1";
        let params: &Params<'_> = &[(&call.key, Type::TEXT), (&call.owner, Type::TEXT), (&millis(lease), Type::FLOAT8)];
        self.is_changed(renew, params).await
    }

    async fn finish(
        &self,
        call: OnceCall<'_>,
        answer: &[u8],
        ttl: Duration,
        bounds: OnceBounds,
    ) -> Result<bool, StoreError> {
        let finish = "UPDATE turbomcp_idempotency SET answer = $3, expires = now() + $4 * INTERVAL '1 millisecond',
                finished = nextval('turbomcp_idempotency_finished')
            WHERE key = $1 AND owner = $2 RETURNING 1";
        let params: &Params<'_> =
            &[(&call.key, Type::TEXT), (&call.owner, Type::TEXT), (&answer, Type::BYTEA), (&millis(ttl), Type::FLOAT8)];
        if !self.is_changed(finish, params).await? {
            return Ok(false);
        }
        let callers = lock(&self.finished).count(call.caller, bounds);
        if let Some(callers) = callers {
            let store = self.clone();
            // The answer does not wait for it.
            tokio::spawn(async move {
                if let Err(error) = store.sweep(&callers, bounds).await {
                    tracing::warn!(%error, "idempotency keys that are over cannot be deleted just now");
                }
            });
        }
        Ok(true)
    }

    async fn release(&self, call: OnceCall<'_>) -> Result<(), StoreError> {
        let release = "DELETE FROM turbomcp_idempotency WHERE key = $1 AND owner = $2 AND answer IS NULL";
        self.postgres.query(release, &[(&call.key, Type::TEXT), (&call.owner, Type::TEXT)]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_answered_between_two_sweeps_is_looked_at_by_the_next() {
        let bounds = OnceBounds::new(10_000, 64 * 3, 1);
        let mut finished = Finished::default();
        assert_eq!(finished.count("one", bounds), Some(vec!["one".to_owned()]));
        assert_eq!((finished.count("two", bounds), finished.count("one", bounds)), (None, None));
        assert_eq!(finished.count("two", bounds), Some(vec!["two".to_owned(), "one".to_owned()]));
        assert_eq!(finishes_between_sweeps(OnceBounds::new(1, 10_000, 1)), 1);
    }
}
