//! Where events come in, and what everybody knows of the chains.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot, watch};

use super::coalesce::Coalesced;
use super::committer::{self, Job};
use super::{AuditError, Chain, Event};
use crate::api::AuditHead;
use crate::clock::Clock;
use crate::logs::Counter;
use crate::store::{Store, StoreError};

/// Events that may wait for the committer; whoever brings more waits.
const MAX_WAITING: usize = 8_192;
/// Between two looks at held-back repetitions.
const SWEEP: Duration = Duration::from_secs(5);
/// Name of the key that seals where chains end, in the data directory.
const KEY: &str = "audit.key";

/// Counted since the start.
#[derive(Debug, Default)]
pub struct AuditStats {
    /// Records written.
    pub records: Counter,
    /// Events that were counted instead of recorded each by itself.
    pub coalesced: Counter,
}

/// Takes and shows audit records. Clones share one thread, which ends when the last is dropped or at [`Audit::close`].
#[derive(Clone)]
pub struct Audit {
    pub(super) book: Arc<Book>,
    queue: Arc<Queue>,
}

/// What the committer and the readers share.
pub(super) struct Book {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) key: [u8; 32],
    pub(super) heads: RwLock<HashMap<Chain, AuditHead>>,
    /// Counts up at every batch; wakes followers.
    pub(super) batches: watch::Sender<u64>,
    pub(super) failed: AtomicBool,
    pub(super) stats: AuditStats,
}

struct Queue {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    held: Mutex<Coalesced>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Queue {
    /// Ends the thread when it has written everything that waits.
    fn close(&self) {
        drop(self.jobs.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

/// An event that was taken.
#[must_use]
pub struct Recorded(oneshot::Receiver<Result<(), AuditError>>);

impl Recorded {
    /// Waits until the record is on disk.
    ///
    /// # Errors
    /// [`AuditError::Failed`]: it may be lost.
    pub async fn durable(self) -> Result<(), AuditError> {
        self.0.await.unwrap_or(Err(AuditError::Failed))
    }
}

impl Audit {
    /// Starts the committer. Blocks.
    ///
    /// # Errors
    /// When its key cannot be read or made, or no thread be started.
    pub fn open(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let key = store.dir().private_key(KEY)?;
        let book = Arc::new(Book {
            store,
            clock,
            key,
            heads: RwLock::default(),
            batches: watch::Sender::new(0),
            failed: AtomicBool::new(false),
            stats: AuditStats::default(),
        });
        let (jobs, waiting) = mpsc::channel(MAX_WAITING);
        let of_thread = Arc::clone(&book);
        let thread = std::thread::Builder::new()
            .name("audit-commit".to_owned())
            .spawn(move || committer::run(&of_thread, waiting))
            .map_err(|source| StoreError::Io { attempt: "start the audit's thread", source })?;
        let queue =
            Queue { jobs: Mutex::new(Some(jobs)), held: Mutex::default(), thread: Mutex::new(Some(thread)) };
        Ok(Self { book, queue: Arc::new(queue) })
    }

    /// Whether records are taken. Asked before anything changes.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub fn health(&self) -> Result<(), AuditError> {
        if self.book.failed.load(Ordering::Acquire) { Err(AuditError::Failed) } else { Ok(()) }
    }

    /// Appends a record to a chain; waits only for room in the queue. It is on disk within half a second, or when
    /// [`Recorded::durable`] returns.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub async fn record(&self, chain: Chain, event: Event) -> Result<(), AuditError> {
        self.push(Job { chain, event, time: self.book.clock.now(), done: None }).await
    }

    /// As [`Audit::record`], for whoever wants to know when it is on disk.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub async fn record_durably(&self, chain: Chain, event: Event) -> Result<Recorded, AuditError> {
        let (done, recorded) = oneshot::channel();
        self.push(Job { chain, event, time: self.book.clock.now(), done: Some(done) }).await?;
        Ok(Recorded(recorded))
    }

    /// Appends a record unless an equal event was recorded within the last minute: such are counted, and recorded as
    /// one at the end of the minute. For refusals that anybody can cause as often as they like.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub async fn record_coalesced(&self, chain: Chain, event: Event) -> Result<(), AuditError> {
        let ready = self.queue.held.lock().take(chain, event, self.book.clock.unix_ms());
        if ready.is_empty() {
            self.book.stats.coalesced.add(1);
        }
        for (chain, event) in ready {
            self.record(chain, event).await?;
        }
        Ok(())
    }

    /// Records what was held back, until `stop`; then what is left.
    pub async fn sweep(self, stop: tokio_util::sync::CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stop.cancelled() => {}
            }
            let due = self.queue.held.lock().due(self.book.clock.unix_ms(), stop.is_cancelled());
            for (chain, event) in due {
                if self.record(chain, event).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Takes no more events, and waits until all that were taken are written. Blocks.
    pub fn close_blocking(&self) {
        self.queue.close();
    }

    /// Counters for the metrics page.
    #[must_use]
    pub fn stats(&self) -> &AuditStats {
        &self.book.stats
    }

    /// No more records are taken from now on.
    #[cfg(test)]
    pub(crate) fn fail_for_test(&self) {
        self.book.failed.store(true, Ordering::Release);
    }

    async fn push(&self, job: Job) -> Result<(), AuditError> {
        self.health()?;
        let jobs = self.queue.jobs.lock().clone().ok_or(AuditError::Failed)?;
        jobs.send(job).await.map_err(|_| AuditError::Failed)
    }
}
