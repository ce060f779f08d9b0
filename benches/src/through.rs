//! The same guest through `cloister-runtime`, with every limit on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Result, ensure};
use cloister_runtime::{
    Allocation, Bytes, CacheConfig, Compiler, Grant, Limits, Metering, ModuleBounds, ModuleSource,
    NetworkGrant, Outcome, OutputSink, OutputStreamKind, Prepared, Runtime, RuntimeConfig, StdinSource,
    Tenant, TenantLimits, inspect,
};

/// A prepared guest and its runtime.
pub(crate) struct Through {
    runtime: Runtime,
    tenant: Tenant,
    module: Arc<Prepared>,
}

/// Takes output and forgets it.
struct Forget;

impl OutputSink for Forget {
    fn write(&self, _: OutputStreamKind, _: Bytes) {}

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Through {
    pub(crate) async fn new(path: &Path, wasm: &[u8]) -> Result<Self> {
        let runtime = Runtime::new(RuntimeConfig {
            allocation: Allocation::Pooled { runs: 16, memory_bytes: 256 << 20 },
            threads: 1,
            tick: RuntimeConfig::TICK,
            cache: CacheConfig { directory: None, key: [0; 32], memory_bytes: 256 << 20 },
            compiler: Compiler::InProcess,
            io: tokio::runtime::Handle::current(),
        })?;
        let info = inspect(wasm, &ModuleBounds::default())?;
        let source = ModuleSource { digest: "bench".to_owned(), info, path: path.to_owned() };
        let module = runtime.prepare(&source, Metering::Epochs).await?;
        let tenant = runtime.tenant(&TenantLimits::UNLIMITED);
        Ok(Self { runtime, tenant, module })
    }

    pub(crate) async fn run(&self) -> Result<()> {
        let grant = Grant {
            args: vec!["bench".to_owned()],
            env: BTreeMap::new(),
            directories: Vec::new(),
            volume: None,
            network: NetworkGrant::Denied,
            stdin: StdinSource::Empty,
            output: Arc::new(Forget),
            terminals: [false; 3],
        };
        let run =
            self.runtime.start(self.tenant.admit()?, Arc::clone(&self.module), grant, Limits::default());
        let report = run.report().await?;
        ensure!(report.outcome == Outcome::Exited(0), "the guest ended otherwise: {:?}", report.outcome);
        Ok(())
    }
}
