//! Counters of the log store, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Plain counters since the start of the process; read them at any time.
#[derive(Debug, Default)]
pub struct LogStats {
    /// Lines committed.
    pub lines: Counter,
    /// Bytes of text committed, before compression.
    pub text_bytes: Counter,
    /// Bytes of chunk values written, including those merged again.
    pub chunk_bytes: Counter,
    /// Chunk values written.
    pub chunks: Counter,
    /// Commits made: one flush each.
    pub commits: Counter,
    /// Time spent in commits, in microseconds.
    pub commit_us: Counter,
    /// Bytes that wait for a commit now.
    pub queue_bytes: Counter,
    /// Chunks found damaged while reading; each reading counts.
    pub damaged_chunks: Counter,
    /// Lines deleted by retention.
    pub trimmed_lines: Counter,
    /// Lines deleted with those of their run.
    pub deleted_lines: Counter,
    /// Queries answered, and bytes of text they looked through.
    pub queries: Counter,
    /// Bytes of stored chunks that queries read.
    pub scanned_bytes: Counter,
}

/// One number that many threads add to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn sub(&self, by: u64) {
        self.0.fetch_sub(by, Ordering::Relaxed);
    }
}
