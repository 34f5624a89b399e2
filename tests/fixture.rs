//! A server with something of everything, for the tests of the requirements.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::types::{
    AudioContent, CallToolResult, Completion, CompletionReference, ContentBlock, CreateMessageRequestParams,
    ElicitAction, ElicitRequestUrlParams, ElicitationSchema, ImageContent, Meta, NumberSchema, PromptMessage,
    ResourceContents, SamplingMessage, SamplingMessageContentBlock, StringSchema, Tool,
};
use turbomcp::{CompleteRequest, ErrorCode, FnTool, Limits, ServerBuilder};

/// A point in the plane.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// To the right.
    pub x: i64,
    /// Up.
    pub y: i64,
}

/// The server the macros make.
#[derive(Debug)]
pub struct Fixture;

#[server(name = "fixture", version = "1.0.0", instructions = "For tests.")]
impl Fixture {
    /// Adds two numbers.
    #[tool]
    async fn add(&self, a: i64, #[arg(range = 0..=10)] b: i64) -> i64 {
        a + b
    }

    /// Returns what it is given.
    #[tool]
    async fn echo(&self, text: String) -> String {
        text
    }

    /// Takes nothing.
    #[tool]
    async fn nothing(&self) -> &'static str {
        "nothing"
    }

    /// Returns no content.
    #[tool]
    async fn silent(&self) {}

    /// Reports progress three times, the second time backwards, and then waits.
    #[tool]
    async fn wait(&self, ms: u64, ctx: Context) -> &'static str {
        ctx.progress(1.0).total(2.5).message("started").await;
        ctx.progress(0.5).await;
        ctx.progress(1.0).await;
        ctx.progress(1.5).total(2.5).await;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        "done"
    }

    /// Goes on reporting after it has answered.
    #[tool]
    async fn linger(&self, ctx: Context) -> &'static str {
        let later = ctx.clone();
        // One that comes for sure, however busy the machine is.
        ctx.progress(0.5).await;
        tokio::spawn(async move {
            for step in 1..50 {
                tokio::time::sleep(Duration::from_millis(2)).await;
                later.progress(f64::from(step)).await;
                let _ = later.error("late").await;
            }
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        "answered"
    }

    /// Panics.
    #[tool]
    async fn panic(&self) -> String {
        panic!("secret")
    }

    /// Panics after it has waited.
    #[tool]
    async fn panic_late(&self) -> String {
        tokio::time::sleep(Duration::from_millis(5)).await;
        panic!("secret")
    }

    /// Fails.
    #[tool]
    async fn fail(&self) -> Result<String, std::io::Error> {
        Err(std::io::Error::other("the disk is full"))
    }

    /// Answers with a protocol error of this code.
    #[tool]
    async fn refuse(&self, code: i64) -> McpResult<String> {
        Err(McpError::new(ErrorCode(code), "refused").with_data(json!({"elicitations": []})))
    }

    /// Logs on every level.
    #[tool]
    async fn log(&self, ctx: &Context) -> McpResult<String> {
        ctx.debug("debug").await?;
        ctx.info(json!({"step": 1})).await?;
        ctx.warning("warning").await?;
        ctx.error("error").await?;
        Ok("logged".to_owned())
    }

    /// Returns a point.
    #[tool]
    async fn point(&self, x: i64, y: i64) -> Json<Point> {
        Json(Point { x, y })
    }

    /// Returns numbers, which are no object.
    #[tool]
    async fn numbers(&self) -> Json<Vec<i64>> {
        Json(vec![1, 2])
    }

    /// Returns every kind of content.
    #[tool]
    async fn media(&self) -> Vec<ContentBlock> {
        let text = ResourceContents::text("test://fixed", "fixed").with_mime_type("text/plain");
        let blob = ResourceContents::blob("test://blob", [0, 255, 16]).with_mime_type("application/octet-stream");
        vec![
            ContentBlock::text("text"),
            ImageContent::from_bytes([1, 2, 3], "image/png").into(),
            AudioContent::from_bytes([4, 5, 6, 7], "audio/wav").into(),
            ContentBlock::resource_link("test://fixed", "fixed"),
            ContentBlock::resource(text),
            ContentBlock::resource(blob),
        ]
    }

    /// Asks for a name.
    #[tool]
    async fn ask(&self, ctx: Context) -> McpResult<String> {
        let schema = ElicitationSchema::new()
            .string("name", StringSchema::new())
            .integer("age", NumberSchema::new())
            .required("name");
        let answer = ctx.elicit("What is your name?", schema).key("user_name").await?;
        Ok(match answer.action {
            ElicitAction::Accept => format!("Hello, {}!", answer.parse::<Name>()?.name),
            other => format!("{other:?}"),
        })
    }

    /// Asks twice, the second question after the first answer.
    #[tool]
    async fn ask_twice(&self, ctx: Context) -> McpResult<String> {
        let schema = || ElicitationSchema::new().string("name", StringSchema::new()).required("name");
        let first = ctx.elicit("First?", schema()).await?.parse::<Name>()?;
        let second = ctx.elicit("Second?", schema()).await?.parse::<Name>()?;
        Ok(format!("{} {}", first.name, second.name))
    }

    /// Sends the user to a page.
    #[tool]
    async fn visit(&self, ctx: Context) -> McpResult<String> {
        let params = ElicitRequestUrlParams::new("Please sign in.", "https://example.com/sign-in")
            .with_elicitation_id("visit-1");
        let answer = ctx.elicit_url(params).await?;
        Ok(format!("{:?}", answer.action))
    }

    /// Asks the client's model.
    #[tool]
    async fn sample(&self, question: String, ctx: Context) -> McpResult<String> {
        let messages = vec![SamplingMessage::user(SamplingMessageContentBlock::text(question))];
        let answer = ctx.sample(CreateMessageRequestParams::new(messages, 100)).await?;
        Ok(answer.content.as_slice().iter().filter_map(|block| block.as_text()).collect())
    }

    /// Names the client's directories.
    #[tool]
    async fn roots(&self, ctx: Context) -> McpResult<String> {
        let roots = ctx.list_roots().await?.roots;
        Ok(roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(" "))
    }

    /// Asks three things at once.
    #[tool]
    async fn ask_all(&self, ctx: Context) -> McpResult<String> {
        let schema = ElicitationSchema::new().string("name", StringSchema::new());
        let messages = vec![SamplingMessage::user(SamplingMessageContentBlock::text("?"))];
        let (name, sampled, roots) = tokio::join!(
            async { ctx.elicit("Name?", schema).await },
            async { ctx.sample(CreateMessageRequestParams::new(messages, 5)).await },
            async { ctx.list_roots().await },
        );
        Ok(format!("{:?} {} {}", name?.action, sampled?.model, roots?.roots.len()))
    }

    /// Returns this many bytes of text.
    #[tool]
    async fn large(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Writes to standard output, where it must not end up.
    #[tool]
    async fn print(&self) -> &'static str {
        println!("not a message");
        "printed"
    }

    /// Says who the client says it is.
    #[tool]
    async fn who(&self, ctx: Context) -> String {
        ctx.client_info().map_or_else(|| "nobody".to_owned(), |info| info.name)
    }

    /// Returns what the client can do.
    #[tool]
    async fn abilities(&self, ctx: Context) -> String {
        serde_json::to_string(&ctx.client_capabilities()).unwrap()
    }

    /// A fixed text.
    #[resource("test://fixed", mime_type = "text/plain")]
    async fn fixed(&self) -> String {
        "fixed".to_owned()
    }

    /// Bytes.
    #[resource("test://blob", mime_type = "application/octet-stream")]
    async fn blob(&self) -> Vec<u8> {
        vec![0, 255, 16]
    }

    /// An item.
    #[resource("test://item/{id}")]
    async fn item(&self, id: u32) -> String {
        format!("item {id}")
    }

    /// A file.
    #[resource("file:///srv/{+path}")]
    async fn file(&self, path: String) -> String {
        format!("file {path}")
    }

    /// Cannot be read.
    #[resource("test://broken")]
    async fn broken(&self) -> Result<String, std::io::Error> {
        Err(std::io::Error::other("password is hunter2"))
    }

    /// Asks before it is read.
    #[resource("test://asking")]
    async fn asking(&self, ctx: Context) -> McpResult<String> {
        Ok(format!("{} roots", ctx.list_roots().await?.roots.len()))
    }

    /// Reviews code.
    #[prompt]
    async fn review(&self, code: String, times: Option<u8>) -> String {
        format!("Review {code} {} times", times.unwrap_or(1))
    }

    /// Asks before it is filled in.
    #[prompt]
    async fn asking_prompt(&self, ctx: Context) -> McpResult<String> {
        Ok(format!("{} roots", ctx.list_roots().await?.roots.len()))
    }

    /// Shows something.
    #[prompt]
    async fn gallery(&self) -> Vec<PromptMessage> {
        let embedded = ResourceContents::blob("test://blob", [0, 255, 16]).with_mime_type("application/octet-stream");
        vec![
            PromptMessage::user(ContentBlock::from(ImageContent::from_bytes([1, 2, 3], "image/png"))),
            PromptMessage::assistant(ContentBlock::from(AudioContent::from_bytes([4, 5, 6, 7], "audio/wav"))),
            PromptMessage::user(ContentBlock::resource(embedded)),
        ]
    }

    #[completion(prompt = "review", argument = "code")]
    async fn complete_code(&self, value: &str) -> Vec<String> {
        (0..150).map(|i| format!("{value}{i}")).collect()
    }
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// Returns the server.
pub fn server() -> McpServer {
    builder().build()
}

/// Returns the server with other limits than the default.
pub fn limited(edit: impl FnOnce(&mut Limits)) -> McpServer {
    let mut limits = Limits::default();
    edit(&mut limits);
    builder().limits(limits).build()
}

/// Returns the server before it is built, to add to it.
pub fn builder() -> ServerBuilder {
    let completion = |_: CompleteRequest, ctx: Context| async move {
        // A completion cannot ask the client for anything.
        ctx.list_roots().await.map(|roots| Completion::new(roots.roots.into_iter().map(|root| root.uri)))
    };
    Fixture
        .into_builder()
        .tool("raw", raw_tool("raw", json!({"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}})))
        .and_then(|builder| builder.tool("liar", liar()))
        .and_then(|builder| builder.tool("pretty", pretty()))
        .and_then(|builder| {
            builder.completion(CompletionReference::resource_template("test://item/{id}"), "id", completion)
        })
        .expect("the fixture is legal")
}

/// Makes a tool of a schema; it answers with its arguments.
pub fn raw_tool(name: &str, schema: Value) -> impl turbomcp::ToolHandler {
    let Value::Object(schema) = schema else { panic!("a schema is an object") };
    Raw(Tool::new(name).with_description("Returns its arguments.").with_input_schema(schema))
}

struct Raw(Tool);

impl turbomcp::ToolHandler for Raw {
    fn tool_definition(&self) -> Tool {
        self.0.clone()
    }

    async fn handle(&self, request: turbomcp::CallToolRequest, _: Context) -> McpResult<CallToolResult> {
        Ok(CallToolResult::text(request.arguments().raw()))
    }
}

/// A tool whose structured results do not fit its schema unless it is told to.
fn liar() -> FnTool {
    let Value::Object(schema) = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    else {
        unreachable!()
    };
    let input = json!({"type": "object", "properties": {"value": {}}}).as_object().unwrap().clone();
    let definition = Tool::new("liar").with_input_schema(input);
    FnTool::from_request(definition, |request, _| async move {
        let value: Option<Value> = request.arguments().get("value").unwrap_or_default();
        match value {
            Some(value) => Ok(CallToolResult::structured(&value)?),
            None => Ok(CallToolResult::text("no structure")),
        }
    })
    .output_schema(schema)
}

/// A tool whose result is JSON with newlines in it.
fn pretty() -> FnTool {
    let definition = Tool::new("pretty").with_input_schema(json!({"type": "object"}).as_object().unwrap().clone());
    FnTool::from_request(definition, |_, _| async move {
        let json = serde_json::value::RawValue::from_string("{\n  \"a\": \"b\\n\"\n}".to_owned())?;
        let meta = Meta::new().with("com.example/note", "a\nb");
        Ok(CallToolResult::text("line\nline\r\nline").with_structured_content(json).with_meta(meta))
    })
}
