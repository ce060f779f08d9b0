//! The host's own log: what an operator reads, on standard error.

use tracing_subscriber::EnvFilter;

/// Sends events to standard error; `CLOISTER_LOG` chooses which (`info` when unset, `debug`, `cloister_host=trace`).
pub fn start() {
    let filter = EnvFilter::try_from_env("CLOISTER_LOG").unwrap_or_else(|_| EnvFilter::new("info,sled=warn"));
    let made = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    // Only a second start in one process fails, and the first still holds.
    drop(made);
}
