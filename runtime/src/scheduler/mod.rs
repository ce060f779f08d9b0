//! Which guest runs the next slice: weighted fair sharing of the sandbox threads between tenants.
//!
//! Guests are tasks of `async-task`. A slice ends when the guest waits or, at an epoch tick, yields. The next slice goes
//! to the tenant with the least CPU time used for its weight (its virtual runtime, as in the kernel's fair schedulers);
//! within a tenant, tasks take turns.

mod queue;
mod worker;

use std::sync::Arc;
use std::thread::JoinHandle;

use async_task::FallibleTask;
use parking_lot::{Condvar, Mutex};

pub(crate) use self::queue::PLAIN_WEIGHT;
use self::queue::{Queues, TenantIndex};
pub(crate) use self::worker::thread_cpu_ns as worker_cpu_ns;

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
    queues: Mutex<Queues>,
    work: Condvar,
    preempt: Arc<dyn Preempt>,
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
        self.0.shared.queues.lock().cpu_ns(self.0.index)
    }

    /// Changes the weight from the next slice on.
    pub fn set_weight(&self, weight: u32) {
        self.0.shared.queues.lock().set_weight(self.0.index, weight);
    }
}

impl Drop for ShareInner {
    fn drop(&mut self) {
        self.shared.queues.lock().remove_tenant(self.index);
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
        if shared.queues.lock().expedite(self.share.0.index, self.run) {
            shared.work.notify_one();
        }
        // The run may hold a thread, or wait behind guests that hold them all.
        shared.preempt.preempt();
    }
}

/// Counts of the moment, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchedulerStats {
    /// Guests that wait for a slice.
    pub queued: usize,
    /// Slices run since the start.
    pub slices: u64,
    /// Time guests waited for a slice since the start, in nanoseconds.
    pub wait_ns: u64,
    /// CPU time of all guests since the start, in nanoseconds.
    pub cpu_ns: u64,
}

impl Scheduler {
    /// Starts `threads` sandbox threads.
    pub(crate) fn start(
        threads: usize,
        on_start: &ThreadStart,
        preempt: Arc<dyn Preempt>,
    ) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { queues: Mutex::new(Queues::default()), work: Condvar::new(), preempt });
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

    /// A new tenant with this weight; 1024 is a plain one.
    pub(crate) fn share(&self, weight: u32) -> Share {
        let index = self.shared.queues.lock().add_tenant(weight);
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
        self.shared.queues.lock().stats()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let left = self.shared.queues.lock().stop();
        // Dropping a task runs its destructors, which may wake others: not under the lock.
        drop(left);
        self.shared.work.notify_all();
        self.shared.preempt.preempt();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn enqueue(&self, tenant: TenantIndex, run: u64, runnable: async_task::Runnable) {
        let mut queues = self.queues.lock();
        let owed = match queues.push(tenant, run, runnable) {
            Ok(owed) => owed,
            Err(refused) => {
                drop(queues);
                drop(refused);
                return;
            }
        };
        if queues.idle_threads() > 0 {
            drop(queues);
            self.work.notify_one();
        } else if owed {
            drop(queues);
            self.preempt.preempt();
        }
    }
}

#[cfg(test)]
mod tests;
