//! Which task runs the next slice: weighted fair sharing of threads between tenants, with caps.
//!
//! The next slice goes to the tenant with the least CPU time used for its weight (its virtual runtime, as in the kernel's
//! fair schedulers); a tenant that slept gets a bounded credit; within a tenant, tasks take turns. A tenant with a cap
//! stands aside while it is ahead of its cap. [`Queues`] is the policy: plain data, time passed in. [`Dispatcher`] puts it
//! under a [`Monitor`] and hands its tasks to threads without losing a wake-up, which is checked with loom.

mod cap;
mod dispatch;
mod monitor;
mod queue;
mod stats;

pub use cap::{CAP_BURST_MS, CAP_RESUME_NS};
pub use dispatch::{Dispatcher, Shared, Wake};
pub use monitor::{Monitor, ParkingLot};
pub use queue::{
    Expedited, MAX_WEIGHT, Next, PLAIN_WEIGHT, PREEMPT_MARGIN_NS, Pushed, Queues, SLEEPER_CREDIT_NS, Slice,
    TenantIndex,
};
pub use stats::{SchedulerStats, WAIT_BOUNDS_US, Waits};
