//! The least that runs a guest safely with wasmtime: a store, epochs that yield, an instance from the pool.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use anyhow::{Result, anyhow};
use cloister_runtime::{Allocation, Metering, engine_config};
use tokio::sync::oneshot;
use wasmtime::{Engine, InstancePre, Linker, Module, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_async};

/// A linked guest.
pub(super) struct Bare {
    engine: Engine,
    instance: InstancePre<WasiP1Ctx>,
    args: Vec<String>,
    fuel: Option<u64>,
}

impl Bare {
    pub(super) fn new(wasm: &[u8], args: &[&str], fuel: Option<u64>) -> Result<Self> {
        let allocation = Allocation::Pooled { runs: 64, memory_bytes: 256 << 20 };
        let metering = if fuel.is_some() { Metering::Fuel } else { Metering::Epochs };
        let engine = Engine::new(&engine_config(metering, &allocation))?;
        Self::on(engine, wasm, args, fuel)
    }

    /// On an engine that neither counts nor interrupts.
    pub(super) fn unbounded(wasm: &[u8], args: &[&str]) -> Result<Self> {
        let allocation = Allocation::Pooled { runs: 64, memory_bytes: 256 << 20 };
        let mut config = engine_config(Metering::Epochs, &allocation);
        config.epoch_interruption(false);
        Self::on(Engine::new(&config)?, wasm, args, None)
    }

    fn on(engine: Engine, wasm: &[u8], args: &[&str], fuel: Option<u64>) -> Result<Self> {
        let mut linker = Linker::new(&engine);
        add_to_linker_async(&mut linker, |context: &mut WasiP1Ctx| context)?;
        let instance = linker.instantiate_pre(&Module::new(&engine, wasm)?)?;
        let args = std::iter::once("bench").chain(args.iter().copied()).map(str::to_owned).collect();
        Ok(Self { engine, instance, args, fuel })
    }

    pub(super) async fn run(&self) -> Result<()> {
        let context = WasiCtx::builder().allow_blocking_current_thread(true).args(&self.args).build_p1();
        #[expect(
            clippy::disallowed_methods,
            reason = "the bare loop is what the sandbox is measured against"
        )]
        let mut store = Store::new(&self.engine, context);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        if let Some(fuel) = self.fuel {
            store.set_fuel(fuel)?;
        }
        let instance = self.instance.instantiate_async(&mut store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        Ok(start.call_async(&mut store, ()).await?)
    }
}

type Asked = oneshot::Sender<Result<()>>;

/// The bare loop on a thread of its own, asked through a channel: what any server does that keeps guests off its
/// I/O threads.
pub(super) struct Apart(Sender<Asked>);

impl Apart {
    pub(super) fn new(bare: Arc<Bare>) -> Self {
        let (ask, asked) = channel::<Asked>();
        let io = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            for done in asked {
                // Nobody waits for it: the measurement was given up.
                let _ = done.send(io.block_on(bare.run()));
            }
        });
        Self(ask)
    }

    pub(super) async fn run(&self) -> Result<()> {
        let (done, ended) = oneshot::channel();
        self.0.send(done).map_err(|_| anyhow!("the bare loop's thread is gone"))?;
        ended.await?
    }
}
