//! Someone who proved who they are, and someone who acts within a tenant.

use std::sync::Arc;

use super::{AuthError, Decisions, OperatorScope, Permission, Rights, TenantScope};
use crate::config::Plan;
use crate::ids::{KeyId, PrincipalId, SessionId, TenantId, TenantSlug, UserId};
use crate::tenancy::{PlanName, RoleRef, TenantStatus};

/// A principal with a good token of a session that has not ended, or with a good API key.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) user: UserId,
    pub(super) credential: Credential,
    pub(super) operator: bool,
    /// The only tenant that the token or key is good for; `None` is none at all.
    pub(super) bound_to: Option<TenantId>,
}

/// What a caller proved who they are with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A session's access token.
    Session(SessionId),
    /// An API key, and what it allows.
    Key(KeyId, Arc<[Permission]>),
}

impl Credential {
    /// The id of the session or key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Session(id) => id.as_str(),
            Self::Key(id, _) => id.as_str(),
        }
    }
}

impl Caller {
    /// A caller for tests of other modules.
    #[cfg(test)]
    pub(crate) fn for_test(user: UserId, session: SessionId) -> Self {
        Self { user, credential: Credential::Session(session), operator: false, bound_to: None }
    }

    /// The user who acts, or who made the API key that acts.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Who acts: the user, or the API key.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        match &self.credential {
            Credential::Session(_) => (&self.user).into(),
            Credential::Key(key, _) => key.into(),
        }
    }

    /// By which session or key.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The session, for what only a person who signed in may do.
    ///
    /// # Errors
    /// When an API key acts.
    pub fn session(&self) -> Result<&SessionId, AuthError> {
        match &self.credential {
            Credential::Session(session) => Ok(session),
            Credential::Key(..) => Err(AuthError::SessionRequired),
        }
    }

    /// The tenant that the token or key is good for.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.bound_to.as_ref()
    }

    /// The proof that the caller is the operator.
    ///
    /// # Errors
    /// When they are not.
    pub fn operator(&self) -> Result<OperatorScope, AuthError> {
        if self.operator && self.session().is_ok() {
            return Ok(OperatorScope::mint(self.user.clone()));
        }
        Err(AuthError::Denied { role: "user".to_owned(), action: "host:operate" })
    }
}

/// One of a user's tenants, as the cache holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) slug: TenantSlug,
    pub(super) name: String,
    pub(super) role: RoleRef,
    pub(super) permissions: Arc<[Permission]>,
    pub(super) plan: PlanName,
    pub(super) limits: Arc<Plan>,
    pub(super) status: TenantStatus,
}

/// A caller within a tenant they belong to.
#[derive(Clone)]
pub struct Member {
    pub(super) caller: Caller,
    pub(super) scope: TenantScope,
    pub(super) role: RoleRef,
    pub(super) rights: Arc<Rights>,
    pub(super) plan: PlanName,
    pub(super) limits: Arc<Plan>,
    pub(super) status: TenantStatus,
    pub(super) decisions: Arc<Decisions>,
}

impl Member {
    /// The tenant. Reading what a role may not read still needs a permit.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// Who acts.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// As what; for an API key, what its maker is.
    #[must_use]
    pub fn role(&self) -> &RoleRef {
        &self.role
    }

    /// The plan of the tenant.
    #[must_use]
    pub fn plan(&self) -> PlanName {
        self.plan
    }

    /// What the tenant's plan allows, with the operator's changes for this tenant.
    #[must_use]
    pub fn limits(&self) -> &Plan {
        &self.limits
    }

    /// True when a second name of a tenant in the request means this one.
    ///
    /// # Errors
    /// When it means another.
    pub fn agrees_with(&self, named: &str) -> Result<(), AuthError> {
        if named == self.scope.tenant().as_str() || named == self.scope.slug().as_str() {
            Ok(())
        } else {
            Err(AuthError::TenantMismatch)
        }
    }
}
