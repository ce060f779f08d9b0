//! Console sessions, and tickets for connections to them.

use axum::extract::State;
use axum::http::StatusCode;

use super::SessionPath;
use crate::api::{ChangeConsoleSession, ConsoleSession, ConsoleTicket, CreateConsoleSession, Success};
use crate::audit::Trail;
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiJson, ApiPath, ApiResult, App, in_tenant};

/// Makes a session of the caller.
#[utoipa::path(
    post, path = "/v1/{tenant}/console/sessions", tag = "console", request_body = CreateConsoleSession,
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 201, body = Success<ConsoleSession>)), security(("bearer" = []))
)]
pub(in crate::http) async fn create(
    State(app): State<App>,
    member: Member,
    ApiJson(body): ApiJson<CreateConsoleSession>,
) -> ApiResult<(StatusCode, Answer<ConsoleSession>)> {
    let permit = authorize(&member, act::ConsoleUse, "sessions")?;
    let session = app.console.create(&permit, &member, body)?;
    Trail::adds(&format!("made {}", session.id));
    Ok((StatusCode::CREATED, in_tenant(permit.scope(), session)))
}

/// Lists sessions that have not ended, oldest first: one's own; all of the tenant's with `console:manage`.
#[utoipa::path(
    get, path = "/v1/{tenant}/console/sessions", tag = "console",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<Vec<ConsoleSession>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
) -> ApiResult<Answer<Vec<ConsoleSession>>> {
    let permit = authorize(&member, act::ConsoleUse, "sessions")?;
    Ok(in_tenant(permit.scope(), app.console.list(&permit, &member)))
}

/// One session.
#[utoipa::path(
    get, path = "/v1/{tenant}/console/sessions/{session}", tag = "console",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("session" = String, Path, description = "Its id.")
    ),
    responses((status = 200, body = Success<ConsoleSession>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<SessionPath>,
) -> ApiResult<Answer<ConsoleSession>> {
    let permit = authorize(&member, act::ConsoleUse, &path.session)?;
    Ok(in_tenant(permit.scope(), app.console.show(&permit, &member, &path.session)?))
}

/// Gives one of the caller's sessions another name.
#[utoipa::path(
    patch, path = "/v1/{tenant}/console/sessions/{session}", tag = "console", request_body = ChangeConsoleSession,
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("session" = String, Path, description = "Its id.")
    ),
    responses((status = 200, body = Success<ConsoleSession>)), security(("bearer" = []))
)]
pub(in crate::http) async fn change(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<SessionPath>,
    ApiJson(body): ApiJson<ChangeConsoleSession>,
) -> ApiResult<Answer<ConsoleSession>> {
    let permit = authorize(&member, act::ConsoleUse, &path.session)?;
    Ok(in_tenant(permit.scope(), app.console.rename(&permit, &path.session, &body.name)?))
}

/// Ends a session with all it runs.
#[utoipa::path(
    delete, path = "/v1/{tenant}/console/sessions/{session}", tag = "console",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("session" = String, Path, description = "Its id.")
    ),
    responses((status = 204)), security(("bearer" = []))
)]
pub(in crate::http) async fn end(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<SessionPath>,
) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::ConsoleUse, &path.session)?;
    app.console.end(&permit, &member, &path.session).await?;
    Trail::adds("ended");
    Ok(StatusCode::NO_CONTENT)
}

/// A ticket for one WebSocket: good once, and soon.
#[utoipa::path(
    post, path = "/v1/{tenant}/console/tickets", tag = "console",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 201, body = Success<ConsoleTicket>)), security(("bearer" = []))
)]
pub(in crate::http) async fn ticket(
    State(app): State<App>,
    member: Member,
) -> ApiResult<(StatusCode, Answer<ConsoleTicket>)> {
    let permit = authorize(&member, act::ConsoleUse, "tickets")?;
    // One for each connection, and each reconnection.
    Trail::often();
    Ok((StatusCode::CREATED, in_tenant(permit.scope(), app.console.ticket(&permit, &member)?)))
}
