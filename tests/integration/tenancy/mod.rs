//! Tenants: F136, F139 to F150, F153.

mod doors;
mod isolation;
mod limits;
mod world;
