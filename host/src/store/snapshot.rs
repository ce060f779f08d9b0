//! Quick starts: what sled would have to read when it is opened is read before.

use std::path::Path;

use super::data_dir::DataDir;
use super::database::Database;
use super::{Store, StoreError, StoreOptions};

impl Store {
    /// Writes a snapshot of where everything is in the database of a data directory that nobody uses: the next
    /// [`Store::open`] then reads only what is written after it. sled does so only while it is opened, from the last snapshot
    /// on, so this opens and closes it. Blocks, about a second for each gigabyte that was written since the last one; killed
    /// meanwhile, nothing has changed.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn snapshot(path: &Path, options: &StoreOptions) -> Result<(), StoreError> {
        let dir = DataDir::claim(path)?;
        Database::open(&dir.store(), options.cache_bytes).map(drop)
    }
}
