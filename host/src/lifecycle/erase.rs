//! Erasing a tenant: everything that is its own goes, and a receipt stays.
//!
//! Each step can be repeated, and the tenant's record goes last: what a crash leaves, the next clean-up finishes.

use super::{Lifecycle, LifecycleError};
use crate::api::Receipt;
use crate::audit::Trail;
use crate::auth::{OperatorScope, TenantScope};
use crate::ids::ReceiptId;
use crate::store::{MembershipRecord, Page, ReceiptRecord, StoreError, TenantRecord, Writer};
use crate::tenancy::{TenancyError, TenantStatus, checked_reason};

/// Records removed in one step, so that other writers get their turn.
const STEP: usize = 1_000;

impl Lifecycle {
    /// Erases a tenant that is being taken down, without waiting for its grace to end. `confirm` is its slug.
    ///
    /// # Errors
    /// When it is not being taken down, is not confirmed, or a step fails; the next clean-up goes on then.
    pub async fn erase(
        &self,
        operator: &OperatorScope,
        named: &str,
        reason: &str,
        confirm: &str,
    ) -> Result<Receipt, LifecycleError> {
        let reason = checked_reason(reason)?;
        let confirm = confirm.to_owned();
        let kept = reason.clone();
        let tenant = self
            .tenancy
            .set_status(operator, named, move |tenant| {
                if tenant.status != TenantStatus::Offboarding {
                    return Err(TenancyError::WrongStatus { status: tenant.status.as_str() });
                }
                if tenant.slug.as_str() != confirm {
                    return Err(TenancyError::NotConfirmed);
                }
                tenant.erasing = true;
                tenant.status_reason = Some(kept);
                Ok(())
            })
            .await?;
        // In the host's chain only: that of the tenant goes too.
        Trail::adds(&reason);
        tracing::info!(principal = %operator.principal(), tenant = %tenant.id, reason, "tenant is erased");
        self.erase_all(&tenant).await
    }

    /// A page of the receipts of erased tenants, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn receipts(
        &self,
        _operator: &OperatorScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<Receipt>, LifecycleError> {
        let page = self.store.read::<_, StoreError, _>(move |reader| reader.receipts(after, limit)).await?;
        Ok(page.map(|record| record.0))
    }

    /// Removes everything of a tenant whose record says that it is being erased.
    pub(super) async fn erase_all(&self, tenant: &TenantRecord) -> Result<Receipt, LifecycleError> {
        let scope = self.auth.scope_for_host(tenant);
        self.stop(&scope).await?;
        let mut receipt = Receipt {
            id: ReceiptId::generate(&self.clock).to_string(),
            tenant_id: tenant.id.to_string(),
            slug: tenant.slug.to_string(),
            reason: tenant.status_reason.clone().unwrap_or_default(),
            ..Receipt::default()
        };
        self.revoke(&scope).await?;
        (receipt.members, receipt.accounts) = self.erase_members(&scope).await?;
        self.auth.memberships_changed();
        (receipt.modules, receipt.module_files) = self.registry.erase_modules(&scope).await?;
        receipt.log_bytes = self.logs.erase(&scope).await?;
        let (store, id) = (self.store.clone(), tenant.id.clone());
        receipt.files = tokio::task::spawn_blocking(move || store.dir().erase_tenant(&id))
            .await
            .unwrap_or(Err(StoreError::Interrupted))?;
        receipt.records = self.erase_records(&scope).await?;
        receipt.erased_at = format!("{:.6}", self.clock.now());
        let (kept, gone) = (ReceiptRecord(receipt.clone()), tenant.clone());
        self.store
            .write::<_, StoreError, _>(move |writer| {
                writer.put_receipt(&kept)?;
                writer.remove_tenant(&gone);
                Ok(())
            })
            .await?;
        self.commands.forget_tenant(&scope);
        tracing::info!(target: "audit", tenant = %tenant.id, receipt = %receipt.id, "everything of a tenant erased");
        Ok(receipt)
    }

    /// Ends all memberships; accounts that belong to no other tenant go with them.
    async fn erase_members(&self, scope: &TenantScope) -> Result<(u64, u64), LifecycleError> {
        let (mut members, mut accounts) = (0, 0);
        loop {
            let scope = scope.clone();
            let step = self.store.write::<_, StoreError, _>(move |writer| {
                let page = writer.before().members(&scope, None, STEP)?;
                let mut accounts = 0;
                for member in &page.items {
                    accounts += u64::from(erase_member(writer, &scope, member)?);
                }
                Ok((page.items.len() as u64, accounts))
            });
            let (found, gone) = step.await?;
            members += found;
            accounts += gone;
            if found == 0 {
                return Ok((members, accounts));
            }
        }
    }

    async fn erase_records(&self, scope: &TenantScope) -> Result<u64, LifecycleError> {
        let mut removed = 0;
        loop {
            let id = scope.tenant().clone();
            let step = self.store.write::<_, StoreError, _>(move |writer| writer.remove_some_of(&id, STEP));
            let found = step.await?;
            removed += found as u64;
            if found == 0 {
                return Ok(removed);
            }
        }
    }
}

/// Ends a membership. True when the account went too.
fn erase_member(
    writer: &mut Writer,
    scope: &TenantScope,
    member: &MembershipRecord,
) -> Result<bool, StoreError> {
    writer.remove_membership(scope.tenant(), &member.user);
    let elsewhere = writer.before().tenants_of(&member.user)?.iter().any(|one| one != scope.tenant());
    let Some(user) = writer.user(&member.user)?.filter(|user| !elsewhere && !user.operator) else {
        return Ok(false);
    };
    for session in writer.before().sessions_of(&user.id)? {
        writer.remove_session(&session);
    }
    writer.remove_external_accounts(&user.id)?;
    writer.remove_user(&user);
    Ok(true)
}
