//! Who belongs to which tenant, and as what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::ids::{TenantId, UserId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};
use crate::tenancy::RoleRef;

/// Tenants that one user may belong to.
pub const MAX_MEMBERSHIPS_PER_USER: usize = 1_000;
/// Members that one tenant may have.
pub const MAX_MEMBERS_PER_TENANT: usize = 10_000;

/// One user's place in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipRecord {
    /// The user.
    pub user: UserId,
    /// What they may do there.
    pub role: RoleRef,
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

impl Reader {
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

    /// A tenant's members, by id, which sorts by the age of their accounts.
    ///
    /// # Errors
    /// When the store fails.
    pub fn members(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<MembershipRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::in_tenant(scope, Kind::Membership, &[]), &query, |_| true)
    }

    /// All of a tenant's members.
    ///
    /// # Errors
    /// When the store fails.
    pub fn all_members(&self, scope: &TenantScope) -> Result<Vec<MembershipRecord>, StoreError> {
        let prefix = Prefix::in_tenant(scope, Kind::Membership, &[]);
        let found = self.first::<MembershipRecord>(&prefix, MAX_MEMBERS_PER_TENANT)?;
        Ok(found.into_iter().map(|(_, member)| member).collect())
    }

    /// How many members a tenant has, counted up to `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn member_count(&self, tenant: &TenantId, limit: usize) -> Result<usize, StoreError> {
        let prefix = Prefix::of_tenant(tenant, Kind::Membership, &[]);
        Ok(self.first::<MembershipRecord>(&prefix, limit)?.len())
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

impl Writer {
    /// A user's place in a tenant, as staged changes leave it.
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

    /// Takes a user out of a tenant.
    pub fn remove_membership(&mut self, tenant: &TenantId, user: &UserId) {
        self.remove(index_key(tenant, user));
        self.remove(key(tenant, user));
    }

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
