//! Invitations to tenants. The secrets of their links are kept as hashes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::ids::{InvitationId, TenantId, UserId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};
use crate::tenancy::{Email, RoleRef};

/// Invitations that one tenant may have open.
pub const MAX_INVITATIONS_PER_TENANT: usize = 1_000;

/// One invitation that was not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationRecord {
    /// Its id.
    pub id: InvitationId,
    /// Where to.
    pub tenant: TenantId,
    /// Who is invited.
    pub email: Email,
    /// As what.
    pub role: RoleRef,
    /// By whom; it goes with their membership.
    pub invited_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// SHA-256, in hex, of the link's secret.
    pub hash: String,
}

impl Record for InvitationRecord {}

#[derive(Serialize, Deserialize)]
struct LinkOfInvitation {
    tenant: TenantId,
    invitation: InvitationId,
}

impl Record for LinkOfInvitation {}

fn key(tenant: &TenantId, id: &InvitationId) -> Key {
    Key::of_tenant(tenant, Kind::Invitation, &[id.as_str()])
}

fn link_key(hash: &str) -> Key {
    Key::of_host(Kind::InvitationLink, &[hash])
}

impl Reader {
    /// A tenant's open invitations, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn invitations(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<InvitationRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::in_tenant(scope, Kind::Invitation, &[]), &query, |_| true)
    }
}

impl Writer {
    /// A tenant's invitation, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn invitation(
        &self,
        tenant: &TenantId,
        id: &InvitationId,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        self.get(&key(tenant, id))
    }

    /// The invitation of a link, by the hash of its secret.
    ///
    /// # Errors
    /// When the store fails.
    pub fn invitation_by_link(&self, hash: &str) -> Result<Option<InvitationRecord>, StoreError> {
        match self.get::<LinkOfInvitation>(&link_key(hash))? {
            Some(found) => self.invitation(&found.tenant, &found.invitation),
            None => Ok(None),
        }
    }

    /// Writes an invitation.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_invitation(&mut self, record: &InvitationRecord) -> Result<(), StoreError> {
        let link = LinkOfInvitation { tenant: record.tenant.clone(), invitation: record.id.clone() };
        self.put(link_key(&record.hash), &link)?;
        self.put(key(&record.tenant, &record.id), record)
    }

    /// Removes an invitation, and with it its link.
    pub fn remove_invitation(&mut self, record: &InvitationRecord) {
        self.remove(link_key(&record.hash));
        self.remove(key(&record.tenant, &record.id));
    }

    /// Removes invitations of all tenants that have expired, at most `limit` of them looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_expired_invitations(&mut self, now: Timestamp, limit: usize) -> Result<(), StoreError> {
        let index = Prefix::of_host(Kind::InvitationLink, &[]);
        for (entry, found) in self.before().first::<LinkOfInvitation>(&index, limit)? {
            match self.invitation(&found.tenant, &found.invitation)? {
                Some(record) if record.expires_at <= now => self.remove_invitation(&record),
                Some(_) => {}
                None => self.remove(entry),
            }
        }
        Ok(())
    }

    /// Removes a tenant's invitations that `unwanted` names; how many.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_invitations(
        &mut self,
        scope: &TenantScope,
        unwanted: impl Fn(&InvitationRecord) -> bool,
    ) -> Result<usize, StoreError> {
        let open = self.before().invitations(scope, None, MAX_INVITATIONS_PER_TENANT)?;
        let gone: Vec<_> = open.items.into_iter().filter(unwanted).collect();
        gone.iter().for_each(|invitation| self.remove_invitation(invitation));
        Ok(gone.len())
    }
}
