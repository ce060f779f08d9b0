//! A runtime for tests, guests written as text, and a sink that remembers.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cloister_runtime::{
    Allocation, BudgetLimits, Bytes, CacheConfig, Compiler, Grant, Limits, Metering, ModuleBounds,
    ModuleSource, NetworkGrant, OutputSink, OutputStreamKind, Prepared, Report, Reservation, Run, RunError,
    Runtime, RuntimeConfig, StdinSource, Tenant, TenantLimits, inspect,
};
use parking_lot::Mutex;

/// Takes output and forgets it.
pub(crate) struct Forgets;

impl OutputSink for Forgets {
    fn write(&self, _: OutputStreamKind, _: Bytes, _: Reservation) {}

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Remembers all output.
#[derive(Default)]
pub(crate) struct Collected(Mutex<BTreeMap<bool, Vec<u8>>>);

impl Collected {
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.0.lock().get(&false).cloned().unwrap_or_default()
    }

    pub(crate) fn stderr(&self) -> Vec<u8> {
        self.0.lock().get(&true).cloned().unwrap_or_default()
    }
}

impl OutputSink for Collected {
    fn write(&self, stream: OutputStreamKind, bytes: Bytes, _: Reservation) {
        self.0.lock().entry(stream == OutputStreamKind::Stderr).or_default().extend_from_slice(&bytes);
    }

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) tenant: Tenant,
    directory: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(16, 256 << 20, 2)
    }

    /// With this many instance slots of this much memory, and this many threads.
    pub(crate) fn with(runs: u32, memory_bytes: u64, threads: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::new(RuntimeConfig {
            allocation: Allocation::Pooled { runs, memory_bytes },
            threads,
            ..Self::config(directory.path().join("cache"), [7; 32])
        })
        .unwrap();
        let tenant = runtime.tenant("acme", &TenantLimits::UNLIMITED);
        Self { runtime, tenant, directory }
    }

    pub(crate) fn runtime(cache: std::path::PathBuf, key: [u8; 32]) -> Runtime {
        Runtime::new(Self::config(cache, key)).unwrap()
    }

    fn config(cache: std::path::PathBuf, key: [u8; 32]) -> RuntimeConfig {
        RuntimeConfig {
            allocation: Allocation::Pooled { runs: 16, memory_bytes: 256 << 20 },
            threads: 2,
            tick: RuntimeConfig::TICK,
            cache: CacheConfig { directory: Some(cache), key, memory_bytes: 64 << 20 },
            compiler: Compiler::InProcess,
            io: tokio::runtime::Handle::current(),
        }
    }

    /// A tenant with these bounds.
    pub(crate) fn tenant(&self, budget: BudgetLimits) -> Tenant {
        self.runtime.tenant("other", &TenantLimits { budget, ..TenantLimits::UNLIMITED })
    }

    /// Waits until nothing of a tenant's budget is held: a large guest is cleared away after its end was reported.
    pub(crate) async fn unused(&self, tenant: &Tenant) {
        let free = async {
            while !tenant.budget().is_unused() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), free).await.unwrap();
    }

    pub(crate) async fn prepare(&self, text: &str, metering: Metering) -> Arc<Prepared> {
        self.runtime.prepare(&self.source(text), metering).await.unwrap()
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A module written as text, ready for [`Runtime::prepare`].
    pub(crate) fn source(&self, text: &str) -> ModuleSource {
        let wasm = wat::parse_str(text).unwrap();
        // What a host refuses at upload, a run must survive all the same.
        let bounds =
            ModuleBounds { memory_bytes: 8 << 30, table_elements: 1 << 22, ..ModuleBounds::default() };
        let info = inspect(&wasm, &bounds).unwrap();
        // A test's digest need not be the real one, only its own.
        let digest = format!(
            "{:064x}",
            wasm.iter().fold(0xcbf2_9ce4u128, |h, &b| (h ^ u128::from(b)).wrapping_mul(0x0100_0000_01b3))
        );
        let path = self.path().join(&digest);
        std::fs::File::create(&path).unwrap().write_all(&wasm).unwrap();
        ModuleSource { digest, info, path }
    }

    pub(crate) async fn start(&self, text: &str, grant: Grant, limits: Limits) -> Run {
        let metering = if limits.fuel.is_some() { Metering::Fuel } else { Metering::Epochs };
        let module = self.runtime.prepare(&self.source(text), metering).await.unwrap();
        self.runtime.start(self.tenant.admit().unwrap(), module, grant, limits)
    }

    pub(crate) async fn run(&self, text: &str, limits: Limits) -> Result<Report, RunError> {
        self.start(text, grant(&Arc::default()), limits).await.report().await
    }
}

pub(crate) fn grant(output: &Arc<Collected>) -> Grant {
    Grant {
        args: vec!["test".to_owned()],
        env: BTreeMap::new(),
        directories: Vec::new(),
        volume: None,
        network: NetworkGrant::Denied,
        stdin: StdinSource::Empty,
        output: Arc::clone(output) as Arc<dyn OutputSink>,
        terminals: [false; 3],
    }
}

pub(crate) fn limits() -> Limits {
    Limits { cpu: Duration::from_secs(30), wall: Duration::from_secs(60), ..Limits::default() }
}

/// Imports that most guests here use.
pub(crate) const WASI: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
"#;

pub(crate) fn guest(body: &str) -> String {
    format!("(module {WASI} (memory (export \"memory\") 1) {body})")
}
