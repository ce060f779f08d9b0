//! The queues under a lock, shared by those who queue tasks and the threads that run them.

use std::marker::PhantomData;
use std::time::Duration;

use crate::{Expedited, Monitor, Next, ParkingLot, Pushed, Queues, SchedulerStats, Slice, TenantIndex};

/// What has to happen after a task was queued, beyond what the dispatcher did itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// Nothing.
    Nothing,
    /// The running slices should end soon: one of their threads is owed to someone else.
    Preempt,
}

/// Queues shared by threads.
pub struct Dispatcher<T, M = ParkingLot<Shared<T>>> {
    shared: M,
    task: PhantomData<fn() -> T>,
}

/// What is under the lock.
pub struct Shared<T> {
    queues: Queues<T>,
    /// Threads that wait for work.
    idle_threads: usize,
    /// How many of them were notified. Never fewer wait unnotified than are idle and not told; so when all are told, each
    /// will look at the queues.
    told_threads: usize,
}

impl<T, M: Monitor<Shared<T>>> Default for Dispatcher<T, M> {
    fn default() -> Self {
        Self {
            shared: M::new(Shared { queues: Queues::default(), idle_threads: 0, told_threads: 0 }),
            task: PhantomData,
        }
    }
}

impl<T, M: Monitor<Shared<T>>> Dispatcher<T, M> {
    /// Looks at the queues, or changes what threads need not be woken for.
    pub fn with<R>(&self, look: impl FnOnce(&mut Queues<T>) -> R) -> R {
        look(&mut self.shared.lock().queues)
    }

    /// Counts of the moment.
    pub fn stats(&self) -> SchedulerStats {
        self.shared.lock().queues.stats()
    }

    /// Changes a tenant's weight and cap, and lets threads look whether it may go on.
    pub fn set_share(&self, tenant: TenantIndex, weight: u32, cap: Option<u32>, now_ns: u64) {
        let mut shared = self.shared.lock();
        shared.queues.set_share(tenant, weight, cap, now_ns);
        self.tell_one(&mut shared);
    }

    /// Queues a task and wakes a thread for it if one waits.
    ///
    /// # Errors
    /// Gives the task back once stopped.
    pub fn push(&self, tenant: TenantIndex, run: u64, task: T, now_ns: u64) -> Result<Wake, T> {
        let mut shared = self.shared.lock();
        let pushed = shared.queues.push(tenant, run, task, now_ns)?;
        let told = self.tell_one(&mut shared);
        Ok(if pushed == Pushed::Owed && !told { Wake::Preempt } else { Wake::Nothing })
    }

    /// Moves a waiting run before all others. The caller should preempt in any case: the run may hold a thread.
    pub fn expedite(&self, tenant: TenantIndex, run: u64) {
        let mut shared = self.shared.lock();
        if shared.queues.expedite(tenant, run) == Expedited::First {
            self.tell_one(&mut shared);
        }
    }

    /// Charges the slice that this thread ran, if any, and takes the next one; waits while there is none. `None` once
    /// stopped. `now_ns` is asked for under the lock, so that time does not run backwards in the queues.
    pub fn next(&self, ran: Option<(TenantIndex, u64)>, now_ns: impl Fn() -> u64) -> Option<Slice<T>> {
        let mut shared = self.shared.lock();
        if let Some((tenant, cpu_ns)) = ran {
            shared.queues.charge(tenant, cpu_ns, now_ns());
        }
        let mut waited = false;
        loop {
            let now = now_ns();
            match shared.queues.pop(now) {
                Next::Slice(slice) => {
                    // Several tenants may have come back from their caps at once, and only one thread looked.
                    if shared.queues.has_ready() {
                        self.tell_one(&mut shared);
                    }
                    return Some(Slice { waited, ..slice });
                }
                Next::Wait(_) if shared.queues.stopping() => return None,
                Next::Wait(until_ns) => {
                    let most = until_ns.map(|until_ns| Duration::from_nanos(until_ns.saturating_sub(now)));
                    shared = self.wait(shared, most);
                    waited = true;
                }
            }
        }
    }

    fn wait<'a>(&'a self, mut shared: M::Guard<'a>, most: Option<Duration>) -> M::Guard<'a> {
        shared.idle_threads += 1;
        let mut shared = self.shared.wait(shared, most);
        shared.idle_threads -= 1;
        // One that woke for another reason looks as well as one that was told.
        shared.told_threads = shared.told_threads.saturating_sub(1);
        shared
    }

    /// Wakes a thread if one waits that was not told of work yet. True when it did.
    fn tell_one(&self, shared: &mut Shared<T>) -> bool {
        if shared.idle_threads <= shared.told_threads {
            return false;
        }
        shared.told_threads += 1;
        self.shared.notify_one();
        true
    }

    /// Refuses further tasks, ends all threads' waits, and hands back the queued tasks.
    pub fn stop(&self) -> Vec<T> {
        let left = self.shared.lock().queues.stop();
        self.shared.notify_all();
        left
    }
}
