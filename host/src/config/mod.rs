//! What the operator sets: defaults, then a TOML file, then flags; checked before a port is bound.

mod auth;
mod engine;
mod flags;
mod http;
mod oidc;
mod plans;
mod server;
mod store;
mod tenancy;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use auth::AuthConfig;
pub use engine::EngineConfig;
pub use flags::ServeFlags;
pub use http::HttpConfig;
pub use oidc::OidcIssuer;
pub(crate) use oidc::is_safe;
pub use plans::{MIN_CONSOLE_HISTORY_BYTES, Plan, Plans};
pub use server::ServerConfig;
pub use store::StoreConfig;
pub use tenancy::TenancyConfig;

/// Largest configuration file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Everything that can be set. Every key has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the host listens and how it stops.
    pub server: ServerConfig,
    /// Bounds of a request.
    pub http: HttpConfig,
    /// The data directory.
    pub store: StoreConfig,
    /// Tokens, sessions and passwords.
    pub auth: AuthConfig,
    /// How requests name tenants, and how tenants are taken down.
    pub tenancy: TenancyConfig,
    /// What each plan allows.
    pub plans: Plans,
    /// How guests run and modules are compiled.
    pub engine: EngineConfig,
    /// A folder of `*.wasm` files to deploy for a demo tenant. Only a flag.
    #[serde(skip)]
    pub demo: Option<PathBuf>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("could not read the configuration file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key or type that is not known.
    #[error("the configuration file {} is not valid", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value is out of its bounds.
    #[error("`{key}` {rule}")]
    Value {
        /// The key, with its section.
        key: String,
        /// What it must be.
        rule: String,
    },
}

impl ConfigError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "config_unreadable",
            Self::Parse { .. } | Self::Value { .. } => "config_invalid",
        }
    }
}

impl Config {
    /// Reads the file that the flags name, if any, lays the flags over it, and checks the result.
    ///
    /// # Errors
    /// When the file cannot be read, or a value is not allowed; the message names the key.
    pub fn load(flags: &ServeFlags) -> Result<Self, ConfigError> {
        let mut config = match &flags.config {
            Some(path) => Self::from_file(path)?,
            None => Self::default(),
        };
        flags.lay_over(&mut config);
        config.check()?;
        Ok(config)
    }

    fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.len() > MAX_FILE_BYTES {
            return Err(read(std::io::ErrorKind::FileTooLarge.into()));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first value that is out of its bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.http.check()?;
        self.store.check()?;
        self.engine.check()?;
        self.auth.check()?;
        self.tenancy.check()?;
        self.plans.check()?;
        self.engine.check()
    }
}

/// Refuses a number outside its bounds.
fn within<N: PartialOrd + std::fmt::Display>(
    key: &str,
    value: N,
    bounds: std::ops::RangeInclusive<N>,
) -> Result<(), ConfigError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let rule = format!("is {value} and must be {} to {}", bounds.start(), bounds.end());
    Err(ConfigError::Value { key: key.to_owned(), rule })
}

#[cfg(test)]
mod tests {

    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloister.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&ServeFlags { config: Some(path), ..ServeFlags::default() })
    }

    #[test]
    fn the_defaults_are_valid() {
        Config::load(&ServeFlags::default()).unwrap();
    }

    #[test]
    fn flags_win_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloister.toml");
        std::fs::write(&path, "[server]\nlisten = \"127.0.0.1:1\"\ndrain_timeout_ms = 5\n").unwrap();
        let listen = "127.0.0.1:2".parse().unwrap();
        let flags = ServeFlags { config: Some(path), listen: Some(listen), ..ServeFlags::default() };
        let config = Config::load(&flags).unwrap();
        assert_eq!((config.server.listen, config.server.drain_timeout_ms), (listen, 5));
    }

    #[test]
    fn an_error_names_the_key() {
        let message = |text| {
            let error = load(text).unwrap_err();
            format!(
                "{error}: {}",
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
            )
        };
        assert!(message("[server]\nlisten_on = 1").contains("listen_on"));
        assert!(message("[auth]\naccess_token_ttl_s = 0").contains("auth.access_token_ttl_s"));
        assert!(message("[plans.free]\nwall_ms = 0").contains("plans.free.wall_ms"));
        assert!(message("[plans.gold]\nwall_ms = 1").contains("gold"));
        assert!(message("not toml").contains("line 1"));
    }

    #[test]
    fn a_plan_in_the_file_changes_only_what_it_names() {
        let config = load("[plans.free]\nwall_ms = 1234").unwrap();
        let free = config.plans.get(crate::tenancy::PlanName::Free);
        assert_eq!(free.wall_ms, 1234);
        assert_eq!(free.memory_bytes, Plans::default().free.memory_bytes);
    }
}
