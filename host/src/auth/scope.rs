//! The proof that a caller may act within one tenant.

use crate::ids::{TenantId, TenantSlug, UserId};

/// A tenant someone was authenticated for.
///
/// Only `auth` makes one; whatever reads or writes a tenant's records, files or lines takes one instead of a name, so
/// that a forgotten check does not compile.
///
/// ```compile_fail,E0624
/// # use cloister_host::{auth::TenantScope, ids::{TenantId, TenantSlug}};
/// fn forge(tenant: TenantId, slug: TenantSlug) -> TenantScope {
///     TenantScope::mint(tenant, slug)
/// }
/// ```
///
/// ```compile_fail,E0451
/// # use cloister_host::{auth::TenantScope, ids::{TenantId, TenantSlug}};
/// fn forge(tenant: TenantId, slug: TenantSlug) -> TenantScope {
///     TenantScope { tenant, slug }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantScope {
    tenant: TenantId,
    slug: TenantSlug,
}

impl TenantScope {
    /// Mints a scope. The caller has checked that the principal belongs to this tenant.
    pub(in crate::auth) fn mint(tenant: TenantId, slug: TenantSlug) -> Self {
        Self { tenant, slug }
    }

    /// A scope for tests of other modules.
    #[cfg(test)]
    pub(crate) fn for_test(tenant: TenantId) -> Self {
        Self::mint(tenant, "test".parse().unwrap())
    }

    /// The tenant's id: the first part of every key.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The tenant's name in URLs.
    #[must_use]
    pub fn slug(&self) -> &TenantSlug {
        &self.slug
    }
}

/// The proof that a caller is the operator of the whole host.
///
/// ```compile_fail,E0624
/// # use cloister_host::{auth::OperatorScope, ids::UserId};
/// fn forge(user: UserId) -> OperatorScope {
///     OperatorScope::mint(user)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorScope {
    principal: UserId,
}

impl OperatorScope {
    /// Mints a scope. The caller has checked that the principal is the operator.
    pub(in crate::auth) fn mint(principal: UserId) -> Self {
        Self { principal }
    }

    /// Who operates.
    #[must_use]
    pub fn principal(&self) -> &UserId {
        &self.principal
    }
}
