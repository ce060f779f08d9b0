//! Secrets: set, list by name, remove. No route answers a value.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{PutSecret, Secret, Success};
use crate::auth::{Member, act, authorize};
use crate::http::{
    Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant,
};
use crate::secrets::SecretsError;
use crate::store::SecretRecord;

/// Which page of secrets.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListSecrets {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// One secret of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct SecretPath {
    name: String,
}

/// Lists secrets by name, without their values.
#[utoipa::path(
    get, path = "/v1/{tenant}/secrets", tag = "secrets",
    params(("tenant" = String, Path, description = "Slug or id."), ListSecrets),
    responses((status = 200, body = Success<Vec<Secret>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListSecrets>,
) -> ApiResult<Answer<Vec<Secret>>> {
    let permit = authorize(&member, act::SecretRead, "secrets")?;
    let paging = Paging::new("secrets", query.limit, query.cursor.as_deref())?;
    let page = app.secrets.list(&permit, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page.map(secret)))
}

/// Sets a secret, over an older value. It cannot be read back.
#[utoipa::path(
    put, path = "/v1/{tenant}/secrets/{name}", tag = "secrets", request_body = PutSecret,
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("name" = String, Path, description = "The secret's name.")
    ),
    responses(
        (status = 200, description = "The value was replaced.", body = Success<Secret>),
        (status = 201, description = "The secret is new.", body = Success<Secret>)
    ),
    security(("bearer" = []))
)]
pub(in crate::http) async fn put(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<SecretPath>,
    ApiJson(body): ApiJson<PutSecret>,
) -> ApiResult<(StatusCode, Answer<Secret>)> {
    let permit = authorize(&member, act::SecretWrite, &path.name)?;
    let name = path.name.parse().map_err(|error| ApiError::new("invalid_value", format!("{error}")))?;
    let (record, is_new) = app.secrets.put(&permit, name, &body.value).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, in_tenant(permit.scope(), secret(record))))
}

/// Removes a secret. Commands that need it fail to start from then on.
#[utoipa::path(
    delete, path = "/v1/{tenant}/secrets/{name}", tag = "secrets",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("name" = String, Path, description = "The secret's name.")
    ),
    responses((status = 204, description = "Removed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<SecretPath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::SecretWrite, &path.name)?;
    // What cannot be a name names no secret.
    let name = path.name.parse().map_err(|_| SecretsError::NotFound)?;
    app.secrets.remove(&permit, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn secret(record: SecretRecord) -> Secret {
    Secret {
        name: record.name.to_string(),
        updated_at: rfc3339(record.updated_at),
        updated_by: record.updated_by.to_string(),
    }
}
