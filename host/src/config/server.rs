//! Where the host listens, and how it stops.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use super::{ConfigError, within};

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// How people reach the host, when not at `listen`: `https://cloister.example`. Links are made with it, and
    /// cookies are marked Secure when it is https.
    pub public_url: Option<String>,
    /// How long a stopping host waits for what is under way, in milliseconds.
    pub drain_timeout_ms: u64,
    /// Connections held at once; further ones wait.
    pub max_connections: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            drain_timeout_ms: 10_000,
            max_connections: 10_000,
        }
    }
}

impl ServerConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("server.drain_timeout_ms", self.drain_timeout_ms, 0..=600_000)?;
        within("server.max_connections", self.max_connections, 1..=1_000_000)?;
        match &self.public_url {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                let rule = format!("is `{url}` and must start with http:// or https://");
                Err(ConfigError::Value { key: "server.public_url".to_owned(), rule })
            }
            _ => Ok(()),
        }
    }

    /// How people reach the host, without a slash at the end, when it listens at `bound`.
    #[must_use]
    pub fn url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }

    /// True when browsers reach the host over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}
