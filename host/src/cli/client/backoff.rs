//! How long to wait before trying a broken connection again, and when to stop trying.

use std::time::{Duration, Instant};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// Long enough for a host to be restarted or upgraded.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// Doubling delays from 100 ms to 5 s, for two minutes since the last success.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    failing_since: Option<Instant>,
}

impl Backoff {
    /// It works again.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It failed at `now`: how long to wait, or `None` to stop.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= GIVE_UP_AFTER {
            return None;
        }
        let delay = FIRST_DELAY.saturating_mul(1 << self.failures.min(6)).min(LONGEST_DELAY);
        self.failures = self.failures.saturating_add(1);
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_end() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..8).filter_map(|_| backoff.failed(start)).map(|d| d.as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.failed(start + GIVE_UP_AFTER), None);
        backoff.succeeded();
        assert_eq!(backoff.failed(start + GIVE_UP_AFTER), Some(FIRST_DELAY));
    }
}
