//! Suspending, resuming, and beginning to take a tenant down.

use std::time::Duration;

use super::{Lifecycle, LifecycleError};
use crate::audit::Trail;
use crate::auth::{OperatorScope, TenantScope};
use crate::store::{StoreError, TenantRecord};
use crate::tenancy::{PlanName, Settings, TenancyError, TenantStatus, checked_reason};

/// Tenants read at once when all are looked through.
const PAGE: usize = 500;

impl Lifecycle {
    /// Changes a tenant. Its plan and limits hold at once, for its runs that are under way as well.
    ///
    /// # Errors
    /// When there is no such tenant, or a setting is not valid.
    pub async fn change(
        &self,
        operator: &OperatorScope,
        named: &str,
        name: Option<String>,
        plan: Option<PlanName>,
        settings: Settings,
        reason: &str,
    ) -> Result<TenantRecord, LifecycleError> {
        let tenant = self.tenancy.change(operator, named, name, plan, settings, reason).await?;
        let scope = self.auth.scope_for_operator(operator, &tenant);
        self.commands.hold_to(&scope, &self.tenancy.plan_of(&tenant));
        Ok(tenant)
    }

    /// Suspends a tenant: its runs end, nothing of it runs or changes, and its owner may read.
    ///
    /// # Errors
    /// When it is not active, or a run does not end in time; it is suspended then, too.
    pub async fn suspend(
        &self,
        operator: &OperatorScope,
        named: &str,
        reason: &str,
    ) -> Result<TenantRecord, LifecycleError> {
        let reason = checked_reason(reason)?;
        let kept = reason.clone();
        let tenant = self
            .tenancy
            .set_status(operator, named, move |tenant| {
                expect(tenant, &[TenantStatus::Active])?;
                tenant.status = TenantStatus::Suspended;
                tenant.status_reason = Some(kept);
                Ok(())
            })
            .await?;
        note(operator, &tenant, &reason, "tenant suspended");
        self.stop(&self.auth.scope_for_operator(operator, &tenant)).await?;
        Ok(tenant)
    }

    /// Lets a suspended tenant, or one that is being taken down and has its data, work again.
    ///
    /// # Errors
    /// When it is active, or being erased.
    pub async fn resume(
        &self,
        operator: &OperatorScope,
        named: &str,
        reason: &str,
    ) -> Result<TenantRecord, LifecycleError> {
        let reason = checked_reason(reason)?;
        let tenant = self
            .tenancy
            .set_status(operator, named, |tenant| {
                expect(tenant, &[TenantStatus::Suspended, TenantStatus::Offboarding])?;
                tenant.status = TenantStatus::Active;
                tenant.status_reason = None;
                tenant.erase_at = None;
                Ok(())
            })
            .await?;
        note(operator, &tenant, &reason, "tenant resumed");
        self.commands.open_tenant(&self.auth.scope_for_operator(operator, &tenant));
        Ok(tenant)
    }

    /// Begins to take a tenant down: its runs end, its API keys and invitations are revoked, its owner may read and
    /// export, and after the grace everything of it is erased.
    ///
    /// # Errors
    /// When it is being taken down already.
    pub async fn offboard(
        &self,
        operator: &OperatorScope,
        named: &str,
        reason: &str,
        grace_s: Option<u64>,
    ) -> Result<TenantRecord, LifecycleError> {
        let reason = checked_reason(reason)?;
        let kept = reason.clone();
        let grace = Duration::from_secs(grace_s.unwrap_or(self.config.offboarding_grace_s));
        let erase_at = self.clock.now().saturating_add(grace).unwrap_or(jiff::Timestamp::MAX);
        let tenant = self
            .tenancy
            .set_status(operator, named, move |tenant| {
                expect(tenant, &[TenantStatus::Active, TenantStatus::Suspended])?;
                tenant.status = TenantStatus::Offboarding;
                tenant.status_reason = Some(kept);
                tenant.erase_at = Some(erase_at);
                Ok(())
            })
            .await?;
        note(operator, &tenant, &reason, "tenant offboarding");
        let scope = self.auth.scope_for_operator(operator, &tenant);
        self.revoke(&scope).await?;
        self.stop(&scope).await?;
        Ok(tenant)
    }

    /// Ends a tenant's runs, and lets it start no more.
    pub(super) async fn stop(&self, scope: &TenantScope) -> Result<(), LifecycleError> {
        if self.commands.close_tenant(scope).await { Ok(()) } else { Err(LifecycleError::RunsLeft) }
    }

    /// Revokes what lets somebody in: API keys and invitations.
    pub(super) async fn revoke(&self, scope: &TenantScope) -> Result<(), LifecycleError> {
        let scope = scope.clone();
        self.store
            .write::<_, StoreError, _>(move |writer| {
                writer.remove_api_keys(&scope, |_| true)?;
                writer.remove_invitations(&scope, |_| true).map(drop)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(())
    }

    /// Keeps tenants that may not work from starting runs, however these come about. For the host's start.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn restore(&self) -> Result<(), LifecycleError> {
        for tenant in self.tenants_that(|tenant| tenant.status != TenantStatus::Active).await? {
            self.commands.close_tenant(&self.auth.scope_for_host(&tenant)).await;
        }
        Ok(())
    }

    /// All tenants that `wanted` accepts.
    pub(super) async fn tenants_that(
        &self,
        wanted: fn(&TenantRecord) -> bool,
    ) -> Result<Vec<TenantRecord>, StoreError> {
        self.store
            .read(move |reader| {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = reader.tenants(after, PAGE, wanted)?;
                    found.extend(page.items);
                    match page.next {
                        Some(next) => after = Some(next),
                        None => return Ok(found),
                    }
                }
            })
            .await
    }
}

fn expect(tenant: &TenantRecord, allowed: &[TenantStatus]) -> Result<(), TenancyError> {
    if allowed.contains(&tenant.status) {
        return Ok(());
    }
    Err(TenancyError::WrongStatus { status: tenant.status.as_str() })
}

/// Leaves the operator's reason in the audit of the host and of the tenant.
pub(super) fn note(operator: &OperatorScope, tenant: &TenantRecord, reason: &str, what: &str) {
    Trail::crosses(&tenant.id, Some(reason));
    tracing::info!(principal = %operator.principal(), tenant = %tenant.id, reason, "{what}");
}
