//! The engine: slots, threads, the slice, and what compiling may use.

use std::time::Duration;

use cloister_runtime::CompileLimits;
use serde::Deserialize;

use super::{ConfigError, Plans, within};

/// `[engine]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Runs at a time, of all tenants together.
    pub runs: u32,
    /// Threads that run guests; 0 is one for each core.
    pub threads: usize,
    /// Length of a guest's slice, in microseconds.
    pub tick_us: u64,
    /// Compiled code held in memory, in bytes.
    pub code_cache_bytes: u64,
    /// Compilations at a time.
    pub compilers: usize,
    /// Wall time and CPU time of one compilation, in milliseconds.
    pub compile_ms: u64,
    /// Memory of one compilation, in bytes.
    pub compile_memory_bytes: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            runs: 256,
            threads: 0,
            tick_us: 1_000,
            code_cache_bytes: 512 << 20,
            compilers: 2,
            compile_ms: 60_000,
            compile_memory_bytes: 1 << 30,
        }
    }
}

impl EngineConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("engine.runs", self.runs, 1..=10_000)?;
        within("engine.threads", self.threads, 0..=1_024)?;
        within("engine.tick_us", self.tick_us, 100..=100_000)?;
        within("engine.code_cache_bytes", self.code_cache_bytes, 1 << 20..=1 << 40)?;
        within("engine.compilers", self.compilers, 1..=256)?;
        within("engine.compile_ms", self.compile_ms, 1_000..=600_000)?;
        within("engine.compile_memory_bytes", self.compile_memory_bytes, 128 << 20..=64 << 30)
    }

    /// The slice.
    #[must_use]
    pub fn tick(&self) -> Duration {
        Duration::from_micros(self.tick_us)
    }

    /// Bounds of one compilation.
    #[must_use]
    pub fn compile_limits(&self) -> CompileLimits {
        let time = Duration::from_millis(self.compile_ms);
        CompileLimits { wall: time, cpu: time, memory_bytes: self.compile_memory_bytes, concurrency: self.compilers }
    }

    /// The largest memory that any plan allows a guest, and the engine a single memory.
    #[must_use]
    pub fn memory_bytes(plans: &Plans) -> u64 {
        let largest = crate::tenancy::PlanName::ALL.into_iter().map(|name| plans.get(name).memory_bytes).max();
        largest.unwrap_or(0).min(MAX_MEMORY_BYTES)
    }
}

/// A 32-bit memory has no more.
const MAX_MEMORY_BYTES: u64 = 4 << 30;
