//! How the operator stops a tenant, takes it down, and moves it.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::operator::{OperatorPath, tenant};
use crate::api::{CreatedTenant, Erase, Offboard, Reason, Receipt, Success, Tenant};
use crate::auth::{Member, OperatorScope, act, authorize};
use crate::http::{Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, data, page_of_host};
use crate::lifecycle::{ArchiveStream, ImportAs};

/// Which page of receipts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListReceipts {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// Suspends a tenant: its runs end, nothing of it runs or changes, its data stays, and its owner may read.
#[utoipa::path(
    post, path = "/v1/operator/tenants/{id}/suspend", tag = "operator", request_body = Reason,
    params(("id" = String, Path, description = "The tenant's slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn suspend(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
    ApiJson(body): ApiJson<Reason>,
) -> ApiResult<Answer<Tenant>> {
    Ok(data(tenant(app.lifecycle.suspend(&operator, &path.id, &body.reason).await?)))
}

/// Lets a tenant work again that is suspended, or being taken down and not yet erased.
#[utoipa::path(
    post, path = "/v1/operator/tenants/{id}/resume", tag = "operator", request_body = Reason,
    params(("id" = String, Path, description = "The tenant's slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn resume(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
    ApiJson(body): ApiJson<Reason>,
) -> ApiResult<Answer<Tenant>> {
    Ok(data(tenant(app.lifecycle.resume(&operator, &path.id, &body.reason).await?)))
}

/// Begins to take a tenant down: its API keys and invitations are revoked, and after the grace everything is erased.
#[utoipa::path(
    post, path = "/v1/operator/tenants/{id}/offboard", tag = "operator", request_body = Offboard,
    params(("id" = String, Path, description = "The tenant's slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn offboard(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
    ApiJson(body): ApiJson<Offboard>,
) -> ApiResult<Answer<Tenant>> {
    Ok(data(tenant(app.lifecycle.offboard(&operator, &path.id, &body.reason, body.grace_s).await?)))
}

/// Erases a tenant that is being taken down, without waiting for its grace to end. There is no way back.
#[utoipa::path(
    post, path = "/v1/operator/tenants/{id}/erase", tag = "operator", request_body = Erase,
    params(("id" = String, Path, description = "The tenant's slug or id.")),
    responses((status = 200, body = Success<Receipt>)), security(("bearer" = []))
)]
pub(in crate::http) async fn erase(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
    ApiJson(body): ApiJson<Erase>,
) -> ApiResult<Answer<Receipt>> {
    Ok(data(app.lifecycle.erase(&operator, &path.id, &body.reason, &body.confirm).await?))
}

/// Lists the receipts of erased tenants, oldest first.
#[utoipa::path(
    get, path = "/v1/operator/receipts", tag = "operator", params(ListReceipts),
    responses((status = 200, body = Success<Vec<Receipt>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn receipts(
    State(app): State<App>,
    operator: OperatorScope,
    ApiQuery(query): ApiQuery<ListReceipts>,
) -> ApiResult<Answer<Vec<Receipt>>> {
    let paging = Paging::new("receipts", query.limit, query.cursor.as_deref())?;
    let page = app.lifecycle.receipts(&operator, paging.after(), paging.limit()).await?;
    Ok(page_of_host(&paging, page))
}

/// Why a tenant is exported.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportQuery {
    /// Why; kept in the audit log of the host and of the tenant.
    #[serde(default)]
    reason: String,
}

/// What an imported tenant is to be.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ImportQuery {
    /// Its name in URLs.
    slug: String,
    /// Who becomes its owner.
    owner_email: String,
    /// Why; kept in the audit log of the host and of the tenant.
    #[serde(default)]
    reason: String,
}

/// All of a tenant's data as a gzipped tar, for its owner.
#[utoipa::path(
    get, path = "/v1/{tenant}/export", tag = "tenant",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Vec<u8>, content_type = "application/gzip")), security(("bearer" = []))
)]
pub(in crate::http) async fn export(State(app): State<App>, member: Member) -> ApiResult<Response> {
    let permit = authorize(&member, act::TenantExport, "export")?;
    Ok(archive(app.lifecycle.export(&permit).await?, permit.scope().slug().as_str()))
}

/// All of a tenant's data as a gzipped tar, for the operator.
#[utoipa::path(
    get, path = "/v1/operator/tenants/{id}/export", tag = "operator",
    params(("id" = String, Path, description = "The tenant's slug or id."), ExportQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/gzip")), security(("bearer" = []))
)]
pub(in crate::http) async fn export_as_operator(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
    ApiQuery(query): ApiQuery<ExportQuery>,
) -> ApiResult<Response> {
    let stream = app.lifecycle.export_as_operator(&operator, &path.id, &query.reason).await?;
    Ok(archive(stream, "tenant"))
}

/// Makes a tenant from an archive: all of it, or nothing.
#[utoipa::path(
    post, path = "/v1/operator/import", tag = "operator", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/gzip"),
    responses((status = 201, body = Success<CreatedTenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn import(
    State(app): State<App>,
    operator: OperatorScope,
    ApiQuery(query): ApiQuery<ImportQuery>,
    body: Body,
) -> ApiResult<(StatusCode, Answer<CreatedTenant>)> {
    let invalid = |field: &str, error: &dyn std::error::Error| {
        ApiError::new("malformed_query", format!("`{field}`: {error}"))
    };
    let wanted = ImportAs {
        slug: query.slug.parse().map_err(|error| invalid("slug", &error))?,
        owner: query.owner_email.parse().map_err(|error| invalid("owner_email", &error))?,
    };
    let made = app.lifecycle.import(&operator, wanted, &query.reason, body.into_data_stream()).await?;
    let answer = CreatedTenant { owner_link: app.link_url(&made.link), tenant: tenant(made.tenant) };
    Ok((StatusCode::CREATED, data(answer)))
}

fn archive(stream: ArchiveStream, name: &str) -> Response {
    let disposition = format!("attachment; filename=\"{name}.tar.gz\"");
    let headers = [(CONTENT_TYPE, "application/gzip".to_owned()), (CONTENT_DISPOSITION, disposition)];
    (headers, Body::from_stream(stream)).into_response()
}
