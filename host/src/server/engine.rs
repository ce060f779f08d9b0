//! Starts the engine: slots and limits of the configuration, compiled code in the data directory.

use cloister_runtime::{Allocation, CacheConfig, Compiler, Runtime, RuntimeConfig};

use super::ServeError;
use crate::config::{Config, EngineConfig};
use crate::store::Store;

/// Blocks: makes the pool of instances and the sandbox threads.
pub(super) fn start(
    config: &Config,
    store: &Store,
    compiler: Compiler,
    io: tokio::runtime::Handle,
) -> Result<Runtime, ServeError> {
    let engine = &config.engine;
    let cache = CacheConfig {
        directory: Some(store.dir().cache()),
        key: store.dir().code_key()?,
        memory_bytes: engine.code_cache_bytes,
    };
    let memory_bytes = EngineConfig::memory_bytes(&config.plans);
    Ok(Runtime::new(RuntimeConfig {
        allocation: Allocation::Pooled { runs: engine.runs, memory_bytes },
        threads: engine.threads,
        tick: engine.tick(),
        cache,
        compiler,
        io,
    })?)
}

/// A compiler that runs this very program once for each module, as `cloister compile-worker`.
///
/// # Errors
/// When the program's own path is not known.
pub fn compiler_of_this_program(config: &Config) -> std::io::Result<Compiler> {
    let program = std::env::current_exe()?;
    Ok(Compiler::worker(program, vec!["compile-worker".to_owned()], config.engine.compile_limits()))
}
