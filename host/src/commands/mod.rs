//! Command line to run: the one way by which anything in the host reaches a guest.

mod active;
mod attend;
mod error;
mod follow;
mod grants;
mod joins;
mod output;
mod query;
mod records;
mod start;
mod stdin;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use cloister_runtime::{AddressRange, Resolve, Runtime, SystemResolver, Trust};
use tokio::sync::Semaphore;

use self::active::ActiveRuns;
use self::records::RunRecords;
use crate::audit::Audit;
use crate::auth::TenantScope;
use crate::clock::Clock;
use crate::files::Files;
use crate::logs::LogWriter;
use crate::masking::Masking;
use crate::metrics::RunsEnded;
use crate::quota::Quota;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::store::Store;

pub use error::CommandError;
pub use follow::{OutputCursor, OutputItem};
pub use joins::{JoinedOutput, Joins, OutputTaker, TakerGone, ToNobody};
pub use query::RunFilter;
pub use start::{EndWithCaller, Started};
pub use usage::InUse;

/// Starts runs, and knows those that have not ended. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    inner: Arc<Inner>,
}

struct Inner {
    parts: CommandParts,
    records: RunRecords,
    active: ActiveRuns,
    /// Looks names up for all runs, so that the threads it holds are bounded together.
    resolver: Arc<dyn Resolve>,
    /// One for each instance slot of the engine.
    free_slots: Arc<Semaphore>,
}

impl std::ops::Deref for Inner {
    type Target = CommandParts;
    fn deref(&self) -> &CommandParts {
        &self.parts
    }
}

/// The parts that runs stand on.
pub struct CommandParts {
    /// Records.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Records that a run starts.
    pub audit: Audit,
    /// Counts runs, and refuses those that are too many.
    pub quota: Quota,
    /// Masks what guests write.
    pub masking: Masking,
    /// Modules and deployments.
    pub registry: Registry,
    /// Tenants' secrets.
    pub secrets: Secrets,
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
    /// Whose certificates guests' HTTPS accepts; `None`: those of the public web.
    pub trust: Option<Trust>,
    /// Instances of the engine: runs at a time, of all tenants.
    pub slots: usize,
}

impl Commands {
    /// On top of the other parts.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(parts: CommandParts) -> std::io::Result<Self> {
        let inner = Inner {
            records: RunRecords::start(parts.store.clone())?,
            active: ActiveRuns::default(),
            resolver: Arc::new(SystemResolver::default()),
            free_slots: Arc::new(Semaphore::new(parts.slots)),
            parts,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs that have not ended.
    #[must_use]
    pub fn active(&self) -> usize {
        self.inner.active.len()
    }

    /// Runs of a tenant that have not ended.
    #[must_use]
    pub fn active_of(&self, scope: &TenantScope) -> usize {
        self.inner.active.len_of(scope)
    }

    /// The engine, for its counters.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// Ends a tenant's runs and lets it start no more. True when all have ended.
    pub async fn close_tenant(&self, scope: &TenantScope) -> bool {
        self.inner.active.set_closed(scope, true);
        let all_ended = async {
            // A run that was on its way when the tenant was closed appears a moment later.
            while self.inner.active.cancel_of(scope) > 0 {
                tokio::time::sleep(CANCEL_AGAIN).await;
            }
        };
        tokio::time::timeout(RECORDING_GRACE, all_ended).await.is_ok()
    }

    /// Lets a tenant start runs again.
    pub fn open_tenant(&self, scope: &TenantScope) {
        self.inner.active.set_closed(scope, false);
    }

    /// Forgets a tenant that is gone.
    pub fn forget_tenant(&self, scope: &TenantScope) {
        self.inner.active.forget(scope);
        self.inner.quota.forget(scope);
    }

    /// Returns when the record of every run that was answered before can be read from the store.
    pub async fn settled(&self) {
        self.inner.records.settled().await;
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

/// Between two looks for runs of a tenant that is being closed.
const CANCEL_AGAIN: Duration = Duration::from_millis(10);
/// Time for writing the records of cancelled runs.
const RECORDING_GRACE: Duration = Duration::from_secs(5);
