//! The same guest through `cloister-runtime`, with every limit on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Result, ensure};
use cloister_runtime::{
    Access, Allocation, Bytes, CacheConfig, Compiler, CpuShare, DirectoryGrant, Grant, HostDirectory, Limits,
    Metering, ModuleBounds, ModuleSource, NetworkGrant, Outcome, OutputSink, OutputStreamKind, Prepared,
    Reservation, Run, Runtime, RuntimeConfig, StdinSource, Tenant, TenantLimits, Volume, inspect,
};

/// Takes output and forgets it.
struct Forget;

impl OutputSink for Forget {
    fn write(&self, _: OutputStreamKind, _: Bytes, _: Reservation) {}

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// A runtime of the benchmark's own.
pub(super) fn runtime(threads: usize, tick: Duration, cache: CacheConfig) -> Result<Runtime> {
    Ok(Runtime::new(RuntimeConfig {
        allocation: Allocation::Pooled { runs: 160, memory_bytes: 256 << 20 },
        threads,
        tick,
        cache,
        compiler: Compiler::InProcess,
        io: tokio::runtime::Handle::current(),
    })?)
}

/// A cache that writes nothing.
pub(super) fn in_memory() -> CacheConfig {
    CacheConfig { directory: None, key: [0; 32], memory_bytes: 256 << 20 }
}

/// What a runtime needs to know to prepare a module.
pub(super) fn source(path: &Path, digest: &str) -> Result<ModuleSource> {
    let info = inspect(&std::fs::read(path)?, &ModuleBounds::default())?;
    Ok(ModuleSource { digest: digest.to_owned(), info, path: path.to_owned() })
}

/// A prepared guest, its tenant and its runtime.
pub(super) struct Through {
    pub(super) runtime: Arc<Runtime>,
    pub(super) tenant: Tenant,
    module: Arc<Prepared>,
    args: Vec<String>,
    fuel: Option<u64>,
    directories: Vec<DirectoryGrant>,
    volume: Option<Volume>,
}

impl Through {
    pub(super) async fn new(
        runtime: &Arc<Runtime>,
        cpu: CpuShare,
        path: &Path,
        args: &[&str],
        fuel: Option<u64>,
    ) -> Result<Self> {
        let metering = if fuel.is_some() { Metering::Fuel } else { Metering::Epochs };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let module = runtime.prepare(&source(path, &name)?, metering).await?;
        let args = std::iter::once("bench").chain(args.iter().copied()).map(str::to_owned).collect();
        let tenant = runtime.tenant("bench", &TenantLimits { cpu, ..TenantLimits::UNLIMITED });
        let runtime = Arc::clone(runtime);
        Ok(Self { runtime, tenant, module, args, fuel, directories: Vec::new(), volume: None })
    }

    /// The same with a directory to write in, and its quota.
    pub(super) fn within(self, folder: PathBuf, volume: Option<Volume>) -> Self {
        let host = HostDirectory::Path(folder);
        let directories = vec![DirectoryGrant { host, guest: "/".to_owned(), access: Access::ReadWrite }];
        Self { directories, volume, ..self }
    }

    pub(super) fn start(&self) -> Result<Run> {
        let grant = Grant {
            args: self.args.clone(),
            env: BTreeMap::new(),
            directories: self.directories.clone(),
            volume: self.volume.clone(),
            network: NetworkGrant::Denied,
            stdin: StdinSource::Empty,
            output: Arc::new(Forget),
            terminals: [false; 3],
        };
        let limits = Limits {
            fuel: self.fuel,
            cpu: Duration::from_secs(3600),
            wall: Duration::from_secs(3600),
            ..Limits::default()
        };
        Ok(self.runtime.start(self.tenant.admit()?, Arc::clone(&self.module), grant, limits))
    }

    pub(super) async fn run(&self) -> Result<()> {
        let report = self.start()?.report().await?;
        ensure!(report.outcome == Outcome::Exited(0), "the guest ended otherwise: {:?}", report.outcome);
        Ok(())
    }
}
