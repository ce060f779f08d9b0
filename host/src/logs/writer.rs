//! Where lines come in: one writer for all runs, one handle for each run, one capture for each of its streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use cloister_lines::{LogLevel, LogStream};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::committer;
use super::error::LogError;
use super::line::LineSource;
use super::queue::{Job, SeqRange};
use super::reader::LogReader;
use super::retention::{Retention, Trimmed};
use super::shared::Shared;
use super::split::{LineBatch, LineSplitter};
use super::stats::LogStats;
use super::tenant::TenantLog;
use crate::auth::TenantScope;
use crate::clock::Clock;
use crate::ids::RunId;
use crate::masking::Masker;
use crate::store::LogChunks;

/// Bytes of output that are split into lines before they are queued.
const CAPTURE_STEP_BYTES: usize = 64 * 1024;

/// Takes the lines of all runs. Clones share one committer thread, which ends when the last is dropped or at
/// [`LogWriter::close`].
#[derive(Clone)]
pub struct LogWriter {
    shared: Arc<Shared>,
    thread: Arc<Thread>,
    clock: Clock,
}

struct Thread {
    shared: Arc<Shared>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.join();
    }
}

impl Thread {
    fn join(&self) {
        self.shared.queue.close();
        if let Some(handle) = self.handle.lock().take() {
            // A panic of the thread was reported by the thread itself.
            let _ = handle.join();
        }
    }
}

impl LogWriter {
    /// Starts the committer. Blocks for one commit, so that what a crash left behind is durable before it is read.
    ///
    /// # Errors
    /// That commit failed, or no thread could be started.
    pub fn open(chunks: LogChunks, clock: Clock) -> Result<Self, LogError> {
        let shared = Arc::new(Shared::new(chunks));
        let of_thread = Arc::clone(&shared);
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        let run = move || {
            let committed = of_thread.chunks.commit();
            let failed = committed.is_err();
            let _ = ready.send(committed.map_err(|error| LogError::StoreFailed(Arc::new(error))));
            if !failed {
                committer::run(&of_thread);
            }
        };
        let builder = std::thread::Builder::new().name("log-committer".into());
        let handle = builder.spawn(run).map_err(|_| LogError::WriterLost)?;
        opened.recv().map_err(|_| LogError::WriterLost)??;
        let thread = Thread { shared: Arc::clone(&shared), handle: Mutex::new(Some(handle)) };
        Ok(Self { shared, thread: Arc::new(thread), clock })
    }

    /// Reads what this writer has committed.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    /// The log of one run. Cheap; a run may have several.
    #[must_use]
    pub fn run(&self, scope: &TenantScope, source: LineSource) -> RunLog {
        RunLog {
            tenant: self.shared.tenants.get(scope),
            shared: Arc::clone(&self.shared),
            source: Arc::new(source),
            clock: self.clock.clone(),
            masker: None,
        }
    }

    /// Waits until everything that a tenant's runs queued before is durable, and so can be read.
    ///
    /// # Errors
    /// `log_store_failed`: something queued before may be lost.
    pub async fn flush(&self, scope: &TenantScope) -> Result<(), LogError> {
        let (done, marked) = oneshot::channel();
        self.shared.queue.push(&self.shared.tenants.get(scope), Job::Mark { done })?;
        marked.await.unwrap_or_else(|_| Err(self.lost()))
    }

    /// Deletes a step's worth of old lines of a tenant; call it again while [`Trimmed::more`].
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn trim(&self, scope: &TenantScope, retention: Retention) -> Result<Trimmed, LogError> {
        let (done, trimmed) = oneshot::channel();
        self.shared.queue.push(&self.shared.tenants.get(scope), Job::Trim { retention, done })?;
        trimmed.await.unwrap_or_else(|_| Err(self.lost()))
    }

    /// Deletes the lines of a run that writes no more; their number. Those of others stay, with their numbers.
    ///
    /// # Errors
    /// `log_store_failed`; some may be deleted then.
    pub async fn delete_run(&self, scope: &TenantScope, run: &RunId) -> Result<u64, LogError> {
        let (mut lines, mut next_seq) = (0, Some(0));
        while let Some(from_seq) = next_seq {
            let (done, deleted) = oneshot::channel();
            let job = Job::Delete { run: run.clone(), from_seq, done };
            self.shared.queue.push(&self.shared.tenants.get(scope), job)?;
            let deleted = deleted.await.unwrap_or_else(|_| Err(self.lost()))?;
            lines += deleted.lines;
            next_seq = deleted.next_seq;
        }
        Ok(lines)
    }

    /// Deletes the whole log of a tenant that is being erased, which writes no more; its bytes.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn erase(&self, scope: &TenantScope) -> Result<u64, LogError> {
        self.flush(scope).await?;
        self.shared.tenants.forget(scope);
        let (shared, scope) = (Arc::clone(&self.shared), scope.clone());
        let erased = tokio::task::spawn_blocking(move || shared.chunks.remove_tenant(&scope));
        Ok(erased.await.unwrap_or(Err(crate::store::StoreError::Interrupted))?)
    }

    /// Whether lines are taken.
    ///
    /// # Errors
    /// The failure after which no more are.
    pub fn health(&self) -> Result<(), LogError> {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        if self.shared.stopped.load(Ordering::Acquire) { Err(LogError::Closed) } else { Ok(()) }
    }

    /// Counters for the metrics page.
    #[must_use]
    pub fn stats(&self) -> &LogStats {
        &self.shared.stats
    }

    /// Takes no more lines, and waits until all that were taken are durable.
    ///
    /// # Errors
    /// They are not.
    pub async fn close(&self) -> Result<(), LogError> {
        let thread = Arc::clone(&self.thread);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        joined.map_err(|_| LogError::WriterLost)?;
        self.shared.failure().map_or(Ok(()), Err)
    }

    fn lost(&self) -> LogError {
        self.shared.failure().unwrap_or(LogError::WriterLost)
    }
}

/// Takes the lines of one run.
#[derive(Clone)]
pub struct RunLog {
    shared: Arc<Shared>,
    tenant: Arc<TenantLog>,
    source: Arc<LineSource>,
    clock: Clock,
    masker: Option<Arc<Masker>>,
}

impl RunLog {
    /// The same log, whose lines are masked before they are kept.
    #[must_use]
    pub fn masked(self, masker: Masker) -> Self {
        let masker = Some(masker).filter(|masker| !masker.is_idle()).map(Arc::new);
        Self { masker, ..self }
    }

    /// Captures one stream of the run.
    #[must_use]
    pub fn capture(&self, stream: LogStream) -> Capture {
        let splitter = LineSplitter::new(stream).masked(self.masker.clone());
        Capture { log: self.clone(), splitter, batch: LineBatch::default() }
    }

    /// Adds a line of the host's own.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn system(&self, level: LogLevel, text: &str) -> Result<(), LogError> {
        let masked = self.masker.as_ref().map(|masker| masker.mask_text(text.to_owned()));
        let text = masked.as_deref().unwrap_or(text);
        self.append(LineBatch::system(self.clock.unix_us(), level, text)).await
    }

    /// Queues lines; waits only for room in the queue. They are durable after a [`RunLog::flush`].
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn append(&self, batch: LineBatch) -> Result<(), LogError> {
        if batch.is_empty() {
            return self.shared.failure().map_or(Ok(()), Err);
        }
        self.push(batch, None).await
    }

    /// Queues lines and waits until they are durable; their sequence numbers, first and last.
    ///
    /// # Errors
    /// `log_store_failed`: they may be lost.
    pub async fn append_durable(&self, batch: LineBatch) -> Result<SeqRange, LogError> {
        let (ack, acked) = oneshot::channel();
        self.push(batch, Some(ack)).await?;
        acked.await.unwrap_or_else(|_| Err(self.shared.failure().unwrap_or(LogError::WriterLost)))
    }

    /// Waits until everything queued before is durable; the sequence number of the tenant's last line then.
    ///
    /// # Errors
    /// `log_store_failed`: something queued before may be lost.
    pub async fn flush(&self) -> Result<u64, LogError> {
        self.append_durable(LineBatch::default()).await.map(|(_, last_seq)| last_seq)
    }

    async fn push(&self, batch: LineBatch, ack: Option<super::queue::Ack>) -> Result<(), LogError> {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        let room = self.shared.queue.room(&self.tenant, &batch).await?;
        let bytes = room.bytes as u64;
        let job = Job::Lines { source: Arc::clone(&self.source), batch, ack, room };
        self.shared.stats.queue_bytes.add(bytes);
        self.shared.queue.push(&self.tenant, job).inspect_err(|_| self.shared.stats.queue_bytes.sub(bytes))
    }
}

/// Turns the bytes of one stream into lines of its run's log.
pub struct Capture {
    log: RunLog,
    splitter: LineSplitter,
    batch: LineBatch,
}

impl Capture {
    /// Takes the next bytes; waits while the queue has no room, which is what slows the guest.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        self.gather(bytes).await?;
        self.send().await
    }

    /// As [`Capture::write`], but lines may wait for [`Capture::send`], so that many small writes are queued as one.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn gather(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        for step in bytes.chunks(CAPTURE_STEP_BYTES) {
            self.splitter.push(step, self.log.clock.unix_us(), &mut self.batch);
            if self.batch.text.len() >= CAPTURE_STEP_BYTES {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Queues the lines that were gathered.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn send(&mut self) -> Result<(), LogError> {
        self.log.append(std::mem::take(&mut self.batch)).await
    }

    /// True when no line waits for [`Capture::send`].
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.batch.is_empty()
    }

    /// Gives out an unfinished line as continued; for a prompt that waits.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn flush_partial(&mut self) -> Result<(), LogError> {
        self.splitter.flush_partial(self.log.clock.unix_us(), &mut self.batch);
        self.send().await
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// `log_store_failed`.
    pub async fn finish(mut self) -> Result<(), LogError> {
        self.splitter.finish(self.log.clock.unix_us(), &mut self.batch);
        self.send().await
    }
}
