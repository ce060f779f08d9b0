//! Someone who proved who they are, and someone who acts within a tenant.

use std::sync::Arc;

use super::{AuthError, Decisions, OperatorScope, TenantScope};
use crate::ids::{SessionId, TenantId, TenantSlug, UserId};
use crate::tenancy::{PlanName, Role, TenantStatus};

/// A principal with a good token of a session that has not ended.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) operator: bool,
    pub(super) bound_to: Option<TenantId>,
}

impl Caller {
    /// Who acts.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// In which session.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// The proof that the caller is the operator.
    ///
    /// # Errors
    /// When they are not.
    pub fn operator(&self) -> Result<OperatorScope, AuthError> {
        if self.operator && self.bound_to.is_none() {
            return Ok(OperatorScope::mint(self.user.clone()));
        }
        Err(AuthError::Denied { role: "user", action: "host:operate" })
    }
}

/// One of a user's tenants, as the cache holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) slug: TenantSlug,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) plan: PlanName,
    pub(super) status: TenantStatus,
}

/// A caller within a tenant they belong to.
#[derive(Clone)]
pub struct Member {
    pub(super) caller: Caller,
    pub(super) scope: TenantScope,
    pub(super) role: Role,
    pub(super) plan: PlanName,
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

    /// As what.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The plan of the tenant.
    #[must_use]
    pub fn plan(&self) -> PlanName {
        self.plan
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
