//! Bounds of one request.

use serde::Deserialize;

use super::{ConfigError, within};

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Time to send a request's head, in milliseconds.
    pub head_timeout_ms: u64,
    /// Longest pause within a request's body, in milliseconds.
    pub body_pause_timeout_ms: u64,
    /// Largest JSON body, in bytes.
    pub json_body_bytes: usize,
    /// Largest file that may be put into a tenant's directory, in bytes.
    pub file_bytes: u64,
    /// Requests of one principal to routes above tenants, a minute; 0 is no bound.
    pub requests_per_minute: u32,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            head_timeout_ms: 15_000,
            body_pause_timeout_ms: 30_000,
            json_body_bytes: 2 * 1024 * 1024,
            file_bytes: 4 * 1024 * 1024 * 1024,
            requests_per_minute: 1_000,
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("http.head_timeout_ms", self.head_timeout_ms, 100..=600_000)?;
        within("http.body_pause_timeout_ms", self.body_pause_timeout_ms, 100..=600_000)?;
        within("http.json_body_bytes", self.json_body_bytes, 1024..=64 * 1024 * 1024)?;
        within("http.file_bytes", self.file_bytes, 1..=1 << 50)
    }
}
