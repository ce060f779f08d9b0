//! Deleting log lines that tenants' plans no longer keep.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Lifecycle, LifecycleError};
use crate::logs::Retention;
use crate::store::TenantRecord;

const DAY_US: u64 = 24 * 3_600 * 1_000_000;
/// Between two steps of one tenant, in milliseconds: others write meanwhile.
const STEP_PAUSE_MS: u64 = 20;

impl Lifecycle {
    /// Deletes of each tenant's log what its plan no longer keeps, in small steps, until the host stops. The host calls
    /// it now and then; a tenant whose log fails does not keep the others waiting.
    pub async fn trim_logs(&self, stopping: &CancellationToken) {
        let tenants = match self.tenants_that(|_| true).await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(%error, "tenants could not be looked through for old log lines");
                return;
            }
        };
        for tenant in tenants {
            if stopping.is_cancelled() {
                return;
            }
            if let Err(error) = self.trim_log(&tenant, stopping).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(tenant = %tenant.id, error, "old log lines could not be deleted");
            }
        }
    }

    async fn trim_log(
        &self,
        tenant: &TenantRecord,
        stopping: &CancellationToken,
    ) -> Result<(), LifecycleError> {
        let (scope, plan) = (self.auth.scope_for_host(tenant), self.tenancy.plan_of(tenant));
        let kept_us = u64::from(plan.retention_days) * DAY_US;
        let retention = Retention {
            keep_from_us: Some(self.clock.unix_us().saturating_sub(kept_us)),
            max_stored_bytes: Some(plan.retention_bytes),
            through_seq: None,
        };
        let (mut lines, mut stored_bytes) = (0, 0);
        let mut more = self.logs.reader().outlives(&scope, &retention).await?;
        while more && !stopping.is_cancelled() {
            let step = self.logs.trim(&scope, retention).await?;
            lines += step.lines;
            stored_bytes += step.stored_bytes;
            more = step.more;
            tokio::time::sleep(Duration::from_millis(STEP_PAUSE_MS)).await;
        }
        if lines > 0 {
            tracing::info!(tenant = %tenant.id, lines, stored_bytes, "old log lines deleted");
        }
        Ok(())
    }
}
