//! The Cloister host: tenants, modules, runs and logs over HTTP.

pub mod api;
pub mod auth;
pub mod clock;
pub mod ids;
pub mod logs;
pub mod store;
