//! What a handler may ask of its request.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use turbomcp_protocol::escape::write_string;
use turbomcp_protocol::types::{ClientCapabilities, Implementation, LoggingLevel, RequestId};
use turbomcp_protocol::{McpError, McpResult, Message, Method, Revision};
#[cfg(feature = "http")]
use turbomcp_transport::http::HttpRequest;
use turbomcp_transport::{Extensions, PeerAddr, Principal};

use crate::McpServer;
use crate::inner::Inner;
use crate::outbox::Outbox;
use crate::outlet::Outlet;
use crate::request::Request;
use crate::sync::lock;
use crate::trace::TraceContext;

/// The request a handler is answering: who asks, what they can do, and how to reach them meanwhile.
///
/// Cheap to clone. Handlers take it by value or by reference, in any position.
#[derive(Debug, Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

/// [`Context`], by the name that says what it is of.
pub type RequestContext = Context;

impl Context {
    /// Creates a context without a connection, for tests of a handler.
    ///
    /// The client behind it can do nothing, and what is sent to it goes nowhere.
    ///
    /// ```
    /// use turbomcp_server::Context;
    ///
    /// struct User(&'static str);
    ///
    /// let ctx = Context::new().with_extension(User("ada"));
    /// assert_eq!(ctx.extensions().get::<User>().unwrap().0, "ada");
    /// ```
    #[expect(clippy::new_without_default, reason = "there is no context to speak of outside of tests")]
    #[must_use]
    pub fn new() -> Self {
        Self::detached(Extensions::new())
    }

    /// Adds what a layer would have left for the handler, for tests of one.
    ///
    /// What is returned is another context, without a connection.
    #[must_use]
    pub fn with_extension<T: Send + Sync + 'static>(&self, value: T) -> Self {
        let mut extensions = self.extensions().clone();
        extensions.insert(value);
        Self::detached(extensions)
    }

    fn detached(extensions: Extensions) -> Self {
        let frame = Bytes::from_static(br#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{}}"#);
        let message = Message::decode(&frame).expect("this is a message");
        let outbox = Outbox::new(0, None);
        outbox.close();
        let (server, outlet) = (McpServer::builder().build(), Outlet::Outbox(Arc::new(outbox)));
        let inner = Inner::new(server, frame, message, Method::TOOLS_CALL, Revision::LATEST, None, outlet);
        Request::new(Arc::new(inner), extensions).into_context()
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Returns the id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        serde_json::from_slice(self.inner.id()).unwrap_or(RequestId::Number(0))
    }

    /// Returns the id of the legacy session the request belongs to.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.inner.peer.as_ref()?.session_id()
    }

    /// Returns the protocol version the request is spoken in.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.inner.revision
    }

    /// Returns what the client can do, as it declared for this request or, in the legacy era, for its session.
    #[must_use]
    pub fn client_capabilities(&self) -> ClientCapabilities {
        if let Some(capabilities) = self.inner.task().and_then(|run| run.capabilities.as_ref()) {
            return capabilities.clone();
        }
        match &self.inner.peer {
            Some(peer) => peer.agreed().map(|agreed| agreed.capabilities.clone()).unwrap_or_default(),
            None => self.decode(self.inner.message.known.client_capabilities).unwrap_or_default(),
        }
    }

    /// Returns what the client says it is; for display and logs only.
    #[must_use]
    pub fn client_info(&self) -> Option<Implementation> {
        match &self.inner.peer {
            Some(peer) => peer.agreed().map(|agreed| agreed.client_info.clone()),
            None => self.decode(self.inner.message.known.client_info),
        }
    }

    fn decode<T: serde::de::DeserializeOwned>(&self, span: Option<turbomcp_protocol::scan::Span>) -> Option<T> {
        span.and_then(|span| serde_json::from_slice(self.inner.raw(span)).ok())
    }

    /// Returns what layers and the transport know of the request beside its message.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        static NONE: Extensions = Extensions::new();
        self.inner.extensions.get().unwrap_or(&NONE)
    }

    /// Returns who is calling, if that was found out.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.extensions().get()
    }

    /// Lets only a caller go on who has all of these scopes.
    ///
    /// ```
    /// use turbomcp_protocol::McpResult;
    /// use turbomcp_server::Context;
    /// use turbomcp_transport::Principal;
    ///
    /// fn erase(ctx: &Context) -> McpResult<()> {
    ///     ctx.check_scopes(&["notes.write"])
    /// }
    ///
    /// let reader = Context::new().with_extension(Principal::new("ada").with_scopes(["notes.read"]));
    /// assert!(erase(&reader).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If one is missing: over HTTP a 403 with all of them in its challenge, as long as nothing else was sent before it;
    /// a 401 if it is not known who is calling.
    ///
    /// # Specification
    ///
    /// [Runtime insufficient scope errors](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#runtime-insufficient-scope-errors)
    pub fn check_scopes(&self, scopes: &[&str]) -> McpResult<()> {
        if self.principal().is_some_and(|principal| scopes.iter().all(|scope| principal.has_scope(scope))) {
            return Ok(());
        }
        Err(self.refuse(self.insufficient_scope(scopes)))
    }

    /// Returns the headers of the HTTP request; none on other bindings.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn headers(&self) -> Option<&http::HeaderMap> {
        self.extensions().get::<HttpRequest>().map(HttpRequest::headers)
    }

    /// Returns a header of the HTTP request, if it is there and plain text.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()?.get(name)?.to_str().ok()
    }

    /// Returns the address of the other end of a network connection: of a proxy, if there is one in between.
    #[must_use]
    pub fn peer_addr(&self) -> Option<std::net::SocketAddr> {
        self.extensions().get::<PeerAddr>().map(|address| address.get())
    }

    /// Ends the response stream of a legacy HTTP request before its answer; the client comes back for the rest.
    ///
    /// Does nothing where the client does not know how to come back.
    ///
    /// # Specification
    ///
    /// [Sending messages](https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server)
    #[cfg(feature = "http")]
    pub fn close_stream(&self) {
        if self.revision().has_priming_event() {
            self.inner.outlet.interrupt();
        }
    }

    /// Returns the server, to register handlers or announce changes.
    #[must_use]
    pub fn server(&self) -> &McpServer {
        &self.inner.server
    }

    /// Returns where in a trace the request belongs, if the client says so.
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        TraceContext::of(&self.inner, self.extensions())
    }

    /// Adds to a number of this name in the [metrics](McpServer::metrics) of the server.
    ///
    /// ```
    /// # let ctx = turbomcp_server::Context::new();
    /// ctx.record_metric("user_lookups", 1);
    /// ctx.record_metric("user_lookups", 2);
    /// assert_eq!(ctx.server().metrics().custom.read().unwrap()["user_lookups"], 3.0);
    /// ```
    pub fn record_metric(&self, name: &str, value: impl Into<f64>) {
        self.inner.server.metrics().record(name, value);
    }

    /// Returns how long ago the request arrived.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.started.elapsed()
    }

    /// Returns true if nobody waits for the answer any more; for a [task](Self::task), that it was cancelled or another
    /// worker has it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        // The request of a task is over once it is one.
        self.inner.is_cancelled() && self.inner.task().is_none_or(|run| run.is_cancelled())
    }

    /// Waits until nobody waits for the answer any more.
    ///
    /// The handler itself is dropped then; this is for tasks it has spawned.
    pub async fn cancelled(&self) {
        self.inner.cancelled().await;
        if let Some(run) = self.inner.task() {
            run.cancelled().await;
        }
    }

    /// Reports progress, if the client asked for it. A value that is not greater than the last is not sent.
    ///
    /// `await` the returned builder; a total and a message may be added first.
    ///
    /// # Examples
    ///
    /// ```
    /// use turbomcp_server::Context;
    ///
    /// async fn count(ctx: &Context, to: u32) -> u32 {
    ///     for number in 1..=to {
    ///         ctx.progress(number.into()).total(to.into()).message(format!("{number}")).await;
    ///     }
    ///     to
    /// }
    /// # let _ = count;
    /// ```
    ///
    /// # Specification
    ///
    /// [Progress](https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress)
    pub fn progress(&self, progress: f64) -> Progress<'_> {
        Progress { ctx: self, progress, total: None, message: None }
    }

    /// Sends a log message to the client, if it wants messages of this level, and emits a `tracing` event.
    ///
    /// # Errors
    ///
    /// If the data cannot be written as JSON.
    ///
    /// # Specification
    ///
    /// [Logging](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging)
    pub async fn log(&self, level: LoggingLevel, data: impl Serialize + Send) -> McpResult<()> {
        let data = serde_json::to_string(&data).map_err(McpError::internal)?;
        trace(level, &data);
        if !self.wants_log(level) || self.is_cancelled() || self.inner.task().is_some() {
            return Ok(());
        }
        let message = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{}","data":{data}}}}}"#,
            level.as_str()
        );
        self.inner.tell(message.into_bytes()).await;
        Ok(())
    }

    fn wants_log(&self, level: LoggingLevel) -> bool {
        match &self.inner.peer {
            Some(peer) => peer.wants_log(level),
            None => {
                let wanted: Option<LoggingLevel> = self.decode(self.inner.message.known.log_level);
                wanted.is_some_and(|wanted| level >= wanted)
            }
        }
    }

    /// Sends a log message of level `debug`; see [`Context::log`].
    ///
    /// # Errors
    ///
    /// If the data cannot be written as JSON.
    pub async fn debug(&self, data: impl Serialize + Send) -> McpResult<()> {
        self.log(LoggingLevel::Debug, data).await
    }

    /// Sends a log message of level `info`; see [`Context::log`].
    ///
    /// # Errors
    ///
    /// If the data cannot be written as JSON.
    pub async fn info(&self, data: impl Serialize + Send) -> McpResult<()> {
        self.log(LoggingLevel::Info, data).await
    }

    /// Sends a log message of level `warning`; see [`Context::log`].
    ///
    /// # Errors
    ///
    /// If the data cannot be written as JSON.
    pub async fn warning(&self, data: impl Serialize + Send) -> McpResult<()> {
        self.log(LoggingLevel::Warning, data).await
    }

    /// Sends a log message of level `error`; see [`Context::log`].
    ///
    /// # Errors
    ///
    /// If the data cannot be written as JSON.
    pub async fn error(&self, data: impl Serialize + Send) -> McpResult<()> {
        self.log(LoggingLevel::Error, data).await
    }
}

fn trace(level: LoggingLevel, data: &str) {
    match level {
        LoggingLevel::Debug => tracing::debug!(target: "turbomcp::handler", data),
        LoggingLevel::Info | LoggingLevel::Notice => tracing::info!(target: "turbomcp::handler", data),
        LoggingLevel::Warning => tracing::warn!(target: "turbomcp::handler", data),
        _ => tracing::error!(target: "turbomcp::handler", data),
    }
}

/// A progress report that is sent when awaited.
#[derive(Debug)]
#[must_use = "progress is sent when this is awaited"]
pub struct Progress<'a> {
    ctx: &'a Context,
    progress: f64,
    total: Option<f64>,
    message: Option<String>,
}

impl Progress<'_> {
    /// Says how far there is to go.
    pub fn total(mut self, total: f64) -> Self {
        self.total = Some(total);
        self
    }

    /// Says what is going on, for people.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    async fn send(self) {
        let inner = &self.ctx.inner;
        if let Some(run) = inner.task() {
            if self.advances() {
                run.mention(self.as_status());
            }
            return;
        }
        let Some(token) = inner.progress_token() else { return };
        if inner.is_cancelled() || !self.advances() {
            return;
        }
        let mut out = br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#.to_vec();
        out.extend_from_slice(token);
        out.extend_from_slice(b",\"progress\":");
        write_number(self.progress, &mut out);
        if let Some(total) = self.total {
            out.extend_from_slice(b",\"total\":");
            write_number(total, &mut out);
        }
        if let Some(message) = self.message.filter(|_| inner.revision.has_progress_message()) {
            out.extend_from_slice(b",\"message\":");
            write_string(&message, &mut out);
        }
        out.extend_from_slice(b"}}");
        inner.tell(out).await;
    }

    /// Says it in words, where nobody is sent numbers.
    fn as_status(&self) -> String {
        let mut out = Vec::new();
        if let Some(message) = &self.message {
            return message.clone();
        }
        write_number(self.progress, &mut out);
        if let Some(total) = self.total {
            out.extend_from_slice(b" of ");
            write_number(total, &mut out);
        }
        String::from_utf8(out).unwrap_or_default()
    }

    fn advances(&self) -> bool {
        let mut last = lock(&self.ctx.inner.last_progress);
        let advances = self.progress.is_finite() && self.progress > *last;
        if advances {
            *last = self.progress;
        }
        advances
    }
}

impl<'a> IntoFuture for Progress<'a> {
    type Output = ();
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Whole numbers are written without a fraction, as clients expect to see them.
fn write_number(number: f64, out: &mut Vec<u8>) {
    let text = if number.fract() == 0.0 && number.abs() < 9e15 { format!("{number:.0}") } else { number.to_string() };
    out.extend_from_slice(text.as_bytes());
}

/// What a handler's parameter may be that does not come from the arguments.
///
/// # Examples
///
/// ```
/// use turbomcp_protocol::{McpError, McpResult};
/// use turbomcp_server::{Context, FromContext};
///
/// /// Who asks. A layer finds out, and puts it into the extensions of the request.
/// #[derive(Clone)]
/// struct User(String);
///
/// impl FromContext for User {
///     fn from_context(ctx: &Context) -> McpResult<Self> {
///         ctx.extensions().get().cloned().ok_or_else(|| McpError::unauthorized("who are you?"))
///     }
/// }
/// ```
///
/// A method under `#[tool]` then takes a `User`, or an `Option<User>`, as a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from the request",
    note = "take a `Context`, or a type that implements `FromContext`"
)]
pub trait FromContext: Sized {
    /// Takes the value from the request.
    ///
    /// # Errors
    ///
    /// If the request has no such value; the handler is not called then.
    fn from_context(ctx: &Context) -> McpResult<Self>;
}

impl FromContext for Context {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        Ok(ctx.clone())
    }
}

impl<T: FromContext> FromContext for Option<T> {
    fn from_context(ctx: &Context) -> McpResult<Self> {
        Ok(T::from_context(ctx).ok())
    }
}
