//! How many records of some kinds a tenant has, kept beside them, so that making one more looks through none.

use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::store::{Key, Kind, Prefix, Reader, Record, StoreError, Writer};

#[derive(Serialize, Deserialize)]
struct CountRecord {
    count: u64,
}

impl Record for CountRecord {}

fn key(scope: &TenantScope, counted: Kind) -> Key {
    Key::in_tenant(scope, Kind::Count, &[counted.word()])
}

impl Reader {
    /// How many records of a kind a tenant has. Looks through them when they were never counted.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn count_of(&self, scope: &TenantScope, counted: Kind) -> Result<u64, StoreError> {
        match self.get::<CountRecord>(&key(scope, counted))? {
            Some(known) => Ok(known.count),
            None => self.count(&Prefix::in_tenant(scope, counted, &[])),
        }
    }
}

impl Writer {
    /// How many records of a kind a tenant has, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn count_of(&self, scope: &TenantScope, counted: Kind) -> Result<u64, StoreError> {
        match self.get::<CountRecord>(&key(scope, counted))? {
            Some(known) => Ok(known.count),
            None => self.before().count_of(scope, counted),
        }
    }

    /// One record more. Whoever writes one that was not there calls this with it.
    pub(super) fn counts_one_more(&mut self, scope: &TenantScope, counted: Kind) -> Result<(), StoreError> {
        let count = self.count_of(scope, counted)?.saturating_add(1);
        self.put(key(scope, counted), &CountRecord { count })
    }

    /// One record less. Whoever removes one that was there calls this with it.
    pub(super) fn counts_one_less(&mut self, scope: &TenantScope, counted: Kind) -> Result<(), StoreError> {
        let count = self.count_of(scope, counted)?.saturating_sub(1);
        self.put(key(scope, counted), &CountRecord { count })
    }
}
