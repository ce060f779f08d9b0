//! The thread that numbers, chains and writes records: one atomic batch for whatever has queued up.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::writer::Book;
use super::{AuditError, Chain, Event, GENESIS, digest};
use crate::api::{AuditHead, AuditRecord};
use crate::gathering::Gathering;
use crate::store::{AuditHeadRecord, StoreError};

/// Records of one batch. Other writers of the store wait while it is applied.
const MAX_BATCH: usize = 256;
/// How long an event that nobody waits for gathers with others before it is written.
const GATHER: Duration = Duration::from_millis(25);
/// Ends of chains kept in memory; all are forgotten when there are more, and read again when needed.
const MAX_HEADS: usize = 65_536;

/// Something for the thread to do.
#[expect(clippy::large_enum_variant, reason = "marks are few, and a box for each event is not")]
pub(super) enum Job {
    /// An event on its way to a chain.
    Append {
        chain: Chain,
        event: Event,
        time: Timestamp,
        done: Option<oneshot::Sender<Result<(), AuditError>>>,
    },
    /// A mark in the queue, answered when all before it can be read.
    Mark(oneshot::Sender<()>),
}

/// Writes until the queue is closed and empty. After a failure it refuses everything.
pub(super) fn run(book: &Book, queue: &Gathering<Job>) {
    let lost = MarkFailed { book, queue };
    while let Some(jobs) = queue.take(GATHER) {
        let mut jobs = jobs.into_iter();
        while jobs.len() > 0 {
            if !write(book, jobs.by_ref().take(MAX_BATCH)) {
                return;
            }
        }
    }
    std::mem::forget(lost);
}

/// Writes one batch, and tells those who wait for it. False when it failed.
fn write(book: &Book, jobs: impl Iterator<Item = Job>) -> bool {
    let (mut waiting, mut marks, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for job in jobs {
        match job {
            Job::Mark(done) => marks.push(done),
            Job::Append { chain, event, time, done } => {
                waiting.extend(done);
                events.push((chain, event, time));
            }
        }
    }
    let appended = if events.is_empty() { Ok(()) } else { book.append(events) };
    if appended.is_ok() {
        for done in marks {
            let _ = done.send(());
        }
    }
    let written = appended.and_then(|()| {
        // When nobody waits, the store's own half-second is soon enough.
        if waiting.is_empty() { Ok(()) } else { book.store.commit_blocking() }
    });
    if let Err(error) = &written {
        tracing::error!(error = error as &dyn std::error::Error, "the audit takes no more records");
        book.failed.store(true, Ordering::Release);
    }
    for done in waiting {
        // Whoever gave up waiting does not hear of it.
        let _ = done.send(if written.is_ok() { Ok(()) } else { Err(AuditError::Failed) });
    }
    written.is_ok()
}

/// Refuses everything when the thread ends by a failure or a panic.
struct MarkFailed<'a> {
    book: &'a Book,
    queue: &'a Gathering<Job>,
}

impl Drop for MarkFailed<'_> {
    fn drop(&mut self) {
        self.book.failed.store(true, Ordering::Release);
        self.queue.close();
        // Whoever waits finds its answer's sender dropped, which reads as the failure.
        drop(self.queue.take(Duration::ZERO));
    }
}

impl Book {
    /// Numbers, chains and writes records.
    fn append(&self, events: Vec<(Chain, Event, Timestamp)>) -> Result<(), StoreError> {
        let count = events.len() as u64;
        let mut ends: HashMap<Chain, AuditHead> = HashMap::new();
        let mut records: Vec<(Chain, AuditRecord)> = Vec::with_capacity(events.len());
        for (chain, event, time) in events {
            let end = match ends.get(&chain) {
                Some(end) => end.clone(),
                None => self.end(&chain)?,
            };
            let mut record = event.into_record(end.seq + 1, time, &end.hash);
            record.hash = digest(chain.name(), &record);
            ends.insert(chain.clone(), AuditHead { seq: record.seq, hash: record.hash.clone(), ..end });
            records.push((chain, record));
        }
        self.store.write_blocking::<_, StoreError, _>(|writer| {
            for (chain, record) in &records {
                writer.put_audit_record(chain, record)?;
            }
            for (chain, end) in &ends {
                let head =
                    AuditHeadRecord { seq: end.seq, hash: end.hash.clone(), seal: seal(&self.key, end) };
                writer.put_audit_head(chain, &head)?;
            }
            Ok(())
        })?;
        self.remember(ends);
        self.stats.records.add(count);
        self.batches.send_modify(|batches| *batches += 1);
        Ok(())
    }

    /// Where a chain ends. Blocks when it is not in memory.
    pub(super) fn end(&self, chain: &Chain) -> Result<AuditHead, StoreError> {
        if let Some(end) = self.heads.read().get(chain) {
            return Ok(end.clone());
        }
        let head = self.store.reader_blocking().audit_head(chain)?;
        let (seq, hash) = head.map_or_else(|| (0, GENESIS.to_owned()), |head| (head.seq, head.hash));
        Ok(AuditHead { chain: chain.name().to_owned(), seq, hash })
    }

    fn remember(&self, ends: HashMap<Chain, AuditHead>) {
        let mut heads = self.heads.write();
        if heads.len() + ends.len() > MAX_HEADS {
            heads.clear();
        }
        heads.extend(ends);
    }
}

/// The keyed hash of where a chain ends, in hex.
pub(super) fn seal(key: &[u8; 32], end: &AuditHead) -> String {
    let text = format!("{}\n{}\n{}", end.chain, end.seq, end.hash);
    blake3::keyed_hash(key, text.as_bytes()).to_hex().to_string()
}
