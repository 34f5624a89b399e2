//! The client for test runners of any language: one JSON operation a line on standard input, replies and events on
//! standard output: `cargo run --example client_driver`

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use turbomcp::client::{Change, Client, Command, Era, Error, Subscription};
use turbomcp::types::{CompleteRequestParams, LoggingLevel, SubscriptionFilter};
use turbomcp::{McpError, McpResult};

/// What all operations share.
#[derive(Clone)]
struct Driver {
    lines: mpsc::UnboundedSender<Value>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    client: Option<Client>,
    running: HashMap<u64, AbortHandle>,
    subscriptions: HashMap<String, Subscription>,
    listening: Option<tokio::task::JoinHandle<()>>,
    questions: HashMap<u64, oneshot::Sender<Value>>,
    next_question: u64,
}

/// Why an operation has no result.
enum Failure {
    NotAvailable(&'static str),
    Failed(Value),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            error if error.as_mcp().is_some() => "mcp",
            error if error.is_timeout() => "timeout",
            error if error.is_closed() => "closed",
            error if error.is_protocol() => "protocol",
            error if error.is_connect() => "connect",
            error if error.is_refused() => "refused",
            _ => "other",
        };
        let message = error.as_mcp().map_or_else(|| error.to_string(), |error| error.message().to_owned());
        let mut value = json!({"code": error.code(), "message": message, "type": kind});
        if let Some(data) = error.as_mcp().and_then(McpError::data) {
            value["data"] = data.clone();
        }
        Self::Failed(value)
    }
}

fn invalid(message: impl std::fmt::Display) -> Failure {
    Failure::Failed(json!({"code": null, "message": message.to_string(), "type": "usage"}))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (lines, mut waiting) = mpsc::unbounded_channel::<Value>();
    let writing = tokio::spawn(async move {
        let mut output = tokio::io::stdout();
        while let Some(line) = waiting.recv().await {
            if output.write_all(format!("{line}\n").as_bytes()).await.is_err() || output.flush().await.is_err() {
                return;
            }
        }
    });
    let driver = Driver { lines, state: Arc::default() };
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = input.next_line().await? {
        match serde_json::from_str::<Value>(&line) {
            Ok(operation) => driver.take(operation),
            Err(error) => eprintln!("not JSON: {error}"),
        }
    }
    let client = driver.state.lock().unwrap().client.take();
    if let Some(client) = client {
        client.close().await;
    }
    drop(driver);
    // Operations that still run hold the way to standard output open; nobody reads it any more.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(200), writing).await;
    std::process::exit(0)
}

impl Driver {
    /// Starts one operation, which runs beside the others.
    fn take(&self, operation: Value) {
        if operation["op"] == "reply" {
            let question = operation["rid"].as_u64().and_then(|id| self.state.lock().unwrap().questions.remove(&id));
            if let Some(question) = question {
                let _ = question.send(operation["result"].clone());
            }
            return;
        }
        let Some(id) = operation["id"].as_u64() else { return };
        let driver = self.clone();
        let task = tokio::spawn(async move {
            let reply = match driver.run(id, &operation).await {
                Ok(result) => json!({"id": id, "ok": true, "result": result}),
                Err(Failure::NotAvailable(why)) => json!({"id": id, "na": why}),
                Err(Failure::Failed(error)) => json!({"id": id, "ok": false, "error": error}),
            };
            driver.state.lock().unwrap().running.remove(&id);
            driver.say(reply);
        });
        if !task.is_finished() {
            self.state.lock().unwrap().running.insert(id, task.abort_handle());
        }
    }

    fn say(&self, line: Value) {
        let _ = self.lines.send(line);
    }

    fn client(&self) -> Result<Client, Failure> {
        self.state.lock().unwrap().client.clone().ok_or_else(|| invalid("not connected"))
    }

    async fn run(&self, id: u64, operation: &Value) -> Result<Value, Failure> {
        let text = |name: &str| operation[name].as_str().ok_or_else(|| invalid(format!("`{name}` is missing")));
        Ok(match text("op")? {
            "connect" => self.connect(operation).await?,
            "list_tools" => wire(&self.client()?.list_all_tools().await?),
            "list_resources" => wire(&self.client()?.list_all_resources().await?),
            "list_templates" => wire(&self.client()?.list_all_resource_templates().await?),
            "list_prompts" => wire(&self.client()?.list_all_prompts().await?),
            "call_tool" => {
                let mut call = self.client()?.call_tool(text("name")?, &operation["args"]);
                call = call.log_level(LoggingLevel::Debug);
                if operation["progress"] == true {
                    let driver = self.clone();
                    call = call.on_progress(move |params| {
                        let mut event = json!({"event": "progress", "op": id});
                        let Value::Object(params) = wire(&params) else { return };
                        for (name, value) in params.into_iter().filter(|(name, _)| name != "progressToken") {
                            event[name] = value;
                        }
                        driver.say(event);
                    });
                }
                wire(&call.await?)
            }
            "read_resource" => wire(&self.client()?.read_resource(text("uri")?).fresh().await?),
            "get_prompt" => {
                let arguments = operation["args"].as_object().cloned().unwrap_or_default();
                let arguments = arguments.into_iter().map(|(name, value)| match value {
                    Value::String(value) => (name, value),
                    other => (name, other.to_string()),
                });
                wire(&self.client()?.get_prompt(text("name")?, arguments).await?)
            }
            "complete" => {
                let params = json!({"ref": operation["ref"], "argument": operation["argument"]});
                let params: CompleteRequestParams = serde_json::from_value(params).map_err(invalid)?;
                wire(&self.client()?.complete(&params).await?)
            }
            "ping" => {
                self.client()?.ping().await?;
                json!({})
            }
            "set_level" => {
                let level = serde_json::from_value(operation["level"].clone()).map_err(invalid)?;
                self.client()?.set_log_level(level).await?;
                json!({})
            }
            "subscribe" => {
                let uri = text("uri")?.to_owned();
                let filter = SubscriptionFilter::new().with_resource_subscriptions(vec![uri.clone()]);
                let subscription = self.client()?.subscribe(filter).await?;
                self.state.lock().unwrap().subscriptions.insert(uri, subscription);
                json!({})
            }
            "unsubscribe" => {
                let subscription = self.state.lock().unwrap().subscriptions.remove(text("uri")?);
                if let Some(subscription) = subscription {
                    subscription.close().await;
                }
                json!({})
            }
            "listen" => {
                let filter = serde_json::from_value(operation["filter"].clone()).map_err(invalid)?;
                let mut subscription = self.client()?.subscribe(filter).await?;
                let honoured = wire(subscription.filter());
                // Changes are told by the handler; this only keeps the subscription going.
                let listening = tokio::spawn(async move { while let Some(Ok(_)) = subscription.next().await {} });
                self.state.lock().unwrap().listening = Some(listening);
                honoured
            }
            "unlisten" => {
                let listening = self.state.lock().unwrap().listening.take();
                if let Some(listening) = listening {
                    listening.abort();
                    let _ = listening.await;
                }
                json!({})
            }
            "cancel" => {
                let target = operation["target"].as_u64().ok_or_else(|| invalid("`target` is missing"))?;
                if let Some(running) = self.state.lock().unwrap().running.remove(&target) {
                    running.abort();
                    let error = json!({"code": null, "message": "cancelled", "type": "cancelled"});
                    self.say(json!({"id": target, "ok": false, "error": error}));
                }
                json!({})
            }
            "close" => {
                let client = self.client()?;
                client.close().await;
                json!({})
            }
            "load" => {
                let (client, name) = (self.client()?, text("name")?);
                for _ in 0..operation["n"].as_u64().unwrap_or(1) {
                    client.call_tool(name, &operation["args"]).await?;
                }
                json!({})
            }
            _ => return Err(Failure::NotAvailable("this driver does not know the operation")),
        })
    }

    async fn connect(&self, operation: &Value) -> Result<Value, Failure> {
        let era = match operation["mode"].as_str() {
            Some("legacy") => Era::Legacy,
            Some("modern") => Era::Modern,
            _ => Era::Auto,
        };
        let (log, change) = (self.clone(), self.clone());
        let (elicit, sample, roots) = (self.clone(), self.clone(), self.clone());
        let builder = Client::builder()
            .name("turbomcp-client-driver")
            .era(era)
            .on_log(move |message| log.say(json!({"event": "log", "level": message.level, "data": message.data})))
            .on_change(move |what| change.say(changed(&what)))
            .on_elicit(move |params| elicit.clone().ask("elicitation/create", wire(&params)))
            .on_sample(move |params| sample.clone().ask("sampling/createMessage", wire(&params)))
            .on_list_roots(move || {
                let asked = roots.clone().ask("roots/list", json!({}));
                async move { asked.await.map(|result: turbomcp::types::ListRootsResult| result.roots) }
            });
        let client = if let Some(url) = operation["http"].as_str() {
            builder.connect(url).await?
        } else {
            let mut words = operation["stdio"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let program = words.next().ok_or_else(|| invalid("neither `stdio` nor `http`"))?;
            let mut command = Command::new(program).args(words);
            for (name, value) in operation["env"].as_object().into_iter().flatten() {
                command = command.env(name, value.as_str().unwrap_or_default());
            }
            builder.connect(command).await?
        };
        let result = json!({
            "revision": client.revision(),
            "serverInfo": client.server_info(),
            "capabilities": client.capabilities(),
            "instructions": client.instructions(),
        });
        self.state.lock().unwrap().client = Some(client);
        Ok(result)
    }

    /// Asks the runner what the server asks this client.
    async fn ask<T: serde::de::DeserializeOwned>(self, method: &'static str, params: Value) -> McpResult<T> {
        let (sender, answer) = oneshot::channel();
        let rid = {
            let mut state = self.state.lock().unwrap();
            state.next_question += 1;
            let rid = state.next_question;
            state.questions.insert(rid, sender);
            rid
        };
        self.say(json!({"event": "request", "rid": rid, "method": method, "params": params}));
        let answer = answer.await.map_err(|_| McpError::unavailable("the runner is gone"))?;
        serde_json::from_value(answer).map_err(McpError::from)
    }
}

fn changed(change: &Change) -> Value {
    match change {
        Change::Tools => json!({"event": "list_changed", "what": "tools"}),
        Change::Prompts => json!({"event": "list_changed", "what": "prompts"}),
        Change::Resources => json!({"event": "list_changed", "what": "resources"}),
        Change::Resource { uri } => json!({"event": "updated", "uri": uri}),
        _ => json!({"event": "list_changed", "what": "unknown"}),
    }
}

/// Returns a value as it stands on the wire.
fn wire(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
