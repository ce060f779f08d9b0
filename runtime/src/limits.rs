//! Limits of a run, and the limiter that keeps a guest's memory within them.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::budget::{Budget, Reservation, Resource};
use crate::module::{MAX_MEMORIES, MAX_TABLES};

/// Bounds of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, in wasmtime's fuel units. `None`: not counted. Needs a module prepared with
    /// [`Metering::Fuel`](crate::Metering).
    pub fuel: Option<u64>,
    /// CPU time.
    pub cpu: Duration,
    /// Wall time, from the moment the run was accepted.
    pub wall: Duration,
    /// Sum of all memories and tables, in bytes.
    pub memory_bytes: u64,
    /// Standard output and standard error together, in bytes.
    pub output_bytes: u64,
    /// Open descriptors, streams and other host resources at a time.
    pub resources: u32,
    /// Steps in which the guest's clocks move; zero leaves them as fine as the machine's.
    pub clock_resolution: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: None,
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            memory_bytes: 256 << 20,
            output_bytes: 16 << 20,
            resources: 1024,
            clock_resolution: Duration::ZERO,
        }
    }
}

/// Bytes the host needs for one element of a table.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// Whose bound refused a guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryRefusal {
    /// The run's own limit.
    Run,
    /// The tenant's budget.
    Tenant,
}

/// Counts the memories and tables of one run together, and reserves them from the tenant's budget before they are there.
/// They stay reserved until the run ends: neither a memory nor a table ever shrinks.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit_bytes: u64,
    used: Reservation,
    refused: Option<MemoryRefusal>,
}

impl Limiter {
    pub(crate) fn new(limit_bytes: u64, budget: &Budget) -> Self {
        Self { limit_bytes, used: budget.nothing(Resource::Memory), refused: None }
    }

    /// Highest sum so far.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.used.amount()
    }

    /// Whose bound was met last when the guest asked for more than it may have.
    pub(crate) fn refused(&self) -> Option<MemoryRefusal> {
        self.refused
    }

    // A growth that is granted here and then fails in the engine stays counted. Giving it back on
    // `memory_grow_failed` would let a guest lower its count: that is also called for what was never granted.
    fn grow(&mut self, current_bytes: u64, desired_bytes: u64) -> bool {
        let more = desired_bytes.saturating_sub(current_bytes);
        if self.used.amount().saturating_add(more) > self.limit_bytes {
            self.refused = Some(MemoryRefusal::Run);
        } else if self.used.grow(more).is_err() {
            self.refused = Some(MemoryRefusal::Tenant);
        } else {
            return true;
        }
        false
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A growth past the module's own maximum fails in the engine and must not be counted.
        if max.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        Ok(self.grow(current as u64, desired as u64))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if max.is_some_and(|max| desired > max) {
            return Ok(false);
        }
        let bytes = |elements: usize| (elements as u64).saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

/// Core instances of one run: a component holds several.
pub(crate) const MAX_INSTANCES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::BudgetLimits;

    fn limiter(limit_bytes: u64) -> Limiter {
        Limiter::new(limit_bytes, &Budget::new(&BudgetLimits::UNLIMITED))
    }

    #[test]
    fn memories_and_tables_are_counted_together() {
        let mut limiter = limiter(1000);
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.table_growing(0, 50, None).unwrap());
        assert!(!limiter.memory_growing(600, 601, None).unwrap());
        assert_eq!(limiter.refused(), Some(MemoryRefusal::Run));
        assert_eq!(limiter.peak_bytes(), 1000);
    }

    #[test]
    fn growth_past_the_modules_own_maximum_is_not_counted() {
        let mut limiter = limiter(1000);
        assert!(!limiter.memory_growing(0, 600, Some(500)).unwrap());
        assert_eq!(limiter.refused(), None);
        assert_eq!(limiter.peak_bytes(), 0);
    }

    #[test]
    fn two_runs_share_their_tenants_budget() {
        let budget = Budget::new(&BudgetLimits { memory_bytes: 1000, ..BudgetLimits::UNLIMITED });
        let (mut one, mut other) = (Limiter::new(800, &budget), Limiter::new(800, &budget));
        assert!(one.memory_growing(0, 700, None).unwrap());
        assert!(!other.table_growing(0, 50, None).unwrap());
        assert_eq!(other.refused(), Some(MemoryRefusal::Tenant));
        drop(one);
        assert!(other.table_growing(0, 50, None).unwrap());
        drop(other);
        assert!(budget.is_unused());
    }
}
