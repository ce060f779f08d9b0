//! Cleaning up: sessions, links, keys and invitations whose time is over, and tenants whose grace has ended.

use super::{Lifecycle, LifecycleError};
use crate::store::{StoreError, TenantRecord};
use crate::tenancy::TenantStatus;

impl Lifecycle {
    /// Removes what is over. The host calls it now and then; each part goes on when another fails.
    pub async fn clean(&self) {
        if let Err(error) = self.auth.clean().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "sessions could not be cleaned up");
        }
        match self.tenants_that(|tenant| tenant.status == TenantStatus::Offboarding).await {
            Ok(tenants) => {
                for tenant in tenants {
                    self.erase_when_due(tenant).await;
                }
            }
            Err(error) => tracing::warn!(%error, "tenants could not be looked through"),
        }
    }

    async fn erase_when_due(&self, tenant: TenantRecord) {
        let due = tenant.erasing || tenant.erase_at.is_some_and(|at| at <= self.clock.now());
        if !due {
            return;
        }
        let id = tenant.id.clone();
        if let Err(error) = self.mark_and_erase(tenant).await {
            tracing::error!(tenant = %id, error = &error as &dyn std::error::Error, "a tenant could not be erased");
        }
    }

    async fn mark_and_erase(&self, tenant: TenantRecord) -> Result<(), LifecycleError> {
        let id = tenant.id.clone();
        let due = self
            .store
            .write::<_, StoreError, _>(move |writer| {
                // It may have been resumed since it was read.
                let Some(mut tenant) = writer.tenant(&id)? else { return Ok(None) };
                if tenant.status != TenantStatus::Offboarding {
                    return Ok(None);
                }
                tenant.erasing = true;
                writer.put_tenant(&tenant)?;
                Ok(Some(tenant))
            })
            .await?;
        match due {
            Some(tenant) => self.erase_all(&tenant).await.map(drop),
            None => Ok(()),
        }
    }
}
