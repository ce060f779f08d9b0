//! Modules: upload, look, remove.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use cloister_runtime::{ModuleKind, WasiVersion};
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{Module, Success};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant};
use crate::ids::ModuleDigest;
use crate::registry::RegistryError;
use crate::store::ModuleRecord;

/// How an upload is called.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UploadQuery {
    /// What to call it; at most 128 bytes.
    name: Option<String>,
}

/// Which page of modules.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListModules {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// One module of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct ModulePath {
    digest: String,
}

impl ModulePath {
    /// What cannot be a digest names no module.
    fn digest(&self) -> ApiResult<ModuleDigest> {
        Ok(self.digest.parse().map_err(|_| RegistryError::ModuleNotFound)?)
    }
}

/// Uploads a WASM binary as the raw body. It is checked and compiled before the answer.
#[utoipa::path(
    post, path = "/v1/{tenant}/modules", tag = "modules",
    params(("tenant" = String, Path, description = "Slug or id."), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "Kept.", body = Success<Module>),
        (status = 200, description = "The tenant has it already.", body = Success<Module>)
    ),
    security(("bearer" = []))
)]
pub(in crate::http) async fn upload(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<UploadQuery>,
    body: Body,
) -> ApiResult<(StatusCode, Answer<Module>)> {
    let permit = authorize(&member, act::ModuleUpload, "modules")?;
    app.quota.upload(&permit)?;
    let uploaded = app.registry.upload(&permit, query.name, body.into_data_stream()).await?;
    let status = if uploaded.is_new { StatusCode::CREATED } else { StatusCode::OK };
    if uploaded.is_new {
        app.metrics.uploaded_bytes().inc_by(uploaded.module.size_bytes);
    }
    Ok((status, in_tenant(permit.scope(), module(uploaded.module))))
}

/// Lists modules, newest first.
#[utoipa::path(
    get, path = "/v1/{tenant}/modules", tag = "modules",
    params(("tenant" = String, Path, description = "Slug or id."), ListModules),
    responses((status = 200, body = Success<Vec<Module>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListModules>,
) -> ApiResult<Answer<Vec<Module>>> {
    let permit = authorize(&member, act::ModuleRead, "modules")?;
    let paging = Paging::new("modules", query.limit, query.cursor.as_deref())?;
    let page = app.registry.modules(&permit, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page.map(module)))
}

/// One module.
#[utoipa::path(
    get, path = "/v1/{tenant}/modules/{digest}", tag = "modules",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("digest" = String, Path, description = "Lower-case hex SHA-256.")
    ),
    responses((status = 200, body = Success<Module>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<ModulePath>,
) -> ApiResult<Answer<Module>> {
    let permit = authorize(&member, act::ModuleRead, &path.digest)?;
    let found = app.registry.module(&permit, &path.digest()?).await?;
    Ok(in_tenant(permit.scope(), module(found)))
}

/// Removes a module that no active deployment runs.
#[utoipa::path(
    delete, path = "/v1/{tenant}/modules/{digest}", tag = "modules",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("digest" = String, Path, description = "Lower-case hex SHA-256.")
    ),
    responses((status = 204, description = "Removed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<ModulePath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::ModuleDelete, &path.digest)?;
    app.registry.delete_module(&permit, &path.digest()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn module(record: ModuleRecord) -> Module {
    let kind = match record.info.kind {
        ModuleKind::Core => "core",
        ModuleKind::Component => "component",
    };
    let wasi = match record.info.wasi {
        WasiVersion::Preview1 => "preview1",
        WasiVersion::V0_2 => "0.2",
        WasiVersion::V0_3 => "0.3",
    };
    Module {
        digest: record.digest.to_string(),
        name: record.name,
        size_bytes: record.size_bytes,
        kind: kind.to_owned(),
        wasi: wasi.to_owned(),
        imports: record.info.imports,
        needs: record.info.needs,
        help: record.help,
        created_at: rfc3339(record.created_at),
        created_by: record.created_by.to_string(),
    }
}
