//! Connections to PostgreSQL, and the tables in it.

use std::fmt;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Row};

use super::StoreError;
use super::secure::{self, Connector, Secured, Tls};
use super::sslmode::{self, Asked};
use crate::sync::lock;

/// How many connections there are at most.
const CONNECTIONS: usize = 8;

/// How long it may take to connect, the wait for one of the others included.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a statement may take.
pub(crate) const STATEMENT: Duration = Duration::from_secs(10);

/// After how long PostgreSQL itself ends a statement, so that nothing goes on there that nobody waits for any more.
const STATEMENT_THERE: Duration = Duration::from_secs(9);

/// How long a migration may take, the wait for that of another replica included.
const MIGRATION: Duration = Duration::from_secs(60);

/// After how long a silent connection is asked for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Whoever holds this advisory lock changes the tables.
const LOCK: i64 = 0x7475_7262_6f6d_6370;

/// Connections to PostgreSQL: cheap to clone, and every clone shares them.
///
/// There are at most 8, opened when they are needed. One that breaks is replaced by the next that is needed.
#[derive(Clone)]
pub struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    connector: Connector,
    address: String,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

/// An open connection and the task that drives it.
struct Connection {
    client: Client,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What reads and writes a connection.
pub(crate) type PostgresDriver = tokio_postgres::Connection<tokio_postgres::Socket, Secured>;

/// A connection that nobody else uses meanwhile.
///
/// It is closed when it is dropped, so that whatever was begun on it ends there; [`done`](Self::done) keeps it.
pub(crate) struct Lease {
    connection: Connection,
    shared: Arc<Shared>,
    /// It was opened for something else, and may have broken since.
    was_idle: bool,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Gives the connection back: nothing is under way on it.
    pub(crate) fn done(self) {
        let Self { connection, shared, .. } = self;
        lock(&shared.idle).push(connection);
    }

    /// Returns true if it broke while it lay idle: what failed by this on it may be done on another.
    pub(crate) fn is_stale(&self, error: &StoreError) -> bool {
        /// The administrator ends connections: class 57, and in it what has to do with the server itself.
        const ENDING: &str = "57P";

        let source = std::error::Error::source(error);
        let code =
            source.and_then(|error| error.downcast_ref::<tokio_postgres::Error>()).and_then(|error| error.code());
        let is_ending = code.is_some_and(|code| code.code().starts_with(ENDING));
        self.was_idle && (is_ending || self.connection.client.is_closed())
    }
}

impl Deref for Lease {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.connection.client
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.connection.client
    }
}

/// The tables of one part of a server, as the steps that made them what they are.
#[derive(Debug)]
pub(crate) struct Migrations {
    /// Which part they belong to.
    pub(crate) part: &'static str,
    /// Each is run once in its turn, and never changed after it was published.
    pub(crate) steps: &'static [&'static str],
}

impl Postgres {
    /// Connects to a database: `postgres://[user[:password]@]host[:port]/database`, or `key=value` pairs as `libpq` takes them.
    ///
    /// What is spoken is up to `sslmode`:
    ///
    /// - `require`, `verify-ca`, `verify-full`: TLS. The server has to be certified for the host of the URL, by an authority
    ///   that browsers trust, and to speak TLS 1.3; that cannot be turned off.
    /// - `disable`: plain text.
    /// - none: plain text, and a warning is logged unless it stays on this machine.
    /// - `allow`, `prefer`: refused, because whoever is between could choose plain text.
    ///
    /// Whom else to trust is said by `connect_with_tls`. TLS needs the feature `tls`. Over it a login by password is bound to
    /// the connection (`SCRAM-SHA-256-PLUS`) if the server offers that, and always with `channel_binding=require`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or asks for TLS in a build without it ([`StoreError::is_configuration`]); if the database
    /// cannot be reached, is not who it has to be, or refuses TLS or the password.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
    /// use turbomcp_server::store::Postgres;
    ///
    /// let postgres = Postgres::connect("postgres://mcp@127.0.0.1/calendar").await?;
    /// postgres.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let (config, asked) = configured(url)?;
        let tls = if asked == Asked::Tls { Some(Tls::by_default()?) } else { None };
        if asked == Asked::Nothing && !is_here(&config) {
            let address = address_of(&config);
            tracing::warn!(%address, "PostgreSQL is spoken to in plain text, which `sslmode=require` in its URL changes");
        }
        Self::open(config, tls).await
    }

    /// Connects to a database over TLS, as [`connect`](Self::connect) does, with more to say of whom to trust and what to
    /// show. The URL asks for TLS, or says nothing of it.
    ///
    /// Of the configuration everything that a client has a use for holds: the authorities, the certificate that is shown,
    /// the oldest version, pins, and whether a staple is required. Its files are read once, here, for every connection
    /// that there will be.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, says `sslmode=disable` or names a Unix socket, or a file or a setting is not as it has to
    /// be ([`StoreError::is_configuration`]); if the database cannot be reached, is not who it has to be, or refuses TLS,
    /// the password or the certificate.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
    /// use turbomcp_server::store::Postgres;
    /// use turbomcp_transport::tls::TlsConfig;
    ///
    /// let tls = TlsConfig::new("mcp.pem", "mcp.key").with_ca_bundle("company.pem");
    /// let postgres = Postgres::connect_with_tls("postgres://mcp@db.example/calendar", &tls).await?;
    /// # drop(postgres);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub async fn connect_with_tls(url: &str, tls: &turbomcp_transport::tls::TlsConfig) -> Result<Self, StoreError> {
        let (config, asked) = configured(url)?;
        if asked == Asked::Plain {
            return Err(unusable("TLS is set up, and `sslmode` is `disable`"));
        }
        Self::open(config, Some(Tls::new(tls)?)).await
    }

    async fn open(mut config: Config, tls: Option<Tls>) -> Result<Self, StoreError> {
        let is_named = |host: &Host| matches!(host, Host::Tcp(_));
        if tls.is_some() && !config.get_hosts().iter().all(is_named) {
            return Err(unusable("TLS is asked for, which a Unix socket has not"));
        }
        // Never `prefer`: it would go on in plain text with whoever says that there is no TLS.
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let address = address_of(&config);
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let connector = Tls::connector(tls);
        let shared = Shared { config, connector, address, permits, idle: Mutex::default() };
        let postgres = Self { shared: Arc::new(shared) };
        postgres.lease().await?.done();
        Ok(postgres)
    }

    /// Makes sure that the database answers.
    ///
    /// # Errors
    ///
    /// If it does not within 10 seconds.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query("SELECT 1", &[]).await.map(drop)
    }

    /// Runs one statement that may be run twice: it is run again if its connection broke while it lay idle.
    pub(crate) async fn query(
        &self,
        statement: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        loop {
            let lease = self.lease().await?;
            match self.within(STATEMENT, lease.query_typed(statement, params)).await {
                Ok(rows) => {
                    lease.done();
                    return Ok(rows);
                }
                // The others that lie idle may have broken as well; each attempt takes one away.
                Err(error) if lease.is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a connection: one that lies idle, or a new one once there are few enough.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        let leased = tokio::time::timeout(CONNECT, async {
            let permit = self.shared.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
            let idle = {
                let mut idle = lock(&self.shared.idle);
                std::iter::from_fn(|| idle.pop()).find(|connection| !connection.client.is_closed())
            };
            let was_idle = idle.is_some();
            let connection = match idle {
                Some(connection) => connection,
                None => self.open_one().await?,
            };
            Ok(Lease { connection, shared: self.shared.clone(), was_idle, _permit: permit })
        });
        leased.await.unwrap_or_else(|_| Err(self.late()))
    }

    /// Opens a connection beside the others; it does something only while its driver is polled.
    pub(crate) async fn listen(&self) -> Result<(Client, PostgresDriver), StoreError> {
        self.within(CONNECT, self.shared.config.connect(secure::again(&self.shared.connector))).await
    }

    async fn open_one(&self) -> Result<Connection, StoreError> {
        let opened = self.shared.config.connect(secure::again(&self.shared.connector)).await;
        let (client, connection) = opened.map_err(|error| self.failed(error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL broke");
            }
        });
        Ok(Connection { client, driver: driver.abort_handle() })
    }

    /// Brings the tables of a part of the server up to date; one replica does, the others wait for it.
    pub(crate) async fn migrate(&self, migrations: &Migrations) -> Result<(), StoreError> {
        let mut lease = self.lease().await?;
        let latest = i32::try_from(migrations.steps.len()).expect("there are few steps");
        let found = self.within(MIGRATION, async {
            let transaction = lease.transaction().await?;
            let bounds =
                format!("SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}", MIGRATION.as_millis());
            transaction.batch_execute(&bounds).await?;
            transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
            transaction
                .batch_execute(
                    "CREATE TABLE IF NOT EXISTS turbomcp_schema (part TEXT PRIMARY KEY, version INT NOT NULL)",
                )
                .await?;
            let part = &[(&migrations.part as &(dyn ToSql + Sync), Type::TEXT)];
            let rows = transaction.query_typed("SELECT version FROM turbomcp_schema WHERE part = $1", part).await?;
            let found = rows.first().map_or(0, |row| row.get::<_, i32>(0));
            for step in migrations.steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
                transaction.batch_execute(step).await?;
            }
            if found < latest {
                let version = "INSERT INTO turbomcp_schema (part, version) VALUES ($1, $2)
                    ON CONFLICT (part) DO UPDATE SET version = $2";
                transaction.query_typed(version, &[(&migrations.part, Type::TEXT), (&latest, Type::INT4)]).await?;
            }
            transaction.commit().await?;
            Ok(found)
        });
        let found = found.await?;
        lease.done();
        if found > latest {
            let message = format!("the tables of `{}` are of a newer version than this program", migrations.part);
            return Err(StoreError::configuration(message));
        }
        Ok(())
    }

    /// Waits for something of the database, but not for ever.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(limit, work).await {
            Ok(outcome) => outcome.map_err(|error| self.failed(error)),
            Err(_) => Err(self.late()),
        }
    }

    fn failed(&self, error: tokio_postgres::Error) -> StoreError {
        let what = secure::told(&error).unwrap_or("failed");
        StoreError::unavailable(format!("PostgreSQL at {} {what}", self.shared.address)).with_source(error)
    }

    fn late(&self) -> StoreError {
        StoreError::unavailable(format!("PostgreSQL at {} did not answer in time", self.shared.address))
    }
}

/// Reads a URL, and what it says of TLS.
fn configured(url: &str) -> Result<(Config, Asked), StoreError> {
    let (url, asked) = sslmode::taken(url).map_err(|why| unusable(&why))?;
    // Its error may quote the URL, and with it the password.
    let mut config = url.parse::<Config>().map_err(|_| unusable("it is malformed"))?;
    if config.get_hosts().is_empty() {
        return Err(unusable("it names no host"));
    }
    // Its client takes what is before the first `@` for credentials, be it within a password or a parameter.
    let is_misread = |host: &Host| matches!(host, Host::Tcp(name) if name.contains(['@', '&', '=', '?']));
    if config.get_hosts().iter().any(is_misread) || config.get_user().is_some_and(|user| user.contains('?')) {
        return Err(unusable("an `@` in a name, a password or a parameter is written as `%40`"));
    }
    // What was written so that only its client recognises it.
    if config.get_ssl_mode() != SslMode::Prefer {
        return Err(unusable("`sslmode` is written without `%`"));
    }
    if config.get_application_name().is_none() {
        config.application_name("turbomcp");
    }
    // Of options of the same name the last counts, which is the user's.
    let limit = STATEMENT_THERE.as_millis();
    let wanted = config.get_options().unwrap_or_default();
    let options = format!("-c statement_timeout={limit} -c lock_timeout={limit} {wanted}");
    config.options(options.trim_end());
    if config.get_connect_timeout().is_none() {
        // A host, or an address of it, that is silent leaves time for the next one.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
        config.connect_timeout(CONNECT / hosts.max(2));
    }
    config.keepalives_idle(KEEP_ALIVE);
    Ok((config, asked))
}

fn unusable(why: &str) -> StoreError {
    StoreError::configuration(format!("the URL of PostgreSQL is not usable: {why}"))
}

/// Returns true if nothing that is sent to a database leaves this machine.
fn is_here(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    // Where there are addresses, they are connected to, and the names only say who is expected there.
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_here),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// Returns where a database is, and nothing about who asks there.
fn address_of(config: &Config) -> String {
    let mut address = String::new();
    for (index, host) in config.get_hosts().iter().enumerate() {
        if index > 0 {
            address.push(',');
        }
        match host {
            Host::Tcp(name) => address.push_str(name),
            #[cfg(unix)]
            Host::Unix(path) => address.push_str(&path.display().to_string()),
        }
        let ports = config.get_ports();
        if let Some(port) = ports.get(index).or(ports.first()) {
            address.push_str(&format!(":{port}"));
        }
    }
    match config.get_dbname() {
        Some(name) => format!("{address}/{name}"),
        None => address,
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<&str, &str>) {
        let found = configured(url).map(|(config, _)| address_of(&config)).map_err(|error| error.to_string());
        match expected {
            Ok(address) => assert_eq!(found.unwrap(), address),
            Err(why) => {
                let error = found.unwrap_err();
                assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
            }
        }
    }

    #[test]
    fn an_address_has_no_secret_in_it() {
        check("postgres://mcp:s3cret@db.example:5433/notes", Ok("db.example:5433/notes"));
        check("postgres://mcp:s3cret@a,b:1/notes?connect_timeout=1", Ok("a:5432,b:1/notes"));
        check("host=db user=mcp password=s3cret", Ok("db"));
    }

    #[test]
    fn options_of_the_user_come_last() {
        let options = |url| configured(url).unwrap().0.get_options().unwrap().to_owned();
        assert_eq!(options("postgres://db/notes"), "-c statement_timeout=9000 -c lock_timeout=9000");
        let given = "postgres://db/notes?options=-c%20statement_timeout%3D100";
        assert_eq!(options(given), "-c statement_timeout=9000 -c lock_timeout=9000 -c statement_timeout=100");
    }

    #[test]
    fn a_url_that_cannot_work_is_refused() {
        check("mysql://mcp:s3cret@db/notes", Err("malformed"));
        check("postgres://mcp:s3cret@db:port/notes", Err("malformed"));
        check("user=mcp password=s3cret", Err("names no host"));
        check("postgres://mcp:s3cret@x@db/notes", Err("%40"));
        check("postgres://db/notes?sslmode=require&user=mcp@tenant&password=s3cret", Err("%40"));
        check("postgres://mcp:s3cret@db/notes?sslmode=prefer", Err("`require`"));
        check("postgres://mcp:s3cret@db/notes?ssl%6dode=disable", Err("without `%`"));
    }

    #[test]
    fn what_leaves_this_machine_is_known() {
        let is_here = |url| is_here(&configured(url).unwrap().0);
        assert!(
            is_here("postgres://localhost/a") && is_here("postgres://127.1.2.3/a") && is_here("postgres://[::1]/a")
        );
        assert!(!is_here("postgres://db/a") && !is_here("postgres://localhost,10.0.0.1/a"));
        // The address counts, whatever the host is called.
        assert!(!is_here("host=localhost hostaddr=10.0.0.1") && is_here("host=db hostaddr=127.0.0.1"));
        #[cfg(unix)]
        assert!(is_here("host=/run/postgresql"));
    }

    #[cfg(all(unix, feature = "tls"))]
    #[tokio::test]
    async fn tls_that_cannot_be_is_refused_before_anybody_is_asked() {
        let tls = turbomcp_transport::tls::TlsConfig::default();
        for (url, why) in [
            ("host=/run/postgresql sslmode=require", "Unix socket"),
            ("host=db,/run/postgresql", "Unix socket"),
            ("postgres://mcp:s3cret@db/notes?sslmode=disable", "`disable`"),
        ] {
            let error = Postgres::connect_with_tls(url, &tls).await.unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(why), "{error}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[tokio::test]
    async fn without_the_feature_tls_is_refused() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let error = Postgres::connect(&format!("postgres://db/notes?sslmode={mode}")).await.unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains("feature `tls`"), "{error}");
        }
    }
}
