//! From a method to the handler that answers it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use turbomcp_protocol::encode::EncodeResult;
use turbomcp_protocol::message::is_request_id;
use turbomcp_protocol::scan::{Span, text_of};
use turbomcp_protocol::types::{
    CallToolResult, CompleteRequestParams, CompleteResult, InitializeRequestParams, InitializeResult, LoggingLevel,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionsListenRequestParams,
};
use turbomcp_protocol::{McpError, McpResult, Method, Revision};
use turbomcp_transport::Extensions;

use crate::access::{Guarded, Known, Who, identity};
use crate::arguments::{ArgumentError, Arguments};
use crate::handler::{BoxFuture, CallToolRequest, CompleteRequest, GetPromptRequest, ReadResourceRequest};
use crate::hub;
use crate::inner::Inner;
use crate::peer::Agreed;
use crate::registry::{Primitive, Snapshot, ToolEntry};
use crate::request::{Outcome, Request, Response};
use crate::sync::lock;
use crate::tasks::{self, Plan};

/// The innermost service: finds the method, then the tool, resource or prompt.
#[derive(Debug, Clone)]
pub(crate) struct Router;

/// The future of [`Router`].
pub(crate) enum RouteFuture {
    Ready(Option<Response>),
    Tool(BoxFuture<McpResult<CallToolResult>>, Arc<ToolEntry>),
    Other(BoxFuture<Response>),
}

impl Future for RouteFuture {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Response> {
        match &mut *self {
            Self::Ready(response) => {
                Poll::Ready(response.take().unwrap_or_else(|| Response::error(McpError::internal_error())))
            }
            Self::Tool(future, entry) => future.as_mut().poll(cx).map(|result| finish_tool(entry, result)),
            Self::Other(future) => future.as_mut().poll(cx),
        }
    }
}

type Routed = McpResult<RouteFuture>;

impl Router {
    pub(crate) fn route(&self, request: Request) -> RouteFuture {
        self.try_route(request).unwrap_or_else(|error| RouteFuture::Ready(Some(Response::error(error))))
    }

    fn try_route(&self, request: Request) -> Routed {
        let ctx = request.into_context();
        let inner = ctx.inner().clone();
        let snapshot = inner.server.snapshot();
        let method = inner.method.clone();
        check_request(&inner, ctx.extensions())?;
        if snapshot.is_guarded()
            && let Some(peer) = &inner.peer
        {
            peer.set_known(Known::of(ctx.extensions()));
        }
        if inner.revision.is_modern() && inner.method.may_require_input() {
            lock(&inner.inputs).load(&inner)?;
        }
        if method == Method::TOOLS_CALL && snapshot.registry.has_tools() {
            return call_tool(&inner, ctx, &snapshot);
        }
        if let Some(primitive) = listed(&method, &snapshot) {
            return list(&inner, &ctx, &snapshot, primitive);
        }
        if method == Method::RESOURCES_READ && snapshot.registry.has_resources() {
            return read_resource(&inner, ctx, &snapshot);
        }
        if method == Method::PROMPTS_GET && snapshot.registry.has_prompts() {
            return get_prompt(&inner, ctx, &snapshot);
        }
        if method == Method::COMPLETION_COMPLETE && snapshot.registry.has_completions() {
            return complete(&inner, ctx, &snapshot);
        }
        if inner.revision.is_modern() { modern(&inner, &ctx, &snapshot) } else { legacy(&inner, &ctx, &snapshot) }
    }
}

fn ready(response: impl Into<Response>) -> RouteFuture {
    RouteFuture::Ready(Some(response.into()))
}

/// Checks what a request has, whatever it asks for: whose session it comes in, and its metadata.
pub(crate) fn check_request(inner: &Inner, extensions: &Extensions) -> McpResult<()> {
    if let Some(agreed) = inner.peer.as_ref().and_then(|peer| peer.agreed())
        && agreed.identity.as_ref() != identity(extensions)
    {
        return Err(McpError::forbidden("the session belongs to somebody else"));
    }
    if inner.progress_token().is_some_and(|token| !is_request_id(token)) {
        return Err(McpError::invalid_params("a progress token is a string or an integer"));
    }
    if inner.revision.is_modern()
        && let Some(level) = inner.message.known.log_level
        && serde_json::from_slice::<LoggingLevel>(inner.raw(level)).is_err()
    {
        return Err(McpError::invalid_params("the log level is unknown"));
    }
    Ok(())
}

fn listed(method: &Method, snapshot: &Snapshot) -> Option<Primitive> {
    let registry = &snapshot.registry;
    match method {
        m if *m == Method::TOOLS_LIST && registry.has_tools() => Some(Primitive::Tools),
        m if *m == Method::RESOURCES_LIST && registry.has_resources() => Some(Primitive::Resources),
        m if *m == Method::RESOURCES_TEMPLATES_LIST && registry.has_resources() => Some(Primitive::Templates),
        m if *m == Method::PROMPTS_LIST && registry.has_prompts() => Some(Primitive::Prompts),
        _ => None,
    }
}

fn list(inner: &Inner, ctx: &crate::Context, snapshot: &Snapshot, primitive: Primitive) -> Routed {
    let cursor = match inner.message.known.cursor.map(|span| inner.raw(span)) {
        None | Some(b"null") => None,
        Some(raw) => Some(text_of(raw).ok_or_else(|| McpError::invalid_params("`cursor` must be a string"))?),
    };
    let view = snapshot.view(|| Who::of(ctx.extensions()));
    Ok(ready(Outcome::Members(snapshot.list(primitive, cursor.as_deref(), inner.revision, view.as_ref())?)))
}

/// Lets only somebody go on who may know of a primitive, and use it; what may not be known of is not there.
fn admit<T: Guarded>(ctx: &crate::Context, snapshot: &Snapshot, entry: Option<T>) -> McpResult<Option<T>> {
    let Some(entry) =
        entry.filter(|entry| snapshot.view(|| Who::of(ctx.extensions())).is_none_or(|view| view.sees(entry.guard())))
    else {
        return Ok(None);
    };
    if let Some(access) = &entry.guard().access {
        ctx.check_access(access)?;
    }
    Ok(Some(entry))
}

fn required_text<'a>(inner: &'a Inner, span: Option<Span>, what: &str) -> McpResult<std::borrow::Cow<'a, str>> {
    span.and_then(|span| text_of(inner.raw(span)))
        .ok_or_else(|| McpError::invalid_params(format!("`{what}` must be a string")))
}

fn params<T: DeserializeOwned>(inner: &Inner) -> McpResult<T> {
    let raw = inner.message.params.map_or(&b"{}"[..], |span| inner.raw(span));
    serde_json::from_slice(raw).map_err(|error| McpError::invalid_params(error.to_string()))
}

fn call_tool(inner: &Arc<Inner>, ctx: crate::Context, snapshot: &Snapshot) -> Routed {
    let name = required_text(inner, inner.message.known.name, "name")?;
    let Some(entry) = admit(&ctx, snapshot, snapshot.registry.tool(&name))? else {
        return Err(McpError::invalid_params(format!("unknown tool `{name}`")));
    };
    let arguments = match inner.message.known.arguments {
        None => Bytes::from_static(b"{}"),
        Some(span) => match inner.slice(span) {
            raw if raw.first() == Some(&b'{') => raw,
            raw if &*raw == b"null" => Bytes::from_static(b"{}"),
            _ => return Err(McpError::invalid_params("`arguments` must be an object")),
        },
    };
    if !entry.mirrored.is_empty() {
        inner.outlet.check_mirrored(&entry.mirrored, ctx.extensions(), &arguments)?;
    }
    if !entry.input().is_empty() {
        let value = serde_json::from_slice(&arguments).map_err(|error| McpError::invalid_params(error.to_string()))?;
        for validator in entry.input() {
            if let Err(reasons) = validator.check(&value) {
                return Ok(ready(Response::unfit(CallToolResult::error(reasons.join("\n")))));
            }
        }
    }
    let plan = tasks::plan(inner, &ctx, snapshot, entry)?;
    if let Some(limit) = entry.timeout {
        let _ = inner.timeout.set(limit);
    }
    inner.server.metrics().tool_called();
    let request = CallToolRequest::from_parts(entry.name().clone(), Arguments::from_raw(arguments));
    if let Plan::Task(wish) = plan {
        return Ok(RouteFuture::Other(tasks::call(inner, ctx, entry, request, wish)));
    }
    inner.set_begun();
    Ok(RouteFuture::Tool(entry.handler.clone().call(request, ctx), entry.clone()))
}

/// A result that breaks the tool's own schema is the tool's failure.
pub(crate) fn finish_tool(entry: &ToolEntry, result: McpResult<CallToolResult>) -> Response {
    let result = match result {
        Ok(result) => result,
        Err(error) => match error.failure() {
            Some(source) if source.is::<ArgumentError>() => {
                return Response::unfit(CallToolResult::error(source.to_string()));
            }
            Some(source) => CallToolResult::error(source.to_string()),
            None => return Response::error(error),
        },
    };
    if let Some(validator) = entry.output()
        && result.is_error != Some(true)
    {
        let structured = result.structured_content.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok());
        let checked = match structured {
            Some(value) => validator.check(&value),
            None => Err(vec!["structured content is missing".to_owned()]),
        };
        if let Err(reasons) = checked {
            tracing::error!(tool = %entry.name(), ?reasons, "a result does not fit the output schema");
            return Response::error(McpError::internal_error());
        }
    }
    Response::tool(result)
}

fn read_resource(inner: &Inner, ctx: crate::Context, snapshot: &Snapshot) -> Routed {
    let uri = required_text(inner, inner.message.known.uri, "uri")?;
    let found = snapshot.resource(&uri).filter(|_| inner.server.allows(&uri));
    let Some((entry, variables)) = admit(&ctx, snapshot, found)? else {
        return Err(McpError::resource_not_found(&uri));
    };
    let request = ReadResourceRequest::new(Arc::from(&*uri), variables.map(Arc::new));
    let future = entry.handler.clone().call(request, ctx);
    Ok(RouteFuture::Other(Box::pin(async move { future.await.map(Outcome::Resource).into() })))
}

fn get_prompt(inner: &Inner, ctx: crate::Context, snapshot: &Snapshot) -> Routed {
    let name = required_text(inner, inner.message.known.name, "name")?;
    let Some(entry) = admit(&ctx, snapshot, snapshot.registry.prompt(&name))? else {
        return Err(McpError::invalid_params(format!("unknown prompt `{name}`")));
    };
    let arguments: HashMap<String, String> = match inner.message.known.arguments.map(|span| inner.raw(span)) {
        None | Some(b"null") => HashMap::new(),
        Some(raw) => serde_json::from_slice(raw).map_err(|_| McpError::invalid_params(not_texts(raw)))?,
    };
    for argument in entry.definition.arguments.iter().flatten() {
        if argument.required == Some(true) && !arguments.contains_key(&argument.name) {
            return Err(McpError::invalid_params(format!("missing argument `{}`", argument.name)));
        }
    }
    let future = entry.handler.clone().call(GetPromptRequest::new(entry.guard.name.clone(), arguments), ctx);
    Ok(RouteFuture::Other(Box::pin(async move { future.await.map(Outcome::Prompt).into() })))
}

/// Says which of the arguments of a prompt is no text.
#[cold]
fn not_texts(arguments: &[u8]) -> String {
    let arguments: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(arguments).ok();
    match arguments.iter().flatten().find(|(_, value)| !value.is_string()) {
        Some((name, _)) => format!("the argument `{name}` has to be a text, as all arguments of prompts"),
        None => "`arguments` has to be an object of texts".to_owned(),
    }
}

fn complete(inner: &Inner, ctx: crate::Context, snapshot: &Snapshot) -> Routed {
    let params: CompleteRequestParams = params(inner)?;
    let argument = params.argument;
    let view = snapshot.view(|| Who::of(ctx.extensions()));
    let (guard, handler) = snapshot.registry.completion(&params.reference, &argument.name, view.as_ref())?;
    if let Some(access) = &guard.access {
        ctx.check_access(access)?;
    }
    let Some(handler) = handler else {
        return Ok(ready(Outcome::Complete(CompleteResult::new(turbomcp_protocol::types::Completion::new(Vec::<
            String,
        >::new(
        ))))));
    };
    let context = params.context.and_then(|context| context.arguments).unwrap_or_default().into_iter().collect();
    let future = handler.clone().call(CompleteRequest::new(argument.name, argument.value, context), ctx);
    let done = async move { future.await.map(|completion| Outcome::Complete(CompleteResult::new(completion))).into() };
    Ok(RouteFuture::Other(Box::pin(done)))
}

fn modern(inner: &Arc<Inner>, ctx: &crate::Context, snapshot: &Snapshot) -> Routed {
    if inner.method == Method::SERVER_DISCOVER {
        let members = inner.server.discover_members(snapshot);
        return Ok(ready(Outcome::Members(members)));
    }
    if inner.method == Method::SUBSCRIPTIONS_LISTEN {
        let _ = inner.timeout.set(Duration::MAX);
        let mut params: SubscriptionsListenRequestParams = params(inner)?;
        let tasks = tasks::wanted(inner, ctx, &mut params.notifications)?;
        let uris = params.notifications.resource_subscriptions.as_deref().unwrap_or_default();
        if uris.len() > inner.server.limits().subscribed_resources {
            return Err(McpError::invalid_params("the filter names too many resources"));
        }
        uris.iter().try_for_each(|uri| may_subscribe(ctx, snapshot, uri))?;
        return Ok(RouteFuture::Other(Box::pin(hub::listen(inner.clone(), params, tasks)?)));
    }
    about_tasks(inner, ctx)
}

fn about_tasks(inner: &Arc<Inner>, ctx: &crate::Context) -> Routed {
    match tasks::route(inner, ctx) {
        Some(answer) => answer.map(RouteFuture::Other),
        None => Err(McpError::method_not_found(&inner.method)),
    }
}

/// Refuses to tell somebody of a resource that it may know of and not read.
fn may_subscribe(ctx: &crate::Context, snapshot: &Snapshot, uri: &str) -> McpResult<()> {
    // What is not there can be subscribed to, and so can what is hidden; nothing is told of it.
    if snapshot.is_guarded() { admit(ctx, snapshot, snapshot.resource(uri)).map(drop) } else { Ok(()) }
}

fn legacy(inner: &Arc<Inner>, ctx: &crate::Context, snapshot: &Snapshot) -> Routed {
    let empty = || Ok(ready(Outcome::Members(Bytes::new())));
    let method = &inner.method;
    if *method == Method::PING {
        return empty();
    }
    let Some(peer) = &inner.peer else { return Err(McpError::method_not_found(method)) };
    if *method == Method::INITIALIZE {
        return initialize(inner, snapshot);
    }
    if *method == Method::LOGGING_SET_LEVEL {
        peer.set_log_level(params::<SetLevelRequestParams>(inner)?.level);
        return empty();
    }
    if *method == Method::RESOURCES_SUBSCRIBE && snapshot.registry.has_resources() {
        let uri = params::<SubscribeRequestParams>(inner)?.uri;
        may_subscribe(ctx, snapshot, &uri)?;
        if !peer.subscribe(&uri, inner.server.limits().subscribed_resources) {
            return Err(McpError::rate_limited("too many resources are subscribed to"));
        }
        return empty();
    }
    if *method == Method::RESOURCES_UNSUBSCRIBE && snapshot.registry.has_resources() {
        peer.unsubscribe(&params::<SubscribeRequestParams>(inner)?.uri);
        return empty();
    }
    about_tasks(inner, ctx)
}

fn initialize(inner: &Inner, snapshot: &Snapshot) -> Routed {
    #[derive(Deserialize)]
    struct Version {
        #[serde(rename = "protocolVersion")]
        requested: String,
        // A struct would be read from an array, too.
        #[serde(rename = "capabilities")]
        _capabilities: serde_json::Map<String, serde_json::Value>,
    }
    let Version { requested, .. } = params(inner)?;
    let asked: InitializeRequestParams = params(inner)?;
    let revision = Revision::parse(&requested).filter(|r| r.is_legacy()).unwrap_or(Revision::LATEST_LEGACY);
    let peer = inner.peer.as_ref().ok_or_else(McpError::internal_error)?;
    let identity = inner.extensions.get().and_then(identity).cloned();
    let mut capabilities = snapshot.registry.capabilities();
    // Extensions are something of the modern era.
    capabilities.extensions = None;
    if let Some(serde_json::Value::Object(tasks)) = &mut capabilities.tasks
        && identity.is_some()
    {
        tasks.insert("list".to_owned(), serde_json::json!({}));
    }
    let agreed = Agreed { revision, capabilities: asked.capabilities, client_info: asked.client_info, identity };
    if !peer.agree(agreed) {
        return Err(McpError::invalid_request("the connection is initialized already"));
    }
    let mut result = InitializeResult::new(revision.as_str(), capabilities, inner.server.implementation().clone());
    result.instructions = inner.server.instructions().map(str::to_owned);
    let mut members = Vec::new();
    result.encode_members(revision, &mut members);
    Ok(ready(Outcome::Members(Bytes::from(members))))
}
