//! The engine: how many guests at once, and what compiling may take.

use std::path::PathBuf;

use cloister_runtime::{AddressRange, Trust};
use serde::Deserialize;

use super::{ConfigError, within};

/// `[engine]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Runs at once, of all tenants. Each reserves address space of the largest plan's memory.
    pub max_runs: u32,
    /// Threads that run guests; 0 is one for each core.
    pub threads: usize,
    /// Compiled code held in memory, in bytes.
    pub code_cache_bytes: u64,
    /// Wall and CPU time of one compilation, in milliseconds.
    pub compile_ms: u64,
    /// Memory of one compilation, in bytes.
    pub compile_memory_bytes: u64,
    /// Compilations at once.
    pub max_compiling: usize,
    /// Address ranges of the operator's own networks that granted destinations may be in: `["10.1.0.0/16"]`. All others
    /// that are not of the public Internet are refused.
    pub private_ranges: Vec<String>,
    /// A PEM file with certificates of the operator's own authorities, which guests' HTTPS then trusts besides those of
    /// the public web.
    pub ca_file: Option<PathBuf>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_runs: 512,
            threads: 0,
            code_cache_bytes: 1 << 30,
            compile_ms: 60_000,
            compile_memory_bytes: 1 << 30,
            max_compiling: 2,
            private_ranges: Vec::new(),
            ca_file: None,
        }
    }
}

impl EngineConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("engine.max_runs", self.max_runs, 1..=10_000)?;
        within("engine.threads", self.threads, 0..=1_024)?;
        within("engine.code_cache_bytes", self.code_cache_bytes, 1 << 20..=1 << 40)?;
        within("engine.compile_ms", self.compile_ms, 1_000..=3_600_000)?;
        within("engine.compile_memory_bytes", self.compile_memory_bytes, 64 << 20..=64 << 30)?;
        self.private_ranges()?;
        self.trust()?;
        within("engine.max_compiling", self.max_compiling, 1..=64)
    }

    /// The ranges, read.
    ///
    /// # Errors
    /// When one is not a range.
    pub fn private_ranges(&self) -> Result<Vec<AddressRange>, ConfigError> {
        let read = |text: &String| text.parse::<AddressRange>();
        self.private_ranges.iter().map(read).collect::<Result<_, _>>().map_err(|error| ConfigError::Value {
            key: "engine.private_ranges".to_owned(),
            rule: format!("holds a wrong entry: {error}"),
        })
    }

    /// Whose certificates guests' HTTPS accepts; `None` without a file. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read, or has no usable certificate.
    pub fn trust(&self) -> Result<Option<Trust>, ConfigError> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let wrong = |why: String| ConfigError::Value {
            key: "engine.ca_file".to_owned(),
            rule: format!("cannot be used, `{}`: {why}", path.display()),
        };
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        Trust::with_authorities(&pem).map(Some).map_err(|error| wrong(error.to_string()))
    }
}
