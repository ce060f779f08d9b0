//! A tenant's own settings.

use axum::extract::State;

use super::operator::tenant;
use crate::api::{ChangeSettings, Success, Tenant};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiJson, ApiResult, App, in_tenant};
use crate::store::TenantRecord;

/// The tenant as its members see it: name, plan, branding, features.
#[utoipa::path(
    get, path = "/v1/{tenant}/settings", tag = "tenant",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(State(app): State<App>, member: Member) -> ApiResult<Answer<Tenant>> {
    let permit = authorize(&member, act::TenantRead, "settings")?;
    let found = app.tenancy.settings(&permit).await?;
    Ok(in_tenant(permit.scope(), for_members(&app, found)))
}

/// Changes what a tenant may change of itself: its name on screens, and how it looks.
#[utoipa::path(
    patch, path = "/v1/{tenant}/settings", tag = "tenant", request_body = ChangeSettings,
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn change(
    State(app): State<App>,
    member: Member,
    ApiJson(body): ApiJson<ChangeSettings>,
) -> ApiResult<Answer<Tenant>> {
    let permit = authorize(&member, act::TenantWrite, "settings")?;
    let changed = app.tenancy.change_settings(&permit, body.name, body.branding).await?;
    Ok(in_tenant(permit.scope(), for_members(&app, changed)))
}

/// The operator's notes are the operator's; features are those of the plan, and before them the tenant's own.
fn for_members(app: &App, mut record: TenantRecord) -> Tenant {
    record.metadata.clear();
    let mut features = app.tenancy.plan_of(&record).features;
    features.append(&mut record.features);
    record.features = features;
    tenant(record)
}
