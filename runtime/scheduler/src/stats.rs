//! Counts of the moment, for metrics.

/// Upper bounds of the buckets of waiting times, in microseconds; one more bucket holds what is above them all.
pub const WAIT_BOUNDS_US: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// How long tasks waited for their slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// Slices by how long their task waited: one for each of [`WAIT_BOUNDS_US`], and one above.
    pub counts: [u64; WAIT_BOUNDS_US.len() + 1],
    /// The sum of all waits in nanoseconds.
    pub total_ns: u64,
}

impl Waits {
    pub(crate) fn add(&mut self, wait_ns: u64) {
        let bucket = WAIT_BOUNDS_US.partition_point(|bound_us| bound_us * 1_000 < wait_ns);
        self.counts[bucket] += 1;
        self.total_ns = self.total_ns.saturating_add(wait_ns);
    }
}

/// Counts of a scheduler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchedulerStats {
    /// Tasks that wait for a slice.
    pub queued: usize,
    /// Tasks that run a slice.
    pub running: usize,
    /// Tenants that stand aside because of their cap.
    pub throttled: usize,
    /// Slices run since the start.
    pub slices: u64,
    /// How long tasks waited for them.
    pub waits: Waits,
    /// CPU time of all tasks since the start, in nanoseconds.
    pub cpu_ns: u64,
    /// Slices cut short for a tenant that was owed one.
    pub preemptions: u64,
    /// Times a tenant stood aside because of its cap.
    pub throttles: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_counted_in_the_first_bucket_that_holds_it() {
        let mut waits = Waits::default();
        for wait_ns in [0, 50_000, 50_001, 10_000_000_000, 10_000_000_001] {
            waits.add(wait_ns);
        }
        assert_eq!((waits.counts[0], waits.counts[1], waits.counts[11], waits.counts[12]), (2, 1, 1, 1));
    }
}
