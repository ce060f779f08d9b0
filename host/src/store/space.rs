//! The low-water mark of the disk.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::StoreError;

/// How long an answer that there is enough space holds, in milliseconds: a fast disk takes some tens of megabytes meanwhile.
const HOLDS_MS: u64 = 25;

/// Refuses new work while little is free.
pub(super) struct LowWater {
    needed_bytes: u64,
    origin: Instant,
    /// Until when there is enough, in milliseconds since `origin`.
    enough_until_ms: AtomicU64,
}

impl LowWater {
    pub(super) fn new(needed_bytes: u64) -> Self {
        Self { needed_bytes, origin: Instant::now(), enough_until_ms: AtomicU64::new(0) }
    }

    /// Refuses while less than the mark is free where `path` is. A system call, unless there was enough a moment ago.
    pub(super) fn admit(&self, path: &Path) -> Result<(), StoreError> {
        let now_ms = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now_ms < self.enough_until_ms.load(Ordering::Relaxed) {
            return Ok(());
        }
        let available_bytes =
            fs4::available_space(path).map_err(StoreError::io("ask for free disk space"))?;
        if available_bytes < self.needed_bytes {
            return Err(StoreError::DiskFull { available_bytes, needed_bytes: self.needed_bytes });
        }
        self.enough_until_ms.store(now_ms.saturating_add(HOLDS_MS), Ordering::Relaxed);
        Ok(())
    }
}
