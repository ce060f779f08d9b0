//! A tenant's cap on CPU: a bucket of CPU time that fills at the cap's rate and may be overdrawn by the slices that run.

/// What a capped tenant may save up while it is idle, in milliseconds of its cap.
pub const CAP_BURST_MS: u64 = 20;

/// A tenant that stood aside comes back with this much CPU time, in nanoseconds: less would end in slices that are too
/// short to be worth their switches.
pub const CAP_RESUME_NS: u64 = 1_000_000;

/// The bucket. One core is 1,000 thousandths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cap {
    core_thousandths: u32,
    balance_ns: i64,
    filled_at_ns: u64,
}

impl Cap {
    pub(crate) fn new(core_thousandths: u32, now_ns: u64) -> Self {
        let cap = Self { core_thousandths: core_thousandths.max(1), balance_ns: 0, filled_at_ns: now_ns };
        Self { balance_ns: cap.most_ns(), ..cap }
    }

    /// The same balance under another rate.
    pub(crate) fn with_rate(mut self, core_thousandths: u32, now_ns: u64) -> Self {
        self.fill(now_ns);
        self.core_thousandths = core_thousandths.max(1);
        self.balance_ns = self.balance_ns.min(self.most_ns());
        self
    }

    fn most_ns(&self) -> i64 {
        let burst_ns = u64::from(self.core_thousandths) * CAP_BURST_MS * 1_000;
        i64::try_from(burst_ns.max(2 * CAP_RESUME_NS)).unwrap_or(i64::MAX)
    }

    fn fill(&mut self, now_ns: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.filled_at_ns);
        self.filled_at_ns = self.filled_at_ns.max(now_ns);
        let earned_ns = u128::from(elapsed_ns) * u128::from(self.core_thousandths) / 1_000;
        let earned_ns = i64::try_from(earned_ns).unwrap_or(i64::MAX);
        self.balance_ns = self.balance_ns.saturating_add(earned_ns).min(self.most_ns());
    }

    /// Takes CPU time that was used. When the bucket is empty: the time at which the tenant may go on.
    pub(crate) fn charge(&mut self, cpu_ns: u64, now_ns: u64) -> Option<u64> {
        self.fill(now_ns);
        self.balance_ns = self.balance_ns.saturating_sub(i64::try_from(cpu_ns).unwrap_or(i64::MAX));
        self.resumes_at()
    }

    /// When an empty bucket holds enough to go on; `None` while it is not empty.
    pub(crate) fn resumes_at(&self) -> Option<u64> {
        if self.balance_ns > 0 {
            return None;
        }
        let missing_ns = u128::from(self.balance_ns.unsigned_abs()) + u128::from(CAP_RESUME_NS);
        let wait_ns = missing_ns * 1_000 / u128::from(self.core_thousandths);
        Some(self.filled_at_ns.saturating_add(u64::try_from(wait_ns).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_core_is_spent_at_half_the_time() {
        let mut cap = Cap::new(500, 0);
        let burst_ns = 10_000_000;
        assert_eq!(cap.charge(burst_ns - 1, 0), None);
        // One nanosecond below nothing, and a millisecond to come back with, at half a core.
        assert_eq!(cap.charge(2, 0), Some(2 * (CAP_RESUME_NS + 1)));
        assert_eq!(cap.charge(0, 2 * (CAP_RESUME_NS + 1)), None);
    }

    #[test]
    fn what_can_be_saved_up_is_bounded() {
        let mut cap = Cap::new(1_000, 0);
        assert_eq!(cap.charge(1, u64::MAX / 4), None);
        assert!(cap.charge(CAP_BURST_MS * 1_000_000, u64::MAX / 4).is_some());
    }
}
