//! A bus over Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{PushInfo, PushKind, Value, cmd};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::{Bus, BusFuture, Heard, MESSAGE_BYTES, Subscription};
use crate::store::{Connection, Redis};

/// How many messages wait at most for whoever acts on them; what comes beyond that is dropped, and that is told.
const WAITING: usize = 512;

/// After how long a silent connection is asked for a sign of life.
const QUIET: Duration = Duration::from_secs(15);

/// A bus over the channels of Redis 6 or newer, or of what speaks its protocol.
///
/// The replicas of a server have the same prefix and database; the channel is `<prefix>bus:<database>`. It takes one
/// connection beside that of the handle.
///
/// ```no_run
/// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::bus::RedisBus;
/// use turbomcp_server::store::Redis;
///
/// let redis = Redis::connect("redis://127.0.0.1:6379").await?;
/// let server = ServerBuilder::new().with_bus(RedisBus::new(redis)).build();
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RedisBus {
    redis: Redis,
    channel: Arc<str>,
}

impl RedisBus {
    /// Takes the engine to use.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        // Channels are shared by all databases of an engine, which nobody expects of keys.
        let channel = redis.key(format_args!("bus:{}", redis.database())).into();
        Self { redis, channel }
    }
}

impl Bus for RedisBus {
    fn publish<'a>(&'a self, message: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move {
            let mut publish = cmd("PUBLISH");
            publish.arg(&*self.channel).arg(message);
            let _heard_by: u64 = self.redis.ask(&publish).await?;
            Ok(())
        })
    }

    fn subscribe(&self) -> BusFuture<'_, Box<dyn Subscription>> {
        Box::pin(async move {
            let (sender, messages) = mpsc::channel(WAITING);
            let is_missing = Arc::new(AtomicBool::new(false));
            let inbox = Inbox { sender, is_missing: is_missing.clone() };
            let opened = self.redis.listen(&self.channel, move |pushed| inbox.take(pushed)).await?;
            Ok(Box::new(Listening { opened, messages, is_missing }) as _)
        })
    }
}

/// Takes what the engine pushes, and cannot wait.
struct Inbox {
    /// None is the end of the connection.
    sender: Sender<Option<String>>,
    is_missing: Arc<AtomicBool>,
}

impl Inbox {
    fn take(&self, pushed: PushInfo) -> Result<(), redis::aio::SendError> {
        let sent = match (pushed.kind, pushed.data.get(1)) {
            (PushKind::Message, Some(Value::BulkString(bytes))) => {
                // What is too long is refused elsewhere, and not kept until then.
                let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES + 1)];
                self.sender.try_send(Some(String::from_utf8_lossy(bytes).into_owned()))
            }
            // Where there is no room, it is noticed when the connection is asked for a sign of life.
            (PushKind::Disconnection, _) => self.sender.try_send(None),
            _ => return Ok(()),
        };
        if sent.is_err() {
            self.is_missing.store(true, Ordering::Release);
        }
        Ok(())
    }
}

struct Listening {
    opened: Connection,
    messages: Receiver<Option<String>>,
    is_missing: Arc<AtomicBool>,
}

impl Subscription for Listening {
    fn next(&mut self) -> BusFuture<'_, Heard> {
        Box::pin(async {
            loop {
                if self.is_missing.swap(false, Ordering::AcqRel) {
                    return Ok(Heard::Missed);
                }
                match tokio::time::timeout(QUIET, self.messages.recv()).await {
                    Ok(Some(Some(message))) => return Ok(Heard::Message(message)),
                    Ok(Some(None) | None) => return Err("the connection to Redis broke".into()),
                    Err(_) => cmd("PING").query_async::<()>(&mut self.opened.connection).await?,
                }
            }
        })
    }
}
