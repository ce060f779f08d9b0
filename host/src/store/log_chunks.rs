//! The log of each tenant: chunks of lines by first sequence number, where each run's lines are, and where it stands.
//!
//! One tree per tenant, so that a commit of a tenant is one atomic batch. Besides chunks, which are opaque here, it holds
//! the [`RunSpan`] of each run, the places where the clock was set back, and the [`LogState`].

use std::ops::{Bound, Deref};
use std::sync::atomic::Ordering;

use super::database::Database;
use super::keys::LogKind;
use super::shrink::write_both;
use super::{Store, StoreError};
use crate::auth::TenantScope;
use crate::ids::RunId;

type Result<T> = std::result::Result<T, StoreError>;

const RECORD_VERSION: u8 = 1;

/// Where a tenant's log stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogState {
    /// Sequence number of the last line; 0 before the first.
    pub last_seq: u64,
    /// Time of the last line, in microseconds since the Unix epoch.
    pub last_time_us: u64,
    /// Lines up to this one were deleted.
    pub trimmed_seq: u64,
    /// Bytes of all chunk values.
    pub stored_bytes: u64,
}

/// Where the lines of one run are, and how much it wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunSpan {
    /// Sequence number of its first line.
    pub first_seq: u64,
    /// Sequence number of its last line so far.
    pub last_seq: u64,
    /// Number of its lines; others may lie between them.
    pub lines: u64,
    /// Bytes it wrote to standard output.
    pub stdout_bytes: u64,
    /// Bytes it wrote to standard error.
    pub stderr_bytes: u64,
}

/// A chunk as it is stored.
#[derive(Debug, Clone)]
pub struct StoredChunk {
    /// Sequence number of its first line, by its key.
    pub first_seq: u64,
    value: sled::IVec,
}

impl Deref for StoredChunk {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.value
    }
}

/// Changes to one tenant's log which happen together or not at all.
#[derive(Debug, Default)]
pub struct LogWrites {
    batch: sled::Batch,
    freed_bytes: u64,
}

impl LogWrites {
    /// Writes a chunk, over one that begins with the same line.
    pub fn put_chunk(&mut self, first_seq: u64, value: Vec<u8>) {
        self.batch.insert(LogKind::Chunk.of_seq(first_seq).to_vec(), value);
    }

    /// Removes a chunk.
    pub fn remove_chunk(&mut self, first_seq: u64) {
        self.batch.remove(LogKind::Chunk.of_seq(first_seq).to_vec());
    }

    /// Says that with these changes, so many bytes of chunks less are stored.
    pub fn free(&mut self, bytes: u64) {
        self.freed_bytes += bytes;
    }

    /// Records where a run's lines are.
    pub fn put_run(&mut self, run: &RunId, span: &RunSpan) {
        let numbers = [span.first_seq, span.last_seq, span.lines, span.stdout_bytes, span.stderr_bytes];
        self.batch.insert(LogKind::of_run(run), record(&numbers));
    }

    /// Forgets where a run's lines were.
    pub fn remove_run(&mut self, run: &RunId) {
        self.batch.remove(LogKind::of_run(run));
    }

    /// Records that times before this line are greater than its own.
    pub fn put_clock_break(&mut self, seq: u64) {
        self.batch.insert(LogKind::ClockBreak.of_seq(seq).to_vec(), vec![RECORD_VERSION]);
    }

    /// Forgets such a place.
    pub fn remove_clock_break(&mut self, seq: u64) {
        self.batch.remove(LogKind::ClockBreak.of_seq(seq).to_vec());
    }

    /// Records where the log stands.
    pub fn put_state(&mut self, state: &LogState) {
        let numbers = [state.last_seq, state.last_time_us, state.trimmed_seq, state.stored_bytes];
        self.batch.insert(LogKind::State.prefix().to_vec(), record(&numbers));
    }
}

/// The logs of all tenants. Every call may block on the disk.
#[derive(Clone)]
pub struct LogChunks {
    store: Store,
    #[cfg(test)]
    fail: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl LogChunks {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            #[cfg(test)]
            fail: std::sync::Arc::default(),
        }
    }

    /// Applies changes. They are seen at once, and survive a crash after the next [`LogChunks::commit`].
    ///
    /// # Errors
    /// The database refused; whether the changes were made is then unknown.
    pub fn apply(&self, scope: &TenantScope, writes: LogWrites) -> Result<()> {
        let LogWrites { batch, freed_bytes } = writes;
        let write = |database: &Database, batch| {
            let tree = database.log_tree_or_new(scope)?;
            tree.apply_batch(batch).map_err(StoreError::database("write log lines"))
        };
        write_both(&mut self.store.inner.logs.lock(), &self.store.database(), batch, write)?;
        self.store.inner.freed_bytes.fetch_add(freed_bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Makes everything applied before durable.
    ///
    /// # Errors
    /// The disk refused; what was applied may be lost.
    pub fn commit(&self) -> Result<()> {
        #[cfg(test)]
        if self.fail.load(Ordering::Relaxed) {
            return Err(StoreError::Failed);
        }
        self.store.commit_blocking()
    }

    /// Remembers beside the database how far a tenant's log is durable. After [`LogChunks::commit`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn mark(&self, scope: &TenantScope, last_seq: u64) -> Result<()> {
        self.store.log_marks().set(scope.tenant(), last_seq)
    }

    /// Where a tenant's log stands; the default when it has none. Lines that were durable and that the database has lost
    /// count: their numbers are not given again, and who reads finds them missing.
    ///
    /// # Errors
    /// The database refused, or the record is damaged.
    pub fn state(&self, scope: &TenantScope) -> Result<LogState> {
        let marked_seq = self.store.log_marks().get(scope.tenant());
        let stored = self.tree(scope)?.map(|tree| state(&tree)).transpose()?.unwrap_or_default();
        Ok(LogState { last_seq: stored.last_seq.max(marked_seq), ..stored })
    }

    /// Where the lines of a run are.
    ///
    /// # Errors
    /// The database refused, or the record is damaged.
    pub fn run(&self, scope: &TenantScope, run: &RunId) -> Result<Option<RunSpan>> {
        self.get(scope, &LogKind::of_run(run))?.map(|value| span(&value)).transpose()
    }

    /// The runs created first, at most `limit` of them, in the order of their creation.
    ///
    /// # Errors
    /// The database refused, or a record is damaged.
    pub fn oldest_runs(&self, scope: &TenantScope, limit: usize) -> Result<Vec<(RunId, RunSpan)>> {
        let Some(tree) = self.tree(scope)? else { return Ok(Vec::new()) };
        let mut runs = Vec::new();
        for entry in tree.scan_prefix(LogKind::Run.prefix()).take(limit) {
            let (key, value) = entry.map_err(StoreError::database("read log lines"))?;
            let run = LogKind::run(&key).ok_or_else(|| damaged("a run of a log"))?;
            runs.push((run, span(&value)?));
        }
        Ok(runs)
    }

    /// The first lines after the clock was set back, at most `limit`, oldest first.
    ///
    /// # Errors
    /// The database refused.
    pub fn clock_breaks(&self, scope: &TenantScope, limit: usize) -> Result<Vec<u64>> {
        let Some(tree) = self.tree(scope)? else { return Ok(Vec::new()) };
        let mut breaks = Vec::new();
        for key in tree.scan_prefix(LogKind::ClockBreak.prefix()).keys().take(limit) {
            let key = key.map_err(StoreError::database("read log lines"))?;
            breaks.extend(LogKind::ClockBreak.seq(&key));
        }
        Ok(breaks)
    }

    /// The last chunk that begins at or before a line.
    ///
    /// # Errors
    /// The database refused.
    pub fn chunk_at(&self, scope: &TenantScope, seq: u64) -> Result<Option<StoredChunk>> {
        let Some(tree) = self.tree(scope)? else { return Ok(None) };
        let keys = LogKind::Chunk.of_seq(0)..=LogKind::Chunk.of_seq(seq);
        let found = tree.range(keys).next_back().transpose();
        Ok(found.map_err(StoreError::database("read log lines"))?.and_then(stored_chunk))
    }

    /// The chunks from a line on, at most `limit`: the one that begins at or before it first, then upwards or downwards.
    ///
    /// # Errors
    /// The database refused.
    pub fn chunks_from(
        &self,
        scope: &TenantScope,
        seq: u64,
        upwards: bool,
        limit: usize,
    ) -> Result<Vec<StoredChunk>> {
        let Some(tree) = self.tree(scope)? else { return Ok(Vec::new()) };
        let read = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            entry.map(stored_chunk).map_err(StoreError::database("read log lines")).transpose()
        };
        if !upwards {
            let below = tree.range(LogKind::Chunk.of_seq(0)..=LogKind::Chunk.of_seq(seq));
            return below.rev().take(limit).filter_map(read).collect();
        }
        let first = self.chunk_at(scope, seq)?;
        let above =
            (Bound::Excluded(LogKind::Chunk.of_seq(seq)), Bound::Included(LogKind::Chunk.of_seq(u64::MAX)));
        let rest =
            tree.range(above).take(limit.saturating_sub(usize::from(first.is_some()))).filter_map(read);
        first.into_iter().map(Ok).chain(rest).collect()
    }

    /// The first chunk that begins after a line.
    ///
    /// # Errors
    /// The database refused.
    pub fn chunk_after(&self, scope: &TenantScope, seq: u64) -> Result<Option<StoredChunk>> {
        let Some(tree) = self.tree(scope)? else { return Ok(None) };
        let found =
            tree.get_gt(LogKind::Chunk.of_seq(seq)).map_err(StoreError::database("read log lines"))?;
        Ok(found.and_then(stored_chunk))
    }

    /// Deletes a tenant's whole log; the bytes of its chunks.
    ///
    /// # Errors
    /// The database refused.
    pub fn remove_tenant(&self, scope: &TenantScope) -> Result<u64> {
        let stored_bytes = self.state(scope)?.stored_bytes;
        let mut copy = self.store.inner.logs.lock();
        let remove = |database: &Database, _| database.remove_log_tree(scope);
        write_both(&mut copy, &self.store.database(), sled::Batch::default(), remove)?;
        drop(copy);
        self.store.inner.freed_bytes.fetch_add(stored_bytes, Ordering::Relaxed);
        self.store.log_marks().remove(scope.tenant())?;
        Ok(stored_bytes)
    }

    fn get(&self, scope: &TenantScope, key: &[u8]) -> Result<Option<sled::IVec>> {
        let Some(tree) = self.tree(scope)? else { return Ok(None) };
        tree.get(key).map_err(StoreError::database("read log lines"))
    }

    fn tree(&self, scope: &TenantScope) -> Result<Option<sled::Tree>> {
        self.store.database().log_tree(scope)
    }
}

/// Bytes of all chunks of a log.
pub(super) fn stored_bytes(tree: &sled::Tree) -> Result<u64> {
    Ok(state(tree)?.stored_bytes)
}

/// What a log says of where it stands.
fn state(tree: &sled::Tree) -> Result<LogState> {
    let value = tree.get(LogKind::State.prefix()).map_err(StoreError::database("read log lines"))?;
    let Some(value) = value else { return Ok(LogState::default()) };
    let [last_seq, last_time_us, trimmed_seq, stored_bytes] = numbers(&value)?;
    Ok(LogState { last_seq, last_time_us, trimmed_seq, stored_bytes })
}

fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged { what, source: None }
}

fn stored_chunk((key, value): (sled::IVec, sled::IVec)) -> Option<StoredChunk> {
    Some(StoredChunk { first_seq: LogKind::Chunk.seq(&key)?, value })
}

/// A version byte and some numbers, little-endian.
fn record(numbers: &[u64]) -> Vec<u8> {
    let mut value = vec![RECORD_VERSION];
    for number in numbers {
        value.extend_from_slice(&number.to_le_bytes());
    }
    value
}

fn numbers<const N: usize>(value: &[u8]) -> Result<[u64; N]> {
    let Some((&RECORD_VERSION, rest)) = value.split_first() else {
        return Err(damaged("a record of a log"));
    };
    let mut numbers = [0; N];
    let (words, left) = rest.as_chunks::<8>();
    if words.len() != N || !left.is_empty() {
        return Err(damaged("a record of a log"));
    }
    for (number, word) in numbers.iter_mut().zip(words) {
        *number = u64::from_le_bytes(*word);
    }
    Ok(numbers)
}

fn span(value: &[u8]) -> Result<RunSpan> {
    let [first_seq, last_seq, lines, stdout_bytes, stderr_bytes] = numbers(value)?;
    Ok(RunSpan { first_seq, last_seq, lines, stdout_bytes, stderr_bytes })
}

#[cfg(test)]
impl LogChunks {
    /// Commits fail from now on.
    pub(crate) fn fail_for_test(&self) {
        self.fail.store(true, Ordering::Relaxed);
    }

    /// Changes a byte of a chunk.
    pub(crate) fn damage_for_test(&self, scope: &TenantScope, first_seq: u64) -> Result<()> {
        let Some(tree) = self.tree(scope)? else { return Ok(()) };
        let key = LogKind::Chunk.of_seq(first_seq);
        let Some(value) = self.get(scope, &key)? else { return Ok(()) };
        let mut value = value.to_vec();
        let middle = value.len() / 2;
        value[middle] ^= 0x10;
        tree.insert(key, value).map_err(StoreError::database("damage a chunk"))?;
        Ok(())
    }
}
