//! Giving disk space back while the store is in use.
//!
//! sled keeps for itself what it once took from the disk. So, once enough was deleted, all that is alive is copied to a fresh
//! database, a batch at a time between the changes of others; every change is made in both meanwhile; and when all is
//! copied, the copy takes the place of the original. Who reads never waits, who writes waits for one batch, and once for a
//! flush. Killed at any moment, the directory has one whole database: the next owner settles which, as after
//! [`Store::compact`].

use std::fs;
use std::io::ErrorKind;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::compact::{Compacted, NEW, OLD, exchange};
use super::data_dir::make_private_dir;
use super::database::Database;
use super::survey::Pace;
use super::{Gate, Store, StoreError, keys, space};

/// What is copied while others wait.
const BATCH_BYTES: usize = 256 << 10;
/// Below this much deleted, nobody looks.
const MIN_FREED_BYTES: u64 = 4 << 20;
/// And what is deleted is looked at when it is this part of the database.
const FREED_PART: u64 = 8;
/// What a database may have besides twice what is alive in it: sled writes the new beside the old, and cleans up later.
pub(super) const SPARE_BYTES: u64 = 8 << 20;
/// How long readers may keep the original open.
const RETIRE_LIMIT: Duration = Duration::from_secs(60);
const RETIRE_LOOK: Duration = Duration::from_millis(10);

/// Bytes beyond which a database with so much alive is worth a copy.
pub(super) fn worth_bytes(alive_bytes: u64, spare_bytes: u64) -> u64 {
    alive_bytes.saturating_mul(2).saturating_add(spare_bytes)
}

/// Makes a change in the database, and in the copy when one is being made. A copy that fails is given up.
pub(super) fn write_both(
    copy: &mut Option<Arc<Database>>,
    database: &Database,
    batch: sled::Batch,
    write: impl Fn(&Database, sled::Batch) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let again = copy.is_some().then(|| batch.clone());
    write(database, batch)?;
    let (Some(into), Some(batch)) = (copy.as_ref(), again) else { return Ok(()) };
    if let Err(error) = write(into, batch) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a copy of the database cannot be written and is given up"
        );
        *copy = None;
    }
    Ok(())
}

impl Store {
    /// Gives disk space back to the file system when much of the database may not be alive: when so much was deleted since the
    /// last time, or found when all was read. Copies what is alive, while the store is used, and goes on with the copy.
    /// `None` when there is not enough to give back, or `goes_on` said no. Blocks, some seconds for each gigabyte that is
    /// alive; the memory of a second cache is used for that time.
    ///
    /// # Errors
    /// When the disk has no room for the copy, something cannot be read, or the copy cannot be written. The store goes on
    /// as it was.
    pub fn shrink_when_due(&self, goes_on: impl Fn() -> bool) -> Result<Option<Compacted>, StoreError> {
        let freed_bytes = self.inner.freed_bytes.load(Ordering::Relaxed);
        if freed_bytes < MIN_FREED_BYTES || freed_bytes < self.database().size_bytes()? / FREED_PART {
            return Ok(None);
        }
        self.shrink_beyond(SPARE_BYTES, goes_on)
    }

    /// Copies what is alive when the database has more than twice that and `spare_bytes`.
    pub(super) fn shrink_beyond(
        &self,
        spare_bytes: u64,
        goes_on: impl Fn() -> bool,
    ) -> Result<Option<Compacted>, StoreError> {
        let Some(_one) = self.inner.shrinking.try_lock() else { return Ok(None) };
        self.inner.freed_bytes.store(0, Ordering::Relaxed);
        let from = self.database();
        let before_bytes = from.size_bytes()?;
        if before_bytes <= spare_bytes {
            return Ok(None);
        }
        let Some(survey) = self.survey(&from, &goes_on)? else { return Ok(None) };
        let worth_bytes = worth_bytes(survey.alive_bytes, spare_bytes);
        if before_bytes <= worth_bytes {
            return Ok(None);
        }
        // A fresh database has no more than what it may have in use.
        space::admit(self.dir().path(), worth_bytes.saturating_add(self.inner.options.low_disk_bytes))?;
        if !self.go_on_with_a_copy(from, &goes_on)? {
            return Ok(None);
        }
        Ok(Some(Compacted { before_bytes, after_bytes: self.database().size_bytes()? }))
    }

    /// Puts a copy in the place of the database. `false` when it was not to go on.
    pub(super) fn go_on_with_a_copy(
        &self,
        from: Arc<Database>,
        goes_on: &impl Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let (new, old) = (self.dir().path().join(NEW), self.dir().path().join(OLD));
        // What could not be removed the last time is not to be added to.
        remove(&new)?;
        remove(&old)?;
        make_private_dir(&new)?;
        let copied = self.copy_while_used(&from, &new, goes_on);
        *self.inner.records.lock() = None;
        *self.inner.logs.lock() = None;
        if !matches!(copied, Ok(true)) {
            remove(&new)?;
        } else if retire(from) {
            remove(&old)?;
        }
        copied
    }

    /// Makes the copy and puts it in the original's place. `false` when it was not to go on.
    fn copy_while_used(
        &self,
        from: &Database,
        new: &Path,
        goes_on: &impl Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let to = Arc::new(Database::open(new, self.inner.options.cache_bytes)?);
        // From here on, both get every change.
        *self.inner.records.lock() = Some(Arc::clone(&to));
        *self.inner.logs.lock() = Some(Arc::clone(&to));
        for name in from.sled().tree_names() {
            let gate =
                if name == keys::RECORDS_TREE.as_bytes() { &self.inner.records } else { &self.inner.logs };
            let mut after = None;
            loop {
                let mut pace = Pace::start();
                if !copy_batch(gate, from, &to, &name, &mut after)? {
                    break;
                }
                if !goes_on() {
                    return Ok(false);
                }
                pace.rest();
            }
        }
        to.flush()?;
        let (records, logs) = (self.inner.records.lock(), self.inner.logs.lock());
        if records.is_none() || logs.is_none() {
            return Err(given_up());
        }
        // What was acknowledged is in both, and now durable in both.
        to.flush()?;
        exchange(self.dir())?;
        *self.inner.current.0.write() = to;
        Ok(true)
    }
}

/// Copies the next batch of a tree. `false` when there is no more.
fn copy_batch(
    gate: &Gate,
    from: &Database,
    to: &Database,
    name: &sled::IVec,
    after: &mut Option<sled::IVec>,
) -> Result<bool, StoreError> {
    let copy = gate.lock();
    if copy.is_none() {
        return Err(given_up());
    }
    // A log may go with its tenant at any time.
    if !from.has_tree(name) {
        return Ok(false);
    }
    let read = from.sled().open_tree(name).map_err(StoreError::database("open a tree"))?;
    let write = to.sled().open_tree(name).map_err(StoreError::database("make a tree"))?;
    let start = after.take().map_or(Bound::Unbounded, Bound::Excluded);
    let (mut batch, mut batch_bytes) = (sled::Batch::default(), 0);
    for pair in read.range::<sled::IVec, _>((start, Bound::Unbounded)) {
        let (key, value) = pair.map_err(StoreError::database("read a tree"))?;
        batch_bytes += key.len() + value.len();
        if batch_bytes >= BATCH_BYTES {
            *after = Some(key.clone());
        }
        batch.insert(key, value);
        if after.is_some() {
            break;
        }
    }
    write.apply_batch(batch).map_err(StoreError::database("copy a tree"))?;
    drop(copy);
    Ok(after.is_some())
}

/// Closes the original when nobody reads it any more. `false` when somebody does for too long: the next start removes it.
fn retire(mut database: Arc<Database>) -> bool {
    let began = Instant::now();
    while began.elapsed() < RETIRE_LIMIT {
        match Arc::try_unwrap(database) {
            Ok(last) => {
                drop(last);
                return true;
            }
            Err(shared) => database = shared,
        }
        std::thread::sleep(RETIRE_LOOK);
    }
    false
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StoreError::Io { attempt: "remove a database that is not used", source: error })
        }
        _ => Ok(()),
    }
}

fn given_up() -> StoreError {
    StoreError::Io { attempt: "copy the database", source: ErrorKind::Interrupted.into() }
}
