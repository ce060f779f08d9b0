//! The caller's command history.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{ConsoleHistoryEntry, Success};
use crate::auth::{Member, act, authorize};
use crate::http::{Answer, ApiQuery, ApiResult, App, Paging, page_in_tenant};

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct HistoryQuery {
    /// That contain this text; upper and lower case differ.
    text: Option<String>,
    /// Lines per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// What the caller has typed in this tenant, newest first.
#[utoipa::path(
    get, path = "/v1/{tenant}/console/history", tag = "console",
    params(("tenant" = String, Path, description = "Slug or id."), HistoryQuery),
    responses((status = 200, body = Success<Vec<ConsoleHistoryEntry>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn history(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<HistoryQuery>,
) -> ApiResult<Answer<Vec<ConsoleHistoryEntry>>> {
    let permit = authorize(&member, act::ConsoleUse, "history")?;
    let paging = Paging::new("console-history", query.limit, query.cursor.as_deref())?;
    let page = app.console.history().search(&permit, query.text, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page))
}

/// Forgets what the caller has typed in this tenant.
#[utoipa::path(
    delete, path = "/v1/{tenant}/console/history", tag = "console",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 204)), security(("bearer" = []))
)]
pub(in crate::http) async fn clear(State(app): State<App>, member: Member) -> ApiResult<StatusCode> {
    let permit = authorize(&member, act::ConsoleUse, "history")?;
    app.console.history().clear(&permit).await?;
    Ok(StatusCode::NO_CONTENT)
}
