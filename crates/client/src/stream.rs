//! A connection whose messages share one stream in each direction: stdio, memory, any [`Transport`].

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use turbomcp_protocol::Method;
use turbomcp_transport::metrics::Meter;
use turbomcp_transport::{Batch, Receive, Send as _, Transport};

use crate::Error;
use crate::exchange::{Answer, BoxFuture, Dress, Exchange, GiveUp, Notice, Outgoing, cancelled_params};
use crate::inbox::{Inbox, Registration};
use crate::outbox::Outbox;
use crate::sync::lock;

/// How long a server may take to end its side after this side has ended.
const CLOSING: Duration = Duration::from_secs(2);

/// Something that lives as long as the connection: the process at its other end, or a task.
pub(crate) trait Keep: Send + Sync {
    /// Ends it, once the server was told that no more will come.
    fn shut(&self) -> BoxFuture<'_, ()>;

    /// Finds out, within a short time, why the stream has ended.
    fn epitaph(&self) -> BoxFuture<'static, String> {
        Box::pin(std::future::ready("the server ended".to_owned()))
    }
}

pub(crate) struct StreamLink {
    outbox: Arc<Outbox>,
    inbox: Arc<Inbox>,
    driver: Mutex<Option<JoinHandle<()>>>,
    keep: Option<Box<dyn Keep>>,
}

impl StreamLink {
    /// Starts reading and writing.
    pub(crate) fn start<T: Transport>(transport: T, inbox: Arc<Inbox>, keep: Option<Box<dyn Keep>>) -> Arc<Self> {
        let outbox = Arc::new(Outbox::default());
        let epitaph = keep.as_ref().map(|keep| keep.epitaph());
        let driver = tokio::spawn(drive(transport, outbox.clone(), inbox.clone(), epitaph));
        Arc::new(Self { outbox, inbox, driver: Mutex::new(Some(driver)), keep })
    }
}

/// Serves both directions in one task, so that a request is written in the turn that was woken for it.
async fn drive<T: Transport>(
    transport: T,
    outbox: Arc<Outbox>,
    inbox: Arc<Inbox>,
    epitaph: Option<BoxFuture<'static, String>>,
) {
    let (mut receive, mut send) = transport.split();
    let _opened = inbox.meter().map(Meter::opened);
    let answer = |question| {
        let outbox = outbox.clone();
        inbox.answer(question, |answer| async move {
            outbox.ready().await;
            outbox.push(|buffer| buffer.extend_from_slice(&answer));
        });
    };
    let reading = async {
        let why = loop {
            match receive.recv().await {
                Ok(Some(frame)) => {
                    for question in inbox.frame(&frame) {
                        answer(question);
                    }
                }
                Err(error) if error.is_oversized() => inbox.oversized(&error).into_iter().for_each(&answer),
                Ok(None) => match epitaph {
                    Some(epitaph) => break epitaph.await,
                    None => break "the server ended".to_owned(),
                },
                Err(error) => {
                    inbox.meter().iter().for_each(|meter| meter.broken());
                    break error.to_string();
                }
            }
        };
        inbox.close(&why);
        outbox.close();
    };
    let (written, meter) = (outbox.clone(), inbox.meter().cloned());
    let writing = async move {
        let outbox = written;
        let mut batch = Vec::new();
        while outbox.take(&mut batch).await {
            if let Err(error) = send.send(Batch::from_lines(&batch)).await {
                tracing::debug!(%error, "the server cannot be written to");
                // What the server has said before is still read; the end of that ends the connection.
                outbox.close();
                return;
            }
            if let Some(meter) = &meter {
                let messages = batch.iter().filter(|byte| **byte == b'\n').count();
                meter.sent(messages, batch.len() - messages);
            }
        }
        let _ = send.close().await;
        // The pipe to a process is only closed by letting go of it.
        drop(send);
    };
    let (mut reading, mut writing) = (pin!(reading), pin!(writing));
    let mut is_over = false;
    poll_fn(|cx| {
        is_over = is_over || writing.as_mut().poll(cx).is_ready();
        let read = reading.as_mut().poll(cx);
        // What the reader caused to be written is written at once.
        is_over = is_over || writing.as_mut().poll(cx).is_ready();
        read
    })
    .await;
}

impl Exchange for StreamLink {
    fn exchange<'a>(&'a self, request: &'a Outgoing<'a>) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            self.outbox.ready().await;
            let (registration, answer) = self.inbox.register(request.id, request.tracking)?;
            if !self.outbox.push(|buffer| request.write(buffer)) {
                return Err(Error::closed("the connection has ended").with_nothing_sent());
            }
            let mut waiting = Waiting { link: self, registration, id: request.id, give_up: request.give_up };
            let answer = answer.await;
            waiting.give_up = GiveUp::Silently;
            answer.unwrap_or_else(|_| Err(Error::closed("the connection has ended")))
        })
    }

    fn notify<'a>(&'a self, notice: Notice<'a>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.outbox.ready().await;
            match self.outbox.push(|buffer| notice.write(buffer)) {
                true => Ok(()),
                false => Err(Error::closed("the connection has ended")),
            }
        })
    }

    fn agreed(&self, dress: &Arc<Dress>) {
        self.inbox.set_revision(dress.revision);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.outbox.close();
            if let Some(keep) = &self.keep {
                keep.shut().await;
            }
            let driver = lock(&self.driver).take();
            if let Some(mut driver) = driver
                && tokio::time::timeout(CLOSING, &mut driver).await.is_err()
            {
                driver.abort();
                let _ = driver.await;
            }
            self.inbox.close("it was closed here");
        })
    }

    fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }
}

impl Drop for StreamLink {
    fn drop(&mut self) {
        if let Some(driver) = lock(&self.driver).take() {
            driver.abort();
        }
        self.inbox.close("it was dropped here");
    }
}

/// Tells the server when nobody waits for an answer any more.
struct Waiting<'a> {
    link: &'a StreamLink,
    registration: Registration,
    id: u64,
    give_up: GiveUp,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // The server is told only of a request it may still be working on.
        if self.registration.withdraw() && self.give_up == GiveUp::Cancel {
            let params = cancelled_params(self.id);
            let dress = Dress::legacy(None);
            let notice = Notice { dress: &dress, method: &Method::CANCELLED, params: &params };
            self.link.outbox.push(|buffer| notice.write(buffer));
        }
    }
}
