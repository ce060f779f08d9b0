//! The log of each tenant: chunks of lines by first sequence number, where each run's lines are, and where it stands.
//!
//! One tree per tenant (`log:` and its id), so that a commit of a tenant is one atomic batch. Its keys:
//! `c` and a sequence number (big-endian): the chunk that begins with it; `r` and a run id: its [`RunSpan`];
//! `b` and a sequence number: there the clock was set back; `s`: the [`LogState`].

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::auth::TenantScope;
use crate::ids::{RunId, TenantId};

/// Makes everything that was applied before survive a loss of power.
pub type CommitHook = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Why the log of a tenant could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogChunksError {
    /// The database refused.
    #[error("cannot {0} the log chunks of a tenant")]
    Database(&'static str, #[source] sled::Error),
    /// Flushing to disk failed.
    #[error("cannot make log chunks durable")]
    Commit(#[source] io::Error),
    /// A record that is not a chunk cannot be read.
    #[error("a log record of a tenant is damaged: {0}")]
    Record(&'static str),
}

type Result<T> = std::result::Result<T, LogChunksError>;

const CHUNK: u8 = b'c';
const RUN: u8 = b'r';
const CLOCK_BREAK: u8 = b'b';
const STATE: u8 = b's';
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
}

impl LogWrites {
    /// Writes a chunk, over one that begins with the same line.
    pub fn put_chunk(&mut self, first_seq: u64, value: Vec<u8>) {
        self.batch.insert(seq_key(CHUNK, first_seq).to_vec(), value);
    }

    /// Removes a chunk.
    pub fn remove_chunk(&mut self, first_seq: u64) {
        self.batch.remove(seq_key(CHUNK, first_seq).to_vec());
    }

    /// Records where a run's lines are.
    pub fn put_run(&mut self, run: &RunId, span: &RunSpan) {
        let numbers = [span.first_seq, span.last_seq, span.lines, span.stdout_bytes, span.stderr_bytes];
        self.batch.insert(run_key(run), record(&numbers));
    }

    /// Forgets where a run's lines were.
    pub fn remove_run(&mut self, run: &RunId) {
        self.batch.remove(run_key(run));
    }

    /// Records that times before this line are greater than its own.
    pub fn put_clock_break(&mut self, seq: u64) {
        self.batch.insert(seq_key(CLOCK_BREAK, seq).to_vec(), vec![RECORD_VERSION]);
    }

    /// Forgets such a place.
    pub fn remove_clock_break(&mut self, seq: u64) {
        self.batch.remove(seq_key(CLOCK_BREAK, seq).to_vec());
    }

    /// Records where the log stands.
    pub fn put_state(&mut self, state: &LogState) {
        let numbers = [state.last_seq, state.last_time_us, state.trimmed_seq, state.stored_bytes];
        self.batch.insert(vec![STATE], record(&numbers));
    }
}

/// The logs of all tenants. Every call may block on the disk.
#[derive(Clone)]
pub struct LogChunks {
    db: sled::Db,
    commit: CommitHook,
    trees: Arc<RwLock<HashMap<TenantId, sled::Tree>>>,
}

impl LogChunks {
    /// Logs in this database; `commit` flushes it.
    #[must_use]
    pub fn new(db: sled::Db, commit: CommitHook) -> Self {
        Self { db, commit, trees: Arc::default() }
    }

    /// Applies changes. They are seen at once, and survive a crash after the next [`LogChunks::commit`].
    ///
    /// # Errors
    /// The database refused; whether the changes were made is then unknown.
    pub fn apply(&self, scope: &TenantScope, writes: LogWrites) -> Result<()> {
        self.tree_or_create(scope)?.apply_batch(writes.batch).map_err(database("write"))
    }

    /// Makes everything applied before durable.
    ///
    /// # Errors
    /// The disk refused; what was applied may be lost.
    pub fn commit(&self) -> Result<()> {
        (self.commit)().map_err(LogChunksError::Commit)
    }

    /// Where a tenant's log stands; the default when it has none.
    ///
    /// # Errors
    /// The database refused, or the record is damaged.
    pub fn state(&self, scope: &TenantScope) -> Result<LogState> {
        let Some(value) = self.get(scope, &[STATE])? else { return Ok(LogState::default()) };
        let [last_seq, last_time_us, trimmed_seq, stored_bytes] = numbers(&value)?;
        Ok(LogState { last_seq, last_time_us, trimmed_seq, stored_bytes })
    }

    /// Where the lines of a run are.
    ///
    /// # Errors
    /// The database refused, or the record is damaged.
    pub fn run(&self, scope: &TenantScope, run: &RunId) -> Result<Option<RunSpan>> {
        self.get(scope, &run_key(run))?.map(|value| span(&value)).transpose()
    }

    /// The runs created first, at most `limit` of them, in the order of their creation.
    ///
    /// # Errors
    /// The database refused, or a record is damaged.
    pub fn oldest_runs(&self, scope: &TenantScope, limit: usize) -> Result<Vec<(RunId, RunSpan)>> {
        let Some(tree) = self.tree(scope)? else { return Ok(Vec::new()) };
        let mut runs = Vec::new();
        for entry in tree.scan_prefix([RUN]).take(limit) {
            let (key, value) = entry.map_err(database("read"))?;
            let name = key.get(1..).and_then(|name| std::str::from_utf8(name).ok());
            let run = name.and_then(|name| name.parse().ok()).ok_or(LogChunksError::Record("run key"))?;
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
        let keys = tree.scan_prefix([CLOCK_BREAK]).keys().take(limit);
        keys.filter_map(|key| key.map(|key| seq_of(CLOCK_BREAK, &key)).map_err(database("read")).transpose())
            .collect()
    }

    /// The last chunk that begins at or before a line.
    ///
    /// # Errors
    /// The database refused.
    pub fn chunk_at(&self, scope: &TenantScope, seq: u64) -> Result<Option<StoredChunk>> {
        let Some(tree) = self.tree(scope)? else { return Ok(None) };
        let key = seq_key(CHUNK, seq);
        let found = tree.range(&seq_key(CHUNK, 0)[..]..=&key[..]).next_back().transpose();
        Ok(found.map_err(database("read"))?.and_then(stored_chunk))
    }

    /// The first chunk that begins after a line.
    ///
    /// # Errors
    /// The database refused.
    pub fn chunk_after(&self, scope: &TenantScope, seq: u64) -> Result<Option<StoredChunk>> {
        let Some(tree) = self.tree(scope)? else { return Ok(None) };
        let found = tree.get_gt(seq_key(CHUNK, seq)).map_err(database("read"))?;
        Ok(found.and_then(stored_chunk))
    }

    /// Deletes a tenant's whole log.
    ///
    /// # Errors
    /// The database refused.
    pub fn remove_tenant(&self, scope: &TenantScope) -> Result<()> {
        self.trees.write().remove(scope.tenant());
        self.db.drop_tree(tree_name(scope.tenant())).map_err(database("delete"))?;
        Ok(())
    }

    fn get(&self, scope: &TenantScope, key: &[u8]) -> Result<Option<sled::IVec>> {
        let Some(tree) = self.tree(scope)? else { return Ok(None) };
        tree.get(key).map_err(database("read"))
    }

    /// The tenant's tree if it has one: a tree costs memory, so reading makes none.
    fn tree(&self, scope: &TenantScope) -> Result<Option<sled::Tree>> {
        if let Some(tree) = self.trees.read().get(scope.tenant()) {
            return Ok(Some(tree.clone()));
        }
        let name = tree_name(scope.tenant());
        if self.db.tree_names().iter().any(|known| known.as_ref() == name.as_bytes()) {
            return self.tree_or_create(scope).map(Some);
        }
        Ok(None)
    }

    fn tree_or_create(&self, scope: &TenantScope) -> Result<sled::Tree> {
        if let Some(tree) = self.trees.read().get(scope.tenant()) {
            return Ok(tree.clone());
        }
        let tree = self.db.open_tree(tree_name(scope.tenant())).map_err(database("open"))?;
        self.trees.write().insert(scope.tenant().clone(), tree.clone());
        Ok(tree)
    }
}

fn tree_name(tenant: &TenantId) -> String {
    format!("log:{tenant}")
}

fn database(action: &'static str) -> impl Fn(sled::Error) -> LogChunksError {
    move |error| LogChunksError::Database(action, error)
}

fn seq_key(kind: u8, seq: u64) -> [u8; 9] {
    let mut key = [kind; 9];
    key[1..].copy_from_slice(&seq.to_be_bytes());
    key
}

fn seq_of(kind: u8, key: &[u8]) -> Option<u64> {
    let (first, seq) = key.split_first()?;
    let seq = seq.try_into().ok()?;
    (*first == kind).then(|| u64::from_be_bytes(seq))
}

fn run_key(run: &RunId) -> Vec<u8> {
    [&[RUN], run.as_str().as_bytes()].concat()
}

fn stored_chunk((key, value): (sled::IVec, sled::IVec)) -> Option<StoredChunk> {
    Some(StoredChunk { first_seq: seq_of(CHUNK, &key)?, value })
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
        return Err(LogChunksError::Record("unknown version"));
    };
    let mut numbers = [0; N];
    let (words, left) = rest.as_chunks::<8>();
    if words.len() != N || !left.is_empty() {
        return Err(LogChunksError::Record("wrong length"));
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
    /// A database of its own, flushed the way the store flushes its one.
    pub(crate) fn open_for_test(path: &std::path::Path) -> Self {
        Self::open_failing_for_test(path, Arc::default())
    }

    /// The same; commits fail once `fail` is true.
    pub(crate) fn open_failing_for_test(
        path: &std::path::Path,
        fail: Arc<std::sync::atomic::AtomicBool>,
    ) -> Self {
        let db = sled::Config::new().path(path).cache_capacity(256 * 1024 * 1024).open().unwrap();
        let file = std::fs::File::open(path.join("db")).unwrap();
        let flushed = db.clone();
        let commit = move || {
            if fail.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            flushed.flush().map_err(io::Error::other)?;
            file.sync_data()
        };
        Self::new(db, Arc::new(commit))
    }

    /// Changes a byte of a chunk.
    pub(crate) fn damage_for_test(&self, scope: &TenantScope, first_seq: u64) {
        let tree = self.tree(scope).unwrap().unwrap();
        let key = seq_key(CHUNK, first_seq);
        let mut value = tree.get(key).unwrap().unwrap().to_vec();
        let middle = value.len() / 2;
        value[middle] ^= 0x10;
        tree.insert(key, value).unwrap();
    }
}
