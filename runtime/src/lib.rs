//! Runs one WASI guest safely.
