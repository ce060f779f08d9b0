//! What a tenant has used of what it may.

use axum::extract::State;

use crate::api::{Success, TenantUsage};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiResult, App, in_tenant};

/// Each bound of the plan, how much of it is used, and when it is there again.
#[utoipa::path(
    get, path = "/v1/{tenant}/usage", tag = "tenant",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<TenantUsage>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(State(app): State<App>, member: Member) -> ApiResult<Answer<TenantUsage>> {
    let permit = authorize(&member, act::UsageRead, "usage")?;
    Ok(in_tenant(permit.scope(), app.commands.tenant_usage(&permit).await?))
}
