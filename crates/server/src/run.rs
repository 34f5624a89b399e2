//! Driving one request to its response.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tracing::Span;
use turbomcp_protocol::McpError;

use crate::deadline::{Deadline, Over};
#[cfg(feature = "dashboard")]
use crate::http::dashboard::Seen;
use crate::inner::Inner;
use crate::metrics::{End, ErrorType};
use crate::request::{Request, Response};
use crate::stack::{BoxError, StackFuture};
use crate::sync::lock;
use crate::{layers, trace};

/// A request on its way through the stack: contains panics, keeps the time limit, ends when cancelled, and turns a
/// handler that waits for its client into the question to the client.
///
/// Resolves to `None` if the request was cancelled and must not be answered.
pub(crate) struct Run {
    inner: Arc<Inner>,
    future: StackFuture,
    deadline: Option<Deadline>,
    span: Span,
    /// Whether it is counted and has not ended.
    is_counted: bool,
    /// What the dashboard notes of it, if there is one.
    #[cfg(feature = "dashboard")]
    seen: Option<Box<Seen>>,
}

impl Run {
    /// Hands a request to the stack, where it is counted and traced.
    pub(crate) fn start(inner: Arc<Inner>, request: Request) -> Self {
        let span = trace::span(&inner, request.extensions());
        inner.server.metrics().begin();
        #[cfg(feature = "dashboard")]
        let seen = Seen::begin(&inner, &request);
        let future = span.in_scope(|| call(&inner, request));
        Self {
            inner,
            future,
            deadline: None,
            span,
            is_counted: true,
            #[cfg(feature = "dashboard")]
            seen,
        }
    }

    /// Hands something to the stack that stands for a request and that no client has sent.
    #[cfg(feature = "http")]
    pub(crate) fn start_unseen(inner: Arc<Inner>, request: Request) -> Self {
        inner.set_unseen();
        let future = call(&inner, request);
        Self {
            inner,
            future,
            deadline: None,
            span: Span::none(),
            is_counted: false,
            #[cfg(feature = "dashboard")]
            seen: None,
        }
    }

    /// Ends a request that is answered with an error in the place of its handler.
    pub(crate) fn refused(&mut self, error: &McpError) {
        self.ended(Err(ErrorType::of(error)));
    }

    fn ended(&mut self, how: Result<(), ErrorType>) {
        if let Err(error) = how
            && !self.span.is_disabled()
        {
            trace::failed(&self.span, error);
        }
        self.count(how.map_or_else(End::Error, |()| End::Success));
    }

    fn count(&mut self, end: End) {
        if std::mem::take(&mut self.is_counted) {
            self.inner.server.metrics().end(&self.inner.method, self.inner.started, end);
            #[cfg(feature = "dashboard")]
            if let Some(seen) = self.seen.take() {
                seen.ended(&self.inner, end);
            }
        }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Polls once, before anything is set up for waiting: most handlers need no more.
    pub(crate) fn poll_once(&mut self) -> Poll<Response> {
        let polled = self.poll_future(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(response) = &polled {
            self.inner.set_answered();
            self.answered(response);
        }
        polled
    }

    /// Starts the clock; called when the handler turns out to wait.
    pub(crate) fn start_clock(&mut self) {
        self.deadline = Deadline::of(&self.inner, self.inner.server.time_limit(&self.inner));
    }

    fn answered(&mut self, response: &Response) {
        self.ended(ErrorType::of_response(response).map_or(Ok(()), Err));
    }

    /// Ends a request for which there is no time left: by way of its layers, if any want to see that.
    fn run_out(&mut self, over: Over, cx: &mut Context<'_>) -> Response {
        if self.inner.server.built_in().is_some() {
            self.inner.set_run_out(over);
            if let Poll::Ready(response) = self.poll_future(cx) {
                return response;
            }
        }
        layers::ran_out(over)
    }

    fn poll_future(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let _entered = self.span.enter();
        let future = &mut self.future;
        match contain(&self.inner, || Pin::new(future).poll(cx)) {
            Poll::Ready(response) => Poll::Ready(response),
            Poll::Pending => match lock(&self.inner.inputs).required(&self.inner) {
                Some(response) => Poll::Ready(response),
                None => Poll::Pending,
            },
        }
    }
}

/// Polls what answers a request, where neither a panic nor an error gets any further.
///
/// The one place where what a layer returned as an error becomes an answer.
pub(crate) fn contain(inner: &Inner, poll: impl FnOnce() -> Poll<Result<Response, BoxError>>) -> Poll<Response> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(Response::error(McpError::from_boxed(error))),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(panicked(inner, panic.as_ref())),
    }
}

/// Hands a request to the stack; a layer can panic before it has a future to be polled.
fn call(inner: &Inner, request: Request) -> StackFuture {
    let stack = inner.server.stack();
    catch_unwind(AssertUnwindSafe(|| stack.call(request)))
        .unwrap_or_else(|panic| StackFuture::answered(panicked(inner, panic.as_ref())))
}

fn panicked(inner: &Inner, panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(method = %inner.method, panic = text.unwrap_or("?"), "a handler panicked");
    Response::error(McpError::internal_error())
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
            if this.inner.is_cancelled() {
                return Poll::Ready(None);
            }
            this.answered(&response);
            return Poll::Ready(Some(response));
        }
        if let Some(deadline) = &mut this.deadline
            && let Poll::Ready(over) = deadline.poll(cx)
        {
            let response = this.run_out(over, cx);
            this.inner.set_answered();
            this.ended(Err(match over {
                Over::Time => ErrorType::Timeout,
                Over::Server => ErrorType::Unavailable,
            }));
            return Poll::Ready(Some(response));
        }
        Poll::Pending
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.count(End::Cancelled);
        // Whoever the handler left behind learns that nobody waits any more.
        self.inner.cancel();
        self.inner.outlet.end();
    }
}
