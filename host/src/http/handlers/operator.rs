//! What the operator of the whole host does.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{CreateTenant, CreatedTenant, Success, Tenant};
use crate::audit::Trail;
use crate::auth::OperatorScope;
use crate::http::{Answer, ApiError, ApiJson, ApiQuery, ApiResult, App, Paging, data, page_of_host};
use crate::store::TenantRecord;
use crate::tenancy::NewTenant;

/// Which page of tenants.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListTenants {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// Makes a tenant and its owner's invitation.
#[utoipa::path(
    post, path = "/v1/operator/tenants", tag = "operator", request_body = CreateTenant,
    responses((status = 201, body = Success<CreatedTenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn create_tenant(
    State(app): State<App>,
    operator: OperatorScope,
    ApiJson(body): ApiJson<CreateTenant>,
) -> ApiResult<(StatusCode, Answer<CreatedTenant>)> {
    let new = NewTenant {
        slug: body.slug.parse().map_err(|error| invalid("slug", &error))?,
        name: body.name,
        plan: body.plan.parse().map_err(|error| invalid("plan", &error))?,
        owner: body.owner_email.parse().map_err(|error| invalid("owner_email", &error))?,
    };
    let made = app.tenancy.create(&operator, new).await?;
    Trail::crosses(&made.tenant.id, None);
    let answer = CreatedTenant { owner_link: app.link_url(&made.link), tenant: tenant(made.tenant) };
    Ok((StatusCode::CREATED, data(answer)))
}

/// Lists tenants, oldest first.
#[utoipa::path(
    get, path = "/v1/operator/tenants", tag = "operator", params(ListTenants),
    responses((status = 200, body = Success<Vec<Tenant>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list_tenants(
    State(app): State<App>,
    operator: OperatorScope,
    ApiQuery(query): ApiQuery<ListTenants>,
) -> ApiResult<Answer<Vec<Tenant>>> {
    let paging = Paging::new("tenants", query.limit, query.cursor.as_deref())?;
    let page = app.tenancy.list(&operator, paging.after(), paging.limit()).await?;
    Ok(page_of_host(&paging, page.map(tenant)))
}

fn invalid(field: &str, error: &dyn std::error::Error) -> ApiError {
    ApiError::new("invalid_value", format!("`{field}`: {error}"))
}

fn tenant(record: TenantRecord) -> Tenant {
    Tenant {
        id: record.id.to_string(),
        slug: record.slug.to_string(),
        name: record.name,
        plan: record.plan.as_str().to_owned(),
        status: record.status.as_str().to_owned(),
        created_at: rfc3339(record.created_at),
    }
}
