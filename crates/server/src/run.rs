//! Driving one request to its response.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use turbomcp_protocol::{ErrorCode, McpError};

use crate::deadline::Deadline;
use crate::inner::Inner;
use crate::request::Response;
use crate::stack::{BoxError, StackFuture};
use crate::sync::lock;

/// A request on its way through the stack: contains panics, keeps the time limit, ends when cancelled, and turns a
/// handler that waits for its client into the question to the client.
///
/// Resolves to `None` if the request was cancelled and must not be answered.
pub(crate) struct Run {
    inner: Arc<Inner>,
    future: StackFuture,
    deadline: Option<Deadline>,
}

impl Run {
    pub(crate) fn new(inner: Arc<Inner>, future: StackFuture) -> Self {
        Self { inner, future, deadline: None }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Polls once, before anything is set up for waiting: most handlers need no more.
    pub(crate) fn poll_once(&mut self) -> Poll<Response> {
        let polled = self.poll_future(&mut Context::from_waker(Waker::noop()));
        if polled.is_ready() {
            self.inner.set_answered();
        }
        polled
    }

    /// Starts the clock; called when the handler turns out to wait.
    pub(crate) fn start_clock(&mut self) {
        let limit = self.inner.timeout.get().copied().unwrap_or(self.inner.server.limits().request_timeout);
        let left = limit.saturating_sub(self.inner.started.elapsed());
        if limit < Duration::MAX {
            self.deadline = Some(Deadline::new(left));
        }
    }

    fn poll_future(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let future = &mut self.future;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(cx))) {
            Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(self.recover(error)),
            Ok(Poll::Pending) => match lock(&self.inner.inputs).required(&self.inner) {
                Some(response) => Poll::Ready(response),
                None => Poll::Pending,
            },
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(method = %self.inner.method, panic = text.unwrap_or("?"), "a handler panicked");
                Poll::Ready(Response::error(McpError::internal_error()))
            }
        }
    }

    /// The one place where what a layer returned as an error becomes an answer.
    fn recover(&self, error: BoxError) -> Response {
        Response::error(McpError::from_boxed(error))
    }
}

impl Future for Run {
    type Output = Option<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Before the checks, so that whatever they look at wakes this task if it changes after them.
        this.inner.set_driver(cx.waker());
        if this.inner.is_cancelled() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(response) = this.poll_future(cx) {
            this.inner.set_answered();
            return Poll::Ready((!this.inner.is_cancelled()).then_some(response));
        }
        if let Some(deadline) = &mut this.deadline
            && deadline.poll(cx, &this.inner.asked).is_ready()
        {
            this.inner.set_answered();
            let error = McpError::new(ErrorCode::INTERNAL_ERROR, "the request ran out of time");
            return Poll::Ready(Some(Response::error(error)));
        }
        Poll::Pending
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Whoever the handler left behind learns that nobody waits any more.
        self.inner.cancel();
        self.inner.outlet.end();
    }
}
