//! A sandbox thread: takes slices and charges them, below the priority of the host's own threads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::time::{ClockId, clock_gettime};

use super::Shared;

/// Niceness of sandbox threads, so that the host's I/O threads and the ticker run first.
const SANDBOX_NICENESS: i32 = 10;

/// Runs slices until the scheduler stops.
pub(super) fn work(shared: &Shared) {
    // Only lowers the priority, which needs no right; a kernel that refuses leaves the guests at equal priority.
    if let Err(error) = rustix::process::setpriority_process(None, SANDBOX_NICENESS) {
        tracing::debug!(%error, "sandbox thread keeps the normal priority");
    }
    let mut queues = shared.queues.lock();
    loop {
        if let Some(slice) = queues.pop() {
            drop(queues);
            shared.preempt.slice_started();
            let before_ns = thread_cpu_ns();
            // A panic in a host call must not take the thread, and with it every tenant's share of it.
            if catch_unwind(AssertUnwindSafe(|| slice.runnable.run())).is_err() {
                tracing::error!("a host call panicked; its run is lost");
            }
            let cpu_ns = thread_cpu_ns().saturating_sub(before_ns);
            shared.preempt.slice_ended();
            queues = shared.queues.lock();
            queues.charge(slice.tenant, cpu_ns);
        } else if queues.stopping() {
            return;
        } else {
            queues.thread_idles(true);
            shared.work.wait(&mut queues);
            queues.thread_idles(false);
        }
    }
}

/// CPU time of this thread in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
