//! What the operator sees and changes of tenants. Taking one down is in `lifecycle`, which reaches everything it has.

use super::provision::checked_name;
use super::{PlanName, Settings, Tenancy, TenancyError, TenantStatus};
use crate::audit::Trail;
use crate::auth::{OperatorScope, Permit, act};
use crate::store::{Page, TenantRecord, Writer};

/// Longest reason, in characters.
const MAX_REASON_CHARACTERS: usize = 500;

/// Which tenants are wanted.
#[derive(Debug, Clone, Default)]
pub struct TenantFilter {
    /// Those that stand here.
    pub status: Option<TenantStatus>,
    /// Those of this plan.
    pub plan: Option<PlanName>,
    /// Those whose slug or name has this text, in any case.
    pub text: Option<String>,
}

impl TenantFilter {
    fn accepts(&self, tenant: &TenantRecord) -> bool {
        self.status.is_none_or(|status| status == tenant.status)
            && self.plan.is_none_or(|plan| plan == tenant.plan)
            && self.text.as_deref().is_none_or(|text| {
                tenant.slug.as_str().contains(text) || tenant.name.to_lowercase().contains(text)
            })
    }
}

impl Tenancy {
    /// A page of the tenants that a filter accepts, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        _operator: &OperatorScope,
        mut filter: TenantFilter,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<TenantRecord>, TenancyError> {
        filter.text = filter.text.map(|text| text.to_lowercase());
        self.store.read(move |reader| Ok(reader.tenants(after, limit, |one| filter.accepts(one))?)).await
    }

    /// A tenant by slug or id.
    ///
    /// # Errors
    /// [`TenancyError::TenantNotFound`].
    pub async fn find(&self, _operator: &OperatorScope, named: &str) -> Result<TenantRecord, TenancyError> {
        let named = named.to_owned();
        self.store
            .read(move |reader| {
                let found = match (named.parse(), named.parse()) {
                    (Ok(id), _) => reader.tenant(&id)?,
                    (_, Ok(slug)) => reader.tenant_by_slug(&slug)?,
                    _ => None,
                };
                found.ok_or(TenancyError::TenantNotFound)
            })
            .await
    }

    /// Changes a tenant's record. Its plan and limits hold from the next request on.
    ///
    /// # Errors
    /// When there is no such tenant, or a setting is not valid.
    pub(crate) async fn change(
        &self,
        operator: &OperatorScope,
        named: &str,
        name: Option<String>,
        plan: Option<PlanName>,
        settings: Settings,
        reason: &str,
    ) -> Result<TenantRecord, TenancyError> {
        let reason = checked_reason(reason)?;
        let (id, plans) = (self.find(operator, named).await?.id, self.plans.clone());
        let name = name.map(|name| checked_name(&name)).transpose()?;
        Trail::crosses(&id, Some(&reason));
        let changed = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let mut tenant = writer.tenant(&id)?.ok_or(TenancyError::TenantNotFound)?;
                tenant.name = name.unwrap_or(tenant.name);
                tenant.plan = plan.unwrap_or(tenant.plan);
                settings.lay_over(&mut tenant, &plans)?;
                put(writer, tenant)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(changed)
    }

    /// A tenant's own settings.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settings(&self, permit: &Permit<act::TenantRead>) -> Result<TenantRecord, TenancyError> {
        let id = permit.scope().tenant().clone();
        self.store.read(move |reader| reader.tenant(&id)?.ok_or(TenancyError::TenantNotFound)).await
    }

    /// Changes what a tenant may change of itself.
    ///
    /// # Errors
    /// When a setting is not valid.
    pub async fn change_settings(
        &self,
        permit: &Permit<act::TenantWrite>,
        name: Option<String>,
        branding: Option<crate::api::Branding>,
    ) -> Result<TenantRecord, TenancyError> {
        let name = name.map(|name| checked_name(&name)).transpose()?;
        let (permit, plans) = (permit.clone(), self.plans.clone());
        let changed = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let id = permit.scope().tenant();
                let mut tenant = writer.tenant(id)?.ok_or(TenancyError::TenantNotFound)?;
                tenant.name = name.unwrap_or(tenant.name);
                Settings { branding, ..Settings::default() }.lay_over(&mut tenant, &plans)?;
                tracing::info!(target: "audit", tenant = %id, principal = %permit.principal(), "settings changed");
                put(writer, tenant)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(changed)
    }

    /// Moves a tenant to another status; `change` says what else changes and whether it may.
    pub(crate) async fn set_status(
        &self,
        operator: &OperatorScope,
        named: &str,
        change: impl FnOnce(&mut TenantRecord) -> Result<(), TenancyError> + Send + 'static,
    ) -> Result<TenantRecord, TenancyError> {
        let id = self.find(operator, named).await?.id;
        let changed = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let mut tenant = writer.tenant(&id)?.ok_or(TenancyError::TenantNotFound)?;
                if tenant.erasing {
                    return Err(TenancyError::WrongStatus { status: "being erased" });
                }
                change(&mut tenant)?;
                put(writer, tenant)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(changed)
    }
}

fn put(writer: &mut Writer, tenant: TenantRecord) -> Result<TenantRecord, TenancyError> {
    writer.put_tenant(&tenant)?;
    Ok(tenant)
}

/// The reason for what the operator does to a tenant.
///
/// # Errors
/// When there is none, or it is too long.
pub(crate) fn checked_reason(reason: &str) -> Result<String, TenancyError> {
    let reason = reason.trim();
    if (1..=MAX_REASON_CHARACTERS).contains(&reason.chars().count()) {
        return Ok(reason.to_owned());
    }
    Err(TenancyError::SettingInvalid { field: "reason", rule: "must have 1 to 500 characters".to_owned() })
}
