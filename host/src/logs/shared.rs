//! What the writers, the committer and the readers share.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use tokio::sync::{Semaphore, watch};

use super::error::LogError;
use super::queue::Queue;
use super::stats::LogStats;
use super::tenant::Tenants;
use crate::store::LogChunks;

/// Queries that read the store at the same time; others wait.
const MAX_SCANS: usize = 4;

pub(super) struct Shared {
    pub(super) chunks: LogChunks,
    pub(super) tenants: Tenants,
    pub(super) queue: Queue,
    pub(super) stats: LogStats,
    pub(super) scans: Semaphore,
    /// Threads that can work at the same time.
    pub(super) cores: usize,
    /// True once the committer has ended: no more lines will come.
    pub(super) stop: watch::Sender<bool>,
    /// True once the committer has ended as it should.
    pub(super) stopped: AtomicBool,
    failure: OnceLock<LogError>,
}

impl Shared {
    pub(super) fn new(chunks: LogChunks) -> Self {
        Self {
            chunks,
            tenants: Tenants::default(),
            queue: Queue::new(),
            stats: LogStats::default(),
            scans: Semaphore::new(MAX_SCANS),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            stop: watch::Sender::new(false),
            stopped: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    /// The failure after which no more lines are taken.
    pub(super) fn failure(&self) -> Option<LogError> {
        self.failure.get().cloned()
    }

    /// Remembers the first failure.
    pub(super) fn fail(&self, error: LogError) {
        tracing::error!(error = &error as &dyn std::error::Error, "the log store takes no more lines");
        let _ = self.failure.set(error);
    }
}
