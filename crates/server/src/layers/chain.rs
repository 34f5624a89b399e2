//! How layers stand around each other, in one future.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use turbomcp_protocol::{ErrorCode, McpError};

use crate::deadline::Over;
use crate::inner::Inner;
use crate::request::{Request, Response};
use crate::run::contain;
use crate::stack::{BoxError, BoxFuture, Call, Stack};

/// Whatever answers a request: what is innermost, or a layer around it.
pub(super) trait Answer: Send + Sync + 'static {
    fn answer(&self, request: Request) -> impl Future<Output = Response> + Send;
}

/// Whatever stands around an [`Answer`].
pub(super) trait Layer: Send + Sync + 'static {
    fn around(&self, request: Request, rest: &impl Answer) -> impl Future<Output = Response> + Send;
}

/// A place in the order of layers, which may be empty.
pub(super) struct Place<L>(pub(super) Option<Arc<L>>);

/// A layer in its place.
pub(super) struct Placed<L, R> {
    layer: Option<Arc<L>>,
    rest: R,
}

impl<L: Layer, R: Answer> tower_layer::Layer<R> for Place<L> {
    type Service = Placed<L, R>;

    fn layer(&self, rest: R) -> Placed<L, R> {
        Placed { layer: self.0.clone(), rest }
    }
}

impl<L: Layer, R: Answer> Answer for Placed<L, R> {
    async fn answer(&self, request: Request) -> Response {
        match &self.layer {
            Some(layer) => layer.around(request, &self.rest).await,
            None => self.rest.answer(request).await,
        }
    }
}

/// What users have put around the handlers, and those.
///
/// Panics are contained here, and the end of time is heard of, so that the layers around it see what becomes of a
/// request.
pub(super) struct Innermost(pub(super) Stack);

impl Answer for Innermost {
    async fn answer(&self, request: Request) -> Response {
        let inner = request.inner().clone();
        let mut request = Some(request);
        let mut future = None;
        poll_fn(|cx| {
            if let Some(over) = inner.has_run_out() {
                return Poll::Ready(ran_out(over));
            }
            contain(&inner, || {
                // To find a handler runs code of users, too.
                let future = future.get_or_insert_with(|| {
                    let request = request.take().expect("a future is made once");
                    self.0.call(request)
                });
                Pin::new(future).poll(cx)
            })
        })
        .await
    }
}

/// Answers that there was no time left.
///
/// Nobody knows what a handler has done until then, so neither is an error after which a request may simply be repeated.
pub(crate) fn ran_out(over: Over) -> Response {
    let message = match over {
        Over::Time => "the request ran out of time",
        Over::Server => "the server has ended before the request was done",
    };
    Response::error(McpError::new(ErrorCode::INTERNAL_ERROR, message))
}

/// The layers as a part of the stack: one box for all of them.
pub(super) struct Entrance<A> {
    chain: Arc<A>,
    rest: Stack,
}

impl<A: Answer> Entrance<A> {
    pub(super) fn new(chain: A, rest: Stack) -> Self {
        Self { chain: Arc::new(chain), rest }
    }
}

impl<A: Answer> Call for Entrance<A> {
    fn call(&self, request: Request) -> BoxFuture<Result<Response, BoxError>> {
        if request.inner().is_unseen() {
            // Nobody has sent it: it asks the layers of users who somebody is.
            return Box::pin(self.rest.call(request));
        }
        let chain = self.chain.clone();
        Box::pin(async move { Ok(chain.answer(request).await) })
    }
}

impl Inner {
    /// Tells the layers that there is no time left.
    pub(crate) fn set_run_out(&self, over: Over) {
        let _ = self.run_out.set(over);
    }

    pub(super) fn has_run_out(&self) -> Option<Over> {
        self.run_out.get().copied()
    }
}
