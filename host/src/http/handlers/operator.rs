//! What the operator of the whole host does: tenants, accounts, signing keys. Whatever touches a tenant needs a reason.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{
    AccountLink, ChangeTenant, CreateTenant, CreatedTenant, JsonWebKeySet, Recover, RotateKeys, Success,
    Tenant, User,
};
use crate::audit::Trail;
use crate::auth::OperatorScope;
use crate::http::{Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, data, page_of_host};
use crate::store::{TenantRecord, UserRecord};
use crate::tenancy::{NewTenant, PlanName, Settings, TenantFilter, TenantStatus, checked_reason};

/// Which page of which tenants.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListTenants {
    /// Tenants that stand here: `active`, `suspended` or `offboarding`.
    #[param(inline)]
    status: Option<String>,
    /// Tenants of this plan.
    plan: Option<String>,
    /// Tenants whose slug or name has this text.
    text: Option<String>,
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// Which page of which accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListUsers {
    /// Accounts whose e-mail address has this text.
    email: Option<String>,
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// One tenant of the host.
#[derive(Deserialize)]
pub(in crate::http) struct OperatorPath {
    pub(in crate::http) id: String,
}

/// Makes a tenant with everything it needs, and its owner's invitation.
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
        settings: Settings {
            limits: Some(body.limits),
            region: Some(body.region),
            metadata: Some(body.metadata),
            features: Some(body.features),
            branding: Some(body.branding),
        },
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
    let filter = TenantFilter {
        status: query.status.as_deref().map(status).transpose()?,
        plan: query.plan.as_deref().map(plan).transpose()?,
        text: query.text,
    };
    let paging = Paging::new("tenants", query.limit, query.cursor.as_deref())?;
    let page = app.tenancy.list(&operator, filter, paging.after(), paging.limit()).await?;
    Ok(page_of_host(&paging, page.map(tenant)))
}

/// One tenant.
#[utoipa::path(
    get, path = "/v1/operator/tenants/{id}", tag = "operator",
    params(("id" = String, Path, description = "The tenant's slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show_tenant(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
) -> ApiResult<Answer<Tenant>> {
    Ok(data(tenant(app.tenancy.find(&operator, &path.id).await?)))
}

/// Changes a tenant. Its plan and limits hold at once, for runs that are under way as well.
#[utoipa::path(
    patch, path = "/v1/operator/tenants/{id}", tag = "operator", request_body = ChangeTenant,
    params(("id" = String, Path, description = "The tenant's slug or id.")),
    responses((status = 200, body = Success<Tenant>)), security(("bearer" = []))
)]
pub(in crate::http) async fn change_tenant(
    State(app): State<App>,
    operator: OperatorScope,
    ApiPath(path): ApiPath<OperatorPath>,
    ApiJson(body): ApiJson<ChangeTenant>,
) -> ApiResult<Answer<Tenant>> {
    let plan = body.plan.as_deref().map(plan).transpose()?;
    let settings = Settings {
        limits: body.limits,
        region: body.region,
        metadata: body.metadata,
        features: body.features,
        branding: body.branding,
    };
    let changed = app.lifecycle.change(&operator, &path.id, body.name, plan, settings, &body.reason).await?;
    Ok(data(tenant(changed)))
}

/// Lists the accounts of the host, oldest first.
#[utoipa::path(
    get, path = "/v1/operator/users", tag = "operator", params(ListUsers),
    responses((status = 200, body = Success<Vec<User>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list_users(
    State(app): State<App>,
    operator: OperatorScope,
    ApiQuery(query): ApiQuery<ListUsers>,
) -> ApiResult<Answer<Vec<User>>> {
    let paging = Paging::new("users", query.limit, query.cursor.as_deref())?;
    let page = app.tenancy.users(&operator, query.email, paging.after(), paging.limit()).await?;
    Ok(page_of_host(&paging, page.map(user)))
}

/// Makes a one-time link for an account whose owner cannot sign in; its password stops working and its sessions end.
#[utoipa::path(
    post, path = "/v1/operator/users/recover", tag = "operator", request_body = Recover,
    responses((status = 201, body = Success<AccountLink>)), security(("bearer" = []))
)]
pub(in crate::http) async fn recover_user(
    State(app): State<App>,
    operator: OperatorScope,
    ApiJson(body): ApiJson<Recover>,
) -> ApiResult<(StatusCode, Answer<AccountLink>)> {
    let reason = checked_reason(&body.reason)?;
    let email = body.email.parse().map_err(|error| invalid("email", &error))?;
    let link = app.tenancy.recover(&operator, email, &reason).await?;
    Ok((StatusCode::CREATED, data(AccountLink { link: app.link_url(&link) })))
}

/// Signs access tokens with a new key from now on.
#[utoipa::path(
    post, path = "/v1/operator/signing-keys/rotate", tag = "operator", request_body = RotateKeys,
    responses((status = 200, body = Success<JsonWebKeySet>)), security(("bearer" = []))
)]
pub(in crate::http) async fn rotate_keys(
    State(app): State<App>,
    operator: OperatorScope,
    ApiJson(body): ApiJson<RotateKeys>,
) -> ApiResult<Answer<JsonWebKeySet>> {
    Ok(data(app.auth.rotate_keys(&operator, body.at_once).await?))
}

fn invalid(field: &str, error: &dyn std::error::Error) -> ApiError {
    ApiError::new("invalid_value", format!("`{field}`: {error}"))
}

fn plan(text: &str) -> ApiResult<PlanName> {
    text.parse().map_err(|error| invalid("plan", &error))
}

fn status(text: &str) -> ApiResult<TenantStatus> {
    let known = [TenantStatus::Active, TenantStatus::Suspended, TenantStatus::Offboarding];
    known.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        ApiError::new("invalid_value", "`status`: must be `active`, `suspended` or `offboarding`")
    })
}

/// A tenant as the operator sees it.
pub(in crate::http) fn tenant(record: TenantRecord) -> Tenant {
    Tenant {
        id: record.id.to_string(),
        slug: record.slug.to_string(),
        name: record.name,
        plan: record.plan.as_str().to_owned(),
        status: record.status.as_str().to_owned(),
        created_at: rfc3339(record.created_at),
        region: record.region,
        limits: record.limits,
        metadata: record.metadata,
        features: record.features,
        branding: record.branding,
        status_reason: record.status_reason,
        erase_at: record.erase_at.map(rfc3339),
    }
}

fn user(record: UserRecord) -> User {
    User {
        id: record.id.to_string(),
        email: record.email.to_string(),
        operator: record.operator,
        has_password: record.password.is_some(),
        vouched: record.vouched,
        created_at: rfc3339(record.created_at),
    }
}
