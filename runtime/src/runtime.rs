//! The runtime: engines, ticker, sandbox threads and module cache, put together once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::cache::{CacheConfig, CacheStats, ModuleCache, ModuleSource};
use crate::clearing::Clearing;
use crate::compile::Compiler;
use crate::control::RunControl;
use crate::engine::{Allocation, Engines, Metering};
use crate::filesystem::FileKey;
use crate::grant::Grant;
use crate::http::{HttpAnswer, HttpCall};
use crate::limits::Limits;
use crate::module::ModuleError;
use crate::outcome::RunError;
use crate::prepared::Prepared;
use crate::run::{Job, LiveRun, Run, execute};
use crate::scheduler::{Preempt, Scheduler, SchedulerStats, ThreadStart};
use crate::tenant::{Admission, Tenant, TenantLimits};
use crate::ticker::Ticker;

/// How a runtime is set up.
pub struct RuntimeConfig {
    /// Where instances get their memory.
    pub allocation: Allocation,
    /// Sandbox threads; 0 is one for each core.
    pub threads: usize,
    /// The length of a slice.
    pub tick: Duration,
    /// Where compiled code is kept.
    pub cache: CacheConfig,
    /// Where modules are compiled.
    pub compiler: Compiler,
    /// Drives the timers and sockets of guests.
    pub io: tokio::runtime::Handle,
}

impl RuntimeConfig {
    /// The tick that was measured best: see the benchmark report.
    pub const TICK: Duration = Duration::from_millis(1);
}

/// Runs guests.
pub struct Runtime {
    // Threads end in this order: no slice is running when the ticker goes.
    scheduler: Scheduler,
    ticker: Ticker,
    clearing: Clearing,
    engines: Arc<Engines>,
    cache: Arc<ModuleCache>,
    /// Of this host: what its guests are shown instead of its own numbers is derived from it.
    secret: [u8; 32],
    live: Arc<AtomicU64>,
    numbers: AtomicU64,
}

/// Counts of the moment, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuntimeStats {
    /// Runs started and not yet ended.
    pub live_runs: u64,
    /// The scheduler's.
    pub scheduler: SchedulerStats,
    /// The module cache's.
    pub cache: CacheStats,
}

impl Runtime {
    /// Starts the ticker and the sandbox threads.
    ///
    /// # Errors
    /// [`RunError::Setup`] when a thread cannot be started or the engine not be made.
    pub fn new(config: RuntimeConfig) -> Result<Self, RunError> {
        let setup = |error: std::io::Error| RunError::Setup(error.into());
        let engines = Arc::new(Engines::new(config.allocation));
        engines.get(Metering::Epochs)?;
        let ticker = Ticker::start(Arc::clone(&engines), config.tick).map_err(setup)?;
        let threads = match config.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let io = config.io;
        let on_start: ThreadStart = Arc::new(move || Box::new(EnteredRuntime::new(&io)));
        let preempt: Arc<dyn Preempt> = Arc::clone(ticker.shared()) as _;
        let scheduler = Scheduler::start(threads, &on_start, preempt).map_err(setup)?;
        let clearing = Clearing::start(&on_start).map_err(setup)?;
        let secret = config.cache.key;
        let cache = ModuleCache::new(config.cache, Arc::clone(&engines), config.compiler);
        let (live, numbers) = (Arc::default(), AtomicU64::new(1));
        Ok(Self { scheduler, ticker, clearing, engines, cache, secret, live, numbers })
    }

    /// A new tenant, which uses nothing yet.
    #[must_use]
    ///
    /// The name decides only how its guests see files numbered: the same for the same name, also after a restart.
    pub fn tenant(&self, name: &str, limits: &TenantLimits) -> Tenant {
        let file_key = FileKey::new(&self.secret, name);
        Tenant::new(self.scheduler.share(limits.cpu), &limits.budget, file_key)
    }

    /// A command that was prepared and is still in memory.
    #[must_use]
    pub fn ready(&self, digest: &str, metering: Metering) -> Option<Arc<Prepared>> {
        self.cache.ready(digest, metering)
    }

    /// Compiles, loads and links a module, or finds it ready.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn prepare(
        &self,
        source: &ModuleSource,
        metering: Metering,
    ) -> Result<Arc<Prepared>, ModuleError> {
        self.cache.prepare(source, metering).await
    }

    /// Forgets a module's compiled code, in memory and on disk. Runs of it go on.
    pub fn forget(&self, digest: &str) {
        self.cache.remove(digest);
    }

    /// Queues a run of the tenant that admitted it. The wall-time limit counts from now.
    #[must_use]
    pub fn start(&self, admission: Admission, module: Arc<Prepared>, grant: Grant, limits: Limits) -> Run {
        self.queue(admission, module, grant, limits, None)
    }

    /// Queues a run that answers one HTTP request, of a module prepared with [`crate::EntryPoint::Http`].
    #[must_use]
    pub fn serve<B>(
        &self,
        admission: Admission,
        module: Arc<Prepared>,
        grant: Grant,
        limits: Limits,
        request: http::Request<B>,
    ) -> (Run, HttpAnswer)
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (call, answer) = HttpCall::new(request);
        (self.queue(admission, module, grant, limits, Some(call)), answer)
    }

    fn queue(
        &self,
        admission: Admission,
        module: Arc<Prepared>,
        grant: Grant,
        limits: Limits,
        call: Option<HttpCall>,
    ) -> Run {
        let accepted = Instant::now();
        let control = Arc::new(RunControl::default());
        let until = accepted.checked_add(limits.wall).unwrap_or_else(|| accepted + FOREVER);
        let deadline = self.ticker.shared().watch(until, &control);
        let share = admission.tenant.share().clone();
        let job = Job {
            engines: Arc::clone(&self.engines),
            admission,
            module,
            grant,
            limits,
            call,
            control: Arc::clone(&control),
            accepted,
            deadline,
            clearing: self.clearing.clone(),
            live: LiveRun::new(&self.live),
        };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (place, task) = self.scheduler.spawn(&share, number, execute(job));
        control.set_place(place);
        Run { control, task }
    }

    /// Counts of the moment.
    #[must_use]
    pub fn stats(&self) -> RuntimeStats {
        RuntimeStats {
            live_runs: self.live.load(Ordering::Relaxed),
            scheduler: self.scheduler.stats(),
            cache: self.cache.stats(),
        }
    }
}

/// Longer than any host stays up.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Keeps a sandbox thread inside the I/O runtime's context, which guests' timers and sockets need.
struct EnteredRuntime {
    _guard: tokio::runtime::EnterGuard<'static>,
}

impl EnteredRuntime {
    fn new(io: &tokio::runtime::Handle) -> Self {
        // The guard borrows the handle; a sandbox thread lives as long as the process or its runtime.
        let io: &'static tokio::runtime::Handle = Box::leak(Box::new(io.clone()));
        Self { _guard: io.enter() }
    }
}
