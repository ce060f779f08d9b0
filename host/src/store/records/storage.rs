//! What a tenant's directory took when the host last stopped.

use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::store::{Key, Kind, Reader, Record, StoreError, Writer};

/// Usage of a tenant's directory as it was when nothing could change it any more. While the directory is in use there
/// is no such record, so that a host that was killed counts anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageRecord {
    /// Lengths of files and of symlinks' targets.
    pub bytes: u64,
    /// Names.
    pub entries: u64,
}

impl Record for StorageRecord {}

fn key(scope: &TenantScope) -> Key {
    Key::in_tenant(scope, Kind::Storage, &[])
}

impl Reader {
    /// What the tenant's directory takes, when it is not in use.
    ///
    /// # Errors
    /// When the store fails.
    pub fn storage(&self, scope: &TenantScope) -> Result<Option<StorageRecord>, StoreError> {
        self.get(&key(scope))
    }
}

impl Writer {
    /// Writes what the tenant's directory takes, now that it is not in use.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_storage(&mut self, scope: &TenantScope, record: &StorageRecord) -> Result<(), StoreError> {
        self.put(key(scope), record)
    }

    /// Forgets what the tenant's directory took, before it is used.
    pub fn remove_storage(&mut self, scope: &TenantScope) {
        self.remove(key(scope));
    }
}
