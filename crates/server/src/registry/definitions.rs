//! What is listed of a registry, as types: for those who show it within the process.

use turbomcp_protocol::types::Tool;
#[cfg(feature = "dashboard")]
use turbomcp_protocol::types::{Prompt, Resource, ResourceTemplate};

use super::{HandlerRegistry, ToolEntry};
#[cfg(feature = "dashboard")]
use super::{Listed, ResourceEntry};

impl HandlerRegistry {
    pub(crate) fn tool_definitions(&self) -> impl Iterator<Item = Tool> {
        self.tools.entries.iter().map(|entry| ToolEntry::definition(entry))
    }
}

#[cfg(feature = "dashboard")]
impl HandlerRegistry {
    pub(crate) fn prompt_definitions(&self) -> impl Iterator<Item = Prompt> {
        self.prompts.entries.iter().map(|entry| entry.definition.clone())
    }

    pub(crate) fn resource_definitions(&self) -> impl Iterator<Item = Resource> {
        self.resources.entries.iter().filter_map(|entry| entry.as_resource())
    }

    pub(crate) fn template_definitions(&self) -> impl Iterator<Item = ResourceTemplate> {
        self.templates.entries.iter().filter_map(|entry| entry.as_template())
    }
}

#[cfg(feature = "dashboard")]
impl ResourceEntry {
    fn as_resource(&self) -> Option<Resource> {
        if let Listed::Resource(resource) = &self.definition { Some(resource.clone()) } else { None }
    }

    fn as_template(&self) -> Option<ResourceTemplate> {
        if let Listed::Template(template) = &self.definition { Some(template.clone()) } else { None }
    }
}
