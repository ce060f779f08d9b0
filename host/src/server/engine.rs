//! Sets the engine up.

use std::sync::Arc;
use std::time::Duration;

use cloister_runtime::{Allocation, CacheConfig, CompileLimits, Compiler, Runtime, RuntimeConfig};

use super::ServeError;
use crate::config::Config;
use crate::store::DataDir;
use crate::tenancy::PlanName;

/// Where modules are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiling {
    /// In a process of its own for each: this program, started with `compile-worker`.
    Apart,
    /// In this process, without bounds; for tests.
    Here,
}

/// Starts the engine. Blocks, inside the asynchronous runtime that drives guests' timers and sockets.
pub(super) fn start(
    config: &Config,
    dir: &DataDir,
    compiling: Compiling,
) -> Result<Arc<Runtime>, ServeError> {
    let engine = &config.engine;
    let compiler = match compiling {
        Compiling::Here => Compiler::InProcess,
        Compiling::Apart => {
            let program = std::env::current_exe().map_err(ServeError::Program)?;
            let time = Duration::from_millis(engine.compile_ms);
            let limits = CompileLimits {
                wall: time,
                cpu: time,
                memory_bytes: engine.compile_memory_bytes,
                concurrency: engine.max_compiling,
            };
            // Else the allocator would set a gigabyte aside before the worker's memory is bounded.
            let variables = vec![("MIMALLOC_ARENA_EAGER_COMMIT".to_owned(), "0".to_owned())];
            Compiler::worker(program, vec!["compile-worker".to_owned()], variables, limits)
        }
    };
    let allocation = match compiling {
        Compiling::Here => Allocation::OnDemand,
        Compiling::Apart => {
            let plans = PlanName::ALL.map(|name| config.plans.get(name).memory_bytes);
            let memory_bytes = plans.into_iter().max().unwrap_or(0);
            Allocation::Pooled { runs: engine.max_runs, memory_bytes }
        }
    };
    let cache = CacheConfig {
        directory: Some(dir.cache()),
        key: dir.private_key("compiled-code.key")?,
        memory_bytes: engine.code_cache_bytes,
    };
    let io = tokio::runtime::Handle::current();
    let tick = RuntimeConfig::TICK;
    let runtime =
        Runtime::new(RuntimeConfig { allocation, threads: engine.threads, tick, cache, compiler, io });
    Ok(Arc::new(runtime.map_err(|error| ServeError::Engine(Box::new(error)))?))
}
