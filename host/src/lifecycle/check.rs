//! Looking through all logs after a start, so that damage to the store's files is known before somebody needs the lines.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Lifecycle, LifecycleError};
use crate::store::TenantRecord;

/// Between two steps of some megabytes, in milliseconds: the check takes a part of one core and of the disk.
const STEP_PAUSE_MS: u64 = 50;

impl Lifecycle {
    /// Reads every tenant's log once, reports what is damaged in the host's own log, and changes nothing. The number of
    /// lines that cannot be read.
    pub async fn check_logs(&self, stopping: &CancellationToken) -> u64 {
        let mut damaged = 0;
        let tenants = self.tenants_that(|_| true).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "tenants could not be looked through to check their logs");
            Vec::new()
        });
        for tenant in tenants {
            match self.check_log(&tenant, stopping).await {
                Ok(lines) => damaged += lines,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(tenant = %tenant.id, error, "a tenant's log could not be checked");
                }
            }
        }
        damaged
    }

    async fn check_log(
        &self,
        tenant: &TenantRecord,
        stopping: &CancellationToken,
    ) -> Result<u64, LifecycleError> {
        let (reader, scope) = (self.logs.reader(), self.auth.scope_for_host(tenant));
        let (mut damaged, mut next_seq) = (0, Some(0));
        while let Some(from_seq) = next_seq
            && !stopping.is_cancelled()
        {
            let checked = reader.check(&scope, from_seq).await?;
            for (first_seq, last_seq) in checked.missing {
                tracing::error!(tenant = %tenant.id, first_seq, last_seq, "log lines are damaged");
                damaged += last_seq - first_seq + 1;
            }
            next_seq = checked.next_seq;
            if next_seq.is_some() {
                tokio::time::sleep(Duration::from_millis(STEP_PAUSE_MS)).await;
            }
        }
        Ok(damaged)
    }
}
