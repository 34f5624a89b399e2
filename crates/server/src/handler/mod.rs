//! Handlers: what a server calls to answer, and how functions become one.

mod completion;
mod function;
mod output;
mod prompt;
mod resource;
mod tool;

use std::future::Future;
use std::pin::Pin;

pub(crate) use completion::ErasedCompletion;
pub use completion::{CompleteRequest, CompletionHandler, IntoCompletion};
pub use function::{ByFunction, ByTrait, IntoResourceHandler, IntoToolHandler, ResourceFunction, ToolFunction};
pub use output::{IntoCallToolResult, IntoGetPromptResult, IntoReadResourceResult, Json};
pub(crate) use prompt::ErasedPrompt;
pub use prompt::{FnPrompt, GetPromptRequest, PromptHandler};
pub(crate) use resource::ErasedResource;
pub use resource::{FnResource, ReadResourceRequest, ResourceDefinition, ResourceHandler};
pub(crate) use tool::ErasedTool;
pub use tool::{CallToolRequest, FnTool, ToolHandler, Validation};

/// A boxed future that may move between threads.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
