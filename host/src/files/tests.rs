//! The files, on a store of its own.
