//! The types of the protocol: every revision in one set.
//!
//! A member that only some revisions have is optional here, and [`crate::encode`] leaves it out for a peer that does
//! not know it. Members a peer sends that have no field here are ignored. Each type has a short constructor for what is
//! required and a `with_*` method for each optional member.
//!
//! ```
//! use turbomcp_protocol::types::{Tool, ToolInputSchema};
//!
//! let city = serde_json::json!({"type": "string"});
//! let schema = ToolInputSchema::empty().add_property("city", city).require_property("city");
//! let tool = Tool::new("weather").with_description("Tells the weather.").with_input_schema(schema);
//! assert_eq!(serde_json::to_value(&tool)?["inputSchema"]["required"], serde_json::json!(["city"]));
//! # Ok::<(), serde_json::Error>(())
//! ```

#[macro_use]
mod macros;

mod cache;
mod cancelled;
mod capabilities;
mod completion;
mod content;
mod elicitation;
mod id;
mod implementation;
mod lifecycle;
mod list;
mod logging;
mod meta;
mod mrtr;
mod progress;
mod prompt;
mod resource;
mod roots;
mod sampling;
mod subscription;
mod task;
mod tool;
pub(crate) mod wire;

pub use cache::CacheScope;
pub use cancelled::CancelledNotificationParams;
pub use capabilities::{
    ClientCapabilities, CompletionsCapability, ElicitationCapability, LoggingCapability, PromptsCapability,
    ResourcesCapability, RootsCapability, SamplingCapability, ServerCapabilities, ToolsCapability,
};
pub use completion::{
    CompleteRequestParams, CompleteResult, Completion, CompletionArgument, CompletionContext, CompletionReference,
    PromptReference, ResourceTemplateReference,
};
pub use content::{
    Annotations, AudioContent, BlobResourceContents, ContentBlock, EmbeddedResource, ImageContent, InvalidBase64,
    ResourceContents, ResourceLink, Role, TextContent, TextResourceContents,
};
pub use elicitation::{
    BooleanSchema, ElicitAction, ElicitRequestFormParams, ElicitRequestParams, ElicitRequestUrlParams, ElicitResult,
    ElicitationCompleteNotificationParams, ElicitationSchema, EnumOption, FormMode, LegacyTitledEnumSchema,
    NumberSchema, NumberType, PrimitiveSchemaDefinition, StringFormat, StringSchema, TitledMultiSelectEnumSchema,
    TitledSingleSelectEnumSchema, UntitledMultiSelectEnumSchema, UntitledSingleSelectEnumSchema,
    UrlElicitationRequiredData,
};
pub use id::RequestId;
pub use implementation::{Icon, IconTheme, Implementation};
pub use lifecycle::{
    DiscoverResult, InitializeRequestParams, InitializeResult, MissingRequiredClientCapabilityData,
    UnsupportedProtocolVersionData,
};
pub use list::{Cursor, PaginatedRequestParams};
pub use logging::{LoggingLevel, LoggingMessageNotificationParams, SetLevelRequestParams};
pub use meta::{EmptyResult, IDEMPOTENCY_EXTENSION, Meta, NotificationParams, RequestParams, ResultType};
pub use mrtr::{InputRequest, InputRequests, InputRequiredResult, InputResponse, InputResponses};
pub use progress::{ProgressNotificationParams, ProgressToken};
pub use prompt::{GetPromptRequestParams, GetPromptResult, ListPromptsResult, Prompt, PromptArgument, PromptMessage};
pub use resource::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceRequestParams, ReadResourceResult, Resource,
    ResourceTemplate, ResourceUpdatedNotificationParams, SubscribeRequestParams, UnsubscribeRequestParams,
};
pub use roots::{ListRootsResult, Root};
pub use sampling::{
    CreateMessageRequestParams, CreateMessageResult, IncludeContext, ModelHint, ModelPreferences, OneOrMany,
    SamplingMessage, SamplingMessageContentBlock, StopReason, ToolChoice, ToolChoiceMode, ToolResultContent,
    ToolUseContent,
};
pub use subscription::{
    SubscriptionFilter, SubscriptionsAcknowledgedNotificationParams, SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
};
pub use task::{
    CreateTaskResult, ListTasksResult, TASKS_EXTENSION, Task, TaskError, TaskMetadata, TaskRequestParams, TaskStatus,
    UpdateTaskRequestParams,
};
pub use tool::{
    CallToolRequestParams, CallToolResult, ListToolsResult, TaskSupport, Tool, ToolAnnotations, ToolExecution,
    ToolInputSchema,
};

/// A JSON object whose members the protocol does not fix.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
