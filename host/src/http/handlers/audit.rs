//! The audit: pages of records, following them, and exports; of a tenant and, for the operator, of the host.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{self, ACCEPT, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{AuditHead, AuditRecord, StreamEvent, Success};
use crate::audit::{AuditError, AuditFilter, AuditQuery, Chain, ExportFormat};
use crate::auth::{Member, OperatorScope, act, authorize};
use crate::http::{
    Answer, ApiError, ApiQuery, ApiResult, App, Paging, data, in_tenant, page_in_tenant, page_of_host,
};
use crate::store::Direction;

/// A comment is sent after so much silence.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The name of the list, in its cursors.
const LIST: &str = "audit";

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct WhichAudit {
    /// Of this actor: a principal's id, `anonymous` or `host`.
    actor: Option<String>,
    /// With this action; with `*` at its end, all that begin so.
    action: Option<String>,
    /// On resources that contain this text.
    resource: Option<String>,
    /// With this outcome: `done`, `failed`, `denied` or `unknown`.
    outcome: Option<String>,
    /// Not older than this; RFC 3339.
    from: Option<String>,
    /// Older than this; RFC 3339.
    to: Option<String>,
}

/// Which page of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListAudit {
    /// `desc`, newest first, is the default; or `asc`.
    order: Option<String>,
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// How to export them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportAudit {
    /// `jsonl` (the default) or `csv`.
    format: Option<String>,
}

impl WhichAudit {
    fn filter(&self) -> Result<AuditFilter, AuditError> {
        AuditFilter::all()
            .actor(self.actor.as_deref())?
            .action(self.action.as_deref())?
            .resource(self.resource.as_deref())?
            .outcome(self.outcome.as_deref())?
            .between(self.from.as_deref(), self.to.as_deref())
    }
}

impl ListAudit {
    fn direction(&self) -> ApiResult<Direction> {
        match self.order.as_deref() {
            None | Some("" | "desc") => Ok(Direction::Descending),
            Some("asc") => Ok(Direction::Ascending),
            Some(_) => Err(ApiError::new("invalid_value", "`order`: expected asc or desc")),
        }
    }
}

impl ExportAudit {
    fn format(&self) -> ApiResult<ExportFormat> {
        match self.format.as_deref() {
            None | Some("" | "jsonl") => Ok(ExportFormat::JsonLines),
            Some("csv") => Ok(ExportFormat::Csv),
            Some(_) => Err(ApiError::new("invalid_value", "`format`: expected jsonl or csv")),
        }
    }
}

/// Lists audit records; or, with `Accept: text/event-stream`, sends each new one as a `record` event whose id is its
/// number: after the cursor or `Last-Event-ID`, which is such a number, else from now on.
#[utoipa::path(
    get, path = "/v1/{tenant}/audit", tag = "audit",
    params(("tenant" = String, Path, description = "Slug or id."), WhichAudit, ListAudit),
    responses((
        status = 200,
        description = "Records, or events.",
        content((Success<Vec<AuditRecord>> = "application/json"), (StreamEvent = "text/event-stream"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    ApiQuery(which): ApiQuery<WhichAudit>,
    ApiQuery(query): ApiQuery<ListAudit>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::AuditRead, "audit")?;
    let chain = Chain::of(permit.scope());
    if wants_events(&headers) {
        let auth = app.auth.clone();
        let over = async move { auth.until_revoked(member, act::AuditRead, "audit".to_owned()).await };
        return follow(&app, chain, &which, last_seen(&query, &headers), over).await;
    }
    let paging = Paging::new(LIST, query.limit, query.cursor.as_deref())?;
    let page = app.audit.page(chain, pages(&which, &query, &paging)?).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page).into_response())
}

/// Lists records of the host's chain: what concerns no tenant, and everything that the operator did.
#[utoipa::path(
    get, path = "/v1/operator/audit", tag = "operator", params(WhichAudit, ListAudit),
    responses((
        status = 200,
        description = "Records, or events.",
        content((Success<Vec<AuditRecord>> = "application/json"), (StreamEvent = "text/event-stream"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn list_of_host(
    State(app): State<App>,
    operator: OperatorScope,
    ApiQuery(which): ApiQuery<WhichAudit>,
    ApiQuery(query): ApiQuery<ListAudit>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let chain = Chain::of_host(&operator);
    if wants_events(&headers) {
        return follow(&app, chain, &which, last_seen(&query, &headers), std::future::pending()).await;
    }
    let paging = Paging::new(LIST, query.limit, query.cursor.as_deref())?;
    let page = app.audit.page(chain, pages(&which, &query, &paging)?).await?;
    Ok(page_of_host(&paging, page).into_response())
}

/// Where the chain ends: keep it elsewhere, and nobody can shorten or rewrite the chain unseen.
#[utoipa::path(
    get, path = "/v1/{tenant}/audit/head", tag = "audit",
    params(("tenant" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Success<AuditHead>)), security(("bearer" = []))
)]
pub(in crate::http) async fn head(State(app): State<App>, member: Member) -> ApiResult<Answer<AuditHead>> {
    let permit = authorize(&member, act::AuditRead, "audit")?;
    Ok(in_tenant(permit.scope(), app.audit.head(Chain::of(permit.scope())).await?))
}

/// Where the host's chain ends.
#[utoipa::path(
    get, path = "/v1/operator/audit/head", tag = "operator",
    responses((status = 200, body = Success<AuditHead>)), security(("bearer" = []))
)]
pub(in crate::http) async fn head_of_host(
    State(app): State<App>,
    operator: OperatorScope,
) -> ApiResult<Answer<AuditHead>> {
    Ok(data(app.audit.head(Chain::of_host(&operator)).await?))
}

/// All records, oldest first, as lines of JSON or as CSV whose cells no spreadsheet takes for formulas.
#[utoipa::path(
    get, path = "/v1/{tenant}/audit/export", tag = "audit",
    params(("tenant" = String, Path, description = "Slug or id."), WhichAudit, ExportAudit),
    responses((
        status = 200,
        description = "The records that there are now.",
        content((AuditRecord = "application/x-ndjson"), (String = "text/csv"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn export(
    State(app): State<App>,
    member: Member,
    ApiQuery(which): ApiQuery<WhichAudit>,
    ApiQuery(query): ApiQuery<ExportAudit>,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::AuditRead, "audit")?;
    stream(&app, Chain::of(permit.scope()), &which, &query).await
}

/// All records of the host's chain.
#[utoipa::path(
    get, path = "/v1/operator/audit/export", tag = "operator", params(WhichAudit, ExportAudit),
    responses((
        status = 200,
        description = "The records that there are now.",
        content((AuditRecord = "application/x-ndjson"), (String = "text/csv"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn export_of_host(
    State(app): State<App>,
    operator: OperatorScope,
    ApiQuery(which): ApiQuery<WhichAudit>,
    ApiQuery(query): ApiQuery<ExportAudit>,
) -> ApiResult<Response> {
    stream(&app, Chain::of_host(&operator), &which, &query).await
}

fn pages(which: &WhichAudit, query: &ListAudit, paging: &Paging) -> ApiResult<AuditQuery> {
    Ok(AuditQuery {
        filter: which.filter()?,
        direction: query.direction()?,
        after: paging.after(),
        limit: paging.limit(),
    })
}

async fn stream(app: &App, chain: Chain, which: &WhichAudit, query: &ExportAudit) -> ApiResult<Response> {
    let format = query.format()?;
    let name = format!("attachment; filename=\"audit-{}.{}\"", chain.name(), format.ending());
    let records = app.audit.export(chain, which.filter()?, format).await?;
    let records = records.inspect_err(|error| {
        tracing::error!(error = error as &dyn std::error::Error, "an export of the audit broke off");
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(ApiError::internal)?),
    ];
    Ok((headers, Body::from_stream(records)).into_response())
}

/// The record that a follower saw last.
fn last_seen<'a>(query: &'a ListAudit, headers: &'a HeaderMap) -> Option<&'a str> {
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    last_id.or(query.cursor.as_deref()).filter(|text| !text.is_empty())
}

async fn follow(
    app: &App,
    chain: Chain,
    which: &WhichAudit,
    last_seen: Option<&str>,
    over: impl Future<Output = ()> + Send + 'static,
) -> ApiResult<Response> {
    let after = match last_seen {
        Some(text) => text.parse::<u64>().map_err(|_| {
            ApiError::new("malformed_cursor", "when following, the cursor is the number of a record")
        })?,
        None => app.audit.head(chain.clone()).await?.seq,
    };
    Ok(events(app, app.audit.follow(chain, after, which.filter()?), after, over).into_response())
}

/// The answer that follows: it ends when the client goes, may no longer read, or the host stops.
fn events(
    app: &App,
    records: impl Stream<Item = Result<AuditRecord, AuditError>> + Send + 'static,
    after: u64,
    over: impl Future<Output = ()> + Send + 'static,
) -> impl IntoResponse {
    let place = Event::default().id(after.to_string()).comment("following");
    let records = Box::pin(records).map(|record| {
        Ok::<_, Infallible>(match record {
            Ok(record) => {
                let id = record.seq.to_string();
                Event::default().event("record").id(id).json_data(record).unwrap_or_default()
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "following the audit failed");
                Event::default().event("error").data(error.code())
            }
        })
    });
    let stopping = app.stopping.clone();
    let over = Box::pin(async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = over => {}
        }
    });
    let all = futures_util::stream::once(std::future::ready(Ok(place))).chain(records).take_until(over);
    Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}
