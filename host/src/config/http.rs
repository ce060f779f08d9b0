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
    /// Origins besides the host's own whose pages may open a console's WebSocket, such as `https://console.example`.
    pub allowed_origins: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            head_timeout_ms: 15_000,
            body_pause_timeout_ms: 30_000,
            json_body_bytes: 2 * 1024 * 1024,
            file_bytes: 4 * 1024 * 1024 * 1024,
            requests_per_minute: 1_000,
            allowed_origins: Vec::new(),
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("http.head_timeout_ms", self.head_timeout_ms, 100..=600_000)?;
        within("http.body_pause_timeout_ms", self.body_pause_timeout_ms, 100..=600_000)?;
        within("http.json_body_bytes", self.json_body_bytes, 1024..=64 * 1024 * 1024)?;
        within("http.file_bytes", self.file_bytes, 1..=1 << 50)?;
        match self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            None => Ok(()),
            Some(origin) => Err(ConfigError::Value {
                key: "http.allowed_origins".to_owned(),
                rule: format!(
                    "holds `{origin}`, and an origin is `https://` and a name, in lower case, without a path"
                ),
            }),
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_a_host_and_nothing_else() {
        for origin in ["https://console.example", "http://localhost:5173", "http://[::1]:80"] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in ["*", "null", "https://", "https://a/", "https://A", "console.example", "ftp://a"] {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}
