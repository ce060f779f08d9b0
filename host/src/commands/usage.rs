//! What tenants' runs use together.

use std::sync::{Arc, Weak};

use cloister_runtime::{Budget, BudgetUse, Resource};

use super::{CommandError, Commands, Inner};
use crate::api::{TenantUsage, UsageItem};
use crate::auth::{Permit, TenantScope, act};
use crate::config::Plan;
use crate::ids::TenantId;
use crate::quota;

impl Commands {
    /// What a tenant's runs use now of what its plan allows them together.
    #[must_use]
    pub fn usage(&self, permit: &Permit<act::UsageRead>) -> Vec<UsageItem> {
        let limits = permit.limits().of_tenant();
        let tenant = self.inner.active.known(permit.scope(), &limits);
        // An idle tenant has no budget, only limits.
        let budget = tenant.unwrap_or_else(|| Budget::new(&limits.budget));
        let shown = |(name, resource)| {
            let BudgetUse { used, limit, .. } = budget.usage(resource);
            quota::item(name, used, limit, None)
        };
        // Runs are counted among the rates and quotas.
        [
            ("memory_bytes", Resource::Memory),
            ("open_files", Resource::OpenFiles),
            ("output_bytes", Resource::Output),
            ("host_threads", Resource::HostThreads),
        ]
        .map(shown)
        .into()
    }

    /// Each bound of a tenant's plan, how much of it is used, and when it is there again.
    ///
    /// # Errors
    /// When the tenant's counts or its directory cannot be read.
    pub async fn tenant_usage(&self, permit: &Permit<act::UsageRead>) -> Result<TenantUsage, CommandError> {
        let plan = permit.limits();
        let mut items = self.inner.quota.usage(permit, plan, self.active_of(permit.scope())).await?;
        items.extend(self.usage(permit));
        let (used, limits) = self.inner.files.usage(permit.scope(), plan.of_volume()).await?;
        items.push(quota::item("storage_bytes", used.bytes, limits.bytes, None));
        items.push(quota::item("storage_entries", used.entries, limits.entries, None));
        let (modules, deployments) = self.inner.registry.counts(permit.scope()).await?;
        items.push(quota::item("modules", modules, plan.modules as u64, None));
        items.push(quota::item("deployments", deployments, plan.deployments as u64, None));
        Ok(TenantUsage { plan: permit.plan().as_str().to_owned(), items })
    }

    /// Warns of bounds that the tenant's directory nears. Call after what may have changed it.
    pub async fn observe_storage(&self, scope: &TenantScope) {
        let Some((used, limits)) = self.inner.files.known_usage(scope) else { return };
        self.inner.quota.observe(scope, "storage_bytes", used.bytes, limits.bytes).await;
        self.inner.quota.observe(scope, "storage_entries", used.entries, limits.entries).await;
    }

    /// Holds a tenant to limits that have changed: at once, also for what is under way. What is used above a lower
    /// limit stays so until it is given back.
    pub fn hold_to(&self, scope: &TenantScope, plan: &Plan) {
        self.inner.active.known(scope, &plan.of_tenant());
        self.inner.files.hold_to(scope, plan.of_volume());
    }

    /// What each tenant that ran something lately is held to.
    #[cfg(test)]
    pub(crate) fn held_for_test(&self) -> Vec<cloister_runtime::TenantLimits> {
        self.inner.active.held()
    }

    /// A view of what tenants use that does not keep the host's parts alive.
    #[must_use]
    pub fn in_use(&self) -> InUse {
        InUse(Arc::downgrade(&self.inner))
    }
}

/// A view of what tenants use.
#[derive(Clone)]
pub struct InUse(Weak<Inner>);

impl InUse {
    /// Budgets of which something is used at this moment; no more than there are runs.
    #[must_use]
    pub fn budgets(&self) -> Vec<(TenantId, Budget)> {
        self.0.upgrade().map(|inner| inner.active.in_use()).unwrap_or_default()
    }

    /// CPU time by tenant since it was last idle for long, in nanoseconds.
    #[must_use]
    pub fn cpu_ns(&self) -> Vec<(TenantId, u64)> {
        self.0.upgrade().map(|inner| inner.active.cpu_by_tenant()).unwrap_or_default()
    }
}
