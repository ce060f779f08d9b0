//! The registry, on a store of its own.
