//! What a peer of each revision gets to see.

use serde_json::{Value, json};
use turbomcp_protocol::Revision;
use turbomcp_protocol::encode::{Adapt, EncodeResult, encode_for, encode_result};
use turbomcp_protocol::types::*;

use crate::schema::Schema;

fn meta() -> Meta {
    Meta::new().with("com.example/x", 1)
}

fn icons() -> [Icon; 1] {
    [Icon::new("https://x/i.png")
        .with_mime_type("image/png")
        .with_sizes(["any".to_owned()])
        .with_theme(IconTheme::DARK)]
}

fn annotations() -> Annotations {
    Annotations::new().with_audience([Role::User]).with_priority(1).with_last_modified("2026-08-01T10:00:00Z")
}

fn tool() -> Tool {
    Tool::new("t")
        .with_title("T")
        .with_description("d")
        .with_input_schema(
            ToolInputSchema::empty()
                .add_property("any", true)
                .add_property("none", false)
                .add_property("n", json!({"type": "integer"}))
                .require_property("n"),
        )
        .with_output_schema(ToolInputSchema::empty().add_property("any", true))
        .with_annotations(
            ToolAnnotations::new()
                .with_title("T")
                .with_read_only_hint(true)
                .with_destructive_hint(false)
                .with_idempotent_hint(true)
                .with_open_world_hint(false),
        )
        .with_icons(icons())
        .with_execution(ToolExecution::new().with_task_support(TaskSupport::Optional))
        .with_meta(meta())
}

fn resource() -> Resource {
    Resource::new("note://n7", "n7")
        .with_title("N")
        .with_description("d")
        .with_mime_type("text/plain")
        .with_size(4u64)
        .with_icons(icons())
        .with_annotations(annotations())
        .with_meta(meta())
}

fn resource_template() -> ResourceTemplate {
    ResourceTemplate::new("note://{id}", "note")
        .with_title("N")
        .with_description("d")
        .with_mime_type("text/plain")
        .with_icons(icons())
        .with_annotations(annotations())
        .with_meta(meta())
}

fn prompt() -> Prompt {
    Prompt::new("p")
        .with_title("P")
        .with_description("d")
        .add_argument(PromptArgument::new("a").with_title("A").with_description("d").required())
        .with_icons(icons())
        .with_meta(meta())
}

fn implementation() -> Implementation {
    Implementation::new("i", "1")
        .with_title("I")
        .with_description("d")
        .with_website_url("https://x")
        .with_icons(icons())
}

fn contents() -> [ResourceContents; 2] {
    [
        TextResourceContents::new("x:t", "t").with_mime_type("text/plain").with_meta(meta()).into(),
        BlobResourceContents::from_bytes("x:b", b"b").with_mime_type("image/png").with_meta(meta()).into(),
    ]
}

fn blocks() -> Vec<ContentBlock> {
    let [text, blob] = contents();
    let link = ResourceLink::new("note://n7", "n7")
        .with_title("N")
        .with_description("d")
        .with_mime_type("text/plain")
        .with_size(4u64)
        .with_icons(icons())
        .with_annotations(annotations())
        .with_meta(meta());
    vec![
        TextContent::new("t").with_annotations(annotations()).with_meta(meta()).into(),
        ImageContent::from_bytes(b"i", "image/png").with_annotations(annotations()).with_meta(meta()).into(),
        AudioContent::from_bytes(b"a", "audio/wav").with_annotations(annotations()).with_meta(meta()).into(),
        link.into(),
        EmbeddedResource::new(text).with_annotations(annotations()).with_meta(meta()).into(),
        EmbeddedResource::new(blob).into(),
    ]
}

fn call_tool_result() -> CallToolResult {
    let mut result = CallToolResult::structured(&json!({"a": 1})).unwrap().with_meta(meta());
    result.content.extend(blocks());
    result.is_error = Some(true);
    result
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities::new()
        .with_experimental(JsonObject::from_iter([("x".to_owned(), json!({}))]))
        .with_logging(LoggingCapability::new())
        .with_completions(CompletionsCapability::new())
        .with_prompts(PromptsCapability::new().with_list_changed(true))
        .with_resources(ResourcesCapability::new().with_subscribe(true).with_list_changed(true))
        .with_tools(ToolsCapability::new().with_list_changed(true))
        .with_tasks(json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}))
}

fn client_capabilities() -> ClientCapabilities {
    ClientCapabilities::new()
        .with_experimental(JsonObject::from_iter([("x".to_owned(), json!({}))]))
        .with_roots(RootsCapability::new().with_list_changed(true))
        .with_sampling(SamplingCapability::new().with_context(JsonObject::new()).with_tools(JsonObject::new()))
        .with_elicitation(ElicitationCapability::new().with_form(JsonObject::new()).with_url(JsonObject::new()))
        .with_tasks(json!({"list": {}, "cancel": {}}))
}

fn sampling_params() -> CreateMessageRequestParams {
    let tool_use = ToolUseContent::new("c1", "t", JsonObject::new()).with_meta(meta());
    let tool_result = ToolResultContent::new("c1", blocks())
        .with_structured_content(json!([1]))
        .with_is_error(false)
        .with_meta(meta());
    let audio = AudioContent::new("", "audio/wav").with_annotations(annotations()).with_meta(meta());
    let messages = [
        SamplingMessage::user("hi").with_meta(meta()),
        SamplingMessage::assistant([SamplingMessageContentBlock::text("a"), audio.into(), tool_use.into()]),
        SamplingMessage::user([tool_result.into()]),
    ];
    CreateMessageRequestParams::new(messages, 100)
        .with_model_preferences(ModelPreferences::new().with_hints(["m".into()]).with_cost_priority(0.5))
        .with_system_prompt("s")
        .with_include_context(IncludeContext::None)
        .with_temperature(0.2)
        .with_stop_sequences(["x".to_owned()])
        .with_metadata(JsonObject::new())
        .with_tools([tool()])
        .with_tool_choice(ToolChoice::new(ToolChoiceMode::Auto))
        .with_task(json!({"ttl": 1}))
}

fn form() -> ElicitationSchema {
    let mut schema = ElicitationSchema::new()
        .string("s", StringSchema::new().with_format(StringFormat::EMAIL).with_default("a@b.c"))
        .integer("i", NumberSchema::new().with_minimum(1).with_default(2))
        .boolean("b", BooleanSchema::new().with_default(true))
        .property("e", UntitledSingleSelectEnumSchema::new(["a"]).with_default("a"))
        .property("t", TitledSingleSelectEnumSchema::new([("a", "A")]).with_title("T").with_description("d"))
        .property("l", LegacyTitledEnumSchema::new([("a", "A")]).with_default("a"))
        .required("s");
    schema.schema = Some("https://json-schema.org/draft/2020-12/schema".to_owned());
    schema
}

fn encoded<T: Adapt>(value: &T, revision: Revision) -> Value {
    let mut out = Vec::new();
    encode_for(value, revision, &mut out);
    serde_json::from_slice(&out).unwrap()
}

fn encoded_result(result: &impl EncodeResult, revision: Revision) -> Value {
    let mut out = Vec::new();
    encode_result(result, revision, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// Encodes for each revision that has the type, and validates against the schema of that revision, closed.
#[track_caller]
fn check<T: Adapt>(name: &str, revisions: &[Revision], value: &T) {
    for &revision in revisions {
        Schema::load(revision.as_str()).strict().check(name, &encoded(value, revision));
    }
}

#[track_caller]
fn check_result(name: &str, revisions: &[Revision], result: &impl EncodeResult) {
    for &revision in revisions {
        Schema::load(revision.as_str()).strict().check(name, &encoded_result(result, revision));
    }
}

/// Asserts which members of the encoded value each revision has, of those named.
#[track_caller]
fn check_members<T: Adapt>(value: &T, names: &[&str], expected: [&[&str]; 5]) {
    for (revision, expected) in Revision::ALL.into_iter().zip(expected) {
        let value = encoded(value, revision);
        let present: Vec<_> = names.iter().copied().filter(|name| value.get(name).is_some()).collect();
        assert_eq!(present, expected, "{revision}");
    }
}

const LEGACY: [Revision; 4] =
    [Revision::V2024_11_05, Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25];
const SINCE_2025_06_18: [Revision; 3] = [Revision::V2025_06_18, Revision::V2025_11_25, Revision::V2026_07_28];
const SINCE_2025_11_25: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];
const MODERN: [Revision; 1] = [Revision::V2026_07_28];

#[test]
fn a_tool_shows_what_the_revision_knows() {
    check("Tool", &Revision::ALL, &tool());
    check_members(
        &tool(),
        &["title", "outputSchema", "annotations", "icons", "execution", "_meta"],
        [
            &[],
            &["annotations"],
            &["title", "outputSchema", "annotations", "_meta"],
            &["title", "outputSchema", "annotations", "icons", "execution", "_meta"],
            &["title", "outputSchema", "annotations", "icons", "_meta"],
        ],
    );
}

#[test]
fn an_output_schema_that_is_no_object_waits_for_modern_peers() {
    let tool = tool().with_output_schema(JsonObject::from_iter([("type".to_owned(), json!("array"))]));
    check("Tool", &Revision::ALL, &tool);
    check_members(&tool, &["outputSchema"], [&[], &[], &[], &[], &["outputSchema"]]);
}

#[test]
fn a_property_without_a_schema_of_its_own_is_spelled_out_for_legacy_peers() {
    let properties = |revision| encoded(&tool(), revision)["inputSchema"]["properties"].clone();
    let n = json!({"type": "integer"});
    assert_eq!(properties(Revision::V2025_11_25), json!({"any": {}, "none": {"not": {}}, "n": n}));
    assert_eq!(properties(Revision::V2026_07_28), json!({"any": true, "none": false, "n": n}));
}

#[test]
fn a_resource_shows_what_the_revision_knows() {
    check("Resource", &Revision::ALL, &resource());
    let newer: &[&str] = &["title", "icons", "_meta"];
    check_members(&resource(), newer, [&[], &[], &["title", "_meta"], newer, newer]);
    for revision in Revision::ALL {
        let annotations = &encoded(&resource(), revision)["annotations"];
        assert_eq!(annotations.get("lastModified").is_some(), revision.has_last_modified(), "{revision}");
        assert_eq!(annotations["priority"], json!(1), "{revision}");
    }
}

#[test]
fn a_resource_template_shows_what_the_revision_knows() {
    check("ResourceTemplate", &Revision::ALL, &resource_template());
    let newer: &[&str] = &["title", "icons", "_meta"];
    check_members(&resource_template(), newer, [&[], &[], &["title", "_meta"], newer, newer]);
}

#[test]
fn a_prompt_shows_what_the_revision_knows() {
    check("Prompt", &Revision::ALL, &prompt());
    let newer: &[&str] = &["title", "icons", "_meta"];
    check_members(&prompt(), newer, [&[], &[], &["title", "_meta"], newer, newer]);
}

#[test]
fn an_implementation_shows_what_the_revision_knows() {
    check("Implementation", &Revision::ALL, &implementation());
    let newer: &[&str] = &["title", "description", "websiteUrl", "icons"];
    check_members(&implementation(), newer, [&[], &[], &["title"], newer, newer]);
}

#[test]
fn capabilities_show_what_the_revision_knows() {
    check("ServerCapabilities", &Revision::ALL, &capabilities());
    check_members(
        &capabilities(),
        &["completions", "tasks"],
        [&[], &["completions"], &["completions"], &["completions", "tasks"], &["completions"]],
    );
    check("ClientCapabilities", &Revision::ALL, &client_capabilities());
    check_members(
        &client_capabilities(),
        &["elicitation", "tasks"],
        [&[], &[], &["elicitation"], &["elicitation", "tasks"], &["elicitation"]],
    );
}

#[test]
fn extensions_are_declared_to_every_peer() {
    let capabilities = capabilities().with_extension("com.example/x", JsonObject::new());
    for revision in Revision::ALL {
        assert_eq!(encoded(&capabilities, revision)["extensions"], json!({"com.example/x": {}}));
        Schema::load(revision.as_str()).check("ServerCapabilities", &encoded(&capabilities, revision));
    }
}

#[test]
fn a_client_that_has_no_forms_does_not_promise_them() {
    let url_only = ClientCapabilities::new().with_elicitation(ElicitationCapability::new().with_url(JsonObject::new()));
    assert_eq!(encoded(&url_only, Revision::V2025_06_18), json!({}));
    assert_eq!(encoded(&url_only, Revision::V2025_11_25), json!({"elicitation": {"url": {}}}));
}

#[test]
fn a_tool_result_shows_what_the_revision_knows() {
    check_result("CallToolResult", &Revision::ALL, &call_tool_result());
    for revision in Revision::ALL {
        let written = encoded_result(&call_tool_result(), revision);
        assert_eq!(written.get("structuredContent").is_some(), revision.has_structured_content(), "{revision}");
        assert_eq!((&written["isError"], &written["_meta"]), (&json!(true), &json!({"com.example/x": 1})));
        let kinds: Vec<_> = written["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
        let (audio, link) = match revision {
            Revision::V2024_11_05 => ("text", "text"),
            Revision::V2025_03_26 => ("audio", "text"),
            _ => ("audio", "resource_link"),
        };
        assert_eq!(kinds, ["text", "text", "image", audio, link, "resource", "resource"], "{revision}");
    }
}

#[test]
fn the_fast_way_and_the_general_way_write_the_same_blocks() {
    for revision in Revision::ALL {
        let written = encoded_result(&CallToolResult::new(blocks()), revision);
        assert_eq!(written["content"], encoded(&blocks(), revision), "{revision}");
        let written = encoded_result(&ReadResourceResult::new(contents()), revision);
        assert_eq!(written["contents"], encoded(&contents().to_vec(), revision), "{revision}");
    }
}

#[test]
fn results_show_what_the_revision_knows() {
    let messages: Vec<_> = blocks().into_iter().map(PromptMessage::user).collect();
    let prompt_result = GetPromptResult::new(messages).with_description("d").with_meta(meta());
    check_result("GetPromptResult", &Revision::ALL, &prompt_result);
    let read = ReadResourceResult::new(contents()).with_cache_scope(CacheScope::Public).with_meta(meta());
    check_result("ReadResourceResult", &Revision::ALL, &read);
    let completion = Completion::new(["a"]).with_total(1u64).with_has_more(false);
    check_result("CompleteResult", &Revision::ALL, &CompleteResult::new(completion).with_meta(meta()));
    check_result("ListToolsResult", &Revision::ALL, &ListToolsResult::new([tool()]).with_next_cursor(""));
    check_result("ListResourcesResult", &Revision::ALL, &ListResourcesResult::new([resource()]).with_meta(meta()));
    let templates = ListResourceTemplatesResult::new([resource_template()]);
    check_result("ListResourceTemplatesResult", &Revision::ALL, &templates);
    check_result("ListPromptsResult", &Revision::ALL, &ListPromptsResult::new([prompt()]));
    let initialize = InitializeResult::new("2025-11-25", capabilities(), implementation()).with_instructions("i");
    check_result("InitializeResult", &LEGACY, &initialize.with_meta(meta()));
    let discover = DiscoverResult::new(["2026-07-28"], capabilities()).with_instructions("i");
    check_result("DiscoverResult", &MODERN, &discover.with_meta(meta()));
    check_result("EmptyResult", &LEGACY, &EmptyResult::new());
}

#[test]
fn asking_a_model_shows_what_the_revision_knows() {
    for revision in LEGACY {
        let request = json!({
            "jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage",
            "params": encoded(&sampling_params(), revision),
        });
        Schema::load(revision.as_str()).check("CreateMessageRequest", &request);
    }
    check("CreateMessageRequestParams", &SINCE_2025_11_25, &sampling_params());
    check("SamplingMessage", &Revision::ALL, &SamplingMessage::user("hi").with_meta(meta()));
    let contents = |revision| {
        let params = encoded(&sampling_params(), revision);
        let messages = params["messages"].as_array().unwrap().clone();
        messages.into_iter().map(|message| message["content"]["text"].clone()).collect::<Vec<_>>()
    };
    let told = contents(Revision::V2024_11_05);
    assert_eq!(told[..4], [json!("hi"), json!("a"), json!("[audio: audio/wav]"), json!("[tool call: t {}]")]);
    assert_eq!(told.len(), 5);
}

#[test]
fn what_a_model_said_fits_into_one_block_for_old_peers() {
    let said = [SamplingMessageContentBlock::text("a"), SamplingMessageContentBlock::text("b")];
    let result = CreateMessageResult::new(said, "m").with_stop_reason(StopReason::END_TURN).with_meta(meta());
    check("CreateMessageResult", &Revision::ALL, &result);
    assert_eq!(encoded(&result, Revision::V2025_06_18)["content"], json!({"type": "text", "text": "a\nb"}));
}

#[test]
fn asking_a_user_shows_what_the_revision_knows() {
    let params = ElicitRequestParams::from(ElicitRequestFormParams::new("Who?", form()).with_task(json!({})));
    for revision in SINCE_2025_06_18 {
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": encoded(&params, revision)});
        Schema::load(revision.as_str()).check("ElicitRequest", &request);
    }
    check("ElicitRequestFormParams", &SINCE_2025_11_25, &params);
    check_members(&params, &["mode", "task"], [&[], &[], &[], &["mode", "task"], &["mode"]]);
    let field = |revision| encoded(&form(), revision)["properties"]["t"].clone();
    assert_eq!(
        field(Revision::V2025_06_18),
        json!({"type": "string", "title": "T", "description": "d", "enum": ["a"], "enumNames": ["A"]})
    );
    assert_eq!(field(Revision::V2025_11_25)["oneOf"], json!([{"const": "a", "title": "A"}]));

    let url = ElicitRequestUrlParams::new("Go", "https://x").with_elicitation_id("e").with_meta(meta());
    check("ElicitRequestURLParams", &SINCE_2025_11_25, &url);
    assert_eq!(encoded(&url, Revision::LATEST), json!({"mode": "url", "message": "Go", "url": "https://x"}));
}

#[test]
fn answers_of_a_client_show_what_the_revision_knows() {
    let roots = ListRootsResult::new([Root::new("file:///x").with_name("x").with_meta(meta())]).with_meta(meta());
    check("ListRootsResult", &Revision::ALL, &roots);
    let accepted = ElicitResult::accept(JsonObject::from_iter([("a".to_owned(), json!("b"))])).with_meta(meta());
    check("ElicitResult", &SINCE_2025_06_18, &accepted);
}

#[test]
fn params_of_requests_show_what_the_revision_knows() {
    let responses = InputResponses::from_iter([("k".to_owned(), ElicitResult::decline().into())]);
    let call = CallToolRequestParams::new("t")
        .with_arguments(JsonObject::new())
        .with_input_responses(responses.clone())
        .with_request_state("s")
        .with_task(json!({"ttl": 1}));
    let retry: &[&str] = &["inputResponses", "requestState"];
    check_members(&call, &["inputResponses", "requestState", "task"], [&[], &[], &[], &["task"], retry]);
    check("CallToolRequestParams", &[Revision::V2025_11_25], &call);
    let read = ReadResourceRequestParams::new("x:y").with_input_responses(responses.clone()).with_request_state("s");
    check_members(&read, retry, [&[], &[], &[], &[], retry]);
    let get = GetPromptRequestParams::new("p").with_input_responses(responses).with_request_state("s");
    check_members(&get, retry, [&[], &[], &[], &[], retry]);
    let complete =
        CompleteRequestParams::new(PromptReference::new("p").with_title("P"), CompletionArgument::new("a", "b"))
            .with_context(CompletionContext::new());
    check_members(&complete, &["context"], [&[], &[], &["context"], &["context"], &["context"]]);
    assert_eq!(encoded(&complete, Revision::V2025_03_26)["ref"], json!({"type": "ref/prompt", "name": "p"}));
}

#[test]
fn progress_and_log_messages_show_what_the_revision_knows() {
    let progress = ProgressNotificationParams::new("p", 0.5).with_total(1).with_message("m").with_meta(meta());
    check_members(&progress, &["message"], [&[], &["message"], &["message"], &["message"], &["message"]]);
    let log = LoggingMessageNotificationParams::new(LoggingLevel::Info, "x").with_logger("l").with_meta(meta());
    for revision in Revision::ALL {
        let schema = Schema::load(revision.as_str());
        for (name, method, params) in [
            ("ProgressNotification", "notifications/progress", encoded(&progress, revision)),
            ("LoggingMessageNotification", "notifications/message", encoded(&log, revision)),
        ] {
            schema.check(name, &json!({"jsonrpc": "2.0", "method": method, "params": params}));
        }
    }
}

#[test]
fn a_result_that_asks_for_input_shows_what_the_modern_revision_knows() {
    let result = InputRequiredResult::new()
        .add_request("form", ElicitRequestFormParams::new("Who?", form()).with_meta(meta()))
        .add_request("url", ElicitRequestUrlParams::new("Go", "https://x").with_elicitation_id("e"))
        .add_request("model", sampling_params().with_meta(meta()))
        .add_request("roots", InputRequest::ListRoots(None))
        .with_request_state("s")
        .with_meta(meta());
    check_result("InputRequiredResult", &MODERN, &result);
}
