//! What tenants' runs use together.

use cloister_runtime::{Budget, BudgetUse, Resource};

use super::Commands;
use crate::api::{ResourceUsage, TenantUsage};
use crate::auth::{Permit, act};
use crate::ids::TenantId;

impl Commands {
    /// What a tenant's runs use now, and what its plan allows them together.
    #[must_use]
    pub fn usage(&self, permit: &Permit<act::RunRead>) -> TenantUsage {
        let limits = self.inner.registry.plan(permit.plan()).of_tenant();
        let tenant = self.inner.active.known(permit.scope(), &limits);
        // An idle tenant has no budget, only limits.
        let budget = tenant.unwrap_or_else(|| Budget::new(&limits.budget));
        let shown = |resource| {
            let BudgetUse { used, limit, peak, refused } = budget.usage(resource);
            ResourceUsage { used, limit, peak, refused }
        };
        TenantUsage {
            runs: shown(Resource::Runs),
            memory_bytes: shown(Resource::Memory),
            open_files: shown(Resource::OpenFiles),
            output_bytes: shown(Resource::Output),
            host_threads: shown(Resource::HostThreads),
        }
    }

    /// Budgets in use at this moment; no more than there are runs.
    #[must_use]
    pub fn budgets_in_use(&self) -> Vec<(TenantId, Budget)> {
        self.inner.active.in_use()
    }
}
