//! A sandbox thread: takes slices and charges them, below the priority of the host's own threads.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::time::{ClockId, clock_gettime};

use super::Shared;

/// Niceness of sandbox threads, so that the host's I/O threads and the ticker run first.
const SANDBOX_NICENESS: i32 = 10;

thread_local! {
    /// CPU time of this thread when its slice began, in nanoseconds.
    static SLICE_BEGAN_NS: Cell<u64> = const { Cell::new(0) };
}

/// Lets the host's own threads run before this one.
pub(crate) fn lower_priority() {
    // Needs no right; a kernel that refuses leaves the guests at equal priority.
    if let Err(error) = rustix::process::setpriority_process(None, SANDBOX_NICENESS) {
        tracing::debug!(%error, "a thread for guests keeps the normal priority");
    }
}

/// Runs slices until the scheduler stops.
pub(super) fn work(shared: &Shared) {
    lower_priority();
    let mut ran = None;
    while let Some(slice) = shared.dispatcher.next(ran, || shared.now_ns()) {
        // A thread that did not wait begins where its last slice ended: one system call less.
        if slice.waited || ran.is_none() {
            SLICE_BEGAN_NS.set(thread_cpu_ns());
        }
        shared.preempt.slice_started();
        // A panic in a host call must not take the thread, and with it every tenant's share of it.
        if catch_unwind(AssertUnwindSafe(|| slice.task.run())).is_err() {
            tracing::error!("a host call panicked; its run is lost");
        }
        shared.preempt.slice_ended();
        let ended_ns = thread_cpu_ns();
        ran = Some((slice.tenant, ended_ns.saturating_sub(SLICE_BEGAN_NS.replace(ended_ns))));
    }
}

/// CPU time of the slice that this thread runs, so far, in nanoseconds. One system call.
pub(crate) fn slice_cpu_ns() -> u64 {
    thread_cpu_ns().saturating_sub(SLICE_BEGAN_NS.get())
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
