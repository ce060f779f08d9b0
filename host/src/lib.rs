//! The Cloister host: tenants, modules, runs and logs over HTTP.

pub mod api;
