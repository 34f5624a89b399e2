//! Tasks: calls whose client need not wait.
//!
//! A tool says that its calls [may or must become tasks](ToolTask). Then the call is answered at once, with the id of a
//! task; its handler goes on, and the client asks how far it is until there is the result. What clients of the modern era
//! know as the extension `io.modelcontextprotocol/tasks`, and those of 2025-11-25 as a part of the protocol, is the same to
//! a handler; clients that know of neither wait for the result as ever.
//!
//! ```
//! use std::time::Duration;
//! use turbomcp_server::tasks::{TaskConfig, ToolTask};
//! use turbomcp_server::{Arguments, Context, FnTool, ServerBuilder};
//!
//! let brew = FnTool::new(|_: Arguments, ctx: Context| async move {
//!     ctx.task().status("heating").await;
//!     "tea"
//! });
//! let server = ServerBuilder::new()
//!     .tasks(TaskConfig::new().ttl(Duration::from_secs(600)))?
//!     .tool("brew", brew.task(ToolTask::optional()))?
//!     .build();
//! # drop(server);
//! # Ok::<(), turbomcp_server::Error>(())
//! ```
//!
//! Tasks are kept in a [`TaskStore`]. Whoever works on one has a lease of it; when that runs out, because the process is
//! gone, another server over the same store takes the task up. It begins again if the tool [says so](ToolTask::retry),
//! and otherwise the task has failed. A task ends exactly once, whoever else still works on it; what it does meanwhile may
//! happen more than once, which is why only tools that are idempotent begin again. Servers that share a store should have
//! the same tools.
//!
//! A task belongs to who asked for it. To anybody else it does not exist. Where callers are not known, whoever has the id
//! has the task; ids have 128 random bits.
//!
//! A handler that runs again, or goes on after its request, has of its caller the [`Principal`](crate::Context::principal);
//! what else layers have left in the extensions of the request is there only where it began.
//!
//! # Specification
//!
//! [Tasks](https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks)

mod config;
mod context;
mod desk;
mod memory;
mod methods;
#[cfg(feature = "session-postgres")]
mod postgres;
mod record;
#[cfg(feature = "session-redis")]
mod redis;
mod run;
mod start;
mod store;
mod time;
mod tool;
mod watch;
mod worker;

pub use config::TaskConfig;
pub use context::TaskContext;
pub(crate) use desk::Desk;
pub use memory::MemoryTasks;
pub(crate) use methods::{Asker, route};
#[cfg(feature = "session-postgres")]
pub use postgres::PostgresTasks;
#[cfg(feature = "session-redis")]
pub use redis::RedisTasks;
pub(crate) use run::TaskRun;
pub(crate) use start::{Plan, call, plan};
pub use store::{Due, Insertion, StoredTask, TaskCaps, TaskStore, TaskStoreFuture};
pub use tool::ToolTask;
pub(crate) use tool::is_repeatable;
pub(crate) use watch::{Watch, wanted};

/// How many notifications about tasks may wait for a slow client before one is left out.
const STATUS_NOTIFICATIONS: usize = 1024;
