//! Where events come in, and what everybody knows of the chains.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{oneshot, watch};

use super::coalesce::Coalesced;
use super::committer::{self, Job};
use super::{AuditError, Chain, Event};
use crate::api::AuditHead;
use crate::clock::Clock;
use crate::gathering::Gathering;
use crate::logs::Counter;
use crate::masking::Masking;
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
    masking: Masking,
    pub(super) key: [u8; 32],
    pub(super) heads: RwLock<HashMap<Chain, AuditHead>>,
    /// Counts up at every batch; wakes followers.
    pub(super) batches: watch::Sender<u64>,
    pub(super) failed: AtomicBool,
    pub(super) stats: AuditStats,
}

struct Queue {
    jobs: Arc<Gathering<Job>>,
    held: Mutex<Coalesced>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Queue {
    /// Ends the thread when it has written everything that waits.
    fn close(&self) {
        self.jobs.close();
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
    pub fn open(store: Store, clock: Clock, masking: Masking) -> Result<Self, StoreError> {
        let key = store.dir().private_key(KEY)?;
        let book = Arc::new(Book {
            store,
            clock,
            masking,
            key,
            heads: RwLock::default(),
            batches: watch::Sender::new(0),
            failed: AtomicBool::new(false),
            stats: AuditStats::default(),
        });
        let jobs = Arc::new(Gathering::default());
        let (of_thread, waiting) = (Arc::clone(&book), Arc::clone(&jobs));
        let thread = std::thread::Builder::new()
            .name("audit-commit".to_owned())
            .spawn(move || committer::run(&of_thread, &waiting))
            .map_err(|source| StoreError::Io { attempt: "start the audit's thread", source })?;
        let queue = Queue { jobs, held: Mutex::default(), thread: Mutex::new(Some(thread)) };
        Ok(Self { book, queue: Arc::new(queue) })
    }

    /// Whether records are taken. Asked before anything changes.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub fn health(&self) -> Result<(), AuditError> {
        if self.book.failed.load(Ordering::Acquire) { Err(AuditError::Failed) } else { Ok(()) }
    }

    /// Appends a record to a chain; waits only for room in the queue. It is on disk within a second, or when
    /// [`Recorded::durable`] returns.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub async fn record(&self, chain: Chain, event: Event) -> Result<(), AuditError> {
        self.append(chain, event, None).await
    }

    /// As [`Audit::record`], for whoever wants to know when it is on disk.
    ///
    /// # Errors
    /// [`AuditError::Failed`].
    pub async fn record_durably(&self, chain: Chain, event: Event) -> Result<Recorded, AuditError> {
        let (done, recorded) = oneshot::channel();
        self.append(chain, event, Some(done)).await?;
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

    /// Returns when everything that was recorded before can be read. When records are no longer taken, what there is
    /// can still be read.
    pub(super) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.put(Job::Mark(done), true).is_ok() {
            // The thread is gone only when it has failed.
            let _ = settled.await;
        }
    }

    async fn append(
        &self,
        chain: Chain,
        mut event: Event,
        done: Option<oneshot::Sender<Result<(), AuditError>>>,
    ) -> Result<(), AuditError> {
        if let Chain::Tenant(tenant) = &chain {
            // Without its rules nothing of the tenant is kept.
            let masker = self.book.masking.of_tenant(tenant).await.map_err(|_| AuditError::Failed)?;
            if !masker.is_idle() {
                event.resource = masker.mask_text(event.resource);
                event.detail = event.detail.map(|detail| masker.mask_text(detail));
            }
        }
        let urgent = done.is_some();
        let waiting = self.put(Job::Append { chain, event, time: self.book.clock.now(), done }, urgent)?;
        if waiting >= MAX_WAITING {
            self.settle().await;
        }
        Ok(())
    }

    fn put(&self, job: Job, urgent: bool) -> Result<usize, AuditError> {
        self.health()?;
        self.queue.jobs.put(job, urgent).map_err(|_| AuditError::Failed)
    }
}
