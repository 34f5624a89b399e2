//! What a server can be asked for, each with its own types.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use turbomcp_protocol::Method;
use turbomcp_protocol::encode::Adapt;
use turbomcp_protocol::types::{
    CallToolResult, CompleteRequestParams, CompleteResult, ContentBlock, EmptyResult, GetPromptResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel, Prompt,
    ReadResourceResult, Resource, ResourceTemplate, SetLevelRequestParams, Tool,
};

use crate::call::{Call, Decode, Prepared, read_as, text_member, tool_params};
use crate::client::Shared;
use crate::exchange::members_of;
use crate::pages::Pages;
use crate::{Client, Error};

impl Client {
    /// Lists the tools, page by page.
    ///
    /// # Specification
    ///
    /// [Listing tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#listing-tools)
    pub fn list_tools(&self) -> Pages<ListToolsResult> {
        Pages::new(self)
    }

    /// Lists all tools.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub async fn list_all_tools(&self) -> Result<Vec<Tool>, Error> {
        self.list_tools().all().await
    }

    /// Calls a tool and waits for its result. The arguments are anything that is an object in JSON.
    ///
    /// A tool that failed has a result too; see [`CallToolResult::is_error`].
    ///
    /// ```no_run
    /// # async fn run(client: turbomcp_client::Client) -> Result<(), turbomcp_client::Error> {
    /// let result = client.call_tool("add", serde_json::json!({"a": 1, "b": 2})).await?;
    /// assert!(!result.is_error());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `is_usage()` if the arguments are no object, `as_mcp()` if the server answers with an error, `is_timeout()`,
    /// `is_closed()` and `is_protocol()` as their names say, `is_refused()` if the server asked for something that no
    /// handler gave.
    ///
    /// # Cancel safety
    ///
    /// Dropping the call cancels it. What the tool has done by then is done.
    ///
    /// # Specification
    ///
    /// [Calling tools](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#calling-tools)
    pub fn call_tool(&self, name: impl AsRef<str>, arguments: impl Serialize) -> Call<CallToolResult> {
        Call::new(self, prepared_tool(name.as_ref(), &arguments), Decode::plain())
    }

    /// Calls a tool and reads its value: the structured content, or else the JSON in its only text.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`]; also `is_tool()` if the tool failed, `is_protocol()` if the value does not fit.
    pub fn call_tool_as<T: DeserializeOwned + Send + 'static>(
        &self,
        name: impl AsRef<str>,
        arguments: impl Serialize,
    ) -> Call<T> {
        let decode = Decode { read: read_value::<T>, ttl: None };
        Call::new(self, prepared_tool(name.as_ref(), &arguments), decode)
    }

    /// Lists the resources, page by page.
    ///
    /// # Specification
    ///
    /// [Listing resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#listing-resources)
    pub fn list_resources(&self) -> Pages<ListResourcesResult> {
        Pages::new(self)
    }

    /// Lists all resources.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub async fn list_all_resources(&self) -> Result<Vec<Resource>, Error> {
        self.list_resources().all().await
    }

    /// Lists the resource templates, page by page.
    ///
    /// # Specification
    ///
    /// [Templates](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-templates)
    pub fn list_resource_templates(&self) -> Pages<ListResourceTemplatesResult> {
        Pages::new(self)
    }

    /// Lists all resource templates.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub async fn list_all_resource_templates(&self) -> Result<Vec<ResourceTemplate>, Error> {
        self.list_resource_templates().all().await
    }

    /// Reads a resource.
    ///
    /// # Errors
    ///
    /// `is_resource_not_found()` if there is none of this URI; otherwise as [`Client::call_tool`].
    ///
    /// # Specification
    ///
    /// [Reading resources](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#reading-resources)
    pub fn read_resource(&self, uri: impl AsRef<str>) -> Call<ReadResourceResult> {
        let uri = uri.as_ref();
        let prepared = Prepared::new(Method::RESOURCES_READ, text_member("uri", uri)).named(uri);
        Call::new(self, Ok(prepared), Decode::cached(|result: &ReadResourceResult| result.ttl))
    }

    /// Lists the prompts, page by page.
    ///
    /// # Specification
    ///
    /// [Listing prompts](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#listing-prompts)
    pub fn list_prompts(&self) -> Pages<ListPromptsResult> {
        Pages::new(self)
    }

    /// Lists all prompts.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub async fn list_all_prompts(&self) -> Result<Vec<Prompt>, Error> {
        self.list_prompts().all().await
    }

    /// Gets the messages of a prompt. Its arguments are texts.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`].
    ///
    /// # Specification
    ///
    /// [Getting a prompt](https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt)
    pub fn get_prompt<K: Into<String>, V: Into<String>>(
        &self,
        name: impl AsRef<str>,
        arguments: impl IntoIterator<Item = (K, V)>,
    ) -> Call<GetPromptResult> {
        let arguments: BTreeMap<String, String> =
            arguments.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let name = name.as_ref();
        let prepared = if arguments.is_empty() {
            Ok(Prepared::new(Method::PROMPTS_GET, text_member("name", name)))
        } else {
            prepared_arguments(Method::PROMPTS_GET, name, &arguments)
        };
        Call::new(self, prepared.map(|prepared| prepared.named(name)), Decode::plain())
    }

    /// Completes an argument of a prompt or a variable of a resource template.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`].
    ///
    /// # Specification
    ///
    /// [Completion](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion)
    pub fn complete(&self, params: &CompleteRequestParams) -> Call<CompleteResult> {
        let params = members_of(&params.adapted(self.revision()));
        let prepared = params.map(|params| Prepared::new(Method::COMPLETION_COMPLETE, params));
        Call::new(self, prepared, Decode::plain())
    }

    /// Asks for log messages from this level on: a legacy server at once, a modern one with each request from now on.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`].
    ///
    /// # Specification
    ///
    /// [Logging](https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging)
    pub async fn set_log_level(&self, level: LoggingLevel) -> Result<(), Error> {
        self.keep_log_level(level);
        if self.revision().is_modern() {
            return Ok(());
        }
        let params = members_of(&SetLevelRequestParams::new(level))?;
        self.empty(Method::LOGGING_SET_LEVEL, params).await
    }

    /// Asks the server for a sign of life: `ping`, or `server/discover` where there is no `ping` any more.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`].
    pub async fn ping(&self) -> Result<(), Error> {
        let method = if self.revision().is_modern() { Method::SERVER_DISCOVER } else { Method::PING };
        self.empty(method, Vec::new()).await
    }

    /// Sends a request of your own. The params are anything that is an object in JSON, or nothing.
    ///
    /// # Errors
    ///
    /// As [`Client::call_tool`].
    pub fn request<R: DeserializeOwned + Send + 'static>(&self, method: &str, params: impl Serialize) -> Call<R> {
        let prepared = members_of(&params).map(|params| Prepared::new(Method::from_name(method), params));
        Call::new(self, prepared, Decode::plain())
    }

    pub(crate) async fn subscribe_resource(&self, uri: &str) -> Result<(), Error> {
        self.empty(Method::RESOURCES_SUBSCRIBE, text_member("uri", uri)).await
    }

    pub(crate) async fn unsubscribe_resource(&self, uri: &str) -> Result<(), Error> {
        self.empty(Method::RESOURCES_UNSUBSCRIBE, text_member("uri", uri)).await
    }

    async fn empty(&self, method: Method, params: Vec<u8>) -> Result<(), Error> {
        let call: Call<EmptyResult> = Call::new(self, Ok(Prepared::new(method, params)), Decode::plain());
        call.await.map(drop)
    }
}

pub(crate) fn prepared_tool(name: &str, arguments: &impl Serialize) -> Result<Prepared, Error> {
    prepared_arguments(Method::TOOLS_CALL, name, arguments).map(|prepared| prepared.named(name))
}

fn prepared_arguments(method: Method, name: &str, arguments: &impl Serialize) -> Result<Prepared, Error> {
    Ok(Prepared::new(method, tool_params(name, arguments)?))
}

/// Reads the value in a tool's result.
fn read_value<T: DeserializeOwned>(shared: &Shared, result: &[u8]) -> Result<T, Error> {
    let result: CallToolResult = read_as(shared, result)?;
    let text = || {
        let texts = result.content.iter().filter_map(ContentBlock::as_text);
        texts.collect::<Vec<_>>().join("\n")
    };
    if result.is_error() {
        return Err(Error::tool(text()));
    }
    let value = match result.structured_content.as_deref() {
        Some(content) => serde_json::from_str(RawValue::get(content)),
        None => serde_json::from_str(&text()),
    };
    value.map_err(|error| Error::protocol("the tool's value does not fit").with_source(error))
}
