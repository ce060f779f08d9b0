//! Who belongs to a tenant, and as what.

use super::roles::permissions_of;
use super::{Email, RoleRef, Tenancy, TenancyError};
use crate::auth::{Member, Permit, TenantScope, act};
use crate::ids::UserId;
use crate::store::{MembershipRecord, Page, Writer};

impl Tenancy {
    /// A page of a tenant's members, with their e-mail addresses.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn members(
        &self,
        permit: &Permit<act::MemberRead>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<(MembershipRecord, Option<Email>)>, TenancyError> {
        let scope = permit.scope().clone();
        self.store
            .read(move |reader| {
                let page = reader.members(&scope, after, limit)?;
                let mut items = Vec::with_capacity(page.items.len());
                for member in page.items {
                    let email = reader.user(&member.user)?.map(|user| user.email);
                    items.push((member, email));
                }
                Ok(Page { items, next: page.next })
            })
            .await
    }

    /// Gives a member another role. Whoever does holds all that the old role and the new one allow.
    ///
    /// # Errors
    /// When there is no such member or role, or the last owner would be gone.
    pub async fn change_member(
        &self,
        permit: &Permit<act::MemberWrite>,
        user: UserId,
        role: RoleRef,
    ) -> Result<MembershipRecord, TenancyError> {
        let permit = permit.clone();
        let changed = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let scope = permit.scope();
                let mut member = found(writer, scope, &user)?;
                permit.may_grant(&permissions_of(writer, scope.tenant(), &member.role)?)?;
                permit.may_grant(&permissions_of(writer, scope.tenant(), &role)?)?;
                if role != RoleRef::OWNER {
                    keep_an_owner(writer, scope, &member)?;
                }
                tracing::info!(
                    target: "audit", tenant = %scope.tenant(), principal = %permit.principal(), member = %user,
                    %role, "role of a member changed"
                );
                member.role = role;
                writer.put_membership(scope.tenant(), &member)?;
                Ok(member)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(changed)
    }

    /// Takes a member out of the tenant, and with them the API keys and invitations that they made. Their access ends
    /// at once.
    ///
    /// # Errors
    /// When there is no such member, they may do what the caller may not, or are the last owner.
    pub async fn remove_member(
        &self,
        permit: &Permit<act::MemberWrite>,
        user: UserId,
    ) -> Result<(), TenancyError> {
        let permit = permit.clone();
        self.store
            .write::<_, TenancyError, _>(move |writer| {
                let scope = permit.scope();
                let member = found(writer, scope, &user)?;
                permit.may_grant(&permissions_of(writer, scope.tenant(), &member.role)?)?;
                take_out(writer, scope, &member)?;
                tracing::info!(
                    target: "audit", tenant = %scope.tenant(), principal = %permit.principal(), member = %user,
                    "member removed"
                );
                Ok(())
            })
            .await?;
        self.auth.memberships_changed();
        Ok(())
    }

    /// Takes the caller out of the tenant. Everybody may leave but its last owner.
    ///
    /// # Errors
    /// [`TenancyError::LastOwner`].
    pub async fn leave(&self, member: &Member) -> Result<(), TenancyError> {
        member.caller().session()?;
        let (scope, user) = (member.scope().clone(), member.caller().user().clone());
        self.store
            .write::<_, TenancyError, _>(move |writer| {
                let member = found(writer, &scope, &user)?;
                take_out(writer, &scope, &member)?;
                tracing::info!(target: "audit", tenant = %scope.tenant(), principal = %user, "member left");
                Ok(())
            })
            .await?;
        self.auth.memberships_changed();
        Ok(())
    }
}

fn found(writer: &Writer, scope: &TenantScope, user: &UserId) -> Result<MembershipRecord, TenancyError> {
    writer.membership(scope.tenant(), user)?.ok_or(TenancyError::MemberNotFound)
}

fn take_out(writer: &mut Writer, scope: &TenantScope, member: &MembershipRecord) -> Result<(), TenancyError> {
    keep_an_owner(writer, scope, member)?;
    writer.remove_api_keys(scope, |key| key.created_by == member.user)?;
    writer.remove_invitations(scope, |invitation| invitation.invited_by == member.user)?;
    writer.remove_membership(scope.tenant(), &member.user);
    Ok(())
}

/// Refuses what would leave the tenant without an owner.
fn keep_an_owner(
    writer: &Writer,
    scope: &TenantScope,
    without: &MembershipRecord,
) -> Result<(), TenancyError> {
    if without.role != RoleRef::OWNER {
        return Ok(());
    }
    let members = writer.before().all_members(scope)?;
    let others = members.iter().any(|one| one.role == RoleRef::OWNER && one.user != without.user);
    if others { Ok(()) } else { Err(TenancyError::LastOwner) }
}
