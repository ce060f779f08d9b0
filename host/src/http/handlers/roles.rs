//! Roles of a tenant, and its API keys.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{ApiKey, CreateApiKey, CreatedApiKey, PutRole, RoleInfo, Success};
use crate::auth::{AuthError, Member, NewKey, Permission, Rights, act, authorize};
use crate::http::{
    Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant,
};
use crate::store::{ApiKeyRecord, RoleRecord};
use crate::tenancy::{Role, TenancyError};

/// One role of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct RolePath {
    role: String,
}

/// One API key of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct KeyPath {
    key: String,
}

/// Which page of API keys.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListKeys {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// Lists all roles: the built-in ones, then the tenant's own.
#[utoipa::path(
    get, path = "/v1/{tenant}/roles", tag = "members",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<Vec<RoleInfo>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
) -> ApiResult<Answer<Vec<RoleInfo>>> {
    let permit = authorize(&member, act::RoleRead, "roles")?;
    let own = app.tenancy.roles(&permit).await?;
    let roles = Role::ALL.into_iter().map(built_in).chain(own.into_iter().map(custom)).collect();
    Ok(in_tenant(permit.scope(), roles))
}

/// Makes or changes a role of the tenant's own.
#[utoipa::path(
    put, path = "/v1/{tenant}/roles/{role}", tag = "members", request_body = PutRole,
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("role" = String, Path, description = "Its name.")
    ),
    responses((status = 200, body = Success<RoleInfo>)), security(("bearer" = []))
)]
pub(in crate::http) async fn put(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RolePath>,
    ApiJson(body): ApiJson<PutRole>,
) -> ApiResult<Answer<RoleInfo>> {
    let permit = authorize(&member, act::RoleWrite, &path.role)?;
    let name = path.role.parse().map_err(|error| ApiError::new("invalid_value", format!("{error}")))?;
    let permissions = permissions(&body.permissions)?;
    let role = app.tenancy.put_role(&permit, name, body.description, permissions).await?;
    Ok(in_tenant(permit.scope(), custom(role)))
}

/// Removes a role that nobody has.
#[utoipa::path(
    delete, path = "/v1/{tenant}/roles/{role}", tag = "members",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("role" = String, Path, description = "Its name.")
    ),
    responses((status = 204, description = "Removed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RolePath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::RoleWrite, &path.role)?;
    let name =
        path.role.parse().map_err(|_| TenancyError::RoleNotFound(path.role.chars().take(80).collect()))?;
    app.tenancy.remove_role(&permit, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an API key.
#[utoipa::path(
    post, path = "/v1/{tenant}/keys", tag = "keys", request_body = CreateApiKey,
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 201, body = Success<CreatedApiKey>)), security(("bearer" = []))
)]
pub(in crate::http) async fn make_key(
    State(app): State<App>,
    member: Member,
    ApiJson(body): ApiJson<CreateApiKey>,
) -> ApiResult<(StatusCode, Answer<CreatedApiKey>)> {
    let permit = authorize(&member, act::KeyWrite, "keys")?;
    let permissions = permissions(&body.permissions)?;
    let new = NewKey { name: body.name, permissions, ttl_s: body.ttl_s };
    let made = app.auth.make_key(&member, &permit, new).await?;
    let answer = CreatedApiKey { key: key(made.record), secret: made.secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, in_tenant(permit.scope(), answer)))
}

/// Lists API keys, oldest first.
#[utoipa::path(
    get, path = "/v1/{tenant}/keys", tag = "keys",
    params(("tenant" = String, Path, description = "Slug or id."), ListKeys),
    responses((status = 200, body = Success<Vec<ApiKey>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn keys(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListKeys>,
) -> ApiResult<Answer<Vec<ApiKey>>> {
    let permit = authorize(&member, act::KeyRead, "keys")?;
    let paging = Paging::new("keys", query.limit, query.cursor.as_deref())?;
    let page = app.auth.keys(&permit, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page.map(key)))
}

/// Revokes an API key. It stops working at once.
#[utoipa::path(
    delete, path = "/v1/{tenant}/keys/{key}", tag = "keys",
    params(("tenant" = String, Path, description = "Slug or id."), ("key" = String, Path, description = "Its id.")),
    responses((status = 204, description = "Revoked.")), security(("bearer" = []))
)]
pub(in crate::http) async fn revoke_key(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<KeyPath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::KeyWrite, &path.key)?;
    let id = path.key.parse().map_err(|_| AuthError::KeyNotFound)?;
    app.auth.revoke_key(&member, &permit, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn permissions(texts: &[String]) -> ApiResult<Vec<Permission>> {
    let parse = |text: &String| {
        text.parse().map_err(|error| ApiError::new("invalid_value", format!("`permissions`: {error}")))
    };
    texts.iter().map(parse).collect()
}

fn built_in(role: Role) -> RoleInfo {
    RoleInfo {
        name: role.as_str().to_owned(),
        built_in: true,
        description: role.description().to_owned(),
        permissions: Rights::of_role(role).iter().map(ToString::to_string).collect(),
    }
}

fn custom(record: RoleRecord) -> RoleInfo {
    RoleInfo {
        name: record.name.to_string(),
        built_in: false,
        description: record.description,
        permissions: record.permissions.iter().map(ToString::to_string).collect(),
    }
}

fn key(record: ApiKeyRecord) -> ApiKey {
    ApiKey {
        id: record.id.to_string(),
        name: record.name,
        prefix: record.prefix,
        permissions: record.permissions.iter().map(ToString::to_string).collect(),
        created_by: record.created_by.to_string(),
        created_at: rfc3339(record.created_at),
        expires_at: rfc3339(record.expires_at),
        last_used_at: record.last_used_at.map(rfc3339),
    }
}
