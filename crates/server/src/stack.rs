//! The Tower stack every request passes, and the middleware trait that adapts onto it.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;
use turbomcp_protocol::McpError;

use crate::request::{Request, Response};
use crate::router::{RouteFuture, Router};

/// The error type of services in the stack, as everywhere in Tower.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The service a layer wraps: the rest of the stack, down to the handler.
#[derive(Clone)]
pub struct Handle {
    stack: Stack,
}

/// The whole stack.
#[derive(Clone)]
pub(crate) enum Stack {
    /// Without layers there is nothing to box.
    Bare(Router),
    Layered(Arc<dyn Call>),
}

/// A service that can be shared: each call works on a clone of its own.
pub(crate) trait Call: Send + Sync {
    fn call(&self, request: Request) -> BoxFuture<Result<Response, BoxError>>;
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<S> Call for S
where
    S: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn call(&self, request: Request) -> BoxFuture<Result<Response, BoxError>> {
        let mut service = self.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            Service::call(&mut service, request).await.map_err(Into::into)
        })
    }
}

impl Stack {
    pub(crate) fn call(&self, request: Request) -> StackFuture {
        match self {
            Self::Bare(router) => StackFuture(Kind::Route(router.route(request))),
            Self::Layered(service) => StackFuture(Kind::Boxed(service.call(request))),
        }
    }

    /// Puts a layer outside of what is there.
    pub(crate) fn layer<L>(self, layer: &L) -> Self
    where
        L: Layer<Handle>,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        Self::Layered(Arc::new(layer.layer(Handle { stack: self })))
    }

    /// Puts a [`Middleware`] outside of what is there.
    pub(crate) fn middleware<M: Middleware>(self, middleware: M) -> Self {
        Self::Layered(Arc::new(Around { middleware: Arc::new(middleware), next: Handle { stack: self } }))
    }
}

impl Service<Request> for Handle {
    type Response = Response;
    type Error = BoxError;
    type Future = StackFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> StackFuture {
        self.stack.call(request)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// The future of [`Handle`].
pub struct StackFuture(Kind);

enum Kind {
    Route(RouteFuture),
    Boxed(BoxFuture<Result<Response, BoxError>>),
}

impl StackFuture {
    /// What is answered without having been asked for.
    pub(crate) fn answered(response: Response) -> Self {
        Self(Kind::Boxed(Box::pin(std::future::ready(Ok(response)))))
    }
}

impl Future for StackFuture {
    type Output = Result<Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Route(future) => Pin::new(future).poll(cx).map(Ok),
            Kind::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for StackFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackFuture").finish_non_exhaustive()
    }
}

/// What a [`Middleware`] fails with; any error converts into it.
pub type MiddlewareError = McpError;

/// What a [`Middleware`] returns.
pub type MiddlewareResult<T> = Result<T, MiddlewareError>;

/// Something that sees every request before its handler, and the response after it.
///
/// The plain way to write a layer; for more control write a [`tower_layer::Layer`].
///
/// ```
/// use turbomcp_server::{Middleware, MiddlewareResult, Next, Request, Response, ServerBuilder};
///
/// struct Count(std::sync::atomic::AtomicU64);
///
/// impl Middleware for Count {
///     async fn process(&self, request: Request, next: Next) -> MiddlewareResult<Response> {
///         self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         next.run(request).await
///     }
/// }
///
/// let server = ServerBuilder::new().name("counted").middleware(Count(0.into())).build();
/// # drop(server);
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Handles a request, usually by passing it on.
    fn process(&self, request: Request, next: Next) -> impl Future<Output = MiddlewareResult<Response>> + Send;
}

/// The rest of the stack behind a [`Middleware`].
#[derive(Debug, Clone)]
pub struct Next {
    handle: Handle,
}

impl Next {
    /// Passes the request on and waits for its response.
    ///
    /// # Errors
    ///
    /// If a layer further in failed. A handler's error is a response, not an error.
    pub async fn run(self, request: Request) -> MiddlewareResult<Response> {
        self.handle.stack.call(request).await.map_err(McpError::from_boxed)
    }
}

/// A [`Middleware`] around the rest of the stack.
struct Around<M> {
    middleware: Arc<M>,
    next: Handle,
}

impl<M: Middleware> Call for Around<M> {
    fn call(&self, request: Request) -> BoxFuture<Result<Response, BoxError>> {
        let (middleware, next) = (self.middleware.clone(), Next { handle: self.next.clone() });
        Box::pin(async move { middleware.process(request, next).await.map_err(Into::into) })
    }
}
