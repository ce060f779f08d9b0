//! Tenants, and their names in URLs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::Branding;
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
    /// Limits that the operator set for this tenant alone, by the names they have in a plan.
    #[serde(default)]
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// Where its data is meant to be.
    #[serde(default)]
    pub region: String,
    /// What the operator noted.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// How it looks.
    #[serde(default)]
    pub branding: Branding,
    /// Features that are switched on or off for it.
    #[serde(default)]
    pub features: BTreeMap<String, bool>,
    /// Why it is suspended or being taken down.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// When everything of it is erased; while it is being taken down.
    #[serde(default)]
    pub erase_at: Option<Timestamp>,
    /// True once erasing began: there is no way back, and the next start goes on with it.
    #[serde(default)]
    pub erasing: bool,
}

impl Record for TenantRecord {}

impl TenantRecord {
    /// A tenant with nothing but what it must have.
    #[must_use]
    pub fn new(id: TenantId, slug: TenantSlug, name: String, plan: PlanName, created_at: Timestamp) -> Self {
        Self {
            id,
            slug,
            name,
            plan,
            status: TenantStatus::Active,
            created_at,
            limits: serde_json::Map::new(),
            region: String::new(),
            metadata: BTreeMap::new(),
            branding: Branding::default(),
            features: BTreeMap::new(),
            status_reason: None,
            erase_at: None,
            erasing: false,
        }
    }
}

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

impl Reader {
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

    /// All tenants that `wanted` accepts, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tenants(
        &self,
        after: Option<Vec<u8>>,
        limit: usize,
        wanted: impl FnMut(&TenantRecord) -> bool,
    ) -> Result<Page<TenantRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::of_host(Kind::Tenant, &[]), &query, wanted)
    }
}

impl Writer {
    /// The tenant with an id, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tenant(&self, id: &TenantId) -> Result<Option<TenantRecord>, StoreError> {
        self.get(&key(id))
    }

    /// Removes a tenant and its name in URLs, when nothing else of it is left.
    pub fn remove_tenant(&mut self, tenant: &TenantRecord) {
        self.remove(slug_key(&tenant.slug));
        self.remove(key(&tenant.id));
    }

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
