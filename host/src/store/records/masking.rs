//! What each tenant wants masked.

use serde::{Deserialize, Serialize};

use crate::api;
use crate::ids::TenantId;
use crate::store::{Key, Kind, Reader, Record, StoreError, Writer};

/// A tenant's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskingRecord {
    /// The rules.
    pub settings: api::Masking,
}

impl Record for MaskingRecord {}

impl Reader {
    /// A tenant's rules; none when they were never set.
    ///
    /// # Errors
    /// When the store fails.
    pub fn masking(&self, tenant: &TenantId) -> Result<Option<MaskingRecord>, StoreError> {
        self.get(&Key::of_tenant(tenant, Kind::Masking, &[]))
    }
}

impl Writer {
    /// Writes a tenant's rules.
    ///
    /// # Errors
    /// When they are too large.
    pub fn put_masking(&mut self, tenant: &TenantId, record: &MaskingRecord) -> Result<(), StoreError> {
        self.put(Key::of_tenant(tenant, Kind::Masking, &[]), record)
    }
}
