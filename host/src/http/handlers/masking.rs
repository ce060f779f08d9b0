//! What is masked in a tenant's log and audit.

use axum::extract::State;

use crate::api::{Masking, Success};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiJson, ApiResult, App, in_tenant};

/// What is masked.
#[utoipa::path(
    get, path = "/v1/{tenant}/masking", tag = "tenant",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<Masking>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(State(app): State<App>, member: Member) -> ApiResult<Answer<Masking>> {
    let permit = authorize(&member, act::MaskingRead, "masking")?;
    Ok(in_tenant(permit.scope(), app.masking.settings(&permit).await?))
}

/// Replaces what is masked, for runs that start from now on and for the audit.
#[utoipa::path(
    put, path = "/v1/{tenant}/masking", tag = "tenant", request_body = Masking,
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<Masking>)), security(("bearer" = []))
)]
pub(in crate::http) async fn set(
    State(app): State<App>,
    member: Member,
    ApiJson(body): ApiJson<Masking>,
) -> ApiResult<Answer<Masking>> {
    let permit = authorize(&member, act::MaskingWrite, "masking")?;
    Ok(in_tenant(permit.scope(), app.masking.set(&permit, body).await?))
}
