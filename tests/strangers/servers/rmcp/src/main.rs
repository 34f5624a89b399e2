//! A server of the official Rust SDK, which offers what the stranger's servers of other languages do:
//! `turbomcp-stranger-rmcp (--stdio | --http ADDRESS)`
#![expect(deprecated, reason = "clients of earlier revisions know logging, sampling and roots")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, CreateMessageRequestParams,
    ElicitRequest, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingMessageNotificationParam,
    PaginatedRequestParams, ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ResourceUpdatedNotificationParam, ServerCapabilities, ServerConfig, ServerRequest,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};
use tokio::sync::broadcast;

type Outcome<T> = Result<T, ErrorData>;

#[derive(Clone)]
struct Notes {
    changes: broadcast::Sender<String>,
    cancelled: Arc<AtomicUsize>,
}

/// Makes a value of the SDK's from the JSON of the specification.
fn made<T: serde::de::DeserializeOwned>(json: Value) -> Outcome<T> {
    serde_json::from_value(json).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

impl Notes {
    /// Asks the client in the way of its era: `Err` holds what has to be answered first.
    async fn ask(
        &self,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        method: &str,
        params: Value,
    ) -> Outcome<Result<Value, CallToolResponse>> {
        if context.protocol_version().is_some_and(|version| !version.has_initialize()) {
            if let Some(answer) = request.input_responses.as_ref().and_then(|answers| answers.get("q")) {
                return Ok(Ok(answer.clone()));
            }
            let result: InputRequiredResult = made(json!({
                "resultType": "input_required",
                "inputRequests": {"q": {"method": method, "params": params}},
                "requestState": "as it came",
            }))?;
            return Ok(Err(result.into()));
        }
        let answer = match method {
            "elicitation/create" => {
                let question: ElicitRequest = made(json!({"method": method, "params": params}))?;
                let answer = context.peer.send_request(ServerRequest::ElicitRequest(question)).await;
                serde_json::to_value(answer.map_err(failed)?)
            }
            "sampling/createMessage" => {
                let params: CreateMessageRequestParams = made(params)?;
                serde_json::to_value(context.peer.create_message(params).await.map_err(failed)?)
            }
            _ => serde_json::to_value(context.peer.list_roots().await.map_err(failed)?),
        };
        answer.map(Ok).map_err(failed)
    }
}

fn text(text: impl Into<String>) -> Outcome<CallToolResponse> {
    made::<rmcp::model::CallToolResult>(json!({"content": [{"type": "text", "text": text.into()}]})).map(Into::into)
}

/// The pages of a list, each of one entry.
fn page(entries: &[Value], key: &str, request: Option<PaginatedRequestParams>) -> Outcome<Value> {
    let cursor = request.and_then(|request| request.cursor).unwrap_or_else(|| "0".to_owned());
    let index = cursor.parse::<usize>().ok().filter(|index| *index < entries.len());
    let index = index.ok_or_else(|| ErrorData::invalid_params("no such page", None))?;
    let mut page = json!({key: [entries[index]], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"});
    if index + 1 < entries.len() {
        page["nextCursor"] = (index + 1).to_string().into();
    }
    Ok(page)
}

impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        let capabilities: ServerCapabilities = serde_json::from_value(json!({
            "tools": {"listChanged": true}, "resources": {"subscribe": true, "listChanged": true},
            "prompts": {"listChanged": true}, "completions": {}, "logging": {},
        }))
        .expect("these are capabilities");
        ServerConfig::new(capabilities).with_instructions("Keep notes.")
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListToolsResult> {
        let object = |properties: Value| json!({"type": "object", "properties": properties});
        let tool = |name: &str, properties: Value| json!({"name": name, "inputSchema": object(properties)});
        let integer = json!({"type": "integer"});
        let mut add = tool("add", json!({"a": integer, "b": integer}));
        add["outputSchema"] = object(json!({"sum": integer}));
        let tools = [
            add,
            tool("fail", json!({})),
            tool("count", json!({"to": integer})),
            tool("wait", json!({})),
            tool("cancelled", json!({})),
            tool("ask", json!({})),
            tool("sample", json!({})),
            tool("roots", json!({})),
            tool("change", json!({"uri": {"type": "string"}})),
        ];
        made(page(&tools, "tools", request)?)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Outcome<CallToolResponse> {
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        match request.name.as_ref() {
            "add" => {
                let sum = arguments["a"].as_i64().unwrap_or_default() + arguments["b"].as_i64().unwrap_or_default();
                let json = json!({
                    "content": [{"type": "text", "text": sum.to_string()}], "structuredContent": {"sum": sum},
                });
                made::<rmcp::model::CallToolResult>(json).map(Into::into)
            }
            "fail" => {
                let json = json!({"content": [{"type": "text", "text": "it failed"}], "isError": true});
                made::<rmcp::model::CallToolResult>(json).map(Into::into)
            }
            "count" => {
                let to = arguments["to"].as_u64().unwrap_or_default();
                for step in 1..=to {
                    if let Some(token) = context.meta.get_progress_token() {
                        let progress = ProgressNotificationParam::new(token, step as f64).with_total(to as f64);
                        context.peer.notify_progress(progress).await.map_err(failed)?;
                    }
                    let message: LoggingMessageNotificationParam =
                        made(json!({"level": "info", "logger": "count", "data": step}))?;
                    context.peer.notify_logging_message(message).await.map_err(failed)?;
                }
                text("counted")
            }
            "wait" => {
                context.ct.cancelled().await;
                self.cancelled.fetch_add(1, Ordering::SeqCst);
                text("nobody reads this")
            }
            "cancelled" => text(self.cancelled.load(Ordering::SeqCst).to_string()),
            "ask" => {
                let params = json!({
                    "mode": "form", "message": "Who are you?",
                    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                });
                match self.ask(&request, &context, "elicitation/create", params).await? {
                    Ok(answer) if answer["action"] == "accept" => {
                        text(format!("hello {}", answer["content"]["name"].as_str().unwrap_or_default()))
                    }
                    Ok(answer) => text(answer["action"].as_str().unwrap_or_default()),
                    Err(question) => Ok(question),
                }
            }
            "sample" => {
                let params = json!({
                    "messages": [{"role": "user", "content": {"type": "text", "text": "Sing."}}], "maxTokens": 10,
                });
                match self.ask(&request, &context, "sampling/createMessage", params).await? {
                    Ok(answer) => text(answer["content"]["text"].as_str().unwrap_or_default()),
                    Err(question) => Ok(question),
                }
            }
            "roots" => match self.ask(&request, &context, "roots/list", json!({})).await? {
                Ok(answer) => text(answer["roots"][0]["uri"].as_str().unwrap_or_default()),
                Err(question) => Ok(question),
            },
            "change" => {
                let uri = arguments["uri"].as_str().unwrap_or_default().to_owned();
                let _ = self.changes.send(uri.clone());
                if context.protocol_version().is_none_or(|version| version.has_initialize()) {
                    let params = ResourceUpdatedNotificationParam::new(uri);
                    context.peer.notify_resource_updated(params).await.map_err(failed)?;
                    context.peer.notify_tool_list_changed().await.map_err(failed)?;
                }
                text("changed")
            }
            name => Err(ErrorData::invalid_params(format!("there is no tool {name:?}"), None)),
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListResourcesResult> {
        let resources = ["one", "two"].map(|name| json!({"uri": format!("note://{name}"), "name": name}));
        made(page(&resources, "resources", request)?)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListResourceTemplatesResult> {
        let templates = [json!({"uriTemplate": "note://{name}", "name": "note"})];
        made(page(&templates, "resourceTemplates", request)?)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ReadResourceResponse> {
        let Some(name) = request.uri.strip_prefix("note://") else {
            return Err(ErrorData::resource_not_found("not found", Some(json!({"uri": request.uri}))));
        };
        let contents = json!([{"uri": request.uri, "mimeType": "text/plain", "text": format!("note {name}")}]);
        made::<ReadResourceResult>(json!({"contents": contents})).map(Into::into)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListPromptsResult> {
        let prompts = [json!({"name": "greet", "arguments": [{"name": "name", "required": true}]})];
        made(page(&prompts, "prompts", request)?)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<GetPromptResponse> {
        if request.name != "greet" {
            return Err(ErrorData::invalid_params(format!("there is no prompt {:?}", request.name), None));
        }
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let words = format!("Greet {}.", arguments["name"].as_str().unwrap_or_default());
        let messages = json!([{"role": "user", "content": {"type": "text", "text": words}}]);
        made::<GetPromptResult>(json!({"messages": messages})).map(Into::into)
    }

    async fn complete(&self, request: CompleteRequestParams, _: RequestContext<RoleServer>) -> Outcome<CompleteResult> {
        let names = ["Ada", "Alan", "Grace"];
        let values: Vec<_> = names.iter().filter(|name| name.starts_with(&request.argument.value)).collect();
        made(json!({"completion": {"values": values}}))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Outcome<()> {
        Ok(())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Outcome<()> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: RequestContext<RoleServer>) -> Outcome<()> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Outcome<()> {
        let mut changes = self.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.recv() => {
                    let Ok(uri) = changed else { return Ok(()) };
                    // What was not asked for is refused by the sink.
                    let _ = context.sink().notify_resource_updated(uri).await;
                    let _ = context.sink().notify_tool_list_changed().await;
                }
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let notes = Notes { changes: broadcast::channel(16).0, cancelled: Arc::default() };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--stdio"] => {
            notes.serve(rmcp::transport::stdio()).await?.waiting().await?;
        }
        ["--http", address] => {
            let config = StreamableHttpServerConfig::default().with_sse_keep_alive(Some(Duration::from_secs(15)));
            let manager = LocalSessionManager::default().into();
            let service = StreamableHttpService::new(move || Ok(notes.clone()), manager, config);
            let listener = tokio::net::TcpListener::bind(address).await?;
            axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?;
        }
        _ => return Err("usage: turbomcp-stranger-rmcp (--stdio | --http ADDRESS)".into()),
    }
    Ok(())
}
