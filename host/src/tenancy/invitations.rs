//! Invitations: a link that makes a person a member, once.

use std::time::Duration;

use super::provision::new_user;
use super::roles::permissions_of;
use super::{Email, RoleRef, Tenancy, TenancyError};
use crate::auth::{AuthError, Caller, Member, Origin, Permit, Rights, Secret, SignedIn, act, secret_hash};
use crate::ids::InvitationId;
use crate::store::{
    InvitationRecord, MAX_INVITATIONS_PER_TENANT, MAX_MEMBERS_PER_TENANT, MembershipRecord, Page, UserRecord,
    Writer,
};

/// How the secret of an invitation's link begins.
const PREFIX: &str = "inv_";

impl Tenancy {
    /// Invites a person. Whoever does holds all that the role allows, now and when the invitation is accepted.
    ///
    /// # Errors
    /// When they are a member, there is no such role, or it goes beyond the caller's rights.
    pub async fn invite(
        &self,
        member: &Member,
        permit: &Permit<act::MemberWrite>,
        email: Email,
        role: RoleRef,
    ) -> Result<(InvitationRecord, Secret), TenancyError> {
        let secret = Secret::generate(PREFIX)?;
        let now = self.clock.now();
        let ttl = Duration::from_secs(self.auth.config().invitation_ttl_s);
        let record = InvitationRecord {
            id: InvitationId::generate(&self.clock),
            tenant: permit.scope().tenant().clone(),
            email,
            role,
            invited_by: member.caller().user().clone(),
            created_at: now,
            expires_at: now.saturating_add(ttl).unwrap_or(jiff::Timestamp::MAX),
            hash: secret_hash(secret.reveal()),
        };
        let (made, permit) = (record.clone(), permit.clone());
        self.store
            .write::<_, TenancyError, _>(move |writer| {
                let scope = permit.scope();
                permit.may_grant(&permissions_of(writer, scope.tenant(), &made.role)?)?;
                if let Some(user) = writer.user_by_email(&made.email)?
                    && writer.membership(scope.tenant(), &user.id)?.is_some()
                {
                    return Err(TenancyError::AlreadyMember(made.email.to_string()));
                }
                // A second invitation of the same person replaces the first; what has expired makes room.
                writer.remove_invitations(scope, |one| one.email == made.email || one.expires_at <= now)?;
                let open = writer.before().invitations(scope, None, MAX_INVITATIONS_PER_TENANT)?;
                if open.items.len() == MAX_INVITATIONS_PER_TENANT {
                    let limit = MAX_INVITATIONS_PER_TENANT;
                    return Err(TenancyError::TooMany { what: "invitations", limit });
                }
                tracing::info!(
                    target: "audit", tenant = %scope.tenant(), principal = %permit.principal(), invitation = %made.id,
                    role = %made.role, "member invited"
                );
                Ok(writer.put_invitation(&made)?)
            })
            .await?;
        Ok((record, secret))
    }

    /// A page of a tenant's open invitations, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn invitations(
        &self,
        permit: &Permit<act::MemberRead>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<InvitationRecord>, TenancyError> {
        let scope = permit.scope().clone();
        self.store.read(move |reader| Ok(reader.invitations(&scope, after, limit)?)).await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`TenancyError::InvitationNotFound`].
    pub async fn revoke_invitation(
        &self,
        permit: &Permit<act::MemberWrite>,
        id: InvitationId,
    ) -> Result<(), TenancyError> {
        let permit = permit.clone();
        self.store
            .write::<_, TenancyError, _>(move |writer| {
                let tenant = permit.scope().tenant();
                let found = writer.invitation(tenant, &id)?.ok_or(TenancyError::InvitationNotFound)?;
                writer.remove_invitation(&found);
                tracing::info!(
                    target: "audit", %tenant, principal = %permit.principal(), invitation = %id, "invitation revoked"
                );
                Ok(())
            })
            .await
    }

    /// Makes the invited person a member, and signs them in. A person without an account gets one; whoever has one has
    /// signed in to it, so that an invitation opens no account to whoever sent it.
    ///
    /// # Errors
    /// When the link does not work, the account exists and the caller has not signed in to it, or the password does
    /// not meet the rule. The invitation stays good then.
    pub async fn accept(
        &self,
        caller: Option<&Caller>,
        token: &str,
        new_password: Option<String>,
        origin: Origin,
    ) -> Result<SignedIn, TenancyError> {
        let signed_in_as = match caller {
            Some(caller) => caller.session().map(|_| Some(caller.user().clone()))?,
            None => None,
        };
        let hash = secret_hash(token);
        let password = match new_password {
            // The link is looked at first, so that strangers cause no hashing.
            Some(password) => {
                let (wanted, now) = (hash.clone(), self.clock.now());
                self.store
                    .write_soon::<_, TenancyError, _>(move |writer| {
                        open_invitation(writer, &wanted, now).map(drop)
                    })
                    .await?;
                Some(self.auth.hash_password(password).await?)
            }
            None => None,
        };
        let clock = self.clock.clone();
        let (user, tenant) = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let invitation = open_invitation(writer, &hash, clock.now())?;
                let user = match writer.user_by_email(&invitation.email)? {
                    Some(user) if Some(&user.id) == signed_in_as.as_ref() => user,
                    Some(_) => return Err(AuthError::SignInFirst.into()),
                    None => UserRecord { password, ..new_user(&clock, invitation.email.clone(), false) },
                };
                join(writer, &invitation, &user, clock.now())?;
                writer.put_user(&user)?;
                tracing::info!(
                    target: "audit", tenant = %invitation.tenant, principal = %user.id, invitation = %invitation.id,
                    role = %invitation.role, "invitation accepted"
                );
                Ok((user, invitation.tenant.to_string()))
            })
            .await?;
        self.auth.memberships_changed();
        Ok(self.auth.begin_session(user, Some(tenant), origin).await?)
    }
}

/// The invitation of a link that works, and whose sender may still grant its role.
fn open_invitation(
    writer: &Writer,
    hash: &str,
    now: jiff::Timestamp,
) -> Result<InvitationRecord, TenancyError> {
    let invalid = || TenancyError::Auth(AuthError::LinkInvalid);
    let found = writer.invitation_by_link(hash)?.ok_or_else(invalid)?;
    let tenant = writer.tenant(&found.tenant)?.ok_or_else(invalid)?;
    let sender = writer.membership(&found.tenant, &found.invited_by)?.ok_or_else(invalid)?;
    let granted = permissions_of(writer, &found.tenant, &found.role).map_err(|_| invalid())?;
    let held = Rights::of(permissions_of(writer, &found.tenant, &sender.role)?.into());
    let open = found.expires_at > now
        && tenant.status == super::TenantStatus::Active
        && held.lacks(&granted).is_none();
    if open { Ok(found) } else { Err(invalid()) }
}

fn join(
    writer: &mut Writer,
    invitation: &InvitationRecord,
    user: &UserRecord,
    now: jiff::Timestamp,
) -> Result<(), TenancyError> {
    writer.remove_invitation(invitation);
    if writer.membership(&invitation.tenant, &user.id)?.is_some() {
        return Err(TenancyError::AlreadyMember(user.email.to_string()));
    }
    let members = writer.before().member_count(&invitation.tenant, MAX_MEMBERS_PER_TENANT)?;
    if members == MAX_MEMBERS_PER_TENANT {
        return Err(TenancyError::TooMany { what: "members", limit: MAX_MEMBERS_PER_TENANT });
    }
    let membership =
        MembershipRecord { user: user.id.clone(), role: invitation.role.clone(), created_at: now };
    Ok(writer.put_membership(&invitation.tenant, &membership)?)
}
