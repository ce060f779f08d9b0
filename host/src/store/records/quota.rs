//! Rates and counts, as far as they must survive a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::ids::TenantId;
use crate::store::{Key, Kind, Prefix, Reader, Record, StoreError, Writer};

/// A tenant's counts of one month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthRecord {
    /// Runs that were started.
    pub runs: u64,
    /// The highest percentage that was warned of.
    pub warned: u8,
}

impl Record for MonthRecord {}

/// What a tenant was warned of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarnedRecord {
    /// The highest percentage, by bound; one that is far from its bound is left out.
    pub highest: BTreeMap<String, u8>,
}

impl Record for WarnedRecord {}

#[derive(Serialize, Deserialize)]
struct BucketRecord {
    rate: String,
    subject: String,
    full_at_ns: u64,
}

impl Record for BucketRecord {}

fn bucket_key(rate: &str, subject: &str) -> Key {
    Key::of_host(Kind::Bucket, &[rate, subject])
}

impl Reader {
    /// Up to `limit` buckets: rate, subject, and when each is full, in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// When the store fails.
    pub fn buckets(&self, limit: usize) -> Result<Vec<(String, String, u64)>, StoreError> {
        let found = self.first::<BucketRecord>(&Prefix::of_host(Kind::Bucket, &[]), limit)?;
        Ok(found.into_iter().map(|(_, bucket)| (bucket.rate, bucket.subject, bucket.full_at_ns)).collect())
    }

    /// A tenant's counts of a month, such as `2026-11`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn month(&self, scope: &TenantScope, name: &str) -> Result<Option<MonthRecord>, StoreError> {
        self.get(&Key::in_tenant(scope, Kind::Month, &[name]))
    }

    /// What a tenant was warned of.
    ///
    /// # Errors
    /// When the store fails.
    pub fn warned(&self, scope: &TenantScope) -> Result<Option<WarnedRecord>, StoreError> {
        self.get(&Key::in_tenant(scope, Kind::Warned, &[]))
    }
}

impl Writer {
    /// Writes what a tenant was warned of.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_warned(&mut self, tenant: &TenantId, warned: &WarnedRecord) -> Result<(), StoreError> {
        self.put(Key::of_tenant(tenant, Kind::Warned, &[]), warned)
    }

    /// Writes when a bucket is full.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_bucket(&mut self, rate: &str, subject: &str, full_at_ns: u64) -> Result<(), StoreError> {
        let record = BucketRecord { rate: rate.to_owned(), subject: subject.to_owned(), full_at_ns };
        self.put(bucket_key(rate, subject), &record)
    }

    /// Forgets a bucket, which is full.
    pub fn remove_bucket(&mut self, rate: &str, subject: &str) {
        self.remove(bucket_key(rate, subject));
    }

    /// Writes a tenant's counts of a month.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_month(
        &mut self,
        tenant: &TenantId,
        name: &str,
        month: &MonthRecord,
    ) -> Result<(), StoreError> {
        self.put(Key::of_tenant(tenant, Kind::Month, &[name]), month)
    }
}
