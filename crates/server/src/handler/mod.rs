//! Handlers: what a server calls to answer, and how functions become one.

mod completion;
mod output;
mod prompt;
mod resource;
mod tool;

use std::future::Future;
use std::pin::Pin;

pub use completion::{CompleteRequest, CompletionHandler, IntoCompletion};
pub(crate) use completion::ErasedCompletion;
pub use output::{IntoCallToolResult, IntoGetPromptResult, IntoReadResourceResult, Json};
pub use prompt::{FnPrompt, GetPromptRequest, PromptHandler};
pub(crate) use prompt::ErasedPrompt;
pub use resource::{FnResource, ReadResourceRequest, ResourceDefinition, ResourceHandler};
pub(crate) use resource::ErasedResource;
pub use tool::{CallToolRequest, FnTool, IntoToolHandler, ToolHandler, Validation};
pub(crate) use tool::ErasedTool;

/// A boxed future that may move between threads.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
