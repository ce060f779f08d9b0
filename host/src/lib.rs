//! The Cloister host: tenants, modules, runs and logs over HTTP.

pub mod api;
pub mod audit;
pub mod auth;
mod cache;
pub mod clock;
pub mod commands;
pub mod config;
pub mod console;
pub mod files;
mod gathering;
pub mod http;
pub mod idempotency;
pub mod ids;
mod inflow;
pub mod lifecycle;
pub mod logs;
pub mod masking;
pub mod metrics;
pub mod quota;
pub mod registry;
pub mod secrets;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tenancy;
