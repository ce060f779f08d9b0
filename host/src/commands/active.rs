//! Runs that have not ended, by tenant: for finding them, for bounding them, and for ending them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cloister_runtime::{
    Admission, Budget, BudgetUse, Canceller, Exhausted, Resource, Runtime, StdinPipe, Tenant, TenantLimits,
};
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
    /// True when only its record is still on its way to the store.
    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits for the end, and answers the record.
    pub(super) async fn end(&self) -> RunRecord {
        let mut ended = self.ended.clone();
        // The sender goes only after it has said so.
        let _ = ended.wait_for(|ended| *ended).await;
        self.record.lock().clone()
    }
}

/// A tenant that used nothing for this long is forgotten when room is made. Until then it keeps what it owes the
/// scheduler.
const IDLE: Duration = Duration::from_secs(60);
/// Tenants known before the idle among them are looked for.
const KNOWN_TENANTS: usize = 256;
/// How long a start waits for a place among its tenant's runs.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Memory below which no guest can start, in bytes: one page.
const LEAST_MEMORY_BYTES: u64 = 64 << 10;

struct TenantRuns {
    tenant: Tenant,
    last_used: Mutex<Instant>,
    limits: Mutex<TenantLimits>,
    count: AtomicUsize,
    /// Starts that wait for a place.
    waiting: AtomicUsize,
    /// Held by the one that waited longest, so that places are given in the order of coming.
    turn: tokio::sync::Mutex<()>,
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

    fn is_idle(&self, now: Instant) -> bool {
        self.tenant.budget().is_unused() && now.duration_since(*self.last_used.lock()) > IDLE
    }

    /// Leave for one more run, unless the others hold all of the tenant's memory. Waits for a place behind at most so many
    /// others.
    async fn admit(&self, most_waiting: usize) -> Result<Admission, CommandError> {
        *self.last_used.lock() = Instant::now();
        self.memory_left()?;
        // Whoever waits goes first.
        if self.waiting.load(Ordering::Acquire) == 0
            && let Ok(admission) = self.tenant.admit()
        {
            return Ok(admission);
        }
        let _waits = Waits::join(&self.waiting, most_waiting).ok_or_else(|| self.full())?;
        let admitted = async {
            let _turn = self.turn.lock().await;
            self.tenant.admitted().await
        };
        let admission = tokio::time::timeout(MAX_WAIT, admitted).await.map_err(|_| self.full())?;
        self.memory_left()?;
        Ok(admission)
    }

    fn memory_left(&self) -> Result<(), CommandError> {
        let left = self.tenant.budget().usage(Resource::Memory);
        if left.used.saturating_add(LEAST_MEMORY_BYTES) > left.limit {
            return Err(CommandError::TenantMemory(exhausted(Resource::Memory, LEAST_MEMORY_BYTES, &left)));
        }
        Ok(())
    }

    fn full(&self) -> CommandError {
        let runs = self.tenant.budget().usage(Resource::Runs);
        CommandError::TooManyRuns(exhausted(Resource::Runs, 1, &runs))
    }
}

fn exhausted(resource: Resource, wanted: u64, usage: &BudgetUse) -> Exhausted {
    Exhausted { resource, wanted, used: usage.used, limit: usage.limit }
}

/// One of those who wait; leaves when dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    /// `None` when `most` wait already.
    fn join(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let one_more = |waiting: usize| (waiting < most).then_some(waiting + 1);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// All runs that have not ended.
#[derive(Default)]
pub(super) struct ActiveRuns {
    tenants: RwLock<Tenants>,
    /// Tenants that may start nothing.
    closed: RwLock<HashSet<TenantId>>,
    total: Arc<Total>,
}

#[derive(Default)]
struct Tenants {
    by_id: HashMap<TenantId, Arc<TenantRuns>>,
    /// How many there may be before the idle are looked for again.
    sweep_at: usize,
}

impl Tenants {
    /// Forgets idle tenants. Twice as many as are left may come before the next look, so that one costs each newcomer
    /// the same.
    fn sweep(&mut self) {
        if self.by_id.len() < self.sweep_at.max(KNOWN_TENANTS) {
            return;
        }
        let now = Instant::now();
        // Whoever is about to start a run holds the tenant as well.
        self.by_id.retain(|_, tenant| Arc::strong_count(tenant) > 1 || !tenant.is_idle(now));
        self.sweep_at = self.by_id.len() * 2;
    }
}

#[derive(Default)]
struct Total {
    count: AtomicUsize,
    none_left: Notify,
}

/// A place in the list of a tenant's runs that can be found without the store; left when dropped.
pub(super) struct Listing {
    tenant: Arc<TenantRuns>,
    total: Arc<Total>,
    run: Option<RunId>,
}

impl Listing {
    /// Makes the run known.
    pub(super) fn hold(&mut self, id: RunId, run: Arc<ActiveRun>) {
        self.tenant.runs.lock().insert(id.clone(), run);
        self.run = Some(id);
    }
}

impl Drop for Listing {
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
    /// Takes a place for one more run, within the limits of the tenant's plan, which hold from now on. When there is none
    /// it waits, behind at most `most_waiting` others.
    pub(super) async fn place(
        &self,
        scope: &TenantScope,
        limits: &TenantLimits,
        most_waiting: usize,
        runtime: &Runtime,
    ) -> Result<(Listing, Admission), CommandError> {
        let tenant = self.tenant(scope, limits, runtime);
        let admission = tenant.admit(most_waiting).await?;
        self.total.count.fetch_add(1, Ordering::AcqRel);
        tenant.count.fetch_add(1, Ordering::AcqRel);
        let listing = Listing { tenant, total: Arc::clone(&self.total), run: None };
        // Looked at after the listing was counted: whoever closes a tenant waits for what is counted.
        if self.closed.read().contains(scope.tenant()) {
            return Err(CommandError::TenantClosed);
        }
        Ok((listing, admission))
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
        let Some(tenant) = self.tenants.read().by_id.get(scope.tenant()).cloned() else { return 0 };
        for run in tenant.runs.lock().values() {
            run.canceller.cancel();
        }
        tenant.count.load(Ordering::Acquire)
    }

    /// Forgets a tenant that is gone.
    pub(super) fn forget(&self, scope: &TenantScope) {
        self.tenants.write().by_id.remove(scope.tenant());
        self.closed.write().remove(scope.tenant());
    }

    fn tenant(&self, scope: &TenantScope, limits: &TenantLimits, runtime: &Runtime) -> Arc<TenantRuns> {
        if let Some(tenant) = self.tenants.read().by_id.get(scope.tenant()) {
            tenant.hold_to(limits);
            return Arc::clone(tenant);
        }
        let mut tenants = self.tenants.write();
        tenants.sweep();
        let tenant = tenants.by_id.entry(scope.tenant().clone()).or_insert_with(|| {
            Arc::new(TenantRuns {
                tenant: runtime.tenant(scope.tenant().as_str(), limits),
                last_used: Mutex::new(Instant::now()),
                limits: Mutex::new(*limits),
                count: AtomicUsize::new(0),
                waiting: AtomicUsize::new(0),
                turn: tokio::sync::Mutex::default(),
                runs: Mutex::default(),
            })
        });
        Arc::clone(tenant)
    }

    /// The budget of a tenant that ran something lately, held to these limits.
    pub(super) fn known(&self, scope: &TenantScope, limits: &TenantLimits) -> Option<Budget> {
        let tenants = self.tenants.read();
        let tenant = tenants.by_id.get(scope.tenant())?;
        tenant.hold_to(limits);
        Some(tenant.tenant.budget().clone())
    }

    /// What each known tenant is held to.
    #[cfg(test)]
    pub(super) fn held(&self) -> Vec<TenantLimits> {
        self.tenants.read().by_id.values().map(|tenant| *tenant.limits.lock()).collect()
    }

    /// Budgets of which something is used.
    pub(super) fn in_use(&self) -> Vec<(TenantId, Budget)> {
        let tenants = self.tenants.read();
        let used = tenants.by_id.iter().filter(|(_, tenant)| !tenant.tenant.budget().is_unused());
        used.map(|(id, tenant)| (id.clone(), tenant.tenant.budget().clone())).collect()
    }

    /// A run of this tenant that has not ended.
    pub(super) fn find(&self, scope: &TenantScope, id: &RunId) -> Option<Arc<ActiveRun>> {
        let tenant = Arc::clone(self.tenants.read().by_id.get(scope.tenant())?);
        tenant.runs.lock().get(id).cloned()
    }

    /// The records of a tenant's runs that have not ended.
    pub(super) fn all_of(&self, scope: &TenantScope) -> Vec<RunRecord> {
        let Some(tenant) = self.tenants.read().by_id.get(scope.tenant()).cloned() else { return Vec::new() };
        let runs: Vec<_> = tenant.runs.lock().values().cloned().collect();
        runs.iter().filter(|run| !run.has_ended()).map(|run| run.record.lock().clone()).collect()
    }

    /// Runs of one tenant.
    pub(super) fn len_of(&self, scope: &TenantScope) -> usize {
        let tenants = self.tenants.read();
        let runs = |tenant: &Arc<TenantRuns>| tenant.tenant.budget().usage(Resource::Runs).used;
        tenants
            .by_id
            .get(scope.tenant())
            .map_or(0, |tenant| usize::try_from(runs(tenant)).unwrap_or(usize::MAX))
    }

    /// CPU time by tenant, in nanoseconds.
    pub(super) fn cpu_by_tenant(&self) -> Vec<(TenantId, u64)> {
        let tenants = self.tenants.read();
        tenants.by_id.iter().map(|(id, runs)| (id.clone(), runs.tenant.share().cpu_ns())).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.total.count.load(Ordering::Acquire)
    }

    pub(super) fn cancel_all(&self) {
        for tenant in self.tenants.read().by_id.values() {
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
