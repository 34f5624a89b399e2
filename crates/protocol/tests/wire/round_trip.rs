//! From the name of a type in the specification to ours.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use turbomcp_protocol::types::*;
use turbomcp_protocol::{EncodeResult, ErrorCode, Message};

/// Reads a value as the type of this name and writes it again.
pub(crate) fn round_trip(name: &str, text: &str) -> Value {
    match name {
        "TextContent" | "ImageContent" | "AudioContent" | "ResourceLink" | "EmbeddedResource" => {
            bare::<ContentBlock>(text)
        }
        "ToolUseContent" | "ToolResultContent" => bare::<SamplingMessageContentBlock>(text),
        "TextResourceContents" | "BlobResourceContents" => bare::<ResourceContents>(text),
        "StringSchema"
        | "NumberSchema"
        | "BooleanSchema"
        | "UntitledSingleSelectEnumSchema"
        | "TitledSingleSelectEnumSchema"
        | "UntitledMultiSelectEnumSchema"
        | "TitledMultiSelectEnumSchema" => bare::<PrimitiveSchemaDefinition>(text),

        "ClientCapabilities" => bare::<ClientCapabilities>(text),
        "ServerCapabilities" => bare::<ServerCapabilities>(text),
        "Tool" => bare::<Tool>(text),
        "Resource" => bare::<Resource>(text),
        "Root" => bare::<Root>(text),
        "ModelPreferences" => bare::<ModelPreferences>(text),
        "SamplingMessage" => bare::<SamplingMessage>(text),
        "InputRequests" => bare::<InputRequests>(text),
        "InputResponses" => bare::<InputResponses>(text),

        "CallToolRequestParams" => params::<CallToolRequestParams>(text),
        "CompleteRequestParams" => params::<CompleteRequestParams>(text),
        "CreateMessageRequestParams" => params::<CreateMessageRequestParams>(text),
        "ElicitRequestFormParams" | "ElicitRequestURLParams" => params::<ElicitRequestParams>(text),
        "GetPromptRequestParams" => params::<GetPromptRequestParams>(text),
        "PaginatedRequestParams" => params::<PaginatedRequestParams>(text),
        "CancelledNotificationParams" => params::<CancelledNotificationParams>(text),
        "LoggingMessageNotificationParams" => params::<LoggingMessageNotificationParams>(text),
        "ProgressNotificationParams" => params::<ProgressNotificationParams>(text),
        "ResourceUpdatedNotificationParams" => params::<ResourceUpdatedNotificationParams>(text),

        // Answers from the client have no `resultType`.
        "CreateMessageResult" => bare::<CreateMessageResult>(text),
        "ElicitResult" => bare::<ElicitResult>(text),
        "ListRootsResult" => bare::<ListRootsResult>(text),
        "CallToolResult" => result::<CallToolResult>(text),
        "CompleteResult" => result::<CompleteResult>(text),
        "DiscoverResult" => result::<DiscoverResult>(text),
        "EmptyResult" => result::<EmptyResult>(text),
        "GetPromptResult" => result::<GetPromptResult>(text),
        "InitializeResult" => result::<InitializeResult>(text),
        "InputRequiredResult" => bare::<InputRequiredResult>(text),
        "ListPromptsResult" => result::<ListPromptsResult>(text),
        "ListResourceTemplatesResult" => result::<ListResourceTemplatesResult>(text),
        "ListResourcesResult" => result::<ListResourcesResult>(text),
        "ListToolsResult" => result::<ListToolsResult>(text),
        "ReadResourceResult" => result::<ReadResourceResult>(text),
        "SubscriptionsListenResult" => result::<SubscriptionsListenResult>(text),

        "ParseError" | "MethodNotFoundError" | "InvalidParamsError" | "InternalError" => error(text),
        "HeaderMismatchError"
        | "MissingRequiredClientCapabilityError"
        | "UnsupportedProtocolVersionError"
        | "URLElicitationRequiredError"
        | "JSONRPCErrorResponse" => message(text, "error", error),

        // The requests a modern result asks for; in examples they may still have an id.
        "CreateMessageRequest" | "ElicitRequest" | "ListRootsRequest" => input_request(text),
        _ if name.ends_with("Request") || name.ends_with("Notification") => {
            let method = member(text, "method");
            message(text, "params", |text| round_trip_params(method.as_str().unwrap(), text))
        }
        _ => match name.strip_suffix("Response") {
            Some("JSONRPCResult") => message(text, "result", |text| round_trip("EmptyResult", text)),
            Some(inner) if member(text, "result")["resultType"] == "input_required" && inner == "CallToolResult" => {
                message(text, "result", |text| round_trip("InputRequiredResult", text))
            }
            Some(inner) => message(text, "result", |text| round_trip(inner, text)),
            None => panic!("no type for {name}"),
        },
    }
}

fn round_trip_params(method: &str, text: &str) -> Value {
    match method {
        "initialize" => params::<InitializeRequestParams>(text),
        "server/discover" | "ping" => params::<RequestParams>(text),
        "tools/list" | "resources/list" | "resources/templates/list" | "prompts/list" => {
            params::<PaginatedRequestParams>(text)
        }
        "tools/call" => params::<CallToolRequestParams>(text),
        "resources/read" => params::<ReadResourceRequestParams>(text),
        "resources/subscribe" => params::<SubscribeRequestParams>(text),
        "resources/unsubscribe" => params::<UnsubscribeRequestParams>(text),
        "prompts/get" => params::<GetPromptRequestParams>(text),
        "completion/complete" => params::<CompleteRequestParams>(text),
        "logging/setLevel" => params::<SetLevelRequestParams>(text),
        "subscriptions/listen" => params::<SubscriptionsListenRequestParams>(text),
        "notifications/cancelled" => params::<CancelledNotificationParams>(text),
        "notifications/progress" => params::<ProgressNotificationParams>(text),
        "notifications/message" => params::<LoggingMessageNotificationParams>(text),
        "notifications/resources/updated" => params::<ResourceUpdatedNotificationParams>(text),
        "notifications/elicitation/complete" => params::<ElicitationCompleteNotificationParams>(text),
        "notifications/subscriptions/acknowledged" => params::<SubscriptionsAcknowledgedNotificationParams>(text),
        "notifications/initialized"
        | "notifications/tools/list_changed"
        | "notifications/prompts/list_changed"
        | "notifications/resources/list_changed"
        | "notifications/roots/list_changed" => params::<NotificationParams>(text),
        other => panic!("no params for {other}"),
    }
}

fn bare<T: DeserializeOwned + Serialize>(text: &str) -> Value {
    let value: T = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap()
}

fn params<T: DeserializeOwned + Serialize>(text: &str) -> Value {
    let mut value = bare::<T>(text);
    if let Some(meta) = value.get("_meta") {
        value["_meta"] = meta_by_key(meta);
    }
    value
}

/// Each key of the protocol goes through the type it has.
fn meta_by_key(value: &Value) -> Value {
    let meta: Meta = serde_json::from_value(value.clone()).unwrap();
    let keys = meta.as_object().iter().map(|(key, value)| {
        let typed = match key.as_str() {
            Meta::PROTOCOL_VERSION => json!(meta.protocol_version().unwrap()),
            Meta::CLIENT_INFO => json!(meta.client_info().unwrap()),
            Meta::CLIENT_CAPABILITIES => json!(meta.client_capabilities().unwrap()),
            Meta::SERVER_INFO => json!(meta.server_info().unwrap()),
            Meta::LOG_LEVEL => json!(meta.log_level().unwrap()),
            Meta::SUBSCRIPTION_ID => json!(meta.subscription_id().unwrap()),
            Meta::PROGRESS_TOKEN => json!(meta.progress_token().unwrap()),
            _ => value.clone(),
        };
        (key.clone(), typed)
    });
    keys.collect::<Map<_, _>>().into()
}

/// `resultType` is written around the result, not by it.
fn result<T: DeserializeOwned + Serialize + EncodeResult>(text: &str) -> Value {
    let result: T = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut value = params::<T>(text);
    if member(text, "resultType") != Value::Null {
        value["resultType"] = json!(result.result_type());
    }
    value
}

fn error(text: &str) -> Value {
    let mut error: Value = serde_json::from_str(text).unwrap();
    let code: ErrorCode = serde_json::from_value(error["code"].clone()).unwrap();
    if let Some(data) = error.get("data") {
        let data = data.to_string();
        error["data"] = match code {
            ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => bare::<UnsupportedProtocolVersionData>(&data),
            ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => bare::<MissingRequiredClientCapabilityData>(&data),
            ErrorCode::URL_ELICITATION_REQUIRED => bare::<UrlElicitationRequiredData>(&data),
            _ => serde_json::from_str(&data).unwrap(),
        };
    }
    error["code"] = json!(code);
    error
}

fn input_request(text: &str) -> Value {
    let mut value = bare::<InputRequest>(text);
    for name in ["jsonrpc", "id"] {
        let member = member(text, name);
        if member != Value::Null {
            value[name] = member;
        }
    }
    value
}

/// The outer members stay, and the one of this name goes through its type.
fn message(text: &str, name: &str, inner: impl Fn(&str) -> Value) -> Value {
    Message::decode(text.as_bytes()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let mut value: Value = serde_json::from_str(text).unwrap();
    if let Some(id) = value.get("id") {
        value["id"] = json!(serde_json::from_value::<RequestId>(id.clone()).unwrap());
    }
    if let Some(member) = value.get(name) {
        value[name] = inner(&member.to_string());
    }
    value
}

fn member(text: &str, name: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap().get(name).cloned().unwrap_or_default()
}
