//! A test for each requirement of the specification that binds a server; see `docs/coverage.md`.

mod base;
