//! Benchmarks of TurboMCP.
