//! Runs that have not ended, by tenant: for finding them, for bounding them, and for ending them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloister_runtime::{Admission, Canceller, Runtime, StdinPipe, Tenant, TenantLimits};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};

use super::CommandError;
use super::output::LiveOutput;
use crate::auth::TenantScope;
use crate::ids::{RunId, TenantId};
use crate::store::RunRecord;

/// A run that has not ended.
pub(super) struct ActiveRun {
    pub(super) record: Mutex<RunRecord>,
    pub(super) canceller: Canceller,
    /// Set when standard input comes by requests.
    pub(super) stdin: Option<StdinPipe>,
    /// Held by the request that feeds standard input, so that bytes of two do not mix.
    pub(super) feeding: tokio::sync::Mutex<()>,
    pub(super) output: Arc<LiveOutput>,
    /// True once the record says how it ended.
    pub(super) ended: watch::Receiver<bool>,
}

impl ActiveRun {
    /// Waits for the end, and answers the record.
    pub(super) async fn end(&self) -> RunRecord {
        let mut ended = self.ended.clone();
        // The sender goes only after it has said so.
        let _ = ended.wait_for(|ended| *ended).await;
        self.record.lock().clone()
    }
}

struct TenantRuns {
    tenant: Tenant,
    limits: Mutex<TenantLimits>,
    count: AtomicUsize,
    runs: Mutex<HashMap<RunId, Arc<ActiveRun>>>,
}

impl TenantRuns {
    /// Takes over limits that have changed since the last look.
    fn hold_to(&self, limits: &TenantLimits) {
        let mut held = self.limits.lock();
        if *held != *limits {
            self.tenant.set_limits(limits);
            *held = *limits;
        }
    }
}

/// All runs that have not ended.
#[derive(Default)]
pub(super) struct ActiveRuns {
    tenants: RwLock<HashMap<TenantId, Arc<TenantRuns>>>,
    /// Tenants that may start nothing.
    closed: RwLock<HashSet<TenantId>>,
    total: Arc<Total>,
}

#[derive(Default)]
struct Total {
    count: AtomicUsize,
    none_left: Notify,
}

/// A place among a tenant's concurrent runs; given back when dropped.
pub(super) struct RunPlace {
    tenant: Arc<TenantRuns>,
    /// Given back after the run is no longer listed.
    _place: cloister_runtime::RunPlace,
    total: Arc<Total>,
    run: Option<RunId>,
}

impl RunPlace {
    /// Makes the run known.
    pub(super) fn hold(&mut self, id: RunId, run: Arc<ActiveRun>) {
        self.tenant.runs.lock().insert(id.clone(), run);
        self.run = Some(id);
    }
}

impl Drop for RunPlace {
    fn drop(&mut self) {
        if let Some(id) = &self.run {
            self.tenant.runs.lock().remove(id);
        }
        self.tenant.count.fetch_sub(1, Ordering::AcqRel);
        if self.total.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.total.none_left.notify_waiters();
        }
    }
}

impl ActiveRuns {
    /// Takes a place for one more run, within the limits of the tenant's plan, which hold from now on.
    pub(super) fn place(
        &self,
        scope: &TenantScope,
        limits: &TenantLimits,
        runtime: &Runtime,
    ) -> Result<(RunPlace, Admission), CommandError> {
        let tenant = self.tenant(scope, limits, runtime);
        let admission = tenant.tenant.admit().map_err(CommandError::TooManyRuns)?;
        self.total.count.fetch_add(1, Ordering::AcqRel);
        tenant.count.fetch_add(1, Ordering::AcqRel);
        let (total, held) = (Arc::clone(&self.total), admission.place());
        let place = RunPlace { tenant, _place: held, total, run: None };
        // Looked at after the place was counted: whoever closes a tenant waits for what is counted.
        if self.closed.read().contains(scope.tenant()) {
            return Err(CommandError::TenantClosed);
        }
        Ok((place, admission))
    }

    /// Lets a tenant start no more runs, or again.
    pub(super) fn set_closed(&self, scope: &TenantScope, closed: bool) {
        if closed {
            self.closed.write().insert(scope.tenant().clone());
        } else {
            self.closed.write().remove(scope.tenant());
        }
    }

    /// Cancels a tenant's runs; how many have not ended.
    pub(super) fn cancel_of(&self, scope: &TenantScope) -> usize {
        let Some(tenant) = self.tenants.read().get(scope.tenant()).cloned() else { return 0 };
        for run in tenant.runs.lock().values() {
            run.canceller.cancel();
        }
        tenant.count.load(Ordering::Acquire)
    }

    /// Forgets a tenant that is gone.
    pub(super) fn forget(&self, scope: &TenantScope) {
        self.tenants.write().remove(scope.tenant());
        self.closed.write().remove(scope.tenant());
    }

    fn tenant(&self, scope: &TenantScope, limits: &TenantLimits, runtime: &Runtime) -> Arc<TenantRuns> {
        if let Some(tenant) = self.tenants.read().get(scope.tenant()) {
            tenant.hold_to(limits);
            return Arc::clone(tenant);
        }
        let mut tenants = self.tenants.write();
        let tenant = tenants.entry(scope.tenant().clone()).or_insert_with(|| {
            let tenant = runtime.tenant(limits);
            let (limits, count) = (Mutex::new(*limits), AtomicUsize::new(0));
            Arc::new(TenantRuns { tenant, limits, count, runs: Mutex::default() })
        });
        Arc::clone(tenant)
    }

    /// A run of this tenant that has not ended.
    pub(super) fn find(&self, scope: &TenantScope, id: &RunId) -> Option<Arc<ActiveRun>> {
        let tenant = Arc::clone(self.tenants.read().get(scope.tenant())?);
        tenant.runs.lock().get(id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.total.count.load(Ordering::Acquire)
    }

    pub(super) fn cancel_all(&self) {
        for tenant in self.tenants.read().values() {
            for run in tenant.runs.lock().values() {
                run.canceller.cancel();
            }
        }
    }

    /// Waits until no run is left.
    pub(super) async fn all_ended(&self) {
        loop {
            let none_left = self.total.none_left.notified();
            if self.len() == 0 {
                return;
            }
            none_left.await;
        }
    }
}
