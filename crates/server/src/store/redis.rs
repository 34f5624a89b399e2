//! A connection to Redis, or to what speaks its protocol.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{AsyncPushSender, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, ProtocolVersion, RedisError, ScriptInvocation};

use super::StoreError;

/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// How long a command may take in all, the wait for a connection that comes back included.
const COMMAND: Duration = Duration::from_secs(5);

/// How many attempts to connect follow each other before those that wait are told.
const ATTEMPTS: usize = 6;

/// The longest pause between them.
const PAUSE: Duration = Duration::from_millis(500);

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
    client: Client,
    connection: ConnectionManager,
}

impl Redis {
    /// Connects to a server: `redis://[user[:password]@]host[:port][/database]`, or `redis+unix:///path`.
    ///
    /// # Errors
    ///
    /// If the URL is malformed or asks for TLS ([`StoreError::is_configuration`]), or the server cannot be reached or refuses
    /// the password.
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
        if url.starts_with("rediss:") {
            return Err(StoreError::configuration("the URL of Redis asks for TLS, which is not offered"));
        }
        let malformed = |error: RedisError| {
            // Its source may quote the URL, and with it the password.
            StoreError::configuration(format!("the URL of Redis is not usable: {}", error.category()))
        };
        let client = Client::open(url).map_err(malformed)?;
        let address = client.get_connection_info().addr().to_string();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_number_of_retries(ATTEMPTS)
            .set_max_delay(PAUSE);
        let opening = ConnectionManager::new_with_config(client.clone(), config);
        let connection = match tokio::time::timeout(COMMAND, opening).await {
            Ok(opened) => opened.map_err(|error| unavailable(&address, error))?,
            Err(_) => return Err(late(&address)),
        };
        Ok(Self { shared: Arc::new(Shared { address, client, connection }), prefix: PREFIX.into() })
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
        let mut connection = self.shared.connection.clone();
        self.within(async {
            match command.query_async(&mut connection).await {
                Err(error) if is_broken(&error) => command.query_async(&mut connection).await,
                outcome => outcome,
            }
        })
        .await
    }

    /// Runs a script that may be run twice: it is run again if the connection broke before its answer.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut connection = self.shared.connection.clone();
        self.within(async {
            match script.invoke_async(&mut connection).await {
                Err(error) if is_broken(&error) => script.invoke_async(&mut connection).await,
                outcome => outcome,
            }
        })
        .await
    }

    /// Returns the number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.shared.client.get_connection_info().redis_settings().db()
    }

    /// Opens a connection beside the shared one, on which the messages of a channel are handed to `push`.
    pub(crate) async fn listen(
        &self,
        channel: &str,
        push: impl AsyncPushSender,
    ) -> Result<MultiplexedConnection, StoreError> {
        let info = self.shared.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(push);
        self.within(async {
            let client = Client::open(info.set_redis_settings(settings))?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            connection.subscribe(channel).await?;
            Ok(connection)
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

/// Returns true if there may be another connection to try on.
fn is_broken(error: &RedisError) -> bool {
    error.is_connection_dropped() || error.is_unrecoverable_error() || error.is_io_error() && !error.is_timeout()
}

fn unavailable(address: &str, error: RedisError) -> StoreError {
    StoreError::unavailable(format!("Redis at {address} failed")).with_source(error)
}

fn late(address: &str) -> StoreError {
    StoreError::unavailable(format!("Redis at {address} did not answer in time"))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.shared.address).field("prefix", &self.prefix).finish()
    }
}
