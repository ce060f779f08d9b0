//! The HTTP API, called in memory.
