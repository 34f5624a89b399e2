//! Tasks in PostgreSQL, whose clock is the one that counts.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::store::{Due, Insertion, StoredTask, TaskCaps, TaskStore, TaskStoreFuture};
use crate::store::{Migrations, Postgres, STATEMENT, StoreError};

const MIGRATIONS: Migrations = Migrations {
    part: "tasks",
    steps: &["CREATE TABLE turbomcp_tasks (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            created BIGINT NOT NULL,
            version BIGINT NOT NULL DEFAULT 1,
            due TIMESTAMPTZ,
            expires TIMESTAMPTZ NOT NULL,
            body TEXT NOT NULL
        ) WITH (fillfactor = 70);
        CREATE INDEX turbomcp_tasks_due ON turbomcp_tasks (due) WHERE due IS NOT NULL;
        CREATE INDEX turbomcp_tasks_owner ON turbomcp_tasks (owner, created, id);
        CREATE INDEX turbomcp_tasks_expires ON turbomcp_tasks (expires)"],
};

/// Whoever holds this advisory lock adds a task, so that two do not both take the last place.
const LOCK: i64 = 0x7475_7262_6f74_6173;

type Params<'a> = [(&'a (dyn ToSql + Sync), Type)];

/// Tasks in PostgreSQL; clones share them. Servers over the same database take up each other's tasks.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::store::Postgres;
/// use turbomcp_server::tasks::{PostgresTasks, TaskConfig};
///
/// let postgres = Postgres::connect("postgres://mcp@127.0.0.1/calendar").await?;
/// let tasks = TaskConfig::new().store(PostgresTasks::new(postgres).await?);
/// let server = ServerBuilder::new().tasks(tasks)?.build();
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresTasks {
    postgres: Postgres,
}

impl PostgresTasks {
    /// Keeps tasks in a database, whose table is created or brought up to date.
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
        Ok(Self { postgres })
    }

    async fn changes(&self, statement: &str, params: &Params<'_>) -> Result<bool, StoreError> {
        Ok(!self.postgres.query(statement, params).await?.is_empty())
    }

    async fn tasks(&self, statement: &str, params: &Params<'_>) -> Result<Vec<StoredTask>, StoreError> {
        Ok(self.postgres.query(statement, params).await?.iter().map(task).collect())
    }

    async fn try_insert(
        &self,
        client: &mut tokio_postgres::Client,
        task: &StoredTask,
        [ttl, lease]: [f64; 2],
        caps: TaskCaps,
    ) -> Result<Insertion, StoreError> {
        let cap = |cap: usize| i64::try_from(cap).unwrap_or(i64::MAX);
        self.postgres
            .within(STATEMENT, async {
                let transaction = client.transaction().await?;
                transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
                let count = "SELECT count(*), count(*) FILTER (WHERE owner = $1), count(*) FILTER (WHERE id = $2)
                    FROM turbomcp_tasks WHERE expires > now()";
                let counts =
                    transaction.query_typed(count, &[(&task.owner, Type::TEXT), (&task.id, Type::TEXT)]).await?;
                let count = |column: usize| counts.first().map_or(0, |row| row.get::<_, i64>(column));
                let refused = if count(2) > 0 {
                    Some(Insertion::Kept)
                } else if !task.owner.is_empty() && count(1) >= cap(caps.per_owner) {
                    Some(Insertion::TooManyOfOwner)
                } else {
                    (count(0) >= cap(caps.total)).then_some(Insertion::TooMany)
                };
                if let Some(refused) = refused {
                    return Ok(refused);
                }
                let insert =
                    "INSERT INTO turbomcp_tasks (id, owner, created, body, due, expires) VALUES ($1, $2, $3, $4,
                    now() + $5 * INTERVAL '1 millisecond', now() + $6 * INTERVAL '1 millisecond')";
                let params: &Params<'_> = &[
                    (&task.id, Type::TEXT),
                    (&task.owner, Type::TEXT),
                    (&number(task.created), Type::INT8),
                    (&task.body, Type::TEXT),
                    (&lease, Type::FLOAT8),
                    (&ttl, Type::FLOAT8),
                ];
                transaction.query_typed(insert, params).await?;
                transaction.commit().await?;
                Ok(Insertion::Kept)
            })
            .await
    }
}

fn task(row: &Row) -> StoredTask {
    let unsigned = |column: &str| u64::try_from(row.get::<_, i64>(column)).unwrap_or_default();
    StoredTask::new(
        row.get::<_, String>("id"),
        row.get::<_, String>("owner"),
        unsigned("created"),
        row.get::<_, String>("body"),
    )
    .with_version(unsigned("version"))
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Returns milliseconds that the database can add to the time of day: a century at most.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).min(100.0 * 365.0 * 24.0 * 60.0 * 60.0 * 1000.0)
}

impl TaskStore for PostgresTasks {
    fn insert<'a>(
        &'a self,
        task: &'a StoredTask,
        ttl: Duration,
        lease: Duration,
        caps: TaskCaps,
    ) -> TaskStoreFuture<'a, Insertion> {
        Box::pin(async move {
            loop {
                let mut connection = self.postgres.lease().await?;
                match self.try_insert(&mut connection, task, [millis(ttl), millis(lease)], caps).await {
                    Ok(inserted) => {
                        // A transaction that was not committed is rolled back before anything else is asked.
                        connection.done();
                        return Ok(inserted);
                    }
                    Err(error) if connection.is_stale(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        })
    }

    fn load<'a>(&'a self, id: &'a str) -> TaskStoreFuture<'a, Option<StoredTask>> {
        Box::pin(async move {
            let load = "SELECT id, owner, created, version, body FROM turbomcp_tasks WHERE id = $1 AND expires > now()";
            Ok(self.tasks(load, &[(&id, Type::TEXT)]).await?.pop())
        })
    }

    fn replace<'a>(&'a self, task: &'a StoredTask, due: Due) -> TaskStoreFuture<'a, bool> {
        Box::pin(async move {
            // What was written already, and whose answer was lost, is written again.
            let replace = "UPDATE turbomcp_tasks SET version = $2 + 1, body = $3,
                due = CASE $4::INT WHEN 0 THEN due WHEN 1 THEN NULL ELSE now() + $5 * INTERVAL '1 millisecond' END
                WHERE id = $1 AND expires > now() AND (version = $2 OR version = $2 + 1 AND body = $3) RETURNING 1";
            let (kind, lease): (i32, f64) = match due {
                Due::AsBefore => (0, 0.0),
                Due::Never => (1, 0.0),
                Due::After(lease) => (2, millis(lease)),
            };
            let params: &Params<'_> = &[
                (&task.id, Type::TEXT),
                (&number(task.version), Type::INT8),
                (&task.body, Type::TEXT),
                (&kind, Type::INT4),
                (&lease, Type::FLOAT8),
            ];
            self.changes(replace, params).await
        })
    }

    fn extend<'a>(&'a self, id: &'a str, version: u64, lease: Duration) -> TaskStoreFuture<'a, bool> {
        Box::pin(async move {
            let extend = "UPDATE turbomcp_tasks SET due = now() + $3 * INTERVAL '1 millisecond'
                WHERE id = $1 AND version = $2 AND due IS NOT NULL AND expires > now() RETURNING 1";
            let (version, lease) = (number(version), millis(lease));
            self.changes(extend, &[(&id, Type::TEXT), (&version, Type::INT8), (&lease, Type::FLOAT8)]).await
        })
    }

    fn due(&self, limit: usize) -> TaskStoreFuture<'_, Vec<StoredTask>> {
        Box::pin(async move {
            // What somebody else writes to at this moment is not waited for.
            let due = "SELECT id, owner, created, version, body FROM turbomcp_tasks
                WHERE due <= now() AND expires > now() ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            self.tasks(due, &[(&limit, Type::INT8)]).await
        })
    }

    fn list<'a>(
        &'a self,
        owner: &'a str,
        after: Option<(u64, &'a str)>,
        limit: usize,
    ) -> TaskStoreFuture<'a, Vec<StoredTask>> {
        Box::pin(async move {
            let list = "SELECT id, owner, created, version, body FROM turbomcp_tasks
                WHERE owner = $1 AND expires > now() AND (created, id COLLATE \"C\") > ($2, $3)
                ORDER BY created, id COLLATE \"C\" LIMIT $4";
            let (created, id) = after.map_or((-1, ""), |(created, id)| (number(created), id));
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let params: &Params<'_> =
                &[(&owner, Type::TEXT), (&created, Type::INT8), (&id, Type::TEXT), (&limit, Type::INT8)];
            self.tasks(list, params).await
        })
    }

    fn sweep(&self) -> TaskStoreFuture<'_, u64> {
        Box::pin(async move {
            let swept =
                self.postgres.query("DELETE FROM turbomcp_tasks WHERE expires <= now() RETURNING 1", &[]).await?;
            Ok(swept.len() as u64)
        })
    }
}
