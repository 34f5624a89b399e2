//! SQL that reads, for a model: `cargo run --example sql_readonly -- 127.0.0.1:8080 postgres://reader@127.0.0.1/shop`
//!
//! What may be read is up to the role that it connects as; that nothing is written is up to PostgreSQL, which gets one
//! statement in a transaction that is read only. What is looked at here before that is for clear errors.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Config, IsolationLevel, NoTls};
use turbomcp::prelude::*;
use turbomcp::{Error, ToolError};

/// How many queries run at once, how long one may take, and how many bytes a query, a row and a result may have.
const AT_ONCE: usize = 4;
const TIME: Duration = Duration::from_secs(3);
const QUERY_BYTES: usize = 10_000;
const ROW_BYTES: usize = 32 << 10;
const RESULT_BYTES: usize = 256 << 10;

/// As many arguments as a function of PostgreSQL takes.
const COLUMNS: usize = 100;

// ANCHOR: types
#[derive(Serialize, JsonSchema)]
struct Column {
    name: String,
    /// What PostgreSQL calls its type
    r#type: String,
}

#[derive(Serialize, JsonSchema)]
struct Table {
    columns: Vec<Column>,
    /// The values of each row, in the order of the columns
    rows: Vec<Vec<Value>>,
    /// Whether there are more rows than these
    has_more: bool,
}
// ANCHOR_END: types

struct Database {
    config: Config,
    permits: Semaphore,
}

/// A connection of its own for each query: whatever a query leaves behind there, such as a lock, is gone with it.
struct Connection {
    client: Client,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[server(name = "sql", version = "1.0.0")]
impl Database {
    // ANCHOR: tool
    /// Runs a query of PostgreSQL that reads: one `SELECT`, `WITH`, `VALUES` or `TABLE`. What there is to be read is in
    /// `information_schema.columns`.
    #[tool(title = "Query", read_only, idempotent)]
    async fn query(
        &self,
        #[arg(description = "One statement, without parameters")] sql: String,
        #[arg(description = "How many rows at most", range = 1..=1000, default = 100)] limit: u16,
    ) -> Result<Table, ToolError> {
        let sql = validate_read_only_query(&sql).map_err(ToolError::new)?;
        let _permit = self.permits.acquire().await.map_err(|error| ToolError::new(error.to_string()))?;
        let mut connection = self.connect().await.map_err(|error| told(&error))?;
        let cancel = connection.client.cancel_token();
        // PostgreSQL keeps the time itself; this is for one that does not answer any more.
        match tokio::time::timeout(2 * TIME, connection.read(sql, limit)).await {
            Ok(table) => table,
            Err(_) => {
                let _ = cancel.cancel_query(NoTls).await;
                Err(ToolError::new("the database does not answer"))
            }
        }
    }
    // ANCHOR_END: tool
}

impl Database {
    async fn connect(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Connection { client, driver })
    }

    // ANCHOR: role
    /// Refuses a role whose functions reach beyond what is in the database: no transaction holds those.
    async fn check_role(&self) -> Result<(), Box<dyn std::error::Error>> {
        let roles = "SELECT rolname FROM pg_roles WHERE (rolname = current_user AND rolsuper) OR (rolname IN \
            ('pg_signal_backend', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program') \
            AND pg_has_role(current_user, oid, 'member'))";
        match self.connect().await?.client.query_opt(&format!("{roles} LIMIT 1"), &[]).await? {
            None => Ok(()),
            Some(row) => {
                let role: String = row.get(0);
                Err(format!("the role may do what `{role}` may: connect as one that may only read").into())
            }
        }
    }
    // ANCHOR_END: role
}

impl Connection {
    // ANCHOR: read
    async fn read(&mut self, sql: &str, limit: u16) -> Result<Table, ToolError> {
        let reading = self.client.build_transaction().read_only(true).isolation_level(IsolationLevel::RepeatableRead);
        let transaction = reading.start().await.map_err(|error| told(&error))?;
        let bounds = format!("SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}", TIME.as_millis());
        transaction.batch_execute(&bounds).await.map_err(|error| told(&error))?;

        // To be prepared it has to be one statement, whole in itself, and its columns are known before it runs.
        let statement = transaction.prepare(sql).await.map_err(|error| told(&error))?;
        if !statement.params().is_empty() {
            return Err(ToolError::new("the query has parameters such as `$1`: write the values instead"));
        }
        let columns: Vec<_> = statement.columns().iter().map(Column::of).collect();
        if columns.is_empty() || columns.len() > COLUMNS {
            let message = format!("the query has {} columns, and from 1 to {COLUMNS} can be shown", columns.len());
            return Err(ToolError::new(message));
        }

        // PostgreSQL knows best how its values are written as JSON. No row is longer than what is kept of it.
        let names: Vec<_> = (0..columns.len()).map(|at| format!("c{at}")).collect();
        let names = names.join(", ");
        let row = format!("left(json_build_array({names})::text, {})", ROW_BYTES + 1);
        let statement = transaction.prepare(&format!("SELECT {row} FROM (\n{sql}\n) AS query({names})")).await;
        let statement = statement.map_err(|error| told(&error))?;
        let portal = transaction.bind(&statement, &[]).await.map_err(|error| told(&error))?;
        let found = transaction.query_portal(&portal, i32::from(limit) + 1).await.map_err(|error| told(&error))?;
        // Nothing is kept, not even settings that the query has changed.
        transaction.rollback().await.map_err(|error| told(&error))?;

        let mut table = Table { columns, rows: Vec::new(), has_more: found.len() > usize::from(limit) };
        let mut bytes = 0;
        for row in found.iter().take(limit.into()) {
            let text: &str = row.get(0);
            if text.len() > ROW_BYTES {
                let message =
                    format!("a row is longer than {ROW_BYTES} bytes: select less of it, as by `left(…, 1000)`");
                return Err(ToolError::new(message));
            }
            bytes += text.len();
            if bytes > RESULT_BYTES {
                table.has_more = true;
                break;
            }
            table.rows.push(serde_json::from_str(text).map_err(|error| ToolError::new(error.to_string()))?);
        }
        Ok(table)
    }
    // ANCHOR_END: read
}

impl Column {
    fn of(column: &tokio_postgres::Column) -> Self {
        Self { name: column.name().to_owned(), r#type: column.type_().name().to_owned() }
    }
}

/// Says what the database says, so that a model can do better.
fn told(error: &tokio_postgres::Error) -> ToolError {
    let Some(error) = error.as_db_error() else {
        return ToolError::new(format!("the database cannot be asked: {error}"));
    };
    let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
    ToolError::new(format!("PostgreSQL refuses the query ({}): {}{hint}", error.code().code(), error.message()))
}

// ANCHOR: validate
/// Returns the one statement of a query if it looks as if it only read, or else why it does not.
///
/// It knows comments and quotes, and neither functions nor names, so it keeps nobody out: that is the database's part.
fn validate_read_only_query(sql: &str) -> Result<&str, String> {
    if sql.len() > QUERY_BYTES {
        return Err(format!("the query is longer than {QUERY_BYTES} bytes"));
    }
    let mut last = None;
    let mut tokens = Vec::new();
    let all = Tokens { sql, at: 0 };
    for (at, token) in all {
        match (token, last) {
            (";", None) => last = Some(at),
            (";", Some(_)) => {}
            (_, Some(_)) => {
                return Err("only one statement is run at a time: leave out what follows the `;`".to_owned());
            }
            _ => tokens.push(token.to_ascii_uppercase()),
        }
    }
    match tokens.iter().map(String::as_str).find(|token| *token != "(") {
        None => return Err("the query is empty".to_owned()),
        Some("SELECT" | "WITH" | "VALUES" | "TABLE") => {}
        Some(other) => {
            let message =
                format!("a query begins with SELECT, WITH, VALUES or TABLE, not with `{other}`: nothing is changed");
            return Err(message);
        }
    }
    let writes = ["INSERT", "UPDATE", "DELETE", "MERGE"];
    for pair in tokens.windows(2) {
        if pair[0] == "(" && writes.contains(&&*pair[1]) {
            return Err(format!("`{}` writes, which no part of a query may", pair[1]));
        }
    }
    Ok(&sql[..last.unwrap_or(sql.len())])
}
// ANCHOR_END: validate

/// The words and signs of a query, without comments; what is in quotes is one word.
struct Tokens<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = &self.sql[self.at..];
            let first = rest.chars().next()?;
            let length = match first {
                _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                _ if rest.starts_with("/*") => comment(rest),
                '\'' | '"' => quoted(rest, first, false),
                'e' | 'E' if rest[1..].starts_with('\'') => 1 + quoted(&rest[1..], '\'', true),
                '$' => dollars(rest),
                _ if first.is_alphanumeric() || first == '_' => {
                    rest.find(|next: char| !(next.is_alphanumeric() || "_$".contains(next))).unwrap_or(rest.len())
                }
                _ => first.len_utf8(),
            };
            let at = self.at;
            self.at += length;
            let is_token = !(first.is_whitespace() || rest.starts_with("--") || rest.starts_with("/*"));
            if is_token {
                return Some((at, &rest[..length]));
            }
        }
    }
}

/// Returns how long a comment is, in which others may be.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Returns how long what is in quotes is. A quote that stands twice is a part of it.
fn quoted(rest: &str, quote: char, has_escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if has_escapes && character == '\\' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

/// Returns how long what is between `$tag$` and the same is, or a lone sign.
fn dollars(rest: &str) -> usize {
    let Some(end) = rest[1..].find('$').map(|at| at + 2) else { return 1 };
    let (tag, body) = rest.split_at(end);
    let is_tag = tag[1..end - 1].chars().all(|character| character.is_alphanumeric() || character == '_');
    match is_tag && !tag[1..].starts_with(|first: char| first.is_ascii_digit()) {
        true => body.find(tag).map_or(rest.len(), |at| end + at + tag.len()),
        false => 1,
    }
}

// ANCHOR: main
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let url = arguments.next().unwrap_or_else(|| "postgres://reader@127.0.0.1/shop".to_owned());
    let database = Database { config: url.parse()?, permits: Semaphore::new(AT_ONCE) };
    database.check_role().await?;
    let served: Result<(), Error> = database.run_http(address).await;
    Ok(served?)
}
// ANCHOR_END: main
