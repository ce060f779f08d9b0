//! The queues of all tenants, and the order in which they are served. No threads and no clock: plain data, time passed in.

use std::collections::{BTreeSet, VecDeque};

use crate::SchedulerStats;
use crate::cap::Cap;

/// The weight of a plain tenant.
pub const PLAIN_WEIGHT: u32 = 1024;

/// The largest weight: a tenant's virtual runtime must still move with each slice.
pub const MAX_WEIGHT: u32 = 1 << 20;

/// How far behind the others a tenant that slept may start, in nanoseconds of a plain tenant: it gets the next slice, but
/// cannot save up for a burst.
pub const SLEEPER_CREDIT_NS: u64 = 2_000_000;

/// A tenant must be owed this much more than a running one before the running slice is cut short for it, in nanoseconds.
pub const PREEMPT_MARGIN_NS: u64 = 200_000;

/// A tenant's place in the queues.
pub type TenantIndex = usize;

struct Queued<T> {
    run: u64,
    since_ns: u64,
    task: T,
}

/// A task taken from the queues to run one slice.
pub struct Slice<T> {
    /// Whose it is; for [`Queues::charge`].
    pub tenant: TenantIndex,
    /// The task.
    pub task: T,
    /// The thread waited for it.
    pub waited: bool,
}

/// What a thread does next.
pub enum Next<T> {
    /// It runs this.
    Slice(Slice<T>),
    /// It waits: until this time, in nanoseconds, when a tenant that stands aside may go on.
    Wait(Option<u64>),
}

/// What came of queueing a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for its turn.
    Queued,
    /// Its tenant is owed the slice that another is using.
    Owed,
}

/// What came of bringing a run forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expedited {
    /// It now waits before all others.
    First,
    /// It does not wait for a slice.
    NotQueued,
}

struct Tenant<T> {
    weight: u32,
    /// CPU time used, scaled by weight, in nanoseconds of a plain tenant.
    virtual_ns: u64,
    cpu_ns: u64,
    running: u32,
    queue: VecDeque<Queued<T>>,
    cap: Option<Cap>,
    /// Stands aside until then.
    throttled_until_ns: Option<u64>,
    /// Its holder has dropped it; the place is free once nothing of it runs.
    gone: bool,
    free: bool,
}

impl<T> Tenant<T> {
    fn new(weight: u32, virtual_ns: u64, cap: Option<Cap>) -> Self {
        Self {
            weight: weight.clamp(1, MAX_WEIGHT),
            virtual_ns,
            cpu_ns: 0,
            running: 0,
            queue: VecDeque::new(),
            cap,
            throttled_until_ns: None,
            gone: false,
            free: false,
        }
    }
}

/// All tenants' queues.
pub struct Queues<T> {
    tenants: Vec<Tenant<T>>,
    free: Vec<TenantIndex>,
    /// Tenants with something queued that do not stand aside, by virtual runtime.
    ready: BTreeSet<(u64, TenantIndex)>,
    /// Tenants that stand aside, by the time at which they may go on.
    throttled: BTreeSet<(u64, TenantIndex)>,
    /// Runs that must end: before all others.
    urgent: VecDeque<(TenantIndex, Queued<T>)>,
    /// No ready or running tenant was ever below this, but for its credit.
    floor_ns: u64,
    stopping: bool,
    stats: SchedulerStats,
}

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self {
            tenants: Vec::new(),
            free: Vec::new(),
            ready: BTreeSet::new(),
            throttled: BTreeSet::new(),
            urgent: VecDeque::new(),
            floor_ns: 0,
            stopping: false,
            stats: SchedulerStats::default(),
        }
    }
}

impl<T> Queues<T> {
    /// A place for a tenant. `cap` is in thousandths of a core; `None` is no cap.
    pub fn add_tenant(&mut self, weight: u32, cap: Option<u32>, now_ns: u64) -> TenantIndex {
        let tenant = Tenant::new(weight, self.floor_ns, cap.map(|cap| Cap::new(cap, now_ns)));
        if let Some(index) = self.free.pop() {
            self.tenants[index] = tenant;
            return index;
        }
        self.tenants.push(tenant);
        self.tenants.len() - 1
    }

    /// Gives a tenant's place up; what is queued or running of it still ends.
    pub fn remove_tenant(&mut self, index: TenantIndex) {
        self.tenants[index].gone = true;
        self.free_if_unused(index);
    }

    fn free_if_unused(&mut self, index: TenantIndex) {
        let urgent = self.urgent.iter().any(|(urgent, _)| *urgent == index);
        let tenant = &mut self.tenants[index];
        if tenant.gone && !tenant.free && tenant.running == 0 && tenant.queue.is_empty() && !urgent {
            tenant.free = true;
            if let Some(until_ns) = tenant.throttled_until_ns.take() {
                self.throttled.remove(&(until_ns, index));
            }
            self.free.push(index);
        }
    }

    /// Changes a tenant's weight and cap from the next slice on.
    pub fn set_share(&mut self, index: TenantIndex, weight: u32, cap: Option<u32>, now_ns: u64) {
        let tenant = &mut self.tenants[index];
        tenant.weight = weight.clamp(1, MAX_WEIGHT);
        tenant.cap = match (tenant.cap, cap) {
            (_, None) => None,
            (None, Some(rate)) => Some(Cap::new(rate, now_ns)),
            (Some(old), Some(rate)) => Some(old.with_rate(rate, now_ns)),
        };
        if let Some(old) = tenant.throttled_until_ns.take() {
            self.throttled.remove(&(old, index));
            match self.tenants[index].cap.and_then(|cap| cap.resumes_at()) {
                Some(until_ns) => self.throttle(index, until_ns),
                None => self.make_ready(index),
            }
        }
    }

    /// CPU time used by a tenant so far, in nanoseconds.
    #[must_use]
    pub fn cpu_ns(&self, index: TenantIndex) -> u64 {
        self.tenants[index].cpu_ns
    }

    /// Queues a task; `run` is its number.
    ///
    /// # Errors
    /// Gives the task back when the queues are stopped: it must be dropped outside the lock.
    pub fn push(&mut self, index: TenantIndex, run: u64, task: T, now_ns: u64) -> Result<Pushed, T> {
        if self.stopping {
            return Err(task);
        }
        let tenant = &mut self.tenants[index];
        let was_idle = tenant.queue.is_empty();
        tenant.queue.push_back(Queued { run, since_ns: now_ns, task });
        self.stats.queued += 1;
        if !was_idle || tenant.throttled_until_ns.is_some() {
            return Ok(Pushed::Queued);
        }
        self.make_ready(index);
        let owed = self.tenants[index].virtual_ns + PREEMPT_MARGIN_NS < self.floor_ns;
        self.stats.preemptions += u64::from(owed);
        Ok(if owed { Pushed::Owed } else { Pushed::Queued })
    }

    /// Lists a tenant with something queued, with no more credit than a sleeper may have.
    fn make_ready(&mut self, index: TenantIndex) {
        let tenant = &mut self.tenants[index];
        if tenant.queue.is_empty() {
            return;
        }
        if tenant.running == 0 {
            tenant.virtual_ns = tenant.virtual_ns.max(self.floor_ns.saturating_sub(SLEEPER_CREDIT_NS));
        }
        self.ready.insert((tenant.virtual_ns, index));
    }

    /// The next slice, or how long to wait for one.
    pub fn pop(&mut self, now_ns: u64) -> Next<T> {
        self.release(now_ns);
        let taken = self.urgent.pop_front().or_else(|| self.pop_fairest());
        let Some((index, queued)) = taken else {
            return Next::Wait(self.throttled.first().map(|(until_ns, _)| *until_ns));
        };
        self.stats.queued -= 1;
        self.stats.running += 1;
        self.tenants[index].running += 1;
        self.stats.slices += 1;
        self.stats.waits.add(now_ns.saturating_sub(queued.since_ns));
        Next::Slice(Slice { tenant: index, task: queued.task, waited: false })
    }

    /// True when a further thread would find a slice.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.urgent.is_empty()
    }

    fn release(&mut self, now_ns: u64) {
        while let Some(&(until_ns, index)) = self.throttled.first()
            && until_ns <= now_ns
        {
            self.throttled.pop_first();
            self.tenants[index].throttled_until_ns = None;
            self.make_ready(index);
        }
        self.stats.throttled = self.throttled.len();
    }

    fn throttle(&mut self, index: TenantIndex, until_ns: u64) {
        let tenant = &mut self.tenants[index];
        self.ready.remove(&(tenant.virtual_ns, index));
        if let Some(old) = tenant.throttled_until_ns.replace(until_ns) {
            self.throttled.remove(&(old, index));
        } else {
            self.stats.throttles += 1;
        }
        self.throttled.insert((until_ns, index));
        self.stats.throttled = self.throttled.len();
    }

    fn pop_fairest(&mut self) -> Option<(TenantIndex, Queued<T>)> {
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
    pub fn charge(&mut self, index: TenantIndex, cpu_ns: u64, now_ns: u64) {
        self.stats.cpu_ns += cpu_ns;
        self.stats.running -= 1;
        let tenant = &mut self.tenants[index];
        tenant.running -= 1;
        tenant.cpu_ns += cpu_ns;
        let old = (tenant.virtual_ns, index);
        tenant.virtual_ns += cpu_ns.saturating_mul(u64::from(PLAIN_WEIGHT)) / u64::from(tenant.weight);
        let new = (tenant.virtual_ns, index);
        if self.ready.remove(&old) {
            self.ready.insert(new);
        }
        if let Some(until_ns) = self.tenants[index].cap.as_mut().and_then(|cap| cap.charge(cpu_ns, now_ns)) {
            self.throttle(index, until_ns);
        }
        self.free_if_unused(index);
    }

    /// Moves a waiting run before all others, caps or not.
    pub fn expedite(&mut self, index: TenantIndex, run: u64) -> Expedited {
        let tenant = &mut self.tenants[index];
        let Some(at) = tenant.queue.iter().position(|queued| queued.run == run) else {
            return Expedited::NotQueued;
        };
        let Some(queued) = tenant.queue.remove(at) else {
            return Expedited::NotQueued;
        };
        if tenant.queue.is_empty() {
            self.ready.remove(&(tenant.virtual_ns, index));
        }
        self.urgent.push_back((index, queued));
        Expedited::First
    }

    /// Refuses all further tasks and hands back the queued ones.
    pub fn stop(&mut self) -> Vec<T> {
        self.stopping = true;
        self.ready.clear();
        let urgent = self.urgent.drain(..).map(|(_, queued)| queued.task).collect::<Vec<_>>();
        let queued = self.tenants.iter_mut().flat_map(|tenant| tenant.queue.drain(..)).map(|q| q.task);
        let all = queued.chain(urgent).collect();
        self.stats.queued = 0;
        all
    }

    /// True after [`Queues::stop`].
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.stopping
    }

    /// Counts of the moment.
    #[must_use]
    pub fn stats(&self) -> SchedulerStats {
        self.stats
    }
}
