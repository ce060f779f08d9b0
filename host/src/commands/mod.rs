//! Command line to run: the one way by which anything in the host reaches a guest.

mod active;
mod attend;
mod error;
mod follow;
mod grants;
mod output;
mod query;
mod records;
mod start;
mod stdin;

use std::sync::Arc;
use std::time::Duration;

use cloister_runtime::{AddressRange, Runtime};
use tokio::sync::Semaphore;

use self::active::ActiveRuns;
use self::records::RunRecords;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::files::Files;
use crate::ids::TenantId;
use crate::logs::LogWriter;
use crate::metrics::RunsEnded;
use crate::registry::Registry;
use crate::store::Store;

pub use error::CommandError;
pub use follow::{OutputCursor, OutputItem};
pub use query::RunFilter;
pub use start::{EndWithCaller, Started};

/// Starts runs, and knows those that have not ended. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    audit: Audit,
    registry: Registry,
    files: Files,
    logs: LogWriter,
    runtime: Arc<Runtime>,
    records: RunRecords,
    active: ActiveRuns,
    runs_ended: RunsEnded,
    private_ranges: Vec<AddressRange>,
    /// One for each instance slot of the engine.
    slots: Arc<Semaphore>,
}

/// The parts that runs stand on.
pub struct CommandParts {
    /// Records.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Records that a run starts.
    pub audit: Audit,
    /// Modules and deployments.
    pub registry: Registry,
    /// Tenants' files.
    pub files: Files,
    /// Takes what guests write.
    pub logs: LogWriter,
    /// Runs guests.
    pub runtime: Arc<Runtime>,
    /// Counts how runs end.
    pub runs_ended: RunsEnded,
    /// Ranges of the operator's own networks that granted destinations may be in.
    pub private_ranges: Vec<AddressRange>,
    /// Runs at a time, of all tenants.
    pub slots: usize,
}

impl Commands {
    /// On top of the other parts.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(parts: CommandParts) -> std::io::Result<Self> {
        let CommandParts {
            store,
            clock,
            audit,
            registry,
            files,
            logs,
            runtime,
            runs_ended,
            private_ranges,
            slots,
        } = parts;
        let slots = Arc::new(Semaphore::new(slots));
        let active = ActiveRuns::default();
        let records = RunRecords::start(store.clone())?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                clock,
                audit,
                registry,
                files,
                logs,
                runtime,
                records,
                active,
                runs_ended,
                private_ranges,
                slots,
            }),
        })
    }

    /// Runs that have not ended.
    #[must_use]
    pub fn active(&self) -> usize {
        self.inner.active.len()
    }

    /// The engine, for its counters.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// Reads the CPU time of each tenant's guests since the start, in nanoseconds, without keeping the parts alive that
    /// runs stand on; nothing once they are gone.
    #[must_use]
    pub fn cpu_by_tenant(&self) -> impl Fn() -> Vec<(TenantId, u64)> + Send + Sync + 'static {
        let inner = Arc::downgrade(&self.inner);
        move || inner.upgrade().map(|inner| inner.active.cpu_by_tenant()).unwrap_or_default()
    }

    /// Waits until all runs have ended, then cancels what is left after `grace` and waits for that.
    pub async fn drain(&self, grace: Duration) {
        if tokio::time::timeout(grace, self.inner.active.all_ended()).await.is_ok() {
            return;
        }
        tracing::info!(runs = self.active(), "cancelling the runs that are left");
        self.inner.active.cancel_all();
        // Cancelled guests end within a slice; what remains is writing their records.
        if tokio::time::timeout(RECORDING_GRACE, self.inner.active.all_ended()).await.is_err() {
            tracing::error!(
                runs = self.active(),
                "some runs could not be recorded; the next start repairs them"
            );
        }
    }
}

/// Time for writing the records of cancelled runs.
const RECORDING_GRACE: Duration = Duration::from_secs(5);
