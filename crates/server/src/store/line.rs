//! The connection to Redis that commands share: opened, and opened again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisConnectionInfo, RedisError,
};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::secure::{self, Tls};

/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// How many attempts to connect follow each other before those that wait are told.
pub(super) const ATTEMPTS: usize = 6;

/// The shortest pause between them; each is twice as long as the one before.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest.
const LONGEST: Duration = Duration::from_millis(500);

/// Where Redis is, and how it is spoken to.
pub(super) struct Target {
    pub(super) info: ConnectionInfo,
    pub(super) tls: Option<Tls>,
}

impl Target {
    /// Says for every connection how long things may take.
    pub(super) fn times() -> AsyncConnectionConfig {
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER))
    }

    /// Opens a connection.
    pub(super) async fn open(
        &self,
        settings: &RedisConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> Result<Connection, RedisError> {
        let Some(tls) = &self.tls else {
            let client = Client::open(self.info.clone().set_redis_settings(settings.clone()))?;
            let connection = client.get_multiplexed_async_connection_with_config(config).await?;
            return Ok(Connection { connection, _driver: None });
        };
        let ConnectionAddr::Tcp(host, port) = self.info.addr() else {
            unreachable!("only what is reached over TCP is spoken to over TLS");
        };
        let stream = tls.connect(host, *port, CONNECT).await?;
        let opening = MultiplexedConnection::new_with_config(settings, stream, config.clone());
        let (connection, driver) = timeout(ANSWER, opening).await.map_err(io::Error::from)??;
        let driver = Some(Arc::new(Running(tokio::spawn(driver).abort_handle())));
        Ok(Connection { connection, _driver: driver })
    }

    async fn open_patiently(&self) -> Result<Connection, RedisError> {
        let mut pause = SHORTEST;
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match self.open(self.info.redis_settings(), &Self::times()).await {
                Err(error) if left > 0 && may_pass(&error) => {}
                outcome => return outcome,
            }
            sleep(pause).await;
            pause = LONGEST.min(pause * 2);
        }
    }
}

/// Returns true if it may be another the next time: a wrong password is no less wrong then, nor is a certificate.
fn may_pass(error: &RedisError) -> bool {
    error.kind() != ErrorKind::AuthenticationFailed && secure::told(error).is_none()
}

/// A task that ends with its owner.
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An open connection; it is closed with its last clone.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) connection: MultiplexedConnection,
    /// What reads and writes it, unless the connection itself owns that.
    _driver: Option<Arc<Running>>,
}

/// A connection that is being opened, that is open, or that could not be opened, since when it could not.
pub(super) struct Line {
    outcome: watch::Receiver<Option<Result<Connection, (RedisError, Instant)>>>,
    _opening: Running,
}

impl Line {
    /// Begins to open one; that goes on if those who wait for it give up.
    pub(super) fn open(target: Arc<Target>) -> Arc<Self> {
        Self::open_at(target, Instant::now())
    }

    fn open_at(target: Arc<Target>, at: Instant) -> Arc<Self> {
        let (sender, outcome) = watch::channel(None);
        let opening = tokio::spawn(async move {
            sleep_until(at).await;
            let opened = target.open_patiently().await;
            // Whoever gave it up has no use for it.
            let _ = sender.send(Some(opened.map_err(|error| (error, Instant::now()))));
        });
        Arc::new(Self { outcome, _opening: Running(opening.abort_handle()) })
    }

    /// Begins to open another one if this could not be opened, but not right after that: what a password or a certificate
    /// has failed is not asked again by each command.
    pub(super) fn another(&self, target: &Arc<Target>) -> Option<Arc<Self>> {
        match &*self.outcome.borrow() {
            Some(Err((_, since))) => Some(Self::open_at(target.clone(), *since + LONGEST)),
            _ => None,
        }
    }

    /// Waits until it is open.
    pub(super) async fn connection(&self) -> Result<Connection, RedisError> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Ok(opened))) => Ok(opened.clone()),
            Ok(Some(Err((error, _)))) => Err(error.clone()),
            _ => Err(io::Error::from(io::ErrorKind::NotConnected).into()),
        }
    }
}
