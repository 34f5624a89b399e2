//! A bus over PostgreSQL.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client};

use super::{Bus, BusFuture, Heard, Subscription};
use crate::BoxError;
use crate::store::{Postgres, PostgresDriver};

/// The channel of whoever does not name one.
const CHANNEL: &str = "turbomcp_bus";

/// The longest name of a channel in bytes; PostgreSQL would cut off the rest.
const CHANNEL_BYTES: usize = 63;

/// After how long a silent connection is asked for a sign of life, and how long it may take to give one.
const QUIET: Duration = Duration::from_secs(15);

/// A bus over `LISTEN` and `NOTIFY` of PostgreSQL.
///
/// The replicas of a server use the same database and channel. It takes one connection beside those of the handle.
/// One that goes through a pooler has to be pooled by session, not by transaction or statement.
///
/// ```no_run
/// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::bus::PostgresBus;
/// use turbomcp_server::store::Postgres;
///
/// let postgres = Postgres::connect("postgres://mcp@127.0.0.1/calendar").await?;
/// let server = ServerBuilder::new().with_bus(PostgresBus::new(postgres)).build();
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresBus {
    postgres: Postgres,
    channel: Arc<str>,
}

impl PostgresBus {
    /// Takes the engine to use; the channel is `turbomcp_bus`.
    #[must_use]
    pub fn new(postgres: Postgres) -> Self {
        Self { postgres, channel: CHANNEL.into() }
    }

    /// Sets the channel, so that several servers share a database without hearing each other.
    ///
    /// # Errors
    ///
    /// If the name is empty or longer than 63 bytes, or has a NUL in it ([`StoreError::is_configuration`]).
    ///
    /// [`StoreError::is_configuration`]: crate::store::StoreError::is_configuration
    pub fn with_channel(mut self, name: &str) -> Result<Self, crate::store::StoreError> {
        if name.is_empty() || name.len() > CHANNEL_BYTES || name.contains('\0') {
            let message = format!("{name:?} is not a channel of PostgreSQL: write 1 to {CHANNEL_BYTES} bytes");
            return Err(crate::store::StoreError::configuration(message));
        }
        self.channel = name.into();
        Ok(self)
    }
}

impl Bus for PostgresBus {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move {
            let channel = &*self.channel;
            let params: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] =
                &[(&channel, Type::TEXT), (&message, Type::TEXT)];
            self.postgres.query("SELECT pg_notify($1, $2)", params).await?;
            Ok(())
        })
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        Box::pin(async move {
            let (client, driver) = self.postgres.listen().await?;
            let mut listening = Driven { driver, heard: VecDeque::new() };
            let statement = format!("LISTEN \"{}\"", self.channel.replace('"', "\"\""));
            listening.drive(client.batch_execute(&statement)).await??;
            Ok(Box::new(Listening { client, listening }) as _)
        })
    }
}

struct Listening {
    client: Client,
    listening: Driven,
}

/// A connection that does something only while somebody waits for something.
struct Driven {
    driver: PostgresDriver,
    heard: VecDeque<String>,
}

impl Driven {
    /// Reads from the connection until `done` is, and keeps what is heard meanwhile.
    async fn drive<T>(&mut self, done: impl Future<Output = T>) -> Result<T, BoxError> {
        let mut done = pin!(done);
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = done.as_mut().poll(cx) {
                return Poll::Ready(Ok(outcome));
            }
            loop {
                match self.driver.poll_message(cx) {
                    Poll::Ready(Some(Ok(message))) => self.heard.extend(text_of(message)),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                    Poll::Ready(None) => return Poll::Ready(Err("the connection to PostgreSQL ended".into())),
                    // What was read may have been what is waited for.
                    Poll::Pending => return done.as_mut().poll(cx).map(Ok),
                }
            }
        })
        .await
    }

    /// Waits for what is heard next.
    async fn next(&mut self) -> Result<String, BoxError> {
        loop {
            if let Some(text) = self.heard.pop_front() {
                return Ok(text);
            }
            let message = poll_fn(|cx| self.driver.poll_message(cx)).await;
            self.heard.extend(text_of(message.ok_or("the connection to PostgreSQL ended")??));
        }
    }
}

fn text_of(message: AsyncMessage) -> Option<String> {
    match message {
        AsyncMessage::Notification(notification) => Some(notification.payload().to_owned()),
        _ => None,
    }
}

impl Subscription for Listening {
    fn next(&mut self) -> BusFuture<'_, Heard> {
        Box::pin(async {
            loop {
                match tokio::time::timeout(QUIET, self.listening.next()).await {
                    Ok(text) => return Ok(Heard::Message(text?)),
                    Err(_) => {
                        let alive = self.listening.drive(self.client.batch_execute(""));
                        tokio::time::timeout(QUIET, alive).await???;
                    }
                }
            }
        })
    }
}
