//! What a tenant uses.

use axum::extract::State;

use crate::api::{Success, TenantUsage};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiResult, App, in_tenant};

/// What all of a tenant's runs use now, and what the plan allows them together.
#[utoipa::path(
    get, path = "/v1/{tenant}/usage", tag = "usage",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<TenantUsage>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(State(app): State<App>, member: Member) -> ApiResult<Answer<TenantUsage>> {
    let permit = authorize(&member, act::RunRead, "usage")?;
    Ok(in_tenant(permit.scope(), app.commands.usage(&permit)))
}
