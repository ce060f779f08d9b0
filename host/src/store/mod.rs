//! The only user of the database.

pub mod log_chunks;
