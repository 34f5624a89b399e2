//! What the documentation promises, and what users write besides, compiles.
#![allow(
    clippy::allow_attributes_without_reason,
    clippy::too_many_arguments,
    clippy::unnecessary_operation,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "this is written as users write, who need not have our lints"
)]

pub mod conditional_handlers;
pub mod context_in_any_form;
pub mod everything;
pub mod free_functions;
pub mod generic_server;
pub mod macro_generated;
pub mod names_that_hide_ours;
pub mod needs;
pub mod other_attributes;
pub mod paths_instead_of_imports;
pub mod raw_identifiers;
pub mod returned_values;
