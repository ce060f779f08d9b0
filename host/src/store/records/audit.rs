//! Audit records by number, and where each chain ends.

use serde::{Deserialize, Serialize};

use crate::api::AuditRecord;
use crate::audit::Chain;
use crate::store::{Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

impl Record for AuditRecord {}

/// Where a chain ends, kept apart from its records so that a missing end shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHeadRecord {
    /// Sequence number of the last record.
    pub seq: u64,
    /// Its hash, in hex.
    pub hash: String,
    /// Keyed hash of chain, number and hash, in hex: who can write the store, but not read the host's keys, cannot
    /// make it.
    pub seal: String,
}

impl Record for AuditHeadRecord {}

/// The last part of a record's key: digits that sort as numbers.
#[must_use]
pub fn audit_position(seq: u64) -> String {
    format!("{seq:020}")
}

fn key(chain: &Chain, kind: Kind, parts: &[&str]) -> Key {
    match chain {
        Chain::Host => Key::of_host(kind, parts),
        Chain::Tenant(tenant) => Key::of_tenant(tenant, kind, parts),
    }
}

fn prefix(chain: &Chain) -> Prefix {
    match chain {
        Chain::Host => Prefix::of_host(Kind::Audit, &[]),
        Chain::Tenant(tenant) => Prefix::of_tenant(tenant, Kind::Audit, &[]),
    }
}

impl Reader {
    /// Where a chain ends; `None` before its first record.
    ///
    /// # Errors
    /// When the store fails.
    pub fn audit_head(&self, chain: &Chain) -> Result<Option<AuditHeadRecord>, StoreError> {
        self.get(&key(chain, Kind::AuditHead, &[]))
    }

    /// A page of a chain's records that `wanted` accepts.
    ///
    /// # Errors
    /// When the store fails.
    pub fn audit_records(
        &self,
        chain: &Chain,
        query: &PageQuery,
        wanted: impl FnMut(&AuditRecord) -> bool,
    ) -> Result<Page<AuditRecord>, StoreError> {
        self.page(&prefix(chain), query, wanted)
    }
}

impl Writer {
    /// Appends a record.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_audit_record(&mut self, chain: &Chain, record: &AuditRecord) -> Result<(), StoreError> {
        self.put(key(chain, Kind::Audit, &[&audit_position(record.seq)]), record)
    }

    /// Writes where a chain ends.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_audit_head(&mut self, chain: &Chain, head: &AuditHeadRecord) -> Result<(), StoreError> {
        self.put(key(chain, Kind::AuditHead, &[]), head)
    }

    /// Removes a record, as only an attacker would.
    #[cfg(test)]
    pub(crate) fn remove_audit_record_for_test(&mut self, chain: &Chain, seq: u64) {
        self.remove(key(chain, Kind::Audit, &[&audit_position(seq)]));
    }

    /// Removes where a chain ends, as only an attacker would.
    #[cfg(test)]
    pub(crate) fn remove_audit_head_for_test(&mut self, chain: &Chain) {
        self.remove(key(chain, Kind::AuditHead, &[]));
    }
}
