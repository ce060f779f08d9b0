//! Deployments: make, look, roll back, remove.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{Deploy, Deployment, DeploymentVersion, Rollback, Success};
use crate::auth::{Member, act, authorize};
use crate::http::{
    Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant,
};
use crate::ids::CommandName;
use crate::registry::RegistryError;
use crate::store::{DeploymentRecord, VersionRecord};

/// Which page of commands.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListDeployments {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// One command of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct DeploymentPath {
    name: String,
}

impl DeploymentPath {
    /// What cannot be a name names no command.
    fn existing(&self) -> ApiResult<CommandName> {
        Ok(self.name.parse().map_err(|_| RegistryError::DeploymentNotFound)?)
    }
}

/// Lists commands by name, without their history.
#[utoipa::path(
    get, path = "/v1/{tenant}/deployments", tag = "deployments",
    params(("tenant" = String, Path, description = "Slug or id."), ListDeployments),
    responses((status = 200, body = Success<Vec<Deployment>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListDeployments>,
) -> ApiResult<Answer<Vec<Deployment>>> {
    let permit = authorize(&member, act::DeploymentRead, "deployments")?;
    let paging = Paging::new("deployments", query.limit, query.cursor.as_deref())?;
    let page = app.registry.deployments(&permit, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page.map(|found| deployment(found, Vec::new()))))
}

/// One command with its history, newest first.
#[utoipa::path(
    get, path = "/v1/{tenant}/deployments/{name}", tag = "deployments",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("name" = String, Path, description = "The command's name.")
    ),
    responses((status = 200, body = Success<Deployment>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<DeploymentPath>,
) -> ApiResult<Answer<Deployment>> {
    let permit = authorize(&member, act::DeploymentRead, &path.name)?;
    let (found, history) = app.registry.deployment(&permit, &path.existing()?).await?;
    Ok(in_tenant(permit.scope(), deployment(found, history)))
}

/// Makes a version of a command and activates it.
#[utoipa::path(
    put, path = "/v1/{tenant}/deployments/{name}", tag = "deployments", request_body = Deploy,
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("name" = String, Path, description = "The command's name.")
    ),
    responses((status = 201, body = Success<Deployment>)), security(("bearer" = []))
)]
pub(in crate::http) async fn deploy(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<DeploymentPath>,
    ApiJson(body): ApiJson<Deploy>,
) -> ApiResult<(StatusCode, Answer<Deployment>)> {
    let permit = authorize(&member, act::DeploymentWrite, &path.name)?;
    let name = path.name.parse().map_err(|error| ApiError::new("invalid_value", format!("{error}")))?;
    let made = app.registry.deploy(&permit, &name, body).await?;
    Ok((StatusCode::CREATED, in_tenant(permit.scope(), deployment(made, Vec::new()))))
}

/// Makes an earlier version active again, as a new version.
#[utoipa::path(
    post, path = "/v1/{tenant}/deployments/{name}/rollback", tag = "deployments", request_body = Rollback,
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("name" = String, Path, description = "The command's name.")
    ),
    responses((status = 200, body = Success<Deployment>)), security(("bearer" = []))
)]
pub(in crate::http) async fn roll_back(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<DeploymentPath>,
    ApiJson(body): ApiJson<Rollback>,
) -> ApiResult<Answer<Deployment>> {
    let permit = authorize(&member, act::DeploymentWrite, &path.name)?;
    let made = app.registry.roll_back(&permit, &path.existing()?, body.version).await?;
    Ok(in_tenant(permit.scope(), deployment(made, Vec::new())))
}

/// Removes a command with its history.
#[utoipa::path(
    delete, path = "/v1/{tenant}/deployments/{name}", tag = "deployments",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("name" = String, Path, description = "The command's name.")
    ),
    responses((status = 204, description = "Removed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<DeploymentPath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::DeploymentWrite, &path.name)?;
    app.registry.delete_deployment(&permit, &path.existing()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deployment(record: DeploymentRecord, history: Vec<VersionRecord>) -> Deployment {
    Deployment {
        name: record.name.to_string(),
        version: record.active.version,
        active: version(record.active),
        history: history.into_iter().map(version).collect(),
    }
}

fn version(record: VersionRecord) -> DeploymentVersion {
    DeploymentVersion {
        version: record.version,
        module: record.module.to_string(),
        description: record.description,
        limits: record.limits,
        grants: record.grants,
        created_at: rfc3339(record.created_at),
        created_by: record.created_by.to_string(),
    }
}
