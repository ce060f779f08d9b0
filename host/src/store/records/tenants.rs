//! Tenants, and their names in URLs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, TenantSlug};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};
use crate::tenancy::{PlanName, TenantStatus};

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// Its name in URLs.
    pub slug: TenantSlug,
    /// Its name on screens.
    pub name: String,
    /// Its plan.
    pub plan: PlanName,
    /// Whether it may work.
    pub status: TenantStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Record for TenantRecord {}

#[derive(Serialize, Deserialize)]
struct SlugRecord {
    tenant: TenantId,
}

impl Record for SlugRecord {}

fn key(id: &TenantId) -> Key {
    Key::of_host(Kind::Tenant, &[id.as_str()])
}

fn slug_key(slug: &TenantSlug) -> Key {
    Key::of_host(Kind::TenantSlug, &[slug.as_str()])
}

impl Reader<'_> {
    /// The tenant with an id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tenant(&self, id: &TenantId) -> Result<Option<TenantRecord>, StoreError> {
        self.get(&key(id))
    }

    /// The tenant with a name in URLs. For the operator and for bootstrap; members find theirs in their memberships.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tenant_by_slug(&self, slug: &TenantSlug) -> Result<Option<TenantRecord>, StoreError> {
        match self.get::<SlugRecord>(&slug_key(slug))? {
            Some(found) => self.tenant(&found.tenant),
            None => Ok(None),
        }
    }

    /// All tenants, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tenants(&self, after: Option<Vec<u8>>, limit: usize) -> Result<Page<TenantRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::of_host(Kind::Tenant, &[]), &query, |_| true)
    }
}

impl Writer<'_> {
    /// True when a name in URLs is taken.
    ///
    /// # Errors
    /// When the store fails.
    pub fn slug_is_taken(&self, slug: &TenantSlug) -> Result<bool, StoreError> {
        self.contains(&slug_key(slug))
    }

    /// Writes a tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_tenant(&mut self, tenant: &TenantRecord) -> Result<(), StoreError> {
        self.put(slug_key(&tenant.slug), &SlugRecord { tenant: tenant.id.clone() })?;
        self.put(key(&tenant.id), tenant)
    }
}
