//! A call while it is run, and what is kept of it however it ends.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{IdempotencyConfig, Keyed, OnceCall, record};
use crate::inner::Inner;
use crate::layers::sharing::write_identity;
use crate::request::Response;

/// A call that is being run.
pub(super) struct Held {
    config: IdempotencyConfig,
    inner: Arc<Inner>,
    /// None once it is written what has become of it.
    keyed: Option<Keyed>,
    /// What has become of it, from when that is known until it is written.
    end: Option<End>,
}

enum End {
    Kept(Vec<u8>),
    Forgotten,
}

impl Held {
    pub(super) fn new(config: &IdempotencyConfig, keyed: Keyed, inner: &Arc<Inner>) -> Self {
        Self { config: config.clone(), inner: inner.clone(), keyed: Some(keyed), end: None }
    }

    pub(super) fn call(&self) -> Option<OnceCall<'_>> {
        self.keyed.as_ref().map(Keyed::call)
    }

    /// Keeps an answer, or forgets the call.
    ///
    /// If it is dropped, that goes on without it.
    pub(super) async fn answered(mut self, response: &Response) {
        self.end = self.keyed.as_ref().map(|keyed| self.end_by(keyed, Some(response)));
        if let (Some(keyed), Some(end)) = (&self.keyed, &self.end) {
            write(&self.config, keyed, end).await;
        }
        self.keyed = None;
    }

    fn end_by(&self, keyed: &Keyed, response: Option<&Response>) -> End {
        let inner = &self.inner;
        if !inner.has_begun() || !is_still(&keyed.caller, inner) {
            return End::Forgotten;
        }
        let kept = match response.filter(|_| inner.has_run_out().is_none()) {
            // It is on the way to another right.
            Some(_) if inner.refusal.get().is_some() => None,
            Some(response) => record::write(response, self.config.max_answer_bytes),
            None if keyed.may_begin_again => None,
            None => record::unknown(),
        };
        kept.map_or(End::Forgotten, End::Kept)
    }

    /// Says what has become of a call whose answer nobody waits for any more.
    fn end_of_dropped(&self, keyed: &Keyed) -> End {
        // Its client was asked for input, and calls again with the same key.
        let has_asked = self.inner.is_answered() && self.inner.has_run_out().is_none();
        if has_asked { End::Forgotten } else { self.end_by(keyed, None) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(keyed), Ok(runtime)) = (self.keyed.take(), Handle::try_current()) else { return };
        let end = self.end.take().unwrap_or_else(|| self.end_of_dropped(&keyed));
        let config = self.config.clone();
        // It is short, and without it the lease runs out.
        runtime.spawn(async move { write(&config, &keyed, &end).await });
    }
}

async fn write(config: &IdempotencyConfig, keyed: &Keyed, end: &End) {
    let (call, store) = (keyed.call(), &config.store.0);
    match end {
        End::Kept(answer) => match store.finish(call, answer, config.ttl, config.bounds()).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("what a call with an idempotency key has answered is not kept: it was begun again");
            }
            // Its lease runs out: until then nobody runs it again.
            Err(error) => {
                tracing::error!(%error, "what a call with an idempotency key has answered is not kept");
            }
        },
        End::Forgotten => {
            if let Err(error) = store.release(call).await {
                tracing::debug!(%error, "an idempotency key is free once its lease is over");
            }
        }
    }
}

/// Returns true if it was run for whoever the key says: a layer further in may have found out who calls.
fn is_still(caller: &[u8], inner: &Inner) -> bool {
    inner.extensions.get().is_some_and(|extensions| {
        let mut now = Vec::with_capacity(caller.len());
        write_identity(extensions, &mut now);
        now == caller
    })
}
