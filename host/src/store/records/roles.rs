//! Roles that tenants make.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::{Permission, TenantScope};
use crate::ids::{PrincipalId, RoleName, TenantId};
use crate::store::{Key, Kind, Prefix, Reader, Record, StoreError, Writer};

/// Roles that one tenant may make.
pub const MAX_ROLES_PER_TENANT: usize = 100;

/// One role of a tenant's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRecord {
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: PrincipalId,
}

impl Record for RoleRecord {}

fn key(tenant: &TenantId, name: &RoleName) -> Key {
    Key::of_tenant(tenant, Kind::Role, &[name.as_str()])
}

impl Reader {
    /// A role of a tenant's own.
    ///
    /// # Errors
    /// When the store fails.
    pub fn role(&self, tenant: &TenantId, name: &RoleName) -> Result<Option<RoleRecord>, StoreError> {
        self.get(&key(tenant, name))
    }

    /// All roles of a tenant's own, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn roles(&self, scope: &TenantScope) -> Result<Vec<RoleRecord>, StoreError> {
        let prefix = Prefix::in_tenant(scope, Kind::Role, &[]);
        Ok(self.first(&prefix, MAX_ROLES_PER_TENANT)?.into_iter().map(|(_, role)| role).collect())
    }
}

impl Writer {
    /// A role of a tenant's own, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn role(&self, tenant: &TenantId, name: &RoleName) -> Result<Option<RoleRecord>, StoreError> {
        self.get(&key(tenant, name))
    }

    /// Writes a role.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_role(&mut self, scope: &TenantScope, role: &RoleRecord) -> Result<(), StoreError> {
        self.put(key(scope.tenant(), &role.name), role)
    }

    /// Removes a role.
    pub fn remove_role(&mut self, scope: &TenantScope, name: &RoleName) {
        self.remove(key(scope.tenant(), name));
    }
}
