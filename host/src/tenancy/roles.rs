//! Roles of a tenant's own.

use super::{RoleRef, Tenancy, TenancyError};
use crate::auth::{MAX_PERMISSIONS, Permission, Permit, Rights, act};
use crate::ids::{RoleName, TenantId};
use crate::store::{MAX_INVITATIONS_PER_TENANT, MAX_ROLES_PER_TENANT, RoleRecord, Writer};

/// Longest description of a role, in characters.
const MAX_DESCRIPTION_CHARACTERS: usize = 500;

impl Tenancy {
    /// The roles that a tenant made, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn roles(&self, permit: &Permit<act::RoleRead>) -> Result<Vec<RoleRecord>, TenancyError> {
        let scope = permit.scope().clone();
        self.store.read(move |reader| Ok(reader.roles(&scope)?)).await
    }

    /// Makes or changes a role. Whoever does holds all that it allows, and allowed before.
    ///
    /// # Errors
    /// When it goes beyond the caller's rights, or is not valid.
    pub async fn put_role(
        &self,
        permit: &Permit<act::RoleWrite>,
        name: RoleName,
        description: String,
        permissions: Vec<Permission>,
    ) -> Result<RoleRecord, TenancyError> {
        permit.may_grant(&permissions)?;
        if !(1..=MAX_PERMISSIONS).contains(&permissions.len()) {
            return Err(TenancyError::RoleInvalid("it must have 1 to 128 permissions"));
        }
        if description.chars().count() > MAX_DESCRIPTION_CHARACTERS {
            return Err(TenancyError::RoleInvalid("its description must have at most 500 characters"));
        }
        let (changed_at, changed_by) = (self.clock.now(), permit.principal().clone());
        let role = RoleRecord { name, description, permissions, changed_at, changed_by };
        let (written, permit) = (role.clone(), permit.clone());
        self.store
            .write::<_, TenancyError, _>(move |writer| {
                let scope = permit.scope();
                match writer.role(scope.tenant(), &written.name)? {
                    Some(before) => permit.may_grant(&before.permissions)?,
                    None if writer.before().roles(scope)?.len() == MAX_ROLES_PER_TENANT => {
                        return Err(TenancyError::TooMany { what: "roles", limit: MAX_ROLES_PER_TENANT });
                    }
                    None => {}
                }
                tracing::info!(
                    target: "audit", tenant = %scope.tenant(), principal = %permit.principal(), role = %written.name,
                    "role changed"
                );
                Ok(writer.put_role(scope, &written)?)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(role)
    }

    /// Removes a role that nobody has.
    ///
    /// # Errors
    /// [`TenancyError::RoleNotFound`] and [`TenancyError::RoleInUse`].
    pub async fn remove_role(
        &self,
        permit: &Permit<act::RoleWrite>,
        name: RoleName,
    ) -> Result<(), TenancyError> {
        let permit = permit.clone();
        self.store
            .write::<_, TenancyError, _>(move |writer| {
                let scope = permit.scope();
                let not_found = || TenancyError::RoleNotFound(name.to_string());
                let role = writer.role(scope.tenant(), &name)?.ok_or_else(not_found)?;
                permit.may_grant(&role.permissions)?;
                let wanted = RoleRef::Custom(name.clone());
                let members = writer.before().all_members(scope)?;
                let open = writer.before().invitations(scope, None, MAX_INVITATIONS_PER_TENANT)?;
                if members.iter().any(|member| member.role == wanted)
                    || open.items.iter().any(|invitation| invitation.role == wanted)
                {
                    return Err(TenancyError::RoleInUse(name.to_string()));
                }
                writer.remove_role(scope, &name);
                tracing::info!(
                    target: "audit", tenant = %scope.tenant(), principal = %permit.principal(), role = %name,
                    "role removed"
                );
                Ok(())
            })
            .await?;
        self.auth.memberships_changed();
        Ok(())
    }
}

/// What a role allows, as staged changes leave it.
pub(super) fn permissions_of(
    writer: &Writer,
    tenant: &TenantId,
    role: &RoleRef,
) -> Result<Vec<Permission>, TenancyError> {
    match role {
        RoleRef::BuiltIn(role) => Ok(Rights::of_role(*role).to_vec()),
        RoleRef::Custom(name) => match writer.role(tenant, name)? {
            Some(role) => Ok(role.permissions),
            None => Err(TenancyError::RoleNotFound(name.to_string())),
        },
    }
}
