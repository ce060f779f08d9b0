//! The data directory, and what the store may use.

use std::path::PathBuf;

use serde::Deserialize;

use super::{ConfigError, within};

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The data directory; made when it is missing.
    pub data_dir: PathBuf,
    /// Memory for cached pages, in bytes.
    pub cache_bytes: u64,
    /// New work is refused while less than this is free on the disk, in bytes.
    pub low_disk_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { data_dir: PathBuf::from("data"), cache_bytes: 128 << 20, low_disk_bytes: 256 << 20 }
    }
}

impl StoreConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("store.cache_bytes", self.cache_bytes, 1 << 20..=1 << 40)
    }
}
