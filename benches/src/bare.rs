//! The least that runs a guest safely with wasmtime: a store, epochs that yield, an instance from the pool.

use anyhow::Result;
use cloister_runtime::{Allocation, Metering, engine_config};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_async};

/// A linked guest.
pub(crate) struct Bare {
    engine: Engine,
    instance: InstancePre<WasiP1Ctx>,
}

impl Bare {
    pub(crate) fn new(wasm: &[u8]) -> Result<Self> {
        let allocation = Allocation::Pooled { runs: 16, memory_bytes: 256 << 20 };
        let engine = Engine::new(&engine_config(Metering::Epochs, &allocation))?;
        let mut linker = Linker::new(&engine);
        add_to_linker_async(&mut linker, |context: &mut WasiP1Ctx| context)?;
        let instance = linker.instantiate_pre(&Module::new(&engine, wasm)?)?;
        Ok(Self { engine, instance })
    }

    pub(crate) async fn run(&self) -> Result<()> {
        let context = WasiCtx::builder().allow_blocking_current_thread(true).arg("bench").build_p1();
        #[expect(
            clippy::disallowed_methods,
            reason = "the bare loop is what the sandbox is measured against"
        )]
        let mut store = Store::new(&self.engine, context);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.instance.instantiate_async(&mut store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        Ok(start.call_async(&mut store, ()).await?)
    }
}
