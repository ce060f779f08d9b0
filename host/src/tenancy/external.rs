//! Signing in with an identity of a trusted issuer: which account it is here, and what it may do.

use super::provision::new_user;
use super::roles::permissions_of;
use super::{Email, RoleRef, Tenancy, TenancyError, TenantStatus};
use crate::auth::{AuthError, Identity, Origin, SignedIn};
use crate::clock::Clock;
use crate::ids::TenantSlug;
use crate::store::{
    ExternalAccountRecord, MAX_MEMBERS_PER_TENANT, MembershipRecord, TenantRecord, UserRecord, Writer,
};

impl Tenancy {
    /// Signs an identity in. Its account and membership are made at the first time, and its role follows the issuer's
    /// claims at each; an owner stays one.
    ///
    /// # Errors
    /// When the token is not valid, gives no place in a tenant here, or names the address of somebody else's account.
    pub async fn sign_in_by_identity(&self, token: &str, origin: Origin) -> Result<SignedIn, TenancyError> {
        let identity = self.auth.identity(token).await?;
        let clock = self.clock.clone();
        let user =
            self.store.write::<_, TenancyError, _>(move |writer| admit(writer, &clock, &identity)).await?;
        self.auth.memberships_changed();
        match user {
            Some((user, tenant)) => Ok(self.auth.begin_session(user, Some(tenant), origin).await?),
            None => Err(AuthError::IdentityWithoutPlace.into()),
        }
    }
}

/// The user of an identity with a place in a tenant, and which; `None`, and their place is gone, when the issuer gives them none.
fn admit(
    writer: &mut Writer,
    clock: &Clock,
    identity: &Identity,
) -> Result<Option<(UserRecord, String)>, TenancyError> {
    let Some(tenant) = tenant_of(writer, identity)? else { return Ok(None) };
    let account = writer.external_account(&identity.issuer.issuer, &identity.subject)?;
    let known = match &account {
        Some(account) => writer.user(&account.user)?,
        None => None,
    };
    let Some(role) = role_of(writer, &tenant, identity)? else {
        if let Some(user) = known
            && let Some(member) = writer.membership(&tenant.id, &user.id)?
            && member.role != RoleRef::OWNER
        {
            writer.remove_membership(&tenant.id, &user.id);
        }
        return Ok(None);
    };
    let user = match known {
        Some(user) => user,
        None => link(writer, clock, identity)?,
    };
    let membership = match writer.membership(&tenant.id, &user.id)? {
        Some(member) if member.role == RoleRef::OWNER || member.role == role => {
            return Ok(Some((user, tenant.id.to_string())));
        }
        Some(member) => MembershipRecord { role, ..member },
        None if writer.before().member_count(&tenant.id, MAX_MEMBERS_PER_TENANT)?
            == MAX_MEMBERS_PER_TENANT =>
        {
            return Err(TenancyError::TooMany { what: "members", limit: MAX_MEMBERS_PER_TENANT });
        }
        None => MembershipRecord { user: user.id.clone(), role, created_at: clock.now() },
    };
    tracing::info!(
        target: "audit", tenant = %tenant.id, principal = %user.id, role = %membership.role,
        issuer = identity.issuer.issuer, "membership by identity"
    );
    writer.put_membership(&tenant.id, &membership)?;
    Ok(Some((user, tenant.id.to_string())))
}

fn tenant_of(writer: &Writer, identity: &Identity) -> Result<Option<TenantRecord>, TenancyError> {
    let Some(Ok(slug)) = identity.tenant().map(str::parse::<TenantSlug>) else { return Ok(None) };
    let found = writer.before().tenant_by_slug(&slug)?;
    Ok(found.filter(|tenant| tenant.status == TenantStatus::Active))
}

/// The role that the issuer gives, when the tenant has it.
fn role_of(
    writer: &Writer,
    tenant: &TenantRecord,
    identity: &Identity,
) -> Result<Option<RoleRef>, TenancyError> {
    let Some(Ok(role)) = identity.role().map(str::parse::<RoleRef>) else { return Ok(None) };
    match permissions_of(writer, &tenant.id, &role) {
        Ok(_) => Ok(Some(role)),
        Err(TenancyError::RoleNotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the account of an identity, or links it to the one of its address when the issuer is trusted with that.
fn link(writer: &mut Writer, clock: &Clock, identity: &Identity) -> Result<UserRecord, TenancyError> {
    let email = identity.verified_email().ok_or(AuthError::IdentityInvalid)?;
    let email: Email = email.parse().map_err(|_| AuthError::IdentityInvalid)?;
    let user = match writer.user_by_email(&email)? {
        Some(user) if identity.issuer.link_by_email && !user.operator => user,
        Some(_) => return Err(AuthError::AccountExists.into()),
        // Like an invited one: the issuer says so, and no operator of this host.
        None => new_user(clock, email, identity.issuer.link_by_email),
    };
    writer.put_user(&user)?;
    writer.put_external_account(&ExternalAccountRecord {
        user: user.id.clone(),
        issuer: identity.issuer.issuer.clone(),
        subject: identity.subject.clone(),
    })?;
    Ok(user)
}
