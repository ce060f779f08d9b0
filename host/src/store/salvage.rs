//! Saving what is left of a damaged database: what can be read is copied to a fresh one, which takes its place. The damaged
//! files are kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use cloister_salvage::{Damaged, Found};

use super::compact::{NEW, sync};
use super::data_dir::{DataDir, make_private_dir};
use super::database::open_sled;
use super::{Key, Kind, Store, StoreError, StoreOptions, commit, keys, space, value};

/// Bytes of one batch of the copy.
const BATCH_BYTES: usize = 1 << 20;
/// Damaged databases that are kept beside each other.
const MAX_KEPT: usize = 100;

/// What a salvage found and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// What the damaged files held.
    pub found: Found,
    /// Trees that were copied: one of records, and one of log lines for each tenant that has some.
    pub trees: u64,
    /// Records and chunks of log lines that were copied.
    pub records: u64,
    /// Where the damaged files are now.
    pub kept_at: PathBuf,
}

impl Store {
    /// Copies what can be read of the database of a data directory that nobody uses to a fresh one, which takes its place;
    /// the old one is only read, and kept under another name. Killed at any moment, the old one is whole. What was damaged
    /// may have been the newest state of a record: then an older one is kept. Blocks, about as long as reading and writing
    /// all of it takes.
    ///
    /// # Errors
    /// When another process owns the directory, the disk has no room for the copy, or no record can be read.
    pub fn salvage(path: &Path, options: &StoreOptions) -> Result<Salvaged, StoreError> {
        if !path.join("store").join("db").exists() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StoreError::Io { attempt: "find a database to salvage", source });
        }
        let dir = DataDir::claim(path)?;
        let failed = StoreError::io("read the damaged database");
        let (damaged, size_bytes) = Damaged::open(&dir.store())
            .and_then(|damaged| Ok((damaged, fs::metadata(dir.store().join("db"))?.len())))
            .map_err(failed)?;
        // At worst the copy is as large.
        space::admit(dir.path(), size_bytes.saturating_add(options.low_disk_bytes))?;
        let new = dir.path().join(NEW);
        make_private_dir(&new)?;
        let copied = copy(&damaged, &new, options);
        let (found, trees, records) = match copied {
            Ok(copied) => copied,
            Err(error) => {
                fs::remove_dir_all(&new).map_err(StoreError::io("remove the copy"))?;
                return Err(error);
            }
        };
        let kept_at = free_name(dir.path())?;
        sync(dir.path())?;
        let failed = StoreError::io("put the copy in its place");
        fs::rename(dir.store(), &kept_at).and_then(|()| fs::rename(&new, dir.store())).map_err(failed)?;
        sync(dir.path())?;
        Ok(Salvaged { found, trees, records, kept_at })
    }
}

/// Copies all that can be read; what was found, and how many trees and records were copied.
fn copy(damaged: &Damaged, new: &Path, options: &StoreOptions) -> Result<(Found, u64, u64), StoreError> {
    let (trees, found) = damaged.trees().map_err(StoreError::io("read the damaged database"))?;
    let to = open_sled(new, options.cache_bytes)?;
    let (mut copied_trees, mut copied) = (0, 0);
    let mut is_ours = false;
    for tree in &trees {
        let (mut batch, mut batch_bytes, mut records) = (sled::Batch::default(), 0, 0_u64);
        let into = to.open_tree(&tree.name).map_err(StoreError::database("make a tree"))?;
        let taken = damaged.records(tree, |key, value| {
            batch_bytes += key.len() + value.len();
            batch.insert(key, value);
            records += 1;
            if batch_bytes >= BATCH_BYTES {
                batch_bytes = 0;
                into.apply_batch(std::mem::take(&mut batch)).map_err(std::io::Error::from)?;
            }
            Ok::<_, std::io::Error>(())
        });
        taken.map_err(StoreError::io("copy a tree"))?;
        into.apply_batch(batch).map_err(StoreError::database("copy a tree"))?;
        is_ours |= tree.name == keys::RECORDS_TREE.as_bytes() && records > 0;
        copied_trees += u64::from(records > 0);
        copied += records;
    }
    if !is_ours {
        return Err(StoreError::Damaged {
            what: "its records, and nothing of them can be salvaged",
            source: None,
        });
    }
    // Without the mark it would be taken for a store that lost its records.
    let records = to.open_tree(keys::RECORDS_TREE).map_err(StoreError::database("open the records"))?;
    let mark = Key::of_host(Kind::Established, &[]);
    records.insert(mark.as_bytes(), &[value::MARK_VERSION]).map_err(StoreError::database("mark the copy"))?;
    let file = File::open(new.join("db")).map_err(StoreError::io("open the copy's file"))?;
    commit::flush(&to, &file)?;
    Ok((found, copied_trees, copied))
}

/// A name for the damaged files that nothing has yet.
fn free_name(dir: &Path) -> Result<PathBuf, StoreError> {
    let mut names = (1..=MAX_KEPT).map(|number| dir.join(format!("store.damaged-{number}")));
    names.find(|name| !name.exists()).ok_or_else(|| StoreError::Io {
        attempt: "find a name for the damaged files: remove old ones",
        source: std::io::ErrorKind::AlreadyExists.into(),
    })
}
