//! The host's own log: one line for each event on standard error.

use tracing_subscriber::EnvFilter;

/// What is logged when nothing else is asked for.
pub const DEFAULT_FILTER: &str = "info";

/// Starts logging, once for the process. `filter` is a list such as `info,cloister_host=debug`.
///
/// # Errors
/// What is wrong with the filter.
pub fn start(filter: &str, json: bool) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| error.to_string())?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| error.to_string())
}
