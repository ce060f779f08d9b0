//! What stays of erased tenants: a receipt each.

use serde::{Deserialize, Serialize};

use crate::api::Receipt;
use crate::ids::TenantId;
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// The receipt of one erased tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReceiptRecord(pub Receipt);

impl Record for ReceiptRecord {}

impl Reader {
    /// The receipts of erased tenants, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn receipts(&self, after: Option<Vec<u8>>, limit: usize) -> Result<Page<ReceiptRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::of_host(Kind::Receipt, &[]), &query, |_| true)
    }
}

impl Writer {
    /// Writes a receipt.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_receipt(&mut self, receipt: &ReceiptRecord) -> Result<(), StoreError> {
        self.put(Key::of_host(Kind::Receipt, &[&receipt.0.id]), receipt)
    }

    /// Removes up to `limit` records of a tenant, of whatever kind; how many it found.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_some_of(&mut self, tenant: &TenantId, limit: usize) -> Result<usize, StoreError> {
        let keys = self.before().keys(&Prefix::whole_tenant(tenant), limit)?;
        let found = keys.len();
        keys.into_iter().for_each(|key| self.remove(key));
        Ok(found)
    }
}
