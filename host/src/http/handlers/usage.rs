//! What a tenant has used of what it may.

use axum::extract::State;

use crate::api::{Success, TenantUsage};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiResult, App, in_tenant};
use crate::quota::item;

/// Each bound of the plan, how much of it is used, and when it is there again.
#[utoipa::path(
    get, path = "/v1/{tenant}/usage", tag = "tenant",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<TenantUsage>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(State(app): State<App>, member: Member) -> ApiResult<Answer<TenantUsage>> {
    let permit = authorize(&member, act::UsageRead, "usage")?;
    let plan = permit.limits();
    let active = app.commands.active_of(permit.scope());
    let mut items = app.quota.usage(&permit, plan, active).await?;
    items.extend(app.commands.usage(&permit));
    let (used, limits) = app.files.usage(permit.scope(), plan.of_volume()).await?;
    items.push(item("storage_bytes", used.bytes, limits.bytes, None));
    items.push(item("storage_entries", used.entries, limits.entries, None));
    Ok(in_tenant(permit.scope(), TenantUsage { plan: permit.plan().as_str().to_owned(), items }))
}
