//! Giving disk space back. The database keeps for itself what it once took from the disk, so what is alive is copied to a
//! fresh one, which then takes its place.

use std::fs::{self, File};
use std::path::Path;

use super::data_dir::{DataDir, make_private_dir};
use super::database::open_sled;
use super::{Store, StoreError, StoreOptions, commit, space};

/// The copy while it is made.
pub(super) const NEW: &str = "store.new";
/// The original while the copy takes its place.
pub(super) const OLD: &str = "store.old";
/// Bytes of one batch of the copy.
const BATCH_BYTES: usize = 1 << 20;

/// What a compaction gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes that the database had on disk.
    pub before_bytes: u64,
    /// Bytes that it has now.
    pub after_bytes: u64,
}

impl Store {
    /// Copies what is alive in the database of a data directory that nobody uses to a fresh one, compares both, and puts
    /// the copy in the original's place. Killed at any moment, the directory has one whole database: the next owner
    /// settles which. Blocks, about as long as reading and writing all of it takes.
    ///
    /// # Errors
    /// When another process owns the directory, the disk has no room for the copy, or the database is damaged.
    pub fn compact(path: &Path, options: &StoreOptions) -> Result<Compacted, StoreError> {
        if !path.join("store").exists() && !path.join(OLD).exists() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StoreError::Io { attempt: "find a database to compact", source });
        }
        let dir = DataDir::claim(path)?;
        let new = dir.path().join(NEW);
        let (before_bytes, copied_bytes) = {
            let from = open_sled(&dir.store(), options.cache_bytes)?;
            let size_bytes = from.size_on_disk().map_err(StoreError::database("look at its size"))?;
            // At worst the copy is as large.
            space::admit(dir.path(), size_bytes.saturating_add(options.low_disk_bytes))?;
            make_private_dir(&new)?;
            let to = open_sled(&new, options.cache_bytes)?;
            for name in from.tree_names() {
                let from = from.open_tree(&name).map_err(StoreError::database("open a tree"))?;
                let to = to.open_tree(&name).map_err(StoreError::database("make a tree"))?;
                copy(&from, &to)?;
            }
            let file = File::open(new.join("db")).map_err(StoreError::io("open the copy's file"))?;
            commit::flush(&to, &file)?;
            (size_bytes, to.size_on_disk().map_err(StoreError::database("look at its size"))?)
        };
        if copied_bytes >= before_bytes {
            // There is nothing to give back.
            fs::remove_dir_all(&new).map_err(StoreError::io("remove the copy"))?;
            return Ok(Compacted { before_bytes, after_bytes: before_bytes });
        }
        take_place(&dir)?;
        let after_bytes = open_sled(&dir.store(), options.cache_bytes)?
            .size_on_disk()
            .map_err(StoreError::database("look at its size"))?;
        Ok(Compacted { before_bytes, after_bytes })
    }
}

fn copy(from: &sled::Tree, to: &sled::Tree) -> Result<(), StoreError> {
    let failed = StoreError::database("copy a tree");
    let (mut batch, mut batch_bytes) = (sled::Batch::default(), 0);
    for pair in from {
        let (key, value) = pair.map_err(StoreError::database("read a tree"))?;
        batch_bytes += key.len() + value.len();
        batch.insert(key, value);
        if batch_bytes >= BATCH_BYTES {
            to.apply_batch(std::mem::take(&mut batch)).map_err(StoreError::database("copy a tree"))?;
            batch_bytes = 0;
        }
    }
    to.apply_batch(batch).map_err(failed)?;
    let sum = |tree: &sled::Tree| tree.checksum().map_err(StoreError::database("compare the copy"));
    if sum(from)? == sum(to)? { Ok(()) } else { Err(StoreError::Damaged { what: "the copy", source: None }) }
}

fn take_place(dir: &DataDir) -> Result<(), StoreError> {
    exchange(dir)?;
    fs::remove_dir_all(dir.path().join(OLD)).map_err(StoreError::io("remove the old database"))
}

/// Gives the copy the original's name, and the original another; or leaves both as they were.
pub(super) fn exchange(dir: &DataDir) -> Result<(), StoreError> {
    let (store, new, old) = (dir.store(), dir.path().join(NEW), dir.path().join(OLD));
    sync(dir.path())?;
    let exchanged = fs::rename(&store, &old).and_then(|()| fs::rename(&new, &store)).map_err(failed());
    let Err(error) = exchanged.and_then(|()| sync(dir.path())) else { return Ok(()) };
    // The original goes on, under its own name: the next start would take the copy for it.
    if store.exists() && old.exists() {
        fs::rename(&store, &new).map_err(failed())?;
    }
    if old.exists() {
        fs::rename(&old, &store).map_err(failed())?;
    }
    Err(error)
}

fn failed() -> impl FnOnce(std::io::Error) -> StoreError {
    StoreError::io("put the copy in its place")
}

pub(super) fn sync(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io("sync the data directory"))
}

/// Brings what a killed compaction or salvage left to one of its two ends.
pub(super) fn settle(path: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io("settle what a compaction left");
    let (store, new, old) = (path.join("store"), path.join(NEW), path.join(OLD));
    if !old.exists() && !new.exists() {
        return Ok(());
    }
    if old.exists() && !store.exists() {
        fs::rename(&old, &store).map_err(failed())?;
    }
    // A salvage ended between its two names: the copy is whole.
    if new.exists() && !store.exists() {
        fs::rename(&new, &store).map_err(failed())?;
    }
    for left in [old, new].into_iter().filter(|left| left.exists()) {
        fs::remove_dir_all(left).map_err(failed())?;
    }
    sync(path)
}
