//! Who is let in, and what is answered to everybody else.

mod bindings;
mod good;
mod issuer;
mod keys;
mod leaks;
mod metadata;
mod refusals;
mod site;
mod state;
