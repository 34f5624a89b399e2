//! How each result writes its members.

use std::time::Duration;

use super::adapt::{name_audio, name_link};
use super::{Adapt, EncodeResult, encode_for, write_json, write_member};
use crate::Revision;
use crate::escape::write_string;
use crate::types::wire::millis::as_millis;
use crate::types::{
    Annotations, CacheScope, CallToolResult, CompleteResult, ContentBlock, CreateTaskResult, Cursor, DiscoverResult,
    EmptyResult, GetPromptResult, InitializeResult, InputRequests, InputRequiredResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListTasksResult, ListToolsResult, Meta, ReadResourceResult,
    ResourceContents, ResultType, Role, SubscriptionsListenResult, Task, TextContent,
};

impl EncodeResult for CallToolResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        let structured = self.structured_content.as_deref().map(serde_json::value::RawValue::get);
        let carried = structured.filter(|json| can_carry(json, revision));
        out.extend_from_slice(b"\"content\":[");
        for (i, block) in self.content.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_block(block, revision, out);
        }
        // Structured content without text is legal, and would be lost on a peer that knows only text.
        if let (Some(json), None, []) = (structured, carried, self.content.as_slice()) {
            write_text(json, None, None, revision, out);
        }
        out.push(b']');
        if let Some(json) = carried {
            out.extend_from_slice(b",\"structuredContent\":");
            write_raw(json, out);
        }
        if self.is_error() {
            out.extend_from_slice(b",\"isError\":true");
        }
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

fn can_carry(structured: &str, revision: Revision) -> bool {
    revision.has_any_structured_content()
        || (revision.has_structured_content() && structured.trim_start().starts_with('{'))
}

/// Line breaks between the tokens of raw JSON become blanks, because a line break ends a message on stdio.
fn write_raw(json: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json.as_bytes());
    let mut at = start;
    while let Some(found) = memchr::memchr2(b'\n', b'\r', &out[at..]) {
        at += found;
        out[at] = b' ';
    }
}

fn write_block(block: &ContentBlock, revision: Revision, out: &mut Vec<u8>) {
    match block {
        ContentBlock::Text(text) => write_text_content(text, revision, out),
        ContentBlock::Image(image) => {
            out.extend_from_slice(b"{\"type\":\"image\",");
            write_data(&image.data, &image.mime_type, out);
            write_block_end(image.annotations.as_ref(), image.meta.as_ref(), revision, out);
        }
        ContentBlock::Audio(audio) if revision.has_audio() => {
            out.extend_from_slice(b"{\"type\":\"audio\",");
            write_data(&audio.data, &audio.mime_type, out);
            write_block_end(audio.annotations.as_ref(), audio.meta.as_ref(), revision, out);
        }
        ContentBlock::Audio(audio) => write_text_content(&name_audio(audio), revision, out),
        ContentBlock::ResourceLink(link) if revision.has_resource_links() => encode_for(link, revision, out),
        ContentBlock::ResourceLink(link) => write_text_content(&name_link(link), revision, out),
        ContentBlock::Resource(embedded) => {
            out.extend_from_slice(b"{\"type\":\"resource\",\"resource\":");
            write_contents(&embedded.resource, revision, out);
            write_block_end(embedded.annotations.as_ref(), embedded.meta.as_ref(), revision, out);
        }
    }
}

fn write_text_content(content: &TextContent, revision: Revision, out: &mut Vec<u8>) {
    write_text(&content.text, content.annotations.as_ref(), content.meta.as_ref(), revision, out);
}

fn write_text(
    text: &str,
    annotations: Option<&Annotations>,
    meta: Option<&Meta>,
    revision: Revision,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
    write_string(text, out);
    write_block_end(annotations, meta, revision, out);
}

fn write_data(data: &str, mime_type: &str, out: &mut Vec<u8>) {
    write_member("data", data, out);
    out.push(b',');
    write_member("mimeType", mime_type, out);
}

fn write_block_end(annotations: Option<&Annotations>, meta: Option<&Meta>, revision: Revision, out: &mut Vec<u8>) {
    if let Some(annotations) = annotations {
        out.extend_from_slice(b",\"annotations\":");
        encode_for(annotations, revision, out);
    }
    write_meta(meta, revision, out);
    out.push(b'}');
}

fn write_meta(meta: Option<&Meta>, revision: Revision, out: &mut Vec<u8>) {
    if let Some(meta) = meta
        && revision.has_meta_everywhere()
    {
        out.extend_from_slice(b",\"_meta\":");
        write_json(meta, out);
    }
}

fn write_contents(contents: &ResourceContents, revision: Revision, out: &mut Vec<u8>) {
    out.push(b'{');
    write_member("uri", contents.uri(), out);
    if let Some(mime_type) = contents.mime_type() {
        out.push(b',');
        write_member("mimeType", mime_type, out);
    }
    out.push(b',');
    let meta = match contents {
        ResourceContents::Text(contents) => {
            write_member("text", &contents.text, out);
            &contents.meta
        }
        ResourceContents::Blob(contents) => {
            write_member("blob", &contents.blob, out);
            &contents.meta
        }
    };
    write_meta(meta.as_ref(), revision, out);
    out.push(b'}');
}

impl EncodeResult for ReadResourceResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"contents\":[");
        for (i, contents) in self.contents.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            write_contents(contents, revision, out);
        }
        out.push(b']');
        write_cache_hints(self.ttl, self.cache_scope, revision, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

/// Modern peers are always told how long and for whom a result may be kept: unless said otherwise, not at all.
fn write_cache_hints(ttl: Option<Duration>, scope: Option<CacheScope>, revision: Revision, out: &mut Vec<u8>) {
    if revision.is_modern() {
        out.extend_from_slice(b",\"ttlMs\":");
        write_json(&as_millis(ttl.unwrap_or_default()), out);
        out.extend_from_slice(b",\"cacheScope\":");
        write_json(&scope.unwrap_or_default(), out);
    }
}

impl EncodeResult for GetPromptResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        if let Some(description) = &self.description {
            write_member("description", description, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"messages\":[");
        for (i, message) in self.messages.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(match message.role {
                Role::User => b"{\"role\":\"user\",\"content\":".as_slice(),
                Role::Assistant => b"{\"role\":\"assistant\",\"content\":",
            });
            write_block(&message.content, revision, out);
            out.push(b'}');
        }
        out.push(b']');
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for CompleteResult {
    fn encode_members(&self, _: Revision, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"completion\":");
        write_json(&self.completion, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for ListToolsResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        write_page("tools", &self.tools, self.next_cursor.as_ref(), revision, out);
        write_cache_hints(self.ttl, self.cache_scope, revision, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for ListResourcesResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        write_page("resources", &self.resources, self.next_cursor.as_ref(), revision, out);
        write_cache_hints(self.ttl, self.cache_scope, revision, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for ListResourceTemplatesResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        write_page("resourceTemplates", &self.resource_templates, self.next_cursor.as_ref(), revision, out);
        write_cache_hints(self.ttl, self.cache_scope, revision, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for ListPromptsResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        write_page("prompts", &self.prompts, self.next_cursor.as_ref(), revision, out);
        write_cache_hints(self.ttl, self.cache_scope, revision, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

fn write_page<T: Adapt>(name: &str, items: &[T], next_cursor: Option<&Cursor>, revision: Revision, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        encode_for(item, revision, out);
    }
    out.push(b']');
    if let Some(cursor) = next_cursor {
        out.push(b',');
        write_member("nextCursor", cursor.as_str(), out);
    }
}

impl EncodeResult for InitializeResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        write_member("protocolVersion", &self.protocol_version, out);
        out.extend_from_slice(b",\"capabilities\":");
        encode_for(&self.capabilities, revision, out);
        out.extend_from_slice(b",\"serverInfo\":");
        encode_for(&self.server_info, revision, out);
        if let Some(instructions) = &self.instructions {
            out.push(b',');
            write_member("instructions", instructions, out);
        }
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for DiscoverResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"supportedVersions\":");
        write_json(&self.supported_versions, out);
        out.extend_from_slice(b",\"capabilities\":");
        encode_for(&self.capabilities, revision, out);
        if let Some(instructions) = &self.instructions {
            out.push(b',');
            write_member("instructions", instructions, out);
        }
        write_cache_hints(self.ttl, self.cache_scope, revision, out);
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

fn write_input_requests(requests: &InputRequests, revision: Revision, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"inputRequests\":{");
    for (i, (key, request)) in requests.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        encode_for(request, revision, out);
    }
    out.push(b'}');
}

/// In 2025-11-25 the details of a task are asked for by other ways.
impl EncodeResult for Task {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        let (ttl, poll_interval) =
            if revision.has_tasks() { ("ttl", "pollInterval") } else { ("ttlMs", "pollIntervalMs") };
        for (name, value) in [("taskId", self.task_id.as_str()), ("status", self.status.as_str())] {
            write_member(name, value, out);
            out.push(b',');
        }
        if let Some(message) = &self.status_message {
            write_member("statusMessage", message, out);
            out.push(b',');
        }
        write_member("createdAt", &self.created_at, out);
        out.push(b',');
        write_member("lastUpdatedAt", &self.last_updated_at, out);
        let number = |name: &str, text: &str, out: &mut Vec<u8>| {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(text.as_bytes());
        };
        number(ttl, &self.ttl.map_or_else(|| "null".to_owned(), |ttl| as_millis(ttl).to_string()), out);
        if let Some(interval) = self.poll_interval {
            number(poll_interval, &as_millis(interval).to_string(), out);
        }
        if revision.has_tasks() {
            return;
        }
        if let Some(requests) = &self.input_requests {
            out.push(b',');
            write_input_requests(requests, revision, out);
        }
        if let Some(result) = &self.result {
            out.extend_from_slice(b",\"result\":");
            write_raw(result.get(), out);
        }
        if let Some(error) = &self.error {
            out.extend_from_slice(b",\"error\":");
            write_json(error, out);
        }
    }

    fn meta(&self) -> Option<&Meta> {
        None
    }
}

impl EncodeResult for CreateTaskResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        if revision.has_tasks() {
            out.extend_from_slice(b"\"task\":{");
        }
        self.task.encode_members(revision, out);
        if revision.has_tasks() {
            out.push(b'}');
        }
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    fn result_type(&self) -> ResultType {
        ResultType::TASK
    }
}

impl EncodeResult for ListTasksResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"tasks\":[");
        for (i, task) in self.tasks.iter().enumerate() {
            out.extend_from_slice(if i > 0 { b",{" } else { b"{" });
            task.encode_members(revision, out);
            out.push(b'}');
        }
        out.push(b']');
        if let Some(cursor) = &self.next_cursor {
            out.extend_from_slice(b",\"nextCursor\":");
            write_json(cursor, out);
        }
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for InputRequiredResult {
    fn encode_members(&self, revision: Revision, out: &mut Vec<u8>) {
        if let Some(requests) = &self.input_requests {
            write_input_requests(requests, revision, out);
        }
        if let Some(state) = &self.request_state {
            if self.input_requests.is_some() {
                out.push(b',');
            }
            write_member("requestState", state, out);
        }
    }

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    fn result_type(&self) -> ResultType {
        ResultType::INPUT_REQUIRED
    }
}

impl EncodeResult for EmptyResult {
    fn encode_members(&self, _: Revision, _: &mut Vec<u8>) {}

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

impl EncodeResult for SubscriptionsListenResult {
    fn encode_members(&self, _: Revision, _: &mut Vec<u8>) {}

    fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode_result;

    #[track_caller]
    fn check(result: &impl EncodeResult, revision: Revision, expected: &str) {
        let mut out = Vec::new();
        encode_result(result, revision, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    fn structured(json: &str) -> CallToolResult {
        CallToolResult::default()
            .with_structured_content(serde_json::value::RawValue::from_string(json.into()).unwrap())
    }

    #[test]
    fn a_tool_that_succeeded_says_nothing_about_errors() {
        let result = CallToolResult { is_error: Some(false), ..CallToolResult::text("a\"b") };
        check(&result, Revision::V2025_11_25, r#"{"content":[{"type":"text","text":"a\"b"}]}"#);
        let failed = CallToolResult::error("no");
        check(&failed, Revision::V2024_11_05, r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#);
    }

    #[test]
    fn structured_content_that_is_no_object_waits_for_modern_peers() {
        let text = r#"{"content":[{"type":"text","text":"[1]"}]}"#;
        check(&structured("[1]"), Revision::V2025_11_25, text);
        check(
            &structured("null"),
            Revision::LATEST,
            r#"{"resultType":"complete","content":[],"structuredContent":null}"#,
        );
        check(&structured("{}"), Revision::V2025_06_18, r#"{"content":[],"structuredContent":{}}"#);
        check(&structured("{}"), Revision::V2025_03_26, r#"{"content":[{"type":"text","text":"{}"}]}"#);
    }

    #[test]
    fn a_message_stays_on_one_line() {
        let result = structured("{\r\n  \"a\": \"\\n\"\n}");
        check(&result, Revision::V2025_06_18, r#"{"content":[],"structuredContent":{    "a": "\n" }}"#);
    }

    #[test]
    fn what_an_old_peer_cannot_carry_is_named() {
        let result = CallToolResult::new([
            ContentBlock::audio("UklGRg==", "audio/wav"),
            ContentBlock::resource_link("note://n7", "n7"),
        ]);
        let (audio, link) = ("[audio: audio/wav]", "[resource: n7 <note://n7>]");
        let text = |text| format!(r#"{{"type":"text","text":"{text}"}}"#);
        check(&result, Revision::V2024_11_05, &format!(r#"{{"content":[{},{}]}}"#, text(audio), text(link)));
    }

    #[test]
    fn a_result_without_members_is_an_object() {
        check(&EmptyResult::new(), Revision::V2025_11_25, "{}");
        check(&EmptyResult::new(), Revision::LATEST, r#"{"resultType":"complete"}"#);
        check(&EmptyResult::new().with_meta(Meta::new().with("a", 1)), Revision::V2025_11_25, r#"{"_meta":{"a":1}}"#);
        let input = InputRequiredResult::new().with_request_state("s");
        check(&input, Revision::LATEST, r#"{"resultType":"input_required","requestState":"s"}"#);
    }
}
