//! The real `cloister` binary against a small copy of the API.

#![expect(clippy::unwrap_used, reason = "tests")]

mod account;
mod exec;
mod files;
mod lists;
mod local;
mod logs;
mod mock;
mod mock_runs;
mod modules;
mod person;
