//! What each tenant wants masked.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{MAX_PATTERN_BYTES, MAX_PATTERNS, Masker};
use crate::api;
use crate::auth::{Permit, TenantScope, act};
use crate::ids::TenantId;
use crate::logs::Counter;
use crate::store::{MaskingRecord, Store, StoreError};

/// Tenants whose rules are kept compiled; all are forgotten when there are more.
const MAX_REMEMBERED: usize = 4_096;

/// Why rules are not taken.
#[derive(Debug, thiserror::Error)]
pub enum MaskingError {
    /// Too many patterns.
    #[error("there are {0} patterns and at most {MAX_PATTERNS} allowed")]
    TooMany(usize),
    /// Too short or too long.
    #[error("the pattern `{pattern}` has {bytes} bytes and must have 1 to {MAX_PATTERN_BYTES}")]
    Length {
        /// Its beginning.
        pattern: String,
        /// Its length.
        bytes: usize,
    },
    /// Not a pattern, or one that takes too much.
    #[error("the pattern `{pattern}` is not taken: {why}")]
    Pattern {
        /// Its beginning.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MaskingError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany(_) | Self::Length { .. } | Self::Pattern { .. } => "masking_invalid",
            Self::Store(error) => error.code(),
        }
    }
}

/// Knows each tenant's rules. Cheap to clone.
#[derive(Clone)]
pub struct Masking {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    /// Places that were masked since the start.
    hits: Arc<Counter>,
    remembered: RwLock<Remembered>,
}

#[derive(Default)]
struct Remembered {
    /// Counts changes: what was read before one is not remembered.
    era: u64,
    maskers: HashMap<TenantId, Masker>,
}

impl Masking {
    /// On top of a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { inner: Arc::new(Inner { store, hits: Arc::default(), remembered: RwLock::default() }) }
    }

    /// Places in log lines and audit records that were masked since the start.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.inner.hits.get()
    }

    /// A tenant's rules.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settings(&self, permit: &Permit<act::MaskingRead>) -> Result<api::Masking, MaskingError> {
        self.read(permit.scope().tenant()).await
    }

    /// Replaces a tenant's rules, for runs that start from now on and for the audit.
    ///
    /// # Errors
    /// When a pattern is not taken, or the store fails.
    pub async fn set(
        &self,
        permit: &Permit<act::MaskingWrite>,
        settings: api::Masking,
    ) -> Result<api::Masking, MaskingError> {
        let masker = Masker::new(&settings)?.counting(&self.inner.hits);
        let tenant = permit.scope().tenant().clone();
        let (of, record) = (tenant.clone(), MaskingRecord { settings: settings.clone() });
        self.inner.store.write::<_, StoreError, _>(move |writer| writer.put_masking(&of, &record)).await?;
        let mut remembered = self.inner.remembered.write();
        remembered.era += 1;
        remembered.maskers.insert(tenant, masker);
        Ok(settings)
    }

    /// What masks the lines of a run: the tenant's rules, and the secrets that the run was granted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_run(&self, scope: &TenantScope, secrets: &[Vec<u8>]) -> Result<Masker, MaskingError> {
        Ok(self.of_tenant(scope.tenant()).await?.with_secrets(secrets))
    }

    /// A tenant's rules, ready.
    pub(crate) async fn of_tenant(&self, tenant: &TenantId) -> Result<Masker, MaskingError> {
        let era = {
            let remembered = self.inner.remembered.read();
            if let Some(masker) = remembered.maskers.get(tenant) {
                return Ok(masker.clone());
            }
            remembered.era
        };
        let masker = Masker::new(&self.read(tenant).await?)?.counting(&self.inner.hits);
        let mut remembered = self.inner.remembered.write();
        if remembered.era == era {
            if remembered.maskers.len() >= MAX_REMEMBERED {
                remembered.maskers.clear();
            }
            remembered.maskers.insert(tenant.clone(), masker.clone());
        }
        Ok(masker)
    }

    async fn read(&self, tenant: &TenantId) -> Result<api::Masking, MaskingError> {
        let of = tenant.clone();
        let found = self.inner.store.read::<_, StoreError, _>(move |reader| reader.masking(&of)).await?;
        Ok(found.map_or_else(api::Masking::default, |record| record.settings))
    }
}
