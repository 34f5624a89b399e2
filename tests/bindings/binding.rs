//! What a binding is to the suite: how the server is started on it, and the ways to that server.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use turbomcp::client::Target;
use turbomcp::transport::lines::Lines;
use turbomcp_tests::stage::{Counts, Order, Plan, Stage};
pub use turbomcp_tests::websocket::Stream;

use crate::papers::Papers;
use crate::raw::Raw;
use crate::relay::Relay;

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub type BoxStream = Box<dyn Stream>;

/// Starts the server of the suite on one binding.
pub trait Binding: Sync {
    fn name(&self) -> &'static str;

    fn start<'a>(&'a self, plan: &'a Plan, papers: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)>;
}

/// The ways to a server that runs.
pub trait Door: Send + Sync {
    /// Opens a connection on which nothing was said yet, not even by the binding.
    fn dial(&self) -> Boxed<'_, BoxStream>;

    /// Says where our client finds the server.
    ///
    /// Unless the binding has ports, whoever goes by way of a relay is connected to it here.
    fn target<'a>(&'a self, way: Way<'a>) -> Boxed<'a, Target> {
        Box::pin(async move {
            let stream = self.dial().await;
            let stream = match way.relay {
                Some(relay) => relay.over(stream),
                None => stream,
            };
            let (reader, writer) = tokio::io::split(stream);
            Target::transport(Lines::new(reader, writer).max_message_bytes(way.max_message_bytes))
        })
    }

    /// Says the same, with what says who our client is; none if the binding carries nothing of the kind.
    fn known(&self) -> Boxed<'_, Option<Target>> {
        Box::pin(async { None })
    }

    /// Opens a connection to say anything on, within the framing of the binding.
    fn raw(&self) -> Boxed<'_, Raw> {
        Box::pin(async move { Raw::lines(self.dial().await) })
    }

    /// Returns true if our client starts the server, and so starts it again after it was killed.
    fn starts_again(&self) -> bool {
        false
    }

    /// Opens a relay to the server, which passes on bytes until it is told otherwise.
    fn relay(&self) -> Boxed<'_, Relay> {
        Box::pin(async { Relay::new() })
    }
}

/// How our client gets to the server.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    pub relay: Option<&'a Relay>,
    /// What a transport that is made here takes; others are told by the client.
    pub max_message_bytes: usize,
}

/// What is done to the server from outside.
pub trait Control: Send + Sync {
    /// Has the server do something, and waits until it is done.
    fn order(&self, order: Order) -> Boxed<'_, ()>;

    /// Hears what the server counts.
    fn counts(&self) -> watch::Receiver<Counts>;

    /// Ends the server without a word.
    fn kill(&self);

    /// Waits until the server has ended.
    fn ended(&self) -> Boxed<'_, ()>;
}

/// A server in this process.
pub struct InProcess {
    pub stage: Stage,
    serving: Mutex<Vec<JoinHandle<()>>>,
}

impl InProcess {
    pub fn new(plan: &Plan) -> Arc<Self> {
        Arc::new(Self { stage: Stage::new(plan), serving: Mutex::default() })
    }

    /// Drives what serves.
    pub fn serve(&self, serving: impl Future<Output = Result<(), turbomcp::Error>> + Send + 'static) {
        self.serving.lock().unwrap().push(tokio::spawn(async move {
            match serving.await {
                Err(error) if error.is_refused() => {}
                served => served.unwrap(),
            }
        }));
    }
}

impl Control for InProcess {
    fn order(&self, order: Order) -> Boxed<'_, ()> {
        self.stage.perform(order);
        Box::pin(async {})
    }

    fn counts(&self) -> watch::Receiver<Counts> {
        self.stage.counts()
    }

    fn kill(&self) {
        self.serving.lock().unwrap().iter().for_each(JoinHandle::abort);
    }

    fn ended(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            let serving = std::mem::take(&mut *self.serving.lock().unwrap());
            for serving in serving {
                // A task that was aborted has ended, too; one that panicked says so itself.
                let _ = serving.await;
            }
        })
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
