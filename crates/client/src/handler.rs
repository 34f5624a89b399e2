//! What a client does for its server: asks the user, asks a model, names its roots, and listens.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use turbomcp_protocol::types::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationCapability, InputRequest, InputResponse, ListRootsResult, LoggingMessageNotificationParams, Root,
    RootsCapability, SamplingCapability,
};
use turbomcp_protocol::{ErrorCode, McpError, McpResult};

use crate::subscription::Change;
use crate::sync::{contain, contained};

/// Everything a client does for its server, in one place.
///
/// The same methods answer requests of a legacy server and the questions in a modern server's results. What
/// [`capabilities`](ClientHandler::capabilities) does not declare is refused without being asked here. Handlers that
/// are functions are given to the builder one by one instead, as with
/// [`on_elicit`](crate::ClientBuilder::on_elicit).
///
/// ```
/// use turbomcp_client::ClientHandler;
/// use turbomcp_protocol::McpResult;
/// use turbomcp_protocol::types::{ClientCapabilities, ElicitRequestParams, ElicitResult, ElicitationCapability};
///
/// struct Cautious;
///
/// impl ClientHandler for Cautious {
///     fn capabilities(&self) -> ClientCapabilities {
///         ClientCapabilities::new().with_elicitation(ElicitationCapability::new())
///     }
///
///     async fn elicit(&self, _: ElicitRequestParams) -> McpResult<ElicitResult> {
///         Ok(ElicitResult::decline())
///     }
/// }
/// ```
///
/// # Specification
///
/// [Client features](https://modelcontextprotocol.io/specification/2026-07-28/client)
pub trait ClientHandler: Send + Sync + 'static {
    /// Declares what the server may ask for.
    fn capabilities(&self) -> ClientCapabilities {
        ClientCapabilities::new()
    }

    /// Asks the user: to fill in a form, or to visit a URL.
    fn elicit(&self, params: ElicitRequestParams) -> impl Future<Output = McpResult<ElicitResult>> + Send {
        let _ = params;
        async { Err(unsupported("elicitation")) }
    }

    /// Asks a model.
    fn sample(
        &self,
        params: CreateMessageRequestParams,
    ) -> impl Future<Output = McpResult<CreateMessageResult>> + Send {
        let _ = params;
        async { Err(unsupported("sampling")) }
    }

    /// Names the directories the server may work in.
    fn list_roots(&self) -> impl Future<Output = McpResult<ListRootsResult>> + Send {
        async { Err(unsupported("roots")) }
    }

    /// Takes a log message. Called where messages are read, so it has to return soon.
    fn log(&self, message: LoggingMessageNotificationParams) {
        let _ = message;
    }

    /// Takes notice that something has changed. Called where messages are read, so it has to return soon.
    fn changed(&self, change: Change) {
        let _ = change;
    }

    /// Takes notice that what the user was sent to a URL for is done (2025-11-25).
    fn elicitation_complete(&self, elicitation_id: &str) {
        let _ = elicitation_id;
    }
}

fn unsupported(what: &str) -> McpError {
    McpError::new(ErrorCode::METHOD_NOT_FOUND, format!("this client has no {what}"))
}

type Answer<T> = Pin<Box<dyn Future<Output = McpResult<T>> + Send>>;
type Ask<P, R> = Arc<dyn Fn(P) -> Answer<R> + Send + Sync>;
type Hear<P> = Arc<dyn Fn(P) + Send + Sync>;

/// The handlers that are set, whichever way they were, and what they declare.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) capabilities: ClientCapabilities,
    elicit: Option<Ask<ElicitRequestParams, ElicitResult>>,
    sample: Option<Ask<CreateMessageRequestParams, CreateMessageResult>>,
    roots: Option<Ask<(), ListRootsResult>>,
    log: Option<Hear<LoggingMessageNotificationParams>>,
    changed: Option<Hear<Change>>,
    elicitation_complete: Option<Hear<String>>,
}

/// Makes a function of one that returns a future of any type.
fn boxed<P, R, F, Fut>(function: F) -> Ask<P, R>
where
    F: Fn(P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = McpResult<R>> + Send + 'static,
{
    Arc::new(move |params| Box::pin(function(params)))
}

impl Handlers {
    pub(crate) fn of<H: ClientHandler>(handler: H) -> Self {
        let handler = Arc::new(handler);
        // One handle for each function.
        let each = || handler.clone();
        let (elicit, sample, roots) = (each(), each(), each());
        let (log, changed, complete) = (each(), each(), each());
        Self {
            capabilities: handler.capabilities(),
            elicit: Some(boxed(move |params| {
                let handler = elicit.clone();
                async move { handler.elicit(params).await }
            })),
            sample: Some(boxed(move |params| {
                let handler = sample.clone();
                async move { handler.sample(params).await }
            })),
            roots: Some(boxed(move |()| {
                let handler = roots.clone();
                async move { handler.list_roots().await }
            })),
            log: Some(Arc::new(move |message| log.log(message))),
            changed: Some(Arc::new(move |change| changed.changed(change))),
            elicitation_complete: Some(Arc::new(move |id: String| complete.elicitation_complete(&id))),
        }
    }

    pub(crate) fn on_elicit<F, Fut>(&mut self, function: F)
    where
        F: Fn(ElicitRequestParams) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = McpResult<ElicitResult>> + Send + 'static,
    {
        self.capabilities.elicitation.get_or_insert_with(|| ElicitationCapability::new().with_form(empty()));
        self.elicit = Some(boxed(function));
    }

    pub(crate) fn elicit_urls(&mut self) {
        let known = self.capabilities.elicitation.take().unwrap_or_default();
        self.capabilities.elicitation = Some(known.with_url(empty()));
    }

    pub(crate) fn on_sample<F, Fut>(&mut self, function: F)
    where
        F: Fn(CreateMessageRequestParams) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = McpResult<CreateMessageResult>> + Send + 'static,
    {
        self.capabilities.sampling.get_or_insert_with(SamplingCapability::new);
        self.sample = Some(boxed(function));
    }

    pub(crate) fn sample_with_tools(&mut self) {
        let known = self.capabilities.sampling.take().unwrap_or_default();
        self.capabilities.sampling = Some(known.with_tools(empty()));
    }

    pub(crate) fn on_list_roots<F, Fut>(&mut self, function: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = McpResult<Vec<Root>>> + Send + 'static,
    {
        self.capabilities.roots.get_or_insert_with(|| RootsCapability::new().with_list_changed(true));
        self.roots = Some(boxed(move |()| {
            let roots = function();
            async move { roots.await.map(ListRootsResult::new) }
        }));
    }

    pub(crate) fn on_log(&mut self, function: impl Fn(LoggingMessageNotificationParams) + Send + Sync + 'static) {
        self.log = Some(Arc::new(function));
    }

    pub(crate) fn on_change(&mut self, function: impl Fn(Change) + Send + Sync + 'static) {
        self.changed = Some(Arc::new(function));
    }

    pub(crate) fn on_elicitation_complete(&mut self, function: impl Fn(String) + Send + Sync + 'static) {
        self.elicitation_complete = Some(Arc::new(function));
    }

    /// Answers one question of the server's, whichever way it came.
    pub(crate) async fn answer(&self, request: InputRequest) -> McpResult<InputResponse> {
        contained(self.ask(request)).await.unwrap_or_else(|| Err(McpError::internal_error()))
    }

    async fn ask(&self, request: InputRequest) -> McpResult<InputResponse> {
        match request {
            InputRequest::Elicit(params) => {
                let declared = match &params {
                    ElicitRequestParams::Url(_) => self.capabilities.has_url_elicitation(),
                    _ => self.capabilities.has_form_elicitation(),
                };
                match &self.elicit {
                    Some(elicit) if declared => elicit(params).await.map(bare_elicit).map(InputResponse::Elicit),
                    Some(_) if self.capabilities.elicitation.is_some() => {
                        Err(McpError::invalid_params("this mode of elicitation was not declared"))
                    }
                    _ => Err(unsupported("elicitation")),
                }
            }
            InputRequest::CreateMessage(params) => match &self.sample {
                Some(_) if params.tools.is_some() && !self.capabilities.has_sampling_tools() => {
                    Err(McpError::invalid_params("sampling with tools was not declared"))
                }
                Some(sample) if self.capabilities.sampling.is_some() => sample(*params).await.map(InputResponse::from),
                _ => Err(unsupported("sampling")),
            },
            InputRequest::ListRoots(_) => match &self.roots {
                Some(roots) if self.capabilities.roots.is_some() => {
                    files(roots(()).await?).map(InputResponse::ListRoots)
                }
                _ => Err(unsupported("roots")),
            },
            _ => Err(McpError::invalid_request("the server asks for something unknown")),
        }
    }

    pub(crate) fn log(&self, message: LoggingMessageNotificationParams) {
        if let Some(log) = &self.log {
            contain(|| log(message));
        }
    }

    pub(crate) fn changed(&self, change: &Change) {
        if let Some(changed) = &self.changed {
            contain(|| changed(change.clone()));
        }
    }

    pub(crate) fn elicitation_complete(&self, id: String) {
        if let Some(complete) = &self.elicitation_complete {
            contain(|| complete(id));
        }
    }
}

fn empty() -> turbomcp_protocol::types::JsonObject {
    turbomcp_protocol::types::JsonObject::new()
}

/// Roots are files, so far.
fn files(result: ListRootsResult) -> McpResult<ListRootsResult> {
    match result.roots.iter().find(|root| !root.uri.starts_with("file://")) {
        None => Ok(result),
        Some(root) => {
            tracing::error!(uri = root.uri, "a root has to be a `file://` URI");
            Err(McpError::internal_error())
        }
    }
}

/// Content belongs to an accepted form, and to nothing else.
fn bare_elicit(mut result: ElicitResult) -> ElicitResult {
    if result.action != turbomcp_protocol::types::ElicitAction::Accept {
        result.content = None;
    }
    result
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}
