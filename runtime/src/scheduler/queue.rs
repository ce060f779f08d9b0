//! The queues of all tenants, and the order in which they are served. No threads and no clock: plain data under a lock.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use async_task::Runnable;

use super::SchedulerStats;

/// The weight of a plain tenant.
pub(crate) const PLAIN_WEIGHT: u32 = 1024;

/// How far behind the others a tenant that slept may start: it gets the next slice, but cannot save up for a burst.
const SLEEPER_CREDIT_NS: u64 = 2_000_000;

/// A tenant must be owed this much more than a running one before the running slice is cut short for it.
const PREEMPT_MARGIN_NS: u64 = 200_000;

pub(crate) type TenantIndex = usize;

struct Queued {
    run: u64,
    since: Instant,
    runnable: Runnable,
}

/// A task taken from the queues to run one slice.
pub(crate) struct Slice {
    pub(crate) tenant: TenantIndex,
    pub(crate) runnable: Runnable,
}

#[derive(Default)]
struct Tenant {
    weight: u32,
    /// CPU time used, scaled by weight, in nanoseconds of a plain tenant.
    virtual_ns: u64,
    cpu_ns: u64,
    running: u32,
    queue: VecDeque<Queued>,
    /// The host has dropped its share; the place is free once nothing of it runs.
    gone: bool,
}

/// All tenants' queues.
#[derive(Default)]
pub(crate) struct Queues {
    tenants: Vec<Tenant>,
    free: Vec<TenantIndex>,
    /// Tenants with something queued, by virtual runtime.
    ready: BTreeSet<(u64, TenantIndex)>,
    /// Runs that must end: before all others.
    urgent: VecDeque<(TenantIndex, Queued)>,
    /// No ready or running tenant was ever below this.
    floor_ns: u64,
    idle_threads: usize,
    queued: usize,
    stopping: bool,
    stats: SchedulerStats,
}

impl Queues {
    pub(crate) fn add_tenant(&mut self, weight: u32) -> TenantIndex {
        let tenant = Tenant { weight: weight.max(1), virtual_ns: self.floor_ns, ..Tenant::default() };
        if let Some(index) = self.free.pop() {
            self.tenants[index] = tenant;
            return index;
        }
        self.tenants.push(tenant);
        self.tenants.len() - 1
    }

    pub(crate) fn remove_tenant(&mut self, index: TenantIndex) {
        let tenant = &mut self.tenants[index];
        tenant.gone = true;
        self.free_if_unused(index);
    }

    fn free_if_unused(&mut self, index: TenantIndex) {
        let tenant = &self.tenants[index];
        if tenant.gone && tenant.running == 0 && tenant.queue.is_empty() && !self.free.contains(&index) {
            self.free.push(index);
        }
    }

    pub(crate) fn set_weight(&mut self, index: TenantIndex, weight: u32) {
        self.tenants[index].weight = weight.max(1);
    }

    pub(crate) fn cpu_ns(&self, index: TenantIndex) -> u64 {
        self.tenants[index].cpu_ns
    }

    pub(crate) fn idle_threads(&self) -> usize {
        self.idle_threads
    }

    pub(crate) fn thread_idles(&mut self, idle: bool) {
        if idle {
            self.idle_threads += 1;
        } else {
            self.idle_threads -= 1;
        }
    }

    /// Queues a task. True when its tenant is owed the slice that another is using. Gives the task back when the
    /// scheduler stops: it must be dropped outside the lock.
    pub(crate) fn push(
        &mut self,
        index: TenantIndex,
        run: u64,
        runnable: Runnable,
    ) -> Result<bool, Runnable> {
        if self.stopping {
            return Err(runnable);
        }
        let since = Instant::now();
        let floor_ns = self.floor_ns;
        let tenant = &mut self.tenants[index];
        let was_idle = tenant.queue.is_empty();
        tenant.queue.push_back(Queued { run, since, runnable });
        self.queued += 1;
        if !was_idle {
            return Ok(false);
        }
        if tenant.running == 0 {
            tenant.virtual_ns = tenant.virtual_ns.max(floor_ns.saturating_sub(SLEEPER_CREDIT_NS));
        }
        let virtual_ns = tenant.virtual_ns;
        self.ready.insert((virtual_ns, index));
        Ok(virtual_ns + PREEMPT_MARGIN_NS < floor_ns)
    }

    /// The next slice, and its tenant.
    pub(crate) fn pop(&mut self) -> Option<Slice> {
        let (index, queued) = match self.urgent.pop_front() {
            Some(urgent) => urgent,
            None => self.pop_fairest()?,
        };
        self.queued -= 1;
        self.tenants[index].running += 1;
        self.stats.slices += 1;
        self.stats.wait_ns += u64::try_from(queued.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Slice { tenant: index, runnable: queued.runnable })
    }

    fn pop_fairest(&mut self) -> Option<(TenantIndex, Queued)> {
        let (virtual_ns, index) = self.ready.pop_first()?;
        self.floor_ns = self.floor_ns.max(virtual_ns);
        let tenant = &mut self.tenants[index];
        let queued = tenant.queue.pop_front()?;
        if !tenant.queue.is_empty() {
            self.ready.insert((virtual_ns, index));
        }
        Some((index, queued))
    }

    /// Charges a finished slice to its tenant.
    pub(crate) fn charge(&mut self, index: TenantIndex, cpu_ns: u64) {
        self.stats.cpu_ns += cpu_ns;
        let tenant = &mut self.tenants[index];
        tenant.running -= 1;
        tenant.cpu_ns += cpu_ns;
        let old = (tenant.virtual_ns, index);
        tenant.virtual_ns += cpu_ns.saturating_mul(u64::from(PLAIN_WEIGHT)) / u64::from(tenant.weight);
        let new = (tenant.virtual_ns, index);
        if self.ready.remove(&old) {
            self.ready.insert(new);
        }
        self.free_if_unused(index);
    }

    /// Moves a waiting run before all others; true when it was waiting.
    pub(crate) fn expedite(&mut self, index: TenantIndex, run: u64) -> bool {
        let tenant = &mut self.tenants[index];
        let Some(at) = tenant.queue.iter().position(|queued| queued.run == run) else {
            return false;
        };
        let Some(queued) = tenant.queue.remove(at) else {
            return false;
        };
        if tenant.queue.is_empty() {
            let key = (tenant.virtual_ns, index);
            self.ready.remove(&key);
        }
        self.urgent.push_back((index, queued));
        true
    }

    /// Refuses all further tasks and hands back the queued ones.
    pub(crate) fn stop(&mut self) -> Vec<Runnable> {
        self.stopping = true;
        self.ready.clear();
        let urgent = self.urgent.drain(..).map(|(_, queued)| queued.runnable).collect::<Vec<_>>();
        let queued = self.tenants.iter_mut().flat_map(|tenant| tenant.queue.drain(..)).map(|q| q.runnable);
        let all = queued.chain(urgent).collect();
        self.queued = 0;
        all
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping
    }

    pub(crate) fn stats(&self) -> SchedulerStats {
        SchedulerStats { queued: self.queued, ..self.stats }
    }
}
