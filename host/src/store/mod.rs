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
mod error;
mod keys;
mod log_chunks;
mod log_marks;
mod records;
mod salvage;
mod space;
mod table;
mod value;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub use compact::Compacted;
pub use data_dir::{DataDir, FORMAT_VERSION};
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
    records: sled::Tree,
    committer: commit::Committer,
    // One writer at a time, so that "check, then write" is one step.
    writing: parking_lot::Mutex<()>,
    low_disk_bytes: u64,
    log_marks: log_marks::LogMarks,
    // Dropped in this order: the database closes before its directory is given up.
    db: sled::Db,
    dir: DataDir,
}

impl Store {
    /// Opens the store of a data directory, makes both when they are missing, and owns them until the last clone is
    /// dropped. Blocks.
    ///
    /// # Errors
    /// When another process owns the directory, its format is newer, or it is damaged.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let dir = DataDir::claim(path)?;
        let db = open_database(&dir.store(), options.cache_bytes)?;
        let records = db.open_tree(keys::RECORDS_TREE).map_err(StoreError::database("open the records"))?;
        let committer = commit::Committer::start(db.clone(), dir.store().join("db"))?;
        let store = Self {
            inner: Arc::new(Inner {
                records,
                committer,
                writing: parking_lot::Mutex::new(()),
                low_disk_bytes: options.low_disk_bytes,
                log_marks: log_marks::LogMarks::open(path)?,
                db,
                dir,
            }),
        };
        store.establish()?;
        Ok(store)
    }

    /// Tells a new store from one that lost its records: sled recovers a file that was overwritten to nothing.
    fn establish(&self) -> Result<(), StoreError> {
        let Inner { records, dir, .. } = &*self.inner;
        let mark = Key::of_host(Kind::Established, &[]);
        let marked =
            records.contains_key(mark.as_bytes()).map_err(StoreError::database("look for the mark"))?;
        if dir.is_established() {
            return if marked {
                Ok(())
            } else {
                Err(StoreError::Damaged { what: "its records", source: None })
            };
        }
        // The mark is on disk before the file that demands it.
        records
            .insert(mark.as_bytes(), &[value::MARK_VERSION])
            .map_err(StoreError::database("mark the store"))?;
        let file = File::open(dir.store().join("db")).map_err(StoreError::io("open the database file"))?;
        commit::flush(&self.inner.db, &file)?;
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
        F: FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
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
        F: FnOnce(&mut Writer<'_>) -> Result<T, E> + Send + 'static,
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
        F: FnOnce(&mut Writer<'_>) -> Result<T, E> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.write_blocking(work))
            .await
            .unwrap_or_else(|_| Err(StoreError::Interrupted.into()))
    }

    /// A view for code that is already on a blocking thread.
    #[must_use]
    pub fn reader_blocking(&self) -> Reader<'_> {
        Reader::new(&self.inner.records)
    }

    /// As [`Store::write_soon`], for code that is already on a blocking thread.
    ///
    /// # Errors
    /// Those of `work`, and a store that can no longer write.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut Writer<'_>) -> Result<T, E>,
    {
        let _one_writer = self.inner.writing.lock();
        let mut writer = Writer::new(&self.inner.records);
        let value = work(&mut writer)?;
        writer.apply()?;
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

    /// Reads all records, as long as `goes_on`: how many. Blocks.
    ///
    /// # Errors
    /// `data_dir_damaged` at the first that cannot be read.
    pub fn check_blocking(&self, goes_on: impl Fn() -> bool) -> Result<u64, StoreError> {
        let mut count = 0;
        for record in self.inner.records.iter().take_while(|_| goes_on()) {
            record.map_err(StoreError::database("read a record"))?;
            count += 1;
        }
        Ok(count)
    }

    /// The log lines of all tenants.
    #[must_use]
    pub fn log_chunks(&self) -> LogChunks {
        LogChunks::new(self.clone())
    }

    fn log_marks(&self) -> &log_marks::LogMarks {
        &self.inner.log_marks
    }

    pub(in crate::store) fn db(&self) -> &sled::Db {
        &self.inner.db
    }

    /// Refuses new work while the disk is nearly full, so that what was acknowledged stays writable.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`].
    pub fn admit(&self) -> Result<(), StoreError> {
        space::admit(self.inner.dir.path(), self.inner.low_disk_bytes)
    }

    /// Where the other folders of the data directory are.
    #[must_use]
    pub fn dir(&self) -> &DataDir {
        &self.inner.dir
    }

    /// Bytes that the database occupies on disk. Blocks.
    #[must_use]
    pub fn size_on_disk_bytes(&self) -> u64 {
        self.inner.db.size_on_disk().unwrap_or(0)
    }
}

/// Opens sled. A database that makes it panic is as damaged as one that it reports.
fn open_database(path: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    data_dir::remove_torn_snapshots(path)?;
    let path = path.to_owned();
    let opened = std::thread::Builder::new()
        .name("store-open".to_owned())
        .spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "sled's one home")]
            sled::Config::new().path(path).cache_capacity(cache_bytes).open()
        })
        .map_err(StoreError::io("start a thread to open the store"))?
        .join();
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(source))) if source.kind() == std::io::ErrorKind::StorageFull => {
            Err(StoreError::DiskFull { available_bytes: 0, needed_bytes: 0 })
        }
        Ok(Err(source)) => Err(StoreError::Damaged { what: "the database", source: Some(source.into()) }),
        Err(_) => Err(StoreError::Damaged { what: "the database", source: None }),
    }
}

#[cfg(test)]
mod tests;
