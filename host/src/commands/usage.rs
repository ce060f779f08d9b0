//! What tenants' runs use together.

use std::sync::{Arc, Weak};

use cloister_runtime::{Budget, BudgetUse, Resource};

use super::{Commands, Inner};
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

    /// A view of all budgets that does not keep the host's parts alive.
    #[must_use]
    pub fn budgets(&self) -> BudgetsInUse {
        BudgetsInUse(Arc::downgrade(&self.inner))
    }
}

/// A view of the budgets of which something is used.
#[derive(Clone)]
pub struct BudgetsInUse(Weak<Inner>);

impl BudgetsInUse {
    /// They, at this moment; no more than there are runs.
    #[must_use]
    pub fn now(&self) -> Vec<(TenantId, Budget)> {
        self.0.upgrade().map(|inner| inner.active.in_use()).unwrap_or_default()
    }
}
