//! The named tables of tools, resources, prompts and completions.

#[cfg(any(feature = "config-files", feature = "dashboard"))]
mod definitions;
mod difference;
mod snapshot;
mod tool;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use turbomcp_protocol::encode::EncodeResult;
use turbomcp_protocol::types::{
    CompletionReference, CompletionsCapability, Cursor, IDEMPOTENCY_EXTENSION, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingCapability, Meta, Prompt,
    PromptsCapability, Resource, ResourceTemplate, ResourcesCapability, ServerCapabilities, TASKS_EXTENSION,
    ToolsCapability,
};
use turbomcp_protocol::{McpError, McpResult, Revision};

use crate::Error;
use crate::access::{Guard, Guarded, PrimitiveKind, Seen, View};
use crate::handler::{
    CompletionHandler, ErasedCompletion, ErasedPrompt, ErasedResource, IntoResourceHandler, IntoToolHandler,
    PromptHandler, ResourceHandler,
};
use crate::hub::Change;
pub(crate) use crate::registry::snapshot::Snapshot;
use crate::registry::snapshot::encode_cursor;
pub(crate) use crate::registry::tool::ToolEntry;
use crate::schema::{SchemaStyle, plain_input, plain_output};
use crate::uri::{UriTemplate, Variables, check_uri};
use crate::validation::SchemaValidator;

/// The tools, resources, prompts and completions of a server.
///
/// Names are unique and legal, or registering fails; nothing is overwritten silently.
#[derive(Clone, Default)]
pub struct HandlerRegistry {
    tools: Table<ToolEntry>,
    resources: Table<ResourceEntry>,
    templates: Table<ResourceEntry>,
    prompts: Table<PromptEntry>,
    completions: HashMap<(String, String), Arc<dyn ErasedCompletion>>,
    validator: Option<SchemaValidator>,
    has_task_tools: bool,
    /// Whether calls are run once that carry a key.
    pub(crate) has_idempotency: bool,
    pub(crate) schema_style: SchemaStyle,
}

/// Entries in the order they were registered, found by name.
struct Table<T> {
    entries: Vec<Arc<T>>,
    by_name: HashMap<Arc<str>, usize>,
}

pub(crate) struct ResourceEntry {
    pub(crate) guard: Guard,
    pub(crate) handler: Arc<dyn ErasedResource>,
    template: Option<UriTemplate>,
    definition: Listed,
}

enum Listed {
    Resource(Resource),
    Template(ResourceTemplate),
}

pub(crate) struct PromptEntry {
    pub(crate) guard: Guard,
    pub(crate) handler: Arc<dyn ErasedPrompt>,
    pub(crate) definition: Prompt,
}

/// What kind of primitive a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Primitive {
    Tools,
    Resources,
    Templates,
    Prompts,
}

impl HandlerRegistry {
    /// Creates an empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool.
    ///
    /// # Errors
    ///
    /// If the name is taken or illegal, a schema of the tool is, or what a caller needs names what cannot be.
    pub fn register_tool<M>(&mut self, name: impl Into<String>, tool: impl IntoToolHandler<M>) -> Result<(), Error> {
        let name = name.into();
        check_name("tool", &name)?;
        let handler = tool.into_tool_handler(&name);
        let entry = ToolEntry::new(name.into(), handler, self.validator.as_ref())?;
        let has_task = entry.task.is_some();
        self.tools.add("tool", entry)?;
        self.has_task_tools |= has_task;
        Ok(())
    }

    /// Has the calls of all tools validated as `validator` says: of those that are here and of those that are added.
    ///
    /// # Errors
    ///
    /// If a format is unknown, or a schema cannot be compiled. A tool whose schema that is keeps the checks it had.
    pub fn validate_with(&mut self, validator: SchemaValidator) -> Result<(), Error> {
        validator.check().map_err(Error::registration)?;
        let mut result = Ok(());
        for entry in &mut self.tools.entries {
            match entry.validated_with(&validator) {
                Ok(validated) => *entry = Arc::new(validated),
                Err(error) => result = Err(error),
            }
        }
        self.validator = Some(validator);
        result
    }

    /// Takes the settings of the registry that this one replaces; how calls are validated only if nothing was said of it.
    pub(crate) fn inherit(&mut self, other: &Self) {
        self.schema_style = other.schema_style;
        if let (None, Some(validator)) = (&self.validator, &other.validator)
            && let Err(error) = self.validate_with(validator.clone())
        {
            tracing::error!(%error, "a tool is validated as if nothing had been said of it");
        }
    }

    /// Returns which lists may differ from those of another registry.
    pub(crate) fn changes(&self, other: &Self) -> Vec<Change<'static>> {
        let lists = [
            (Change::Tools, self.has_tools() || other.has_tools()),
            (Change::Resources, self.has_resources() || other.has_resources()),
            (Change::Prompts, self.has_prompts() || other.has_prompts()),
        ];
        lists.into_iter().filter(|(_, differs)| *differs).map(|(change, _)| change).collect()
    }

    /// Adds a resource, or a resource template if the URI has variables or ends in `*`.
    ///
    /// # Errors
    ///
    /// If the URI is taken, it or the template is malformed, or what a caller needs names what cannot be.
    pub fn register_resource<M>(
        &mut self,
        uri: impl Into<String>,
        resource: impl IntoResourceHandler<M>,
    ) -> Result<(), Error> {
        let uri = uri.into();
        let fail = |reason: &dyn fmt::Display| Error::registration(format!("resource `{uri}`: {reason}"));
        check_uri(&uri).map_err(|reason| fail(&reason))?;
        let template = UriTemplate::parse(&uri).map_err(|error| fail(&error))?;
        let resource = resource.into_resource_handler();
        let definition = resource.resource_definition();
        let name = if definition.name.is_empty() { uri.clone() } else { definition.name };
        let literal = template.is_literal();
        let tags = definition.tags;
        let meta = (!tags.is_empty()).then(|| Meta::new().with("tags", tags.clone()));
        let kind = if literal { PrimitiveKind::Resource } else { PrimitiveKind::ResourceTemplate };
        let guard = Guard::new(kind, uri.as_str().into(), tags, resource.access()).map_err(|error| fail(&error))?;
        let listed = if literal {
            let mut listed = Resource::new(uri.clone(), name);
            listed.title = definition.title;
            listed.description = definition.description;
            listed.mime_type = definition.mime_type;
            listed.size = definition.size;
            listed.icons = definition.icons;
            listed.meta = meta;
            Listed::Resource(listed)
        } else {
            let mut listed = ResourceTemplate::new(template.to_rfc_6570(), name);
            listed.title = definition.title;
            listed.description = definition.description;
            listed.mime_type = definition.mime_type;
            listed.icons = definition.icons;
            listed.meta = meta;
            Listed::Template(listed)
        };
        let handler = Arc::new(resource);
        if literal {
            self.resources.add("resource", ResourceEntry { guard, handler, template: None, definition: listed })
        } else {
            let entry = ResourceEntry { guard, handler, template: Some(template), definition: listed };
            self.templates.add("resource template", entry)
        }
    }

    /// Adds a prompt.
    ///
    /// # Errors
    ///
    /// If the name is taken or empty, or what a caller needs names what cannot be.
    pub fn register_prompt(&mut self, name: impl Into<String>, prompt: impl PromptHandler) -> Result<(), Error> {
        let name = name.into();
        if name.is_empty() {
            return Err(Error::registration("a prompt's name must not be empty"));
        }
        let mut definition = prompt.prompt_definition();
        definition.name.clone_from(&name);
        let tags = definition.meta.as_ref().map(tags).unwrap_or_default();
        let guard = Guard::new(PrimitiveKind::Prompt, name.as_str().into(), tags, prompt.access())
            .map_err(|error| Error::registration(format!("prompt `{name}`: {error}")))?;
        self.prompts.add("prompt", PromptEntry { guard, handler: Arc::new(prompt), definition })
    }

    /// Adds the completion of one argument of a prompt or resource template.
    ///
    /// # Errors
    ///
    /// If that argument has one already.
    pub fn register_completion(
        &mut self,
        reference: &CompletionReference,
        argument: impl Into<String>,
        completion: impl CompletionHandler,
    ) -> Result<(), Error> {
        let key = (target(reference), argument.into());
        if self.completions.contains_key(&key) {
            return Err(Error::registration(format!("`{}` of `{}` has a completion already", key.1, key.0)));
        }
        self.completions.insert(key, Arc::new(completion));
        Ok(())
    }

    /// Removes a tool; true if there was one.
    pub fn remove_tool(&mut self, name: &str) -> bool {
        let removed = self.tools.remove(name);
        self.has_task_tools = self.tools.entries.iter().any(|entry| entry.task.is_some());
        removed
    }

    /// Removes a resource or resource template; true if there was one.
    pub fn remove_resource(&mut self, uri: &str) -> bool {
        self.resources.remove(uri) || self.templates.remove(uri)
    }

    /// Removes a prompt; true if there was one.
    pub fn remove_prompt(&mut self, name: &str) -> bool {
        self.prompts.remove(name)
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<ToolEntry>> {
        self.tools.get(name)
    }

    pub(crate) fn prompt(&self, name: &str) -> Option<&Arc<PromptEntry>> {
        self.prompts.get(name)
    }

    /// Finds what answers to a URI: the resource with that URI, else the most specific template that fits.
    pub(crate) fn resource(&self, uri: &str) -> Option<(Arc<ResourceEntry>, Option<Variables>)> {
        if let Some(entry) = self.resources.get(uri) {
            return Some((entry.clone(), None));
        }
        let mut best: Option<(&Arc<ResourceEntry>, &UriTemplate, Variables)> = None;
        for entry in &self.templates.entries {
            let Some(template) = &entry.template else { continue };
            match template.matches(uri) {
                Ok(Some(variables)) if best.as_ref().is_none_or(|(_, found, _)| template.rank() > found.rank()) => {
                    best = Some((entry, template, variables));
                }
                Ok(_) => {}
                Err(screened) => {
                    tracing::warn!(template = template.as_str(), variable = screened.variable(), "refused a URI");
                    return None;
                }
            }
        }
        best.map(|(entry, _, variables)| (entry.clone(), Some(variables)))
    }

    /// Finds the resource with this URI, written as it is.
    pub(crate) fn literal_resource(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        self.resources.get(uri)
    }

    /// Returns the URIs of the resources that are not templates.
    pub(crate) fn literal_uris(&self) -> impl Iterator<Item = &Arc<str>> {
        self.resources.by_name.keys()
    }

    /// Finds how an argument of what somebody may know of is completed, if it is, and what stands before that.
    pub(crate) fn completion(
        &self,
        reference: &CompletionReference,
        argument: &str,
        view: Option<&View<'_>>,
    ) -> McpResult<(&Guard, Option<&Arc<dyn ErasedCompletion>>)> {
        let target = target(reference);
        let guard = match reference {
            CompletionReference::Prompt(prompt) => self.prompts.get(&prompt.name).map(|entry| entry.guard()),
            CompletionReference::ResourceTemplate(resource) => {
                let entry = self.templates.get(&resource.uri).or_else(|| self.resources.get(&resource.uri));
                entry.map(|entry| entry.guard())
            }
            _ => None,
        };
        let Some(guard) = guard.filter(|guard| view.is_none_or(|view| view.sees(guard))) else {
            return Err(McpError::invalid_params(format!("nothing to complete is named `{target}`")));
        };
        Ok((guard, self.completions.get(&(target, argument.to_owned()))))
    }

    /// Returns what stands before each primitive.
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Guard> {
        let resources = self.resources.guards().chain(self.templates.guards());
        self.tools.guards().chain(resources).chain(self.prompts.guards())
    }

    /// Returns what stands before each primitive of a kind, in the order they are listed.
    pub(crate) fn seen(&self, primitive: Primitive, view: &View<'_>) -> Option<Seen> {
        match primitive {
            Primitive::Tools => Seen::of(self.tools.guards(), view),
            Primitive::Prompts => Seen::of(self.prompts.guards(), view),
            Primitive::Resources => Seen::of(self.resources.guards(), view),
            Primitive::Templates => Seen::of(self.templates.guards(), view),
        }
    }

    /// Returns true if two callers who may know of this much see the same list of a kind.
    pub(crate) fn lists_the_same(&self, view: &View<'_>, other: &Self, other_view: &View<'_>, of: Primitive) -> bool {
        match of {
            Primitive::Tools => self.tools.seen(view).eq(other.tools.seen(other_view)),
            Primitive::Prompts => self.prompts.seen(view).eq(other.prompts.seen(other_view)),
            Primitive::Resources => self.resources.seen(view).eq(other.resources.seen(other_view)),
            Primitive::Templates => self.templates.seen(view).eq(other.templates.seen(other_view)),
        }
    }

    /// Returns what a server with these handlers declares.
    pub(crate) fn capabilities(&self) -> ServerCapabilities {
        let mut capabilities = ServerCapabilities::new();
        capabilities.logging = Some(LoggingCapability::new());
        if !self.tools.entries.is_empty() {
            capabilities.tools = Some(ToolsCapability::new().with_list_changed(true));
        }
        if self.has_resources() {
            capabilities.resources = Some(ResourcesCapability::new().with_list_changed(true).with_subscribe(true));
        }
        if !self.prompts.entries.is_empty() {
            capabilities.prompts = Some(PromptsCapability::new().with_list_changed(true));
        }
        if self.has_task_tools() {
            capabilities = capabilities.with_extension(TASKS_EXTENSION, serde_json::Map::new());
            capabilities.tasks = Some(json!({"cancel": {}, "requests": {"tools": {"call": {}}}}));
        }
        if self.has_idempotency {
            let declared = serde_json::Map::from_iter([(IDEMPOTENCY_EXTENSION.to_owned(), json!({}))]);
            // Extensions are something of the modern era.
            capabilities.experimental = Some(declared.clone());
            capabilities.extensions.get_or_insert_default().extend(declared);
        }
        if self.has_completions() {
            capabilities.completions = Some(CompletionsCapability::new());
        }
        capabilities
    }

    /// Returns true if calls of a tool may become tasks.
    pub(crate) fn has_task_tools(&self) -> bool {
        self.has_task_tools
    }

    pub(crate) fn has_tools(&self) -> bool {
        !self.tools.entries.is_empty()
    }

    pub(crate) fn has_resources(&self) -> bool {
        !self.resources.entries.is_empty() || !self.templates.entries.is_empty()
    }

    pub(crate) fn has_prompts(&self) -> bool {
        !self.prompts.entries.is_empty()
    }

    pub(crate) fn has_completions(&self) -> bool {
        !self.completions.is_empty()
    }

    /// Writes the members of a page of those entries that are seen, or of all of them.
    fn page(&self, primitive: Primitive, range: Range<'_>, revision: Revision) -> Vec<u8> {
        match primitive {
            Primitive::Tools => {
                let (mut page, next) = self.tools.page(range, ToolEntry::definition);
                if self.schema_style == SchemaStyle::Plain {
                    for tool in &mut page {
                        tool.input_schema = plain_input(&tool.input_schema);
                        tool.output_schema = tool.output_schema.as_ref().map(plain_output);
                    }
                }
                let mut result = ListToolsResult::new(page);
                result.next_cursor = next;
                members(&result, revision)
            }
            Primitive::Prompts => {
                let (page, next) = self.prompts.page(range, |entry| entry.definition.clone());
                let mut result = ListPromptsResult::new(page);
                result.next_cursor = next;
                members(&result, revision)
            }
            Primitive::Resources => {
                let (page, next) = self.resources.page(range, |entry| match &entry.definition {
                    Listed::Resource(resource) => resource.clone(),
                    Listed::Template(template) => Resource::new(template.uri_template.clone(), template.name.clone()),
                });
                let mut result = ListResourcesResult::new(page);
                result.next_cursor = next;
                members(&result, revision)
            }
            Primitive::Templates => {
                let (page, next) = self.templates.page(range, |entry| match &entry.definition {
                    Listed::Template(template) => template.clone(),
                    Listed::Resource(resource) => ResourceTemplate::new(resource.uri.clone(), resource.name.clone()),
                });
                let mut result = ListResourceTemplatesResult::new(page);
                result.next_cursor = next;
                members(&result, revision)
            }
        }
    }

    fn position(&self, primitive: Primitive, name: &str) -> Option<usize> {
        match primitive {
            Primitive::Tools => self.tools.by_name.get(name),
            Primitive::Prompts => self.prompts.by_name.get(name),
            Primitive::Resources => self.resources.by_name.get(name),
            Primitive::Templates => self.templates.by_name.get(name),
        }
        .copied()
    }
}

fn members(result: &impl EncodeResult, revision: Revision) -> Vec<u8> {
    let mut out = Vec::new();
    result.encode_members(revision, &mut out);
    out
}

/// Which entries of a table a page has.
#[derive(Debug, Clone, Copy)]
struct Range<'a> {
    from: usize,
    size: usize,
    /// None for all of them.
    seen: Option<&'a Seen>,
}

impl<T: Guarded> Table<T> {
    fn add(&mut self, kind: &str, entry: T) -> Result<(), Error> {
        let name = entry.guard().name.clone();
        if self.by_name.contains_key(&name) {
            return Err(Error::registration(format!("a {kind} named `{name}` is registered already")));
        }
        self.by_name.insert(name, self.entries.len());
        self.entries.push(Arc::new(entry));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Arc<T>> {
        self.by_name.get(name).map(|&at| &self.entries[at])
    }

    fn guards(&self) -> impl ExactSizeIterator<Item = &Guard> {
        self.entries.iter().map(|entry| entry.guard())
    }

    /// Returns what tells apart the entries that are seen.
    fn seen(&self, view: &View<'_>) -> impl Iterator<Item = *const T> {
        self.entries.iter().filter(|entry| view.sees(entry.guard())).map(Arc::as_ptr)
    }

    fn remove(&mut self, name: &str) -> bool {
        let Some(at) = self.by_name.remove(name) else { return false };
        self.entries.remove(at);
        for position in self.by_name.values_mut().filter(|position| **position > at) {
            *position -= 1;
        }
        true
    }

    /// Returns the entries of a page, and the cursor of the next one: the name the page ends with.
    fn page<D>(&self, range: Range<'_>, define: impl Fn(&T) -> D) -> (Vec<D>, Option<Cursor>) {
        let seen = |at: usize| range.seen.is_none_or(|seen| seen.has(at));
        let mut rest = self.entries.iter().enumerate().skip(range.from).filter(|(at, _)| seen(*at));
        let page: Vec<_> = rest.by_ref().take(range.size.max(1)).map(|(_, entry)| entry).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        let next = last.map(|entry| Cursor::new(encode_cursor(&entry.guard().name)));
        (page.into_iter().map(|entry| define(entry)).collect(), next)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), by_name: HashMap::new() }
    }
}

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), by_name: self.by_name.clone() }
    }
}

impl Guarded for ResourceEntry {
    fn guard(&self) -> &Guard {
        &self.guard
    }
}

impl Guarded for PromptEntry {
    fn guard(&self) -> &Guard {
        &self.guard
    }
}

/// Returns the tags in the `_meta` of a definition.
fn tags(meta: &Meta) -> Vec<String> {
    let tags = meta.get("tags").and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn target(reference: &CompletionReference) -> String {
    match reference {
        CompletionReference::Prompt(prompt) => format!("prompt:{}", prompt.name),
        CompletionReference::ResourceTemplate(resource) => format!("resource:{}", resource.uri),
        _ => String::new(),
    }
}

fn check_name(kind: &str, name: &str) -> Result<(), Error> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if (1..=128).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(Error::registration(format!(
        "`{name}` is not a legal name of a {kind}: write 1 to 128 of the characters A-Z a-z 0-9 _ - ."
    )))
}

impl fmt::Debug for HandlerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerRegistry")
            .field("tools", &self.tools.by_name.keys())
            .field("resources", &self.resources.by_name.keys())
            .field("templates", &self.templates.by_name.keys())
            .field("prompts", &self.prompts.by_name.keys())
            .finish_non_exhaustive()
    }
}
