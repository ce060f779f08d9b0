//! Who belongs to which tenant, and as what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, UserId};
use crate::store::{Key, Kind, Prefix, Reader, Record, StoreError, Writer};
use crate::tenancy::Role;

/// Tenants that one user may belong to.
pub const MAX_MEMBERSHIPS_PER_USER: usize = 1_000;

/// One user's place in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    /// The user.
    pub user: UserId,
    /// What they may do there.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

impl Record for MembershipRecord {}

#[derive(Serialize, Deserialize)]
struct MemberOfRecord {
    tenant: TenantId,
}

impl Record for MemberOfRecord {}

fn key(tenant: &TenantId, user: &UserId) -> Key {
    Key::of_tenant(tenant, Kind::Membership, &[user.as_str()])
}

fn index_key(tenant: &TenantId, user: &UserId) -> Key {
    Key::of_host(Kind::MemberOf, &[user.as_str(), tenant.as_str()])
}

impl Reader<'_> {
    /// A user's place in a tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub fn membership(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<MembershipRecord>, StoreError> {
        self.get(&key(tenant, user))
    }

    /// The tenants a user belongs to, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tenants_of(&self, user: &UserId) -> Result<Vec<TenantId>, StoreError> {
        let prefix = Prefix::of_host(Kind::MemberOf, &[user.as_str()]);
        let found = self.first::<MemberOfRecord>(&prefix, MAX_MEMBERSHIPS_PER_USER)?;
        Ok(found.into_iter().map(|(_, record)| record.tenant).collect())
    }
}

impl Writer<'_> {
    /// Writes a user's place in a tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_membership(
        &mut self,
        tenant: &TenantId,
        membership: &MembershipRecord,
    ) -> Result<(), StoreError> {
        let index = index_key(tenant, &membership.user);
        self.put(index, &MemberOfRecord { tenant: tenant.clone() })?;
        self.put(key(tenant, &membership.user), membership)
    }
}
