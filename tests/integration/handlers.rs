//! Handlers without macros, and the registry they stand in: F28, F30 to F39, F44, F137.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use turbomcp::prelude::*;
use turbomcp::types::{
    CallToolResult, ContentBlock, Prompt, PromptArgument, ReadResourceResult, ResourceContents, TextContent, Tool,
    ToolInputSchema,
};
use turbomcp::{
    Arguments, CallToolRequest, FnPrompt, FnResource, FnTool, GetPromptRequest, HandlerRegistry, Params,
    ReadResourceRequest, RequestContext, ResourceDefinition, ResourceHandler, ServerError, ServerResult, ToolHandler,
};
use turbomcp_tests::{Client, modern};

use crate::text;

struct Calculate;

impl ToolHandler for Calculate {
    fn tool_definition(&self) -> Tool {
        Tool::new("calculate").with_description("Adds two numbers.").with_input_schema(
            ToolInputSchema::empty()
                .add_property("a", json!({"type": "number"}))
                .add_property("b", json!({"type": "number"}))
                .require_property("a"),
        )
    }

    async fn handle(&self, request: CallToolRequest, _: RequestContext) -> McpResult<CallToolResult> {
        let a: f64 = request.arguments().get("a")?;
        let b: Option<f64> = request.arguments().get("b")?;
        let text = (a + b.unwrap_or_default()).to_string();
        Ok(CallToolResult::new(vec![ContentBlock::Text(TextContent::new(text))]))
    }
}

struct Settings;

impl ResourceHandler for Settings {
    fn resource_definition(&self) -> ResourceDefinition {
        ResourceDefinition::new("settings")
    }

    async fn handle(&self, request: ReadResourceRequest, _: RequestContext) -> McpResult<ReadResourceResult> {
        Ok(ReadResourceResult::new(vec![ResourceContents::text(request.uri(), "dark")]))
    }
}

async fn review(request: GetPromptRequest, _: Context) -> McpResult<String> {
    Ok(format!("Review {}", request.get::<String>("code")?))
}

fn code_review() -> FnPrompt {
    FnPrompt::new(Prompt::new("").add_argument(PromptArgument::new("code").required()), review)
}

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[tokio::test]
async fn f32_a_registry_takes_closures_and_f35_a_builder_takes_the_registry() {
    let mut registry = HandlerRegistry::new();
    let add = FnTool::new(|params: Params| async move {
        let (a, b): (f64, f64) = (params.get("a")?, params.get("b")?);
        Ok::<_, turbomcp::ArgumentError>(a + b)
    });
    registry.register_tool("add", add.description("Adds two numbers.")).unwrap();
    registry.register_tool("subtract", |Add { a, b }: Add| async move { a - b }).unwrap();
    registry.register_tool("era", |_: Arguments, ctx: Context| async move { ctx.revision().to_string() }).unwrap();
    let mut client = Client::connect(&ServerBuilder::new().with_registry(registry).build());
    assert_eq!(text(&client.tool("add", json!({"a": 1.5, "b": 2})).await), "3.5");
    assert_eq!(text(&client.tool("subtract", json!({"a": 5, "b": 2})).await), "3");
    assert_eq!(text(&client.tool("era", json!({})).await), "2026-07-28");
    let missing = client.tool("add", json!({"a": 1})).await;
    assert_eq!((&missing["result"]["isError"], text(&missing)), (&json!(true), "missing argument `b`"));
}

#[tokio::test]
async fn f33_arguments_read_one_by_one_are_held_against_a_schema_if_there_is_one() {
    let schema = ToolInputSchema::empty().add_property("a", json!({"type": "number", "maximum": 9}));
    let double = FnTool::new(|params: Params| async move { params.get::<f64>("a").map(|a| a * 2.0) });
    let server = ServerBuilder::new().tool("double", double.input_schema(schema)).unwrap().build();
    let mut client = Client::connect(&server);
    assert_eq!(text(&client.tool("double", json!({"a": 4})).await), "8");
    assert_eq!(text(&client.tool("double", json!({"a": 10})).await), "`a` must be at most 9, got 10");
}

#[tokio::test]
async fn f34_a_star_at_the_end_stands_for_the_rest_of_the_uri() {
    let mut registry = HandlerRegistry::new();
    registry.register_resource("file://*", |uri: String| async move { format!("contents of {uri}") }).unwrap();
    let row =
        |request: ReadResourceRequest, _: Context| async move { request.variable("*").map(str::to_owned).unwrap() };
    registry.register_resource("db://users/*", FnResource::new(ResourceDefinition::new("users"), row)).unwrap();
    let mut client = Client::connect(&ServerBuilder::new().with_registry(registry).build());
    for (uri, expected) in [
        ("file:///a/b.txt", "contents of file:///a/b.txt"),
        ("db://users/7/name", "7/name"),
        ("db://users/a%20b", "a b"),
    ] {
        let answer = client.modern("resources/read", json!({"uri": uri}), json!({})).await;
        assert_eq!(answer["result"]["contents"][0]["text"], expected, "{answer}");
    }
    let climbing = client.modern("resources/read", json!({"uri": "file:///a/../b"}), json!({})).await;
    assert_eq!(climbing["error"]["code"], -32602);
    let listed = client.modern("resources/templates/list", json!({}), json!({})).await["result"].take();
    // As a client reads templates: the short form is known only here.
    assert_eq!(listed["resourceTemplates"][0]["uriTemplate"], "file://{+path}");
    assert_eq!(listed["resourceTemplates"][1]["name"], "users");
}

#[tokio::test]
async fn f36_traits_make_handlers_and_f37_builders_define_them() {
    let mut client = Client::connect(&ServerBuilder::new().tool("calculate", Calculate).unwrap().build());
    let answer = client.tool("calculate", json!({"a": 1, "b": 2})).await;
    assert_eq!(answer["result"]["content"], json!([{"type": "text", "text": "3"}]));
    assert_eq!(text(&client.tool("calculate", json!({"b": 2})).await), "`a` is required");
    let listed = client.modern("tools/list", json!({}), json!({})).await;
    assert_eq!(
        listed["result"]["tools"][0],
        json!({
            "name": "calculate",
            "description": "Adds two numbers.",
            "inputSchema": {
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                "required": ["a"],
            },
        })
    );
}

#[tokio::test]
async fn f38_a_result_has_content_structured_content_and_says_whether_it_failed() {
    let whole = |_: Arguments| async {
        let mut result = CallToolResult::structured(&json!({"n": 1})).unwrap();
        result.is_error = Some(true);
        result.with_meta(turbomcp::types::Meta::new().with("source", "test"))
    };
    let mut client = Client::connect(&ServerBuilder::new().tool("whole", whole).unwrap().build());
    let result = client.tool("whole", json!({})).await["result"].take();
    assert_eq!((&result["structuredContent"], &result["isError"]), (&json!({"n": 1}), &json!(true)));
    assert_eq!(result["_meta"]["source"], "test");
    assert!(result["content"].is_array());
}

#[tokio::test]
async fn an_argument_of_a_prompt_that_is_no_text_is_named() {
    let server = ServerBuilder::new().prompt("code_review", code_review()).unwrap().build();
    let mut client = Client::connect(&server);
    for (arguments, expected) in [
        (json!({"code": "x", "lines": 7}), "the argument `lines` has to be a text, as all arguments of prompts"),
        (json!({"code": null}), "the argument `code` has to be a text, as all arguments of prompts"),
        (json!(["x"]), "`arguments` has to be an object of texts"),
        (json!({}), "missing argument `code`"),
    ] {
        client.send(&modern(1, "prompts/get", json!({"name": "code_review", "arguments": arguments}), json!({}))).await;
        let answer = client.next().await;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["message"]),
            (&json!(-32602), &json!(expected)),
            "{answer}"
        );
    }
}

#[test]
fn f39_a_name_that_is_taken_or_illegal_is_an_error() {
    let builder = || {
        ServerBuilder::new()
            .tool("calculate", Calculate)?
            .resource("config://settings", Settings)?
            .resource("db://users/*", Settings)?
            .prompt("code_review", code_review())
    };
    assert!(builder().is_ok());
    let refused = [
        builder().unwrap().tool("calculate", Calculate),
        builder().unwrap().tool("not legal", Calculate),
        builder().unwrap().resource("config://settings", Settings),
        builder().unwrap().resource("db://users/*", Settings),
        builder().unwrap().resource("no uri", Settings),
        builder().unwrap().resource("x://{unclosed", Settings),
        builder().unwrap().prompt("code_review", code_review()),
        builder().unwrap().prompt("", code_review()),
    ];
    for result in refused {
        assert!(result.unwrap_err().is_registration());
    }
}

#[tokio::test]
async fn f30_handlers_come_and_go_while_the_server_runs() {
    let server = ServerBuilder::new().tool("calculate", Calculate).unwrap().build();
    let mut client = Client::legacy(&server, "2025-11-25", json!({})).await;
    client.sync().await;
    let mut next = HandlerRegistry::new();
    next.register_tool("calculate", |_: Arguments| async { "another" }).unwrap();
    next.register_prompt("code_review", code_review()).unwrap();
    server.reload(next);
    let mut changed = [client.next().await["method"].to_string(), client.next().await["method"].to_string()];
    changed.sort();
    assert_eq!(changed, ["\"notifications/prompts/list_changed\"", "\"notifications/tools/list_changed\""]);
    assert_eq!(text(&client.legacy_tool("calculate", json!({})).await), "another");
    assert!(server.remove_prompt("code_review"));
    assert_eq!(client.next().await["method"], "notifications/prompts/list_changed");
}

struct Refusing;

#[server(name = "refusing")]
impl Refusing {
    /// Refuses as it is told.
    #[tool]
    async fn refuse(&self, how: String) -> ServerResult<String> {
        Err(match &*how {
            "input" => ServerError::InvalidToolInput("`how` is too short".to_owned()),
            "params" => ServerError::ValidationError("no such page".to_owned()),
            "missing" => ServerError::NotFound("no such user".to_owned()),
            "database" => ServerError::Database("disk /dev/sda1 is full".to_owned()),
            _ => ServerError::Internal("a secret".to_owned()),
        })
    }

    /// Refuses by way of `?`.
    #[tool]
    async fn pass_on(&self) -> McpResult<String> {
        self.refuse("input".to_owned()).await?;
        Ok("never".to_owned())
    }
}

#[tokio::test]
async fn f44_invalid_tool_input_is_for_the_model_and_internal_text_for_nobody() {
    let mut client = Client::connect(&Refusing.into_server());
    for (tool, how) in [("refuse", "input"), ("pass_on", "")] {
        let answer = client.tool(tool, json!({"how": how})).await;
        assert_eq!((&answer["result"]["isError"], text(&answer)), (&json!(true), "`how` is too short"));
    }
    for (how, code, message) in [
        ("params", -32602, "no such page"),
        ("missing", -32602, "no such user"),
        ("database", -32603, "internal error"),
        ("internal", -32603, "internal error"),
    ] {
        let answer = client.tool("refuse", json!({"how": how})).await;
        assert_eq!(answer["error"], json!({"code": code, "message": message}));
    }
}

#[tokio::test]
async fn f137_a_handler_is_tested_with_a_context_of_its_own() {
    struct Tenant(&'static str);
    let ctx = RequestContext::new().with_extension(Tenant("a"));
    assert_eq!(ctx.extensions().get::<Tenant>().unwrap().0, "a");
    let request = CallToolRequest::new("calculate", &json!({"a": 1}));
    assert_eq!(Calculate.handle(request, ctx.clone()).await.unwrap().content.len(), 1);
    ctx.info("nobody hears it").await.unwrap();
    ctx.progress(1.0).await;
    assert!(ctx.list_roots().await.is_err());
    assert!(!ctx.is_cancelled());
}

#[tokio::test]
async fn f132_and_f133_and_f135_a_context_says_which_request_it_is_of_and_for_how_long() {
    let say = |_: Arguments, ctx: Context| async move {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        ctx.info("still here").await?;
        let waited = ctx.elapsed();
        Ok::<_, McpError>(format!("{} {:?} {}", json!(ctx.request_id()), ctx.session_id(), waited.as_millis() >= 20))
    };
    let server = ServerBuilder::new().tool("say", say).unwrap().build();
    let mut client = Client::connect(&server);
    let meta = json!({"io.modelcontextprotocol/logLevel": "info"});
    client.send(&modern("seven", "tools/call", json!({"name": "say", "_meta": meta}), json!({}))).await;
    let log = client.next().await;
    assert_eq!((&log["method"], &log["params"]["data"]), (&json!("notifications/message"), &json!("still here")));
    let answer = client.next().await;
    // Over a connection there is no session but the connection.
    assert_eq!(text(&answer), r#""seven" None true"#);
}
