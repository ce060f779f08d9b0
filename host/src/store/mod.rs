//! The one place that keeps records: a sled database with one owner, versioned values and grouped flushes.
//!
//! All small records live in one tree, the tenant first in every key, so that any set of changes is one atomic batch
//! and a whole tenant is one range. Changes pass one at a time through [`Store::write`], which checks, stages and
//! applies under a lock (microseconds, no disk wait) and then waits for a flush that it shares with whoever else is
//! waiting. Log lines have a tree for each tenant ([`Store::log_chunks`]).
//!
//! sled blocks, so every call here either runs on the blocking pool or says in its name that it blocks.

mod commit;
mod compact;
mod data_dir;
mod database;
mod error;
mod keys;
mod log_chunks;
mod log_marks;
mod records;
mod salvage;
mod shrink;
mod snapshot;
mod space;
mod survey;
mod table;
mod value;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use compact::Compacted;
pub use data_dir::{DataDir, FORMAT_VERSION};
use database::Database;
pub use error::StoreError;
pub use keys::{Key, Kind, Prefix};
pub use log_chunks::{LogChunks, LogState, LogWrites, RunSpan, StoredChunk};
pub use records::*;
pub use salvage::Salvaged;
pub use table::{Direction, MAX_SCANNED_PER_PAGE, Page, PageQuery, Reader, Writer};
pub use value::{MAX_VALUE_BYTES, Record};

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Memory that sled may use for cached pages, in bytes.
    pub cache_bytes: u64,
    /// Below this much free disk space, new work is refused, in bytes.
    pub low_disk_bytes: u64,
}

/// The records of one data directory. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Dropped in this order: the database closes before its directory is given up.
    committer: commit::Committer,
    current: Current,
    records: Gate,
    logs: Gate,
    // Of what was deleted since somebody looked whether the disk space is worth a copy.
    freed_bytes: AtomicU64,
    shrinking: parking_lot::Mutex<()>,
    options: StoreOptions,
    log_marks: log_marks::LogMarks,
    dir: DataDir,
}

/// Taken by whoever changes records, or log lines, so that one does at a time. It holds the copy of the database that gets
/// the same changes while it is made, if one is.
type Gate = parking_lot::Mutex<Option<Arc<Database>>>;

/// The database that is in use.
#[derive(Clone)]
struct Current(Arc<parking_lot::RwLock<Arc<Database>>>);

impl Current {
    fn get(&self) -> Arc<Database> {
        Arc::clone(&self.0.read())
    }
}

impl Store {
    /// Opens the store of a data directory, makes both when they are missing, and owns them until the last clone is
    /// dropped. Blocks.
    ///
    /// # Errors
    /// When another process owns the directory, its format is newer, or it is damaged.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let dir = DataDir::claim(path)?;
        let database = Arc::new(Database::open(&dir.store(), options.cache_bytes)?);
        let current = Current(Arc::new(parking_lot::RwLock::new(database)));
        let store = Self {
            inner: Arc::new(Inner {
                committer: commit::Committer::start(current.clone())?,
                current,
                records: Gate::default(),
                logs: Gate::default(),
                freed_bytes: AtomicU64::default(),
                shrinking: parking_lot::Mutex::default(),
                options: options.clone(),
                log_marks: log_marks::LogMarks::open(path)?,
                dir,
            }),
        };
        store.establish()?;
        Ok(store)
    }

    /// Tells a new store from one that lost its records: sled recovers a file that was overwritten to nothing.
    fn establish(&self) -> Result<(), StoreError> {
        let (database, dir) = (self.database(), self.dir());
        let mark = Key::of_host(Kind::Established, &[]);
        let marked = database
            .records()
            .contains_key(mark.as_bytes())
            .map_err(StoreError::database("look for the mark"))?;
        if dir.is_established() {
            return if marked {
                Ok(())
            } else {
                Err(StoreError::Damaged { what: "its records", source: None })
            };
        }
        // The mark is on disk before the file that demands it.
        database
            .records()
            .insert(mark.as_bytes(), &[value::MARK_VERSION])
            .map_err(StoreError::database("mark the store"))?;
        database.flush()?;
        dir.set_established()
    }

    /// Reads on the blocking pool.
    ///
    /// # Errors
    /// Those of `work`, and a failed pool.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store.reader_blocking()))
            .await
            .unwrap_or_else(|_| Err(StoreError::Interrupted.into()))
    }

    /// Checks and changes records as one atomic step, and returns when the change is on disk.
    ///
    /// Nothing is changed when `work` fails. Other writers wait while it runs, so it must not wait for anything.
    ///
    /// # Errors
    /// Those of `work`, and a store that can no longer write.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
    {
        let value = self.write_soon(work).await?;
        self.commit().await?;
        Ok(value)
    }

    /// As [`Store::write`], but returns before the change is on disk: a crash within the next half second may undo
    /// it. For records that the next start can do without or repair.
    ///
    /// # Errors
    /// Those of `work`, and a store that can no longer write.
    pub async fn write_soon<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Writer) -> Result<T, E> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.write_blocking(work))
            .await
            .unwrap_or_else(|_| Err(StoreError::Interrupted.into()))
    }

    /// A view for code that is already on a blocking thread.
    #[must_use]
    pub fn reader_blocking(&self) -> Reader {
        Reader::new(self.database().records().clone())
    }

    /// As [`Store::write_soon`], for code that is already on a blocking thread.
    ///
    /// # Errors
    /// Those of `work`, and a store that can no longer write.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut Writer) -> Result<T, E>,
    {
        let mut copy = self.inner.records.lock();
        let database = self.database();
        let mut writer = Writer::new(database.records().clone());
        let value = work(&mut writer)?;
        if let Some(batch) = writer.into_batch() {
            shrink::write_both(&mut copy, &database, batch, |database, batch| {
                database.records().apply_batch(batch).map_err(StoreError::database("write records"))
            })?;
        }
        Ok(value)
    }

    /// Returns when everything written before the call is on disk. Concurrent calls share one flush.
    ///
    /// # Errors
    /// When the disk refused: the store has then failed for good, see [`Store::failed`].
    pub async fn commit(&self) -> Result<(), StoreError> {
        self.inner.committer.commit().await
    }

    /// As [`Store::commit`], for code on a thread of its own.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_blocking(&self) -> Result<(), StoreError> {
        self.inner.committer.commit_blocking()
    }

    /// Waits until the store has failed: a write did not reach the disk. The process should end then, since sled
    /// does not recover before it is opened again.
    pub async fn failed(&self) {
        self.inner.committer.failed().await;
    }

    /// The log lines of all tenants.
    #[must_use]
    pub fn log_chunks(&self) -> LogChunks {
        LogChunks::new(self.clone())
    }

    fn log_marks(&self) -> &log_marks::LogMarks {
        &self.inner.log_marks
    }

    fn database(&self) -> Arc<Database> {
        self.inner.current.get()
    }

    /// Refuses new work while the disk is nearly full, so that what was acknowledged stays writable.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`].
    pub fn admit(&self) -> Result<(), StoreError> {
        space::admit(self.inner.dir.path(), self.inner.options.low_disk_bytes)
    }

    /// Where the other folders of the data directory are.
    #[must_use]
    pub fn dir(&self) -> &DataDir {
        &self.inner.dir
    }
}

#[cfg(test)]
mod shrink_tests;
#[cfg(test)]
mod tests;
