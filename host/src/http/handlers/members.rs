//! Members and invitations of a tenant.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::rfc3339;
use crate::api::{ChangeMember, Invitation, Invite, Invited, Success, TenantMember};
use crate::auth::{Member, act, authorize};
use crate::http::{
    Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant,
};
use crate::ids::UserId;
use crate::store::{InvitationRecord, MembershipRecord};
use crate::tenancy::{Email, TenancyError};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListMembers {
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// One member of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct MemberPath {
    user: String,
}

impl MemberPath {
    /// What cannot be an id names no member.
    fn existing(&self) -> ApiResult<UserId> {
        Ok(self.user.parse().map_err(|_| TenancyError::MemberNotFound)?)
    }
}

/// One invitation of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct InvitationPath {
    invitation: String,
}

/// Lists members.
#[utoipa::path(
    get, path = "/v1/{tenant}/members", tag = "members",
    params(("tenant" = String, Path, description = "Slug or id."), ListMembers),
    responses((status = 200, body = Success<Vec<TenantMember>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListMembers>,
) -> ApiResult<Answer<Vec<TenantMember>>> {
    let permit = authorize(&member, act::MemberRead, "members")?;
    let paging = Paging::new("members", query.limit, query.cursor.as_deref())?;
    let page = app.tenancy.members(&permit, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page.map(|(record, email)| shown(&record, email))))
}

/// Gives a member another role.
#[utoipa::path(
    put, path = "/v1/{tenant}/members/{user}", tag = "members", request_body = ChangeMember,
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("user" = String, Path, description = "Their id.")
    ),
    responses((status = 204, description = "Changed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn change(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<MemberPath>,
    ApiJson(body): ApiJson<ChangeMember>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::MemberWrite, &path.user)?;
    let role = body.role.parse().map_err(|_| TenancyError::RoleNotFound(short(&body.role)))?;
    app.tenancy.change_member(&permit, path.existing()?, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a member out of the tenant; oneself, without any permission.
#[utoipa::path(
    delete, path = "/v1/{tenant}/members/{user}", tag = "members",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("user" = String, Path, description = "Their id.")
    ),
    responses((status = 204, description = "Removed.")), security(("bearer" = []))
)]
pub(in crate::http) async fn remove(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<MemberPath>,
) -> ApiResult<StatusCode> {
    if path.user == member.caller().principal().as_str() {
        app.tenancy.leave(&member).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let permit = authorize(&member, act::MemberWrite, &path.user)?;
    app.tenancy.remove_member(&permit, path.existing()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invites a person; the link is for whoever invites to hand on.
#[utoipa::path(
    post, path = "/v1/{tenant}/invitations", tag = "members", request_body = Invite,
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 201, body = Success<Invited>)), security(("bearer" = []))
)]
pub(in crate::http) async fn invite(
    State(app): State<App>,
    member: Member,
    ApiJson(body): ApiJson<Invite>,
) -> ApiResult<(StatusCode, Answer<Invited>)> {
    let permit = authorize(&member, act::MemberWrite, "invitations")?;
    let email =
        body.email.parse().map_err(|error| ApiError::new("invalid_value", format!("`email`: {error}")))?;
    let role = body.role.parse().map_err(|_| TenancyError::RoleNotFound(short(&body.role)))?;
    let (record, secret) = app.tenancy.invite(&member, &permit, email, role).await?;
    let link = app.invitation_url(&secret);
    Ok((StatusCode::CREATED, in_tenant(permit.scope(), Invited { invitation: invitation(record), link })))
}

/// Lists invitations that were not accepted yet, oldest first.
#[utoipa::path(
    get, path = "/v1/{tenant}/invitations", tag = "members",
    params(("tenant" = String, Path, description = "Slug or id."), ListMembers),
    responses((status = 200, body = Success<Vec<Invitation>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn invitations(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListMembers>,
) -> ApiResult<Answer<Vec<Invitation>>> {
    let permit = authorize(&member, act::MemberRead, "invitations")?;
    let paging = Paging::new("invitations", query.limit, query.cursor.as_deref())?;
    let page = app.tenancy.invitations(&permit, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page.map(invitation)))
}

/// Takes an invitation back.
#[utoipa::path(
    delete, path = "/v1/{tenant}/invitations/{invitation}", tag = "members",
    params(
        ("tenant" = String, Path, description = "Slug or id."),
        ("invitation" = String, Path, description = "Its id.")
    ),
    responses((status = 204, description = "Revoked.")), security(("bearer" = []))
)]
pub(in crate::http) async fn revoke(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<InvitationPath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::MemberWrite, &path.invitation)?;
    let id = path.invitation.parse().map_err(|_| TenancyError::InvitationNotFound)?;
    app.tenancy.revoke_invitation(&permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn shown(record: &MembershipRecord, email: Option<Email>) -> TenantMember {
    TenantMember {
        user_id: record.user.to_string(),
        email: email.map(String::from).unwrap_or_default(),
        role: record.role.to_string(),
        created_at: rfc3339(record.created_at),
    }
}

fn invitation(record: InvitationRecord) -> Invitation {
    Invitation {
        id: record.id.to_string(),
        email: record.email.to_string(),
        role: record.role.to_string(),
        invited_by: record.invited_by.to_string(),
        created_at: rfc3339(record.created_at),
        expires_at: rfc3339(record.expires_at),
    }
}
