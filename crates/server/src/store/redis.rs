//! A connection to Redis, or to what speaks its protocol.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::AsyncPushSender;
use redis::{Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo};
use redis::{ProtocolVersion, RedisError, ScriptInvocation, ServerErrorKind};

use super::StoreError;
use super::line::{Connection, Line, Target};
use super::secure::{self, Tls};
use crate::sync::lock;

/// How long a command may take in all, the wait for a connection that comes back included.
const COMMAND: Duration = Duration::from_secs(5);

/// What the keys of this SDK begin with.
const PREFIX: &str = "turbomcp:";

/// A connection to Redis: cheap to clone, and every clone is the same connection.
///
/// Commands are pipelined on one connection. When it breaks it is opened again, with growing pauses in between; what waited
/// for it longer than 5 seconds fails.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
    prefix: Arc<str>,
}

struct Shared {
    address: String,
    target: Arc<Target>,
    line: Mutex<Arc<Line>>,
}

impl Redis {
    /// Connects to a server: `redis://[user[:password]@]host[:port][/database]`, `rediss://` for the same over TLS, or
    /// `redis+unix:///path`.
    ///
    /// Over TLS the server has to be certified for the host of the URL, by an authority that browsers trust, and to speak
    /// TLS 1.3. That cannot be turned off; whom else to trust is said by `connect_with_tls`. TLS needs the feature `tls`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, or asks for TLS in a build without it ([`StoreError::is_configuration`]); if the server
    /// cannot be reached, is not who it has to be, or refuses the password.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
    /// use turbomcp_server::store::Redis;
    ///
    /// let redis = Redis::connect("redis://127.0.0.1:6379").await?.with_prefix("calendar:");
    /// redis.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let (info, is_secure) = configured(url)?;
        let tls = if is_secure { Some(Tls::by_default()?) } else { None };
        Self::open(Target { info, tls }).await
    }

    /// Connects to a server over TLS, as [`connect`](Self::connect) does, with more to say of whom to trust and what to show.
    ///
    /// Of the configuration everything that a client has a use for holds: the authorities, the certificate that is shown,
    /// the oldest version, pins, and whether a staple is required. Its files are read once, here, for every connection
    /// that there will be.
    ///
    /// # Errors
    ///
    /// If the URL is malformed or is one without TLS, or a file or a setting is not as it has to be
    /// ([`StoreError::is_configuration`]); if the server cannot be reached, is not who it has to be, or refuses the
    /// password or the certificate.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
    /// use turbomcp_server::store::Redis;
    /// use turbomcp_transport::tls::TlsConfig;
    ///
    /// let tls = TlsConfig::default().with_ca_bundle("company.pem");
    /// let redis = Redis::connect_with_tls("rediss://cache.example:6380", &tls).await?;
    /// # drop(redis);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub async fn connect_with_tls(url: &str, tls: &turbomcp_transport::tls::TlsConfig) -> Result<Self, StoreError> {
        let (info, is_secure) = configured(url)?;
        if !is_secure {
            return Err(unusable("TLS is set up, and the URL is one without: write `rediss://`"));
        }
        Self::open(Target { info, tls: Some(Tls::new(tls)?) }).await
    }

    async fn open(target: Target) -> Result<Self, StoreError> {
        let address = target.info.addr().to_string();
        let target = Arc::new(target);
        let line = Line::open(target.clone());
        match tokio::time::timeout(COMMAND, line.connection()).await {
            Ok(opened) => opened.map_err(|error| unavailable(&address, error))?,
            Err(_) => return Err(late(&address)),
        };
        let shared = Shared { address, target, line: Mutex::new(line) };
        Ok(Self { shared: Arc::new(shared), prefix: PREFIX.into() })
    }

    /// Sets what all keys begin with, so that several servers share a database without sharing anything in it; `turbomcp:`
    /// unless set. Replicas of one server have the same.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Makes sure that the server answers.
    ///
    /// # Errors
    ///
    /// If it does not within 5 seconds.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.ask(&redis::cmd("PING")).await
    }

    /// Returns the key of this name.
    pub(crate) fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Sends a command that may be carried out twice: it is sent again if the connection broke before its answer.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.within(async {
            let (line, mut on) = self.shared.connection().await?;
            match self.shared.seen(&line, command.query_async(&mut on.connection).await) {
                Err(error) if is_broken(&error) => {
                    let (line, mut on) = self.shared.connection().await?;
                    self.shared.seen(&line, command.query_async(&mut on.connection).await)
                }
                outcome => outcome,
            }
        })
        .await
    }

    /// Runs a script that may be run twice: it is run again if the connection broke before its answer.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        self.within(async {
            let (line, mut on) = self.shared.connection().await?;
            match self.shared.seen(&line, script.invoke_async(&mut on.connection).await) {
                Err(error) if is_broken(&error) => {
                    let (line, mut on) = self.shared.connection().await?;
                    self.shared.seen(&line, script.invoke_async(&mut on.connection).await)
                }
                outcome => outcome,
            }
        })
        .await
    }

    /// Runs a script that is not to be run twice: what became of it is not known if this fails.
    pub(crate) async fn run_once<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        self.within(async {
            let (line, mut on) = self.shared.connection().await?;
            self.shared.seen(&line, script.invoke_async(&mut on.connection).await)
        })
        .await
    }

    /// Returns the number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.shared.target.info.redis_settings().db()
    }

    /// Opens a connection beside the shared one, on which the messages of a channel are handed to `push`.
    pub(crate) async fn listen(&self, channel: &str, push: impl AsyncPushSender) -> Result<Connection, StoreError> {
        let target = &self.shared.target;
        let settings = target.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let config = Target::times().set_push_sender(push);
        self.within(async {
            let mut opened = target.open(&settings, &config).await?;
            opened.connection.subscribe(channel).await?;
            Ok(opened)
        })
        .await
    }

    async fn within<T>(&self, command: impl Future<Output = Result<T, RedisError>>) -> Result<T, StoreError> {
        match tokio::time::timeout(COMMAND, command).await {
            Ok(outcome) => outcome.map_err(|error| unavailable(&self.shared.address, error)),
            Err(_) => Err(late(&self.shared.address)),
        }
    }
}

impl Shared {
    /// Waits for the connection, which comes with what stands for it. One that could not be opened is asked for again by
    /// whoever comes then, whatever it was that failed: who waits for it has been told, and nobody else.
    async fn connection(&self) -> Result<(Arc<Line>, Connection), RedisError> {
        let line = {
            let mut current = lock(&self.line);
            if let Some(another) = current.another(&self.target) {
                *current = another;
            }
            current.clone()
        };
        let opened = line.connection().await?;
        Ok((line, opened))
    }

    /// Has another connection opened if this is how a command fails on a broken one.
    fn seen<T>(&self, line: &Arc<Line>, outcome: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &outcome
            // Behind a connection that is only slow, nothing is lost by another one; behind one that is dead without a
            // word, nobody else would notice for a long time.
            && (is_broken(error) || error.is_timeout())
        {
            let mut current = lock(&self.line);
            // Of many that fail at once, the first has done it.
            if Arc::ptr_eq(&current, line) {
                *current = Line::open(self.target.clone());
            }
        }
        outcome
    }
}

/// Reads a URL, and whether it asks for TLS.
fn configured(url: &str) -> Result<(ConnectionInfo, bool), StoreError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let plain = match scheme.to_ascii_lowercase().as_str() {
        "rediss" => Some("redis"),
        "valkeys" => Some("valkey"),
        _ => None,
    };
    if plain.is_some() && rest.contains('#') {
        return Err(unusable("what stands behind `#` has no meaning: certificates are always verified"));
    }
    // TLS is not the business of the client of Redis, which would have roots and settings of its own.
    let url = plain.map_or(Cow::Borrowed(url), |scheme| format!("{scheme}:{rest}").into());
    // Its source may quote the URL, and with it the password.
    let info = url.as_ref().into_connection_info().map_err(|error| unusable(error.category()))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Err(unusable("TLS is asked for by `rediss://`"));
    }
    Ok((info, plain.is_some()))
}

fn unusable(why: &str) -> StoreError {
    StoreError::configuration(format!("the URL of Redis is not usable: {why}"))
}

/// Returns true if there may be another connection to try on; one to a server that writes nothing any more leads to one
/// that has become a replica.
fn is_broken(error: &RedisError) -> bool {
    error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || error.is_io_error() && !error.is_timeout()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn unavailable(address: &str, error: RedisError) -> StoreError {
    let what = secure::told(&error).unwrap_or("failed");
    let unavailable = StoreError::unavailable(format!("Redis at {address} {what}"));
    // A server that does not know how to greet quotes the greeting, and the password in it.
    if error.detail().is_some_and(|detail| detail.contains("unknown command")) {
        return unavailable.with_source(io::Error::other(error.category().to_owned()));
    }
    unavailable.with_source(error)
}

fn late(address: &str) -> StoreError {
    StoreError::unavailable(format!("Redis at {address} did not answer in time"))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.shared.address).field("prefix", &self.prefix).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

    use super::super::line::ATTEMPTS;
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<(&str, bool), &str>) {
        let found = configured(url).map(|(info, is_secure)| (info.addr().to_string(), is_secure));
        match expected {
            Ok((address, is_secure)) => assert_eq!(found.unwrap(), (address.to_owned(), is_secure)),
            Err(why) => {
                let error = found.unwrap_err();
                assert!(error.is_configuration(), "{error}");
                let error = error.to_string();
                assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
            }
        }
    }

    #[test]
    fn only_the_scheme_says_whether_tls_is_spoken() {
        check("redis://:s3cret@db:1/2", Ok(("db:1", false)));
        check("valkey://db", Ok(("db:6379", false)));
        check("rediss://mcp:s3cret@db/2", Ok(("db:6379", true)));
        check("valkeys://db:1", Ok(("db:1", true)));
        check("REDISS://db", Ok(("db:6379", true)));
        check("rediss://[::1]:7", Ok(("::1:7", true)));
        check("redis+unix:///run/redis.sock", Ok(("/run/redis.sock", false)));
    }

    #[test]
    fn a_url_that_cannot_work_is_refused() {
        check("rediss://:s3cret@db:1/2#insecure", Err("always verified"));
        check("rediss://:s3cret@db:port", Err("not usable"));
        check("rediss:", Err("not usable"));
        check("rediss+unix:///s3cret", Err("not usable"));
        check("http://:s3cret@db", Err("not usable"));
    }

    /// What speaks as little of Redis as its client needs, and is busy when it is told to be.
    struct Engine {
        address: std::net::SocketAddr,
        is_busy: Arc<AtomicBool>,
        greeted: Arc<AtomicUsize>,
    }

    impl Engine {
        async fn start() -> Self {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (is_busy, greeted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
            let engine = Self { address, is_busy: is_busy.clone(), greeted: greeted.clone() };
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    greeted.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(answer(stream, is_busy.clone()));
                }
            });
            engine
        }
    }

    async fn answer(stream: tokio::net::TcpStream, is_busy: Arc<AtomicBool>) {
        let mut stream = tokio::io::BufStream::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
            let words = line.trim().strip_prefix('*').and_then(|count| count.parse::<usize>().ok()).unwrap();
            let mut name = String::new();
            for number in 0..words * 2 {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
                if number == 1 {
                    name = line.trim().to_owned();
                }
            }
            line.clear();
            let busy = is_busy.load(Ordering::Relaxed);
            if busy && name == "PING" {
                return;
            }
            let reply = if busy && name == "SELECT" { "-BUSY a script runs\r\n" } else { "+PONG\r\n" };
            if stream.write_all(reply.as_bytes()).await.and(stream.flush().await).is_err() {
                return;
            }
        }
    }

    #[tokio::test]
    async fn a_server_that_has_refused_connections_is_asked_again_and_not_at_every_command() {
        let engine = Engine::start().await;
        let redis = Redis::connect(&format!("redis://{}/2", engine.address)).await.unwrap();
        redis.ping().await.unwrap();
        engine.is_busy.store(true, Ordering::Relaxed);
        let failed = tokio::join!(redis.ping(), redis.ping(), redis.ping());
        assert!(failed.0.and(failed.1).and(failed.2).is_err());
        assert_eq!(engine.greeted.load(Ordering::Relaxed), 1 + ATTEMPTS);
        engine.is_busy.store(false, Ordering::Relaxed);
        redis.ping().await.unwrap();
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn tls_is_not_set_up_for_nothing() {
        let tls = turbomcp_transport::tls::TlsConfig::default();
        let error = Redis::connect_with_tls("redis://127.0.0.1:1", &tls).await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("rediss://"), "{error}");
        let error = Redis::connect_with_tls("rediss://db", &tls.with_ca_bundle("/nowhere.pem")).await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("/nowhere.pem"), "{error}");
    }

    #[cfg(not(feature = "tls"))]
    #[tokio::test]
    async fn without_the_feature_tls_is_refused() {
        let error = Redis::connect("rediss://db").await.unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains("feature `tls`"), "{error}");
    }
}
