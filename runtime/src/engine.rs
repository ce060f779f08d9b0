//! Engine settings, in one place: what is compiled for one process must load in another.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::limits::MAX_INSTANCES;
use crate::linker::Linkers;
use crate::module::{MAX_MEMORIES, MAX_TABLES};
use crate::outcome::RunError;

/// Whether compiled code counts instructions. Both kinds are interrupted by epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metering {
    /// No fuel: CPU time and wall time bound a run.
    Epochs,
    /// Fuel as well.
    Fuel,
}

/// How instances get their memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool made at the start: for a host that runs many.
    Pooled {
        /// Runs at a time.
        runs: u32,
        /// Largest single memory in bytes.
        memory_bytes: u64,
    },
    /// As needed: for one run, or only compiling.
    OnDemand,
}

/// Native stack of a guest and the host calls it makes, in bytes.
const ASYNC_STACK_BYTES: usize = 2 << 20;
/// The part of it that WebAssembly may use, in bytes.
const WASM_STACK_BYTES: usize = 512 << 10;
/// Largest table in elements.
const TABLE_ELEMENTS: usize = 1 << 20;
/// Dirty bytes of a slot's memory that are restored by hand instead of given back to the kernel. Only pages that the
/// guest touched are, since the kernel is asked which those are (Linux 6.7); an older one takes the first bytes for dirty.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;
/// Bytes the engine needs for the bookkeeping of one instance.
const INSTANCE_BYTES: usize = 1 << 20;

/// The settings that decide what compiled code looks like.
fn code_config(metering: Metering) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(metering == Metering::Fuel)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_component_model_async(true)
        .memory_init_cow(true);
    config
}

fn pooling(runs: u32, memory_bytes: u64) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // A component made from a preview 1 module holds three or four core instances and one memory or two.
    pool.total_core_instances(runs.saturating_mul(4))
        .total_component_instances(runs)
        .total_memories(runs.saturating_mul(2))
        .total_tables(runs.saturating_mul(3))
        .total_stacks(runs.saturating_mul(2))
        .total_gc_heaps(runs)
        .max_core_instances_per_component(MAX_INSTANCES as u32)
        .max_memories_per_component(MAX_MEMORIES as u32)
        .max_tables_per_component(MAX_TABLES as u32)
        .max_memories_per_module(MAX_MEMORIES as u32)
        .max_tables_per_module(MAX_TABLES as u32)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_component_instance_size(INSTANCE_BYTES)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(usize::try_from(memory_bytes).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES / 16)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The settings of an engine of this runtime; also for measuring a bare engine beside it.
#[must_use]
pub fn engine_config(metering: Metering, allocation: &Allocation) -> Config {
    let mut config = code_config(metering);
    config.allocation_strategy(match *allocation {
        Allocation::Pooled { runs, memory_bytes } => {
            InstanceAllocationStrategy::Pooling(pooling(runs, memory_bytes))
        }
        Allocation::OnDemand => InstanceAllocationStrategy::OnDemand,
    });
    config
}

/// Engines for compiling and running, one for each [`Metering`], made when first used.
pub(crate) struct Engines {
    allocation: Allocation,
    epochs: OnceLock<Flavour>,
    fuel: OnceLock<Flavour>,
}

/// One engine and its linkers.
pub(crate) struct Flavour {
    pub(crate) engine: Engine,
    pub(crate) linkers: Linkers,
}

impl Engines {
    pub(crate) fn new(allocation: Allocation) -> Self {
        Self { allocation, epochs: OnceLock::new(), fuel: OnceLock::new() }
    }

    /// The engine for code of this kind.
    pub(crate) fn get(&self, metering: Metering) -> Result<&Flavour, RunError> {
        let slot = match metering {
            Metering::Epochs => &self.epochs,
            Metering::Fuel => &self.fuel,
        };
        if let Some(flavour) = slot.get() {
            return Ok(flavour);
        }
        let made = self.make(metering).map_err(RunError::Setup)?;
        Ok(slot.get_or_init(|| made))
    }

    fn make(&self, metering: Metering) -> wasmtime::Result<Flavour> {
        let engine = Engine::new(&engine_config(metering, &self.allocation))?;
        Ok(Flavour { linkers: Linkers::new(&engine), engine })
    }

    /// The engines made so far.
    pub(crate) fn made(&self) -> impl Iterator<Item = &Engine> {
        [&self.epochs, &self.fuel].into_iter().filter_map(OnceLock::get).map(|flavour| &flavour.engine)
    }
}

/// Names the engine's version and settings, and how modules are rewritten: code compiled under one name loads under the same name only.
pub(crate) fn code_fingerprint(engine: &Engine) -> String {
    use std::hash::Hash;
    struct Blake(blake3::Hasher);
    impl std::hash::Hasher for Blake {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Blake(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    crate::bulk::VERSION.hash(&mut hasher);
    hasher.0.finalize().to_hex()[..16].to_owned()
}
