//! Guests as tasks, and the sandbox threads that run them a slice at a time.
//!
//! Guests are tasks of `async-task`. A slice ends when the guest waits or, at an epoch tick, yields. Which task runs next
//! is decided in the crate `cloister-scheduler`, which knows no engine.

mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use async_task::{FallibleTask, Runnable};
use cloister_scheduler::{Dispatcher, TenantIndex, Wake};

pub use cloister_scheduler::{SchedulerStats, WAIT_BOUNDS_US, Waits};

pub(crate) use self::worker::{lower_priority, slice_cpu_ns};

/// Shares the sandbox threads between tenants.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Called on each new sandbox thread; what it returns lives as long as the thread.
pub(crate) type ThreadStart = Arc<dyn Fn() -> Box<dyn std::any::Any> + Send + Sync>;

/// What the scheduler asks of the engine.
pub(crate) trait Preempt: Send + Sync {
    /// Ends all running slices soon.
    fn preempt(&self);
    /// A slice begins on a thread.
    fn slice_started(&self);
    /// A slice ended on a thread.
    fn slice_ended(&self);
}

struct Shared {
    dispatcher: Dispatcher<Runnable>,
    preempt: Arc<dyn Preempt>,
    /// Where the scheduler's time begins.
    origin: Instant,
}

/// How much CPU a tenant gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuShare {
    /// Its part when tenants compete; [`CpuShare::PLAIN_WEIGHT`] is a plain tenant's.
    pub weight: u32,
    /// The most it gets even when nobody competes, in thousandths of a core. `None`: all of them.
    pub cap: Option<u32>,
}

impl CpuShare {
    /// The weight of a plain tenant.
    pub const PLAIN_WEIGHT: u32 = cloister_scheduler::PLAIN_WEIGHT;
    /// A plain tenant's, without a cap.
    pub const PLAIN: Self = Self { weight: Self::PLAIN_WEIGHT, cap: None };
}

/// One tenant's part of the CPU. Held by the host for as long as the tenant may run something.
#[derive(Clone)]
pub struct Share(Arc<ShareInner>);

struct ShareInner {
    shared: Arc<Shared>,
    index: TenantIndex,
}

impl Share {
    /// CPU time used by this tenant's guests since the share was made, in nanoseconds.
    #[must_use]
    pub fn cpu_ns(&self) -> u64 {
        self.0.shared.dispatcher.with(|queues| queues.cpu_ns(self.0.index))
    }

    /// Changes the weight and the cap from the next slice on.
    pub fn set(&self, share: CpuShare) {
        let shared = &self.0.shared;
        shared.dispatcher.set_share(self.0.index, share.weight, share.cap, shared.now_ns());
    }
}

impl Drop for ShareInner {
    fn drop(&mut self) {
        self.shared.dispatcher.with(|queues| queues.remove_tenant(self.index));
    }
}

/// Where a run stands in the queues, so that it can be brought to the front when it must end.
pub(crate) struct QueuePlace {
    share: Share,
    run: u64,
}

impl QueuePlace {
    /// Moves the run, if it waits for a slice, before all others.
    pub(crate) fn expedite(&self) {
        let shared = &self.share.0.shared;
        shared.dispatcher.expedite(self.share.0.index, self.run);
        // The run may hold a thread, or wait behind guests that hold them all.
        shared.preempt.preempt();
    }
}

impl Scheduler {
    /// Starts `threads` sandbox threads.
    pub(crate) fn start(
        threads: usize,
        on_start: &ThreadStart,
        preempt: Arc<dyn Preempt>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { dispatcher: Dispatcher::default(), preempt, origin: Instant::now() });
        let threads = (0..threads.max(1))
            .map(|number| {
                let shared = Arc::clone(&shared);
                let on_start = Arc::clone(on_start);
                std::thread::Builder::new().name(format!("sandbox-{number}")).spawn(move || {
                    let _kept = on_start();
                    worker::work(&shared);
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { shared, threads })
    }

    /// A new tenant.
    pub(crate) fn share(&self, share: CpuShare) -> Share {
        let now_ns = self.shared.now_ns();
        let add =
            |queues: &mut cloister_scheduler::Queues<_>| queues.add_tenant(share.weight, share.cap, now_ns);
        let index = self.shared.dispatcher.with(add);
        Share(Arc::new(ShareInner { shared: Arc::clone(&self.shared), index }))
    }

    /// Queues a task for a tenant. `run` is the task's number, unique in this scheduler.
    pub(crate) fn spawn<F>(&self, share: &Share, run: u64, future: F) -> (QueuePlace, FallibleTask<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let owner = share.clone();
        let schedule = move |runnable| owner.0.shared.enqueue(owner.0.index, run, runnable);
        let (runnable, task) = async_task::spawn(future, schedule);
        runnable.schedule();
        (QueuePlace { share: share.clone(), run }, task.fallible())
    }

    pub(crate) fn stats(&self) -> SchedulerStats {
        self.shared.dispatcher.stats()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let left = self.shared.dispatcher.stop();
        // Dropping a task runs its destructors, which may wake others: not under the lock.
        drop(left);
        self.shared.preempt.preempt();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn enqueue(&self, tenant: TenantIndex, run: u64, runnable: Runnable) {
        match self.dispatcher.push(tenant, run, runnable, self.now_ns()) {
            Ok(Wake::Nothing) => {}
            Ok(Wake::Preempt) => self.preempt.preempt(),
            Err(refused) => drop(refused),
        }
    }
}

#[cfg(test)]
mod tests;
