//! What each type leaves out for peers that do not know it.

use serde_json::{Value, json};

use super::Adapt;
use crate::Revision;
use crate::types::{
    Annotations, AudioContent, CallToolRequestParams, ClientCapabilities, CompleteRequestParams, CompletionReference,
    ContentBlock, CreateMessageRequestParams, CreateMessageResult, ElicitRequestFormParams, ElicitRequestParams,
    ElicitRequestUrlParams, ElicitResult, ElicitationSchema, EmbeddedResource, GetPromptRequestParams, ImageContent,
    Implementation, InputRequest, JsonObject, LegacyTitledEnumSchema, ListRootsResult,
    LoggingMessageNotificationParams, Meta, OneOrMany, PrimitiveSchemaDefinition, ProgressNotificationParams, Prompt,
    PromptMessage, ReadResourceRequestParams, Resource, ResourceContents, ResourceLink, ResourceTemplate, Root,
    SamplingMessage, SamplingMessageContentBlock, ServerCapabilities, TextContent, Tool, ToolResultContent,
    ToolUseContent,
};

/// Empties a member unless the peer knows it.
fn keep<T>(known: bool, member: &mut Option<T>) {
    if !known {
        *member = None;
    }
}

/// Empties `_meta` of anything but params and results unless the peer knows it there.
fn keep_meta(revision: Revision, meta: &mut Option<Meta>) {
    keep(revision.has_meta_everywhere(), meta);
}

/// A completion has a context since a server may ask the user.
fn has_completion_context(revision: Revision) -> bool {
    revision.has_elicitation()
}

impl<T: Adapt> Adapt for Option<T> {
    fn adapt(&mut self, revision: Revision) {
        if let Some(value) = self {
            value.adapt(revision);
        }
    }
}

impl<T: Adapt> Adapt for Vec<T> {
    fn adapt(&mut self, revision: Revision) {
        for value in self {
            value.adapt(revision);
        }
    }
}

impl Adapt for Implementation {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_titles(), &mut self.title);
        keep(revision.has_implementation_description(), &mut self.description);
        keep(revision.has_implementation_description(), &mut self.website_url);
        keep(revision.has_icons(), &mut self.icons);
    }
}

impl Adapt for ServerCapabilities {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_completions_capability(), &mut self.completions);
        keep(revision.has_tasks(), &mut self.tasks);
    }
}

impl Adapt for ClientCapabilities {
    fn adapt(&mut self, revision: Revision) {
        if let Some(roots) = &mut self.roots {
            keep(revision.is_legacy(), &mut roots.list_changed);
        }
        if let Some(sampling) = &mut self.sampling {
            keep(revision.has_sampling_tools(), &mut sampling.context);
            keep(revision.has_sampling_tools(), &mut sampling.tools);
        }
        // Without its members the capability means forms, which must not be promised by a client that has none.
        keep(revision.has_elicitation(), &mut self.elicitation);
        keep(revision.has_url_elicitation() || self.has_form_elicitation(), &mut self.elicitation);
        if let Some(elicitation) = &mut self.elicitation {
            keep(revision.has_url_elicitation(), &mut elicitation.form);
            keep(revision.has_url_elicitation(), &mut elicitation.url);
        }
        keep(revision.has_tasks(), &mut self.tasks);
    }
}

impl Adapt for Tool {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_titles(), &mut self.title);
        keep(revision.has_structured_content(), &mut self.output_schema);
        keep(revision.has_tool_annotations(), &mut self.annotations);
        keep(revision.has_icons(), &mut self.icons);
        keep(revision.has_tasks(), &mut self.execution);
        keep_meta(revision, &mut self.meta);
        if !revision.has_any_structured_content() {
            let is_object =
                self.output_schema.as_ref().is_some_and(|schema| schema.get("type") == Some(&json!("object")));
            keep(is_object, &mut self.output_schema);
            spell_out_properties(&mut self.input_schema);
            if let Some(schema) = &mut self.output_schema {
                spell_out_properties(schema);
            }
        }
    }
}

/// Legacy revisions want the schema of every property to be an object, so `true` and `false` are spelled out.
fn spell_out_properties(schema: &mut JsonObject) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut() {
        match property {
            Value::Bool(true) => *property = json!({}),
            Value::Bool(false) => *property = json!({"not": {}}),
            _ => {}
        }
    }
}

impl Adapt for Resource {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_titles(), &mut self.title);
        keep(revision.has_icons(), &mut self.icons);
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for ResourceTemplate {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_titles(), &mut self.title);
        keep(revision.has_icons(), &mut self.icons);
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for Prompt {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_titles(), &mut self.title);
        keep(revision.has_icons(), &mut self.icons);
        for argument in self.arguments.iter_mut().flatten() {
            keep(revision.has_titles(), &mut argument.title);
        }
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for PromptMessage {
    fn adapt(&mut self, revision: Revision) {
        self.content.adapt(revision);
    }
}

impl Adapt for Annotations {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_last_modified(), &mut self.last_modified);
    }
}

impl Adapt for ContentBlock {
    fn adapt(&mut self, revision: Revision) {
        match self {
            Self::Audio(audio) if !revision.has_audio() => *self = Self::Text(name_audio(audio)),
            Self::ResourceLink(link) if !revision.has_resource_links() => *self = Self::Text(name_link(link)),
            _ => {}
        }
        match self {
            Self::Text(text) => text.adapt(revision),
            Self::Image(image) => image.adapt(revision),
            Self::Audio(audio) => audio.adapt(revision),
            Self::ResourceLink(link) => link.adapt(revision),
            Self::Resource(resource) => resource.adapt(revision),
        }
    }
}

/// Stands in for audio where there is none.
pub(super) fn name_audio(audio: &AudioContent) -> TextContent {
    let text = TextContent::new(format!("[audio: {}]", audio.mime_type));
    TextContent { annotations: audio.annotations.clone(), ..text }
}

/// Stands in for a link where there are none.
pub(super) fn name_link(link: &ResourceLink) -> TextContent {
    let ResourceLink { uri, name, .. } = link;
    let text = TextContent::new(match &link.mime_type {
        Some(mime_type) => format!("[resource: {name} ({mime_type}) <{uri}>]"),
        None => format!("[resource: {name} <{uri}>]"),
    });
    TextContent { annotations: link.annotations.clone(), ..text }
}

impl Adapt for TextContent {
    fn adapt(&mut self, revision: Revision) {
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for ImageContent {
    fn adapt(&mut self, revision: Revision) {
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for AudioContent {
    fn adapt(&mut self, revision: Revision) {
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for ResourceLink {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_icons(), &mut self.icons);
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for EmbeddedResource {
    fn adapt(&mut self, revision: Revision) {
        self.resource.adapt(revision);
        self.annotations.adapt(revision);
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for ResourceContents {
    fn adapt(&mut self, revision: Revision) {
        match self {
            Self::Text(contents) => keep_meta(revision, &mut contents.meta),
            Self::Blob(contents) => keep_meta(revision, &mut contents.meta),
        }
    }
}

impl Adapt for LoggingMessageNotificationParams {
    fn adapt(&mut self, _: Revision) {}
}

impl Adapt for ProgressNotificationParams {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.has_progress_message(), &mut self.message);
    }
}

impl Adapt for CallToolRequestParams {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.is_modern(), &mut self.input_responses);
        keep(revision.is_modern(), &mut self.request_state);
        keep(revision.has_tasks(), &mut self.task);
    }
}

impl Adapt for ReadResourceRequestParams {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.is_modern(), &mut self.input_responses);
        keep(revision.is_modern(), &mut self.request_state);
    }
}

impl Adapt for GetPromptRequestParams {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.is_modern(), &mut self.input_responses);
        keep(revision.is_modern(), &mut self.request_state);
    }
}

impl Adapt for CompleteRequestParams {
    fn adapt(&mut self, revision: Revision) {
        if let CompletionReference::Prompt(prompt) = &mut self.reference {
            keep(revision.has_titles(), &mut prompt.title);
        }
        keep(has_completion_context(revision), &mut self.context);
    }
}

impl Adapt for Root {
    fn adapt(&mut self, revision: Revision) {
        keep_meta(revision, &mut self.meta);
    }
}

impl Adapt for ListRootsResult {
    fn adapt(&mut self, revision: Revision) {
        self.roots.adapt(revision);
        keep(revision.is_legacy(), &mut self.meta);
    }
}

impl Adapt for CreateMessageRequestParams {
    fn adapt(&mut self, revision: Revision) {
        self.messages.adapt(revision);
        if !revision.has_sampling_tools() {
            self.messages = self.messages.drain(..).flat_map(one_block_each).collect();
        }
        keep(revision.has_sampling_tools(), &mut self.tools);
        keep(revision.has_sampling_tools(), &mut self.tool_choice);
        self.tools.adapt(revision);
        keep(revision.has_tasks(), &mut self.task);
        keep(revision.is_legacy(), &mut self.meta);
    }
}

/// Says in several messages what older peers cannot be told in one.
fn one_block_each(message: SamplingMessage) -> impl Iterator<Item = SamplingMessage> {
    let role = message.role;
    message.content.into_vec().into_iter().map(move |block| SamplingMessage::new(role, block))
}

impl Adapt for SamplingMessage {
    fn adapt(&mut self, revision: Revision) {
        adapt_blocks(&mut self.content, revision);
        keep(revision.has_sampling_tools(), &mut self.meta);
    }
}

fn adapt_blocks(content: &mut OneOrMany<SamplingMessageContentBlock>, revision: Revision) {
    match content {
        OneOrMany::One(block) => block.adapt(revision),
        OneOrMany::Many(blocks) => blocks.adapt(revision),
    }
}

impl Adapt for CreateMessageResult {
    fn adapt(&mut self, revision: Revision) {
        adapt_blocks(&mut self.content, revision);
        if let OneOrMany::Many(blocks) = &mut self.content
            && !revision.has_sampling_tools()
        {
            let block = if blocks.len() == 1 { blocks.pop() } else { None };
            let block = block.unwrap_or_else(|| SamplingMessageContentBlock::Text(name_blocks(blocks)));
            self.content = OneOrMany::One(block);
        }
    }
}

/// Stands in for several blocks where there can be one.
fn name_blocks(blocks: &[SamplingMessageContentBlock]) -> TextContent {
    let lines = blocks.iter().map(|block| match block {
        SamplingMessageContentBlock::Text(text) => text.text.clone(),
        SamplingMessageContentBlock::Image(image) => format!("[image: {}]", image.mime_type),
        SamplingMessageContentBlock::Audio(audio) => name_audio(audio).text,
        SamplingMessageContentBlock::ToolUse(tool_use) => name_tool_use(tool_use).text,
        SamplingMessageContentBlock::ToolResult(tool_result) => name_tool_result(tool_result).text,
    });
    TextContent::new(lines.collect::<Vec<_>>().join("\n"))
}

impl Adapt for SamplingMessageContentBlock {
    fn adapt(&mut self, revision: Revision) {
        match self {
            Self::Audio(audio) if !revision.has_audio() => *self = Self::Text(name_audio(audio)),
            Self::ToolUse(tool_use) if !revision.has_sampling_tools() => *self = Self::Text(name_tool_use(tool_use)),
            Self::ToolResult(result) if !revision.has_sampling_tools() => *self = Self::Text(name_tool_result(result)),
            _ => {}
        }
        match self {
            Self::Text(text) => text.adapt(revision),
            Self::Image(image) => image.adapt(revision),
            Self::Audio(audio) => audio.adapt(revision),
            Self::ToolUse(_) => {}
            Self::ToolResult(result) => {
                let is_object = result.structured_content.as_ref().is_some_and(Value::is_object);
                keep(revision.has_any_structured_content() || is_object, &mut result.structured_content);
                result.content.adapt(revision);
            }
        }
    }
}

fn name_tool_use(tool_use: &ToolUseContent) -> TextContent {
    TextContent::new(format!("[tool call: {} {}]", tool_use.name, Value::Object(tool_use.input.clone())))
}

fn name_tool_result(result: &ToolResultContent) -> TextContent {
    let content = result.content.iter().map(|block| match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => format!("[image: {}]", image.mime_type),
        ContentBlock::Audio(audio) => name_audio(audio).text,
        ContentBlock::ResourceLink(link) => name_link(link).text,
        ContentBlock::Resource(resource) => match resource.resource.as_text() {
            Some(text) => text.to_owned(),
            None => format!("[resource: {}]", resource.resource.uri()),
        },
    });
    TextContent::new(format!("[tool result: {}]", content.collect::<Vec<_>>().join("\n")))
}

impl Adapt for ElicitRequestParams {
    fn adapt(&mut self, revision: Revision) {
        match self {
            Self::Form(form) => form.adapt(revision),
            Self::Url(url) => url.adapt(revision),
        }
    }
}

impl Adapt for ElicitRequestFormParams {
    fn adapt(&mut self, revision: Revision) {
        // Only a peer that knows the other mode knows that there are modes.
        keep(revision.has_url_elicitation(), &mut self.mode);
        self.requested_schema.adapt(revision);
        keep(revision.has_tasks(), &mut self.task);
        keep(revision.is_legacy(), &mut self.meta);
    }
}

impl Adapt for ElicitRequestUrlParams {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.is_legacy(), &mut self.elicitation_id);
        keep(revision.has_tasks(), &mut self.task);
        keep(revision.is_legacy(), &mut self.meta);
    }
}

impl Adapt for ElicitationSchema {
    /// A field that takes several values stays as it is: there is no older field that would be answered by an array.
    fn adapt(&mut self, revision: Revision) {
        if revision.has_multi_select() {
            return;
        }
        self.schema = None;
        for (_, field) in &mut self.properties {
            if let PrimitiveSchemaDefinition::TitledSingleSelect(select) = field {
                let options =
                    std::mem::take(&mut select.options).into_iter().map(|option| (option.value, option.title));
                let mut legacy = LegacyTitledEnumSchema::new(options);
                legacy.title = select.title.take();
                legacy.description = select.description.take();
                *field = legacy.into();
            }
            match field {
                PrimitiveSchemaDefinition::String(schema) => schema.default = None,
                PrimitiveSchemaDefinition::Number(schema) => schema.default = None,
                PrimitiveSchemaDefinition::UntitledSingleSelect(schema) => schema.default = None,
                PrimitiveSchemaDefinition::LegacyTitled(schema) => schema.default = None,
                _ => {}
            }
        }
    }
}

impl Adapt for ElicitResult {
    fn adapt(&mut self, revision: Revision) {
        keep(revision.is_legacy(), &mut self.meta);
    }
}

impl Adapt for InputRequest {
    fn adapt(&mut self, revision: Revision) {
        match self {
            Self::CreateMessage(params) => params.adapt(revision),
            Self::ListRoots(_) => {}
            Self::Elicit(params) => params.adapt(revision),
        }
    }
}
