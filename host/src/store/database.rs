//! One open database: the tree of records, a tree of log lines for each tenant, and the folder they are in.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::RwLock;

use super::{StoreError, commit, data_dir, keys};
use crate::auth::TenantScope;
use crate::ids::TenantId;

/// How long the database may take to let its file go.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
const CLOSE_LOOK: Duration = Duration::from_millis(5);

/// An open database. Its parts are dropped in this order.
pub(super) struct Database {
    db: sled::Db,
    records: sled::Tree,
    log_trees: RwLock<HashMap<TenantId, sled::Tree>>,
    folder: Folder,
}

/// The folder of a database, and the file in it that is synced.
struct Folder {
    file: File,
    // Absent only while the value is dropped.
    folder: Option<File>,
}

impl Database {
    /// Opens the database in a folder, and makes it when there is none. sled is told the folder by its descriptor: it may be
    /// renamed while it is open. Blocks.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let folder = File::open(path).map_err(StoreError::io("open the database's folder"))?;
        let db = open_sled(&PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())), cache_bytes)?;
        let records = db.open_tree(keys::RECORDS_TREE).map_err(StoreError::database("open the records"))?;
        let file = File::open(path.join("db")).map_err(StoreError::io("open the database file"))?;
        let folder = Folder { file, folder: Some(folder) };
        Ok(Self { db, records, log_trees: RwLock::default(), folder })
    }

    pub(super) fn sled(&self) -> &sled::Db {
        &self.db
    }

    pub(super) fn records(&self) -> &sled::Tree {
        &self.records
    }

    /// Makes everything written before survive a loss of power. Blocks.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        commit::flush(&self.db, &self.folder.file)
    }

    /// Bytes of its files. Blocks.
    pub(super) fn size_bytes(&self) -> Result<u64, StoreError> {
        self.db.size_on_disk().map_err(StoreError::database("look at its size"))
    }

    /// A tenant's log if it has one: a tree costs memory, so reading makes none.
    pub(super) fn log_tree(&self, scope: &TenantScope) -> Result<Option<sled::Tree>, StoreError> {
        if let Some(tree) = self.log_trees.read().get(scope.tenant()) {
            return Ok(Some(tree.clone()));
        }
        if self.has_tree(keys::log_tree(scope).as_bytes()) {
            return self.log_tree_or_new(scope).map(Some);
        }
        Ok(None)
    }

    pub(super) fn log_tree_or_new(&self, scope: &TenantScope) -> Result<sled::Tree, StoreError> {
        if let Some(tree) = self.log_trees.read().get(scope.tenant()) {
            return Ok(tree.clone());
        }
        let tree = self.db.open_tree(keys::log_tree(scope)).map_err(StoreError::database("open a log"))?;
        self.log_trees.write().insert(scope.tenant().clone(), tree.clone());
        Ok(tree)
    }

    pub(super) fn remove_log_tree(&self, scope: &TenantScope) -> Result<(), StoreError> {
        self.log_trees.write().remove(scope.tenant());
        self.db.drop_tree(keys::log_tree(scope)).map_err(StoreError::database("delete a log"))?;
        Ok(())
    }

    pub(super) fn has_tree(&self, name: &[u8]) -> bool {
        self.db.tree_names().iter().any(|known| known.as_ref() == name)
    }
}

impl Drop for Folder {
    /// Gives the descriptor up only when sled has let its file go: under the same number, another folder would get what sled
    /// still writes.
    fn drop(&mut self) {
        let looks = CLOSE_LIMIT.as_millis() / CLOSE_LOOK.as_millis();
        for look in 0..looks {
            if look > 0 {
                std::thread::sleep(CLOSE_LOOK);
            }
            // The lock goes with the file.
            if fs4::FileExt::try_lock(&self.file).is_ok() {
                return;
            }
        }
        tracing::warn!("a closed database is still in use");
        std::mem::forget(self.folder.take());
    }
}

/// Opens sled. A database that makes it panic is as damaged as one that it reports.
pub(super) fn open_sled(path: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
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
