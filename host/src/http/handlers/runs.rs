//! Runs: start, look, follow, feed, end.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloister_runtime::OutputStreamKind;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{
    CreateRun, DeletedLines, OutputEvent, OutputGap, Run, RunStatus, Stdin, StdinAccepted, StreamEvent,
    Success,
};
use crate::audit::Trail;
use crate::auth::{Member, act, authorize};
use crate::commands::{CommandError, EndWithCaller, OutputCursor, OutputItem, RunFilter};
use crate::http::{
    Answer, ApiError, ApiJson, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant, page_in_tenant,
};
use crate::ids::RunId;
use crate::logs::LogStream;

/// How much of an output was deleted.
const MISSING_BYTES: HeaderName = HeaderName::from_static("x-cloister-missing-bytes");
/// Between two comments on a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What a client waits before it connects again.
const RETRY: Duration = Duration::from_millis(500);

/// One run of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct RunPath {
    run: String,
}

/// One stream of a run.
#[derive(Deserialize)]
pub(in crate::http) struct StreamPath {
    run: String,
    stream: String,
}

fn run_id(text: &str) -> ApiResult<RunId> {
    // What cannot be an id names no run.
    Ok(text.parse().map_err(|_| CommandError::RunNotFound)?)
}

/// Which page of which runs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListRuns {
    /// Runs that stand here: `queued`, `running` or `ended`.
    status: Option<RunStatus>,
    /// Runs of this command.
    command: Option<String>,
    /// Items per page: 1 to 200, 50 when absent.
    limit: Option<u32>,
    /// The cursor of the last page.
    cursor: Option<String>,
}

/// Where bytes of standard input belong.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct FeedQuery {
    /// Position of the body's first byte in the whole input.
    #[serde(default)]
    offset: u64,
    /// True: the input ends after the body.
    #[serde(default)]
    eof: bool,
}

/// Where to continue.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct FollowQuery {
    /// The id of the last event that was seen; `Last-Event-ID` says the same.
    cursor: Option<String>,
}

/// Starts a run.
#[utoipa::path(
    post, path = "/v1/{tenant}/runs", tag = "runs",
    params(("tenant" = String, Path, description = "Slug or id.")), request_body = CreateRun,
    responses(
        (status = 200, description = "It has ended (`wait`).", body = Success<Run>),
        (status = 202, description = "It was started.", body = Success<Run>)
    ),
    security(("bearer" = []))
)]
pub(in crate::http) async fn create(
    State(app): State<App>,
    member: Member,
    ApiJson(body): ApiJson<CreateRun>,
) -> ApiResult<(StatusCode, Answer<Run>)> {
    let permit = authorize(&member, act::RunCreate, &body.command)?;
    if app.is_stopping() {
        return Err(CommandError::Stopping.into());
    }
    let wait = body.wait;
    if wait && body.stdin == Stdin::Stream {
        return Err(ApiError::new(
            "invalid_value",
            "`stdin: stream` cannot be fed while `wait` holds the answer",
        ));
    }
    // A caller that waits hears of the run only at its end; one that does not must find it after a crash.
    let started = app.commands.start(&permit, body, !wait).await?;
    if !wait {
        return Ok((StatusCode::ACCEPTED, in_tenant(permit.scope(), started.run())));
    }
    let mut guard = EndWithCaller::new(&started);
    let run = started.end().await;
    guard.disarm();
    Ok((StatusCode::OK, in_tenant(permit.scope(), run)))
}

/// Lists runs, newest first.
#[utoipa::path(
    get, path = "/v1/{tenant}/runs", tag = "runs",
    params(("tenant" = String, Path, description = "Slug or id."), ListRuns),
    responses((status = 200, body = Success<Vec<Run>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ListRuns>,
) -> ApiResult<Answer<Vec<Run>>> {
    let permit = authorize(&member, act::RunRead, "*")?;
    let paging = Paging::new("runs", query.limit, query.cursor.as_deref())?;
    let command = query.command.map(|name| name.parse()).transpose();
    let command = command.map_err(|error| ApiError::new("malformed_query", format!("`command`: {error}")))?;
    let filter = RunFilter { status: query.status, command };
    let page = app.commands.list(&permit, filter, paging.after(), paging.limit()).await?;
    Ok(page_in_tenant(permit.scope(), &paging, page))
}

/// One run.
#[utoipa::path(
    get, path = "/v1/{tenant}/runs/{run}", tag = "runs",
    params(("tenant" = String, Path, description = "Slug or id."), ("run" = String, Path, description = "Its id.")),
    responses((status = 200, body = Success<Run>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RunPath>,
) -> ApiResult<Answer<Run>> {
    let permit = authorize(&member, act::RunRead, &path.run)?;
    let run = app.commands.run(&permit, &run_id(&path.run)?).await?;
    Ok(in_tenant(permit.scope(), run))
}

/// Ends a run.
#[utoipa::path(
    post, path = "/v1/{tenant}/runs/{run}/kill", tag = "runs",
    params(("tenant" = String, Path, description = "Slug or id."), ("run" = String, Path, description = "Its id.")),
    responses((status = 200, body = Success<Run>)), security(("bearer" = []))
)]
pub(in crate::http) async fn kill(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RunPath>,
) -> ApiResult<Answer<Run>> {
    let permit = authorize(&member, act::RunControl, &path.run)?;
    let run = app.commands.kill(&permit, &run_id(&path.run)?).await?;
    Ok(in_tenant(permit.scope(), run))
}

/// Feeds a run's standard input: the raw body, taken as fast as the guest reads.
#[utoipa::path(
    post, path = "/v1/{tenant}/runs/{run}/stdin", tag = "runs",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("run" = String, Path, description = "Its id."), FeedQuery
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Success<StdinAccepted>)), security(("bearer" = []))
)]
pub(in crate::http) async fn stdin(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RunPath>,
    ApiQuery(query): ApiQuery<FeedQuery>,
    body: Body,
) -> ApiResult<Answer<StdinAccepted>> {
    let permit = authorize(&member, act::RunControl, &path.run)?;
    Trail::often();
    let id = run_id(&path.run)?;
    let accepted = app.commands.feed(&permit, &id, query.offset, query.eof, body.into_data_stream()).await?;
    Ok(in_tenant(permit.scope(), accepted))
}

/// A run's output, live and replayed, as server-sent events: `output` ([`OutputEvent`]), `gap` ([`OutputGap`]) where
/// lines were deleted, and one last `exit` ([`Run`]).
#[utoipa::path(
    get, path = "/v1/{tenant}/runs/{run}/output", tag = "runs",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("run" = String, Path, description = "Its id."),
        FollowQuery
    ),
    responses((status = 200, body = StreamEvent, content_type = "text/event-stream")), security(("bearer" = []))
)]
pub(in crate::http) async fn output(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RunPath>,
    ApiQuery(query): ApiQuery<FollowQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::RunRead, &path.run)?;
    let id = run_id(&path.run)?;
    let named = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").to_owned());
    let cursor = match named.or(query.cursor) {
        Some(text) => text.parse().map_err(|error| ApiError::new("malformed_cursor", format!("{error}")))?,
        None => OutputCursor::default(),
    };
    let items = app.commands.follow(&permit, &id, cursor).await?;
    let (stopping, auth) = (app.stopping.clone(), app.auth.clone());
    let over = async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = auth.until_revoked(member, act::RunRead, path.run) => {}
        }
    };
    let events = events(items).take_until(over);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

fn events(
    items: impl Stream<Item = Result<OutputItem, CommandError>> + Send,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let retry = futures_util::stream::iter([Ok(Event::default().retry(RETRY).comment("following"))]);
    retry.chain(items.map(|item| Ok(event(item))))
}

fn event(item: Result<OutputItem, CommandError>) -> Event {
    let made = match item {
        Ok(OutputItem::Bytes(stream, bytes, cursor)) => {
            let data = OutputEvent { stream: name_of(stream).to_owned(), data: STANDARD.encode(bytes) };
            Event::default().event("output").id(cursor.to_string()).json_data(data)
        }
        Ok(OutputItem::Gap { stream, from, to, cursor }) => {
            let data = OutputGap { stream: name_of(stream).to_owned(), from, to };
            Event::default().event("gap").id(cursor.to_string()).json_data(data)
        }
        Ok(OutputItem::End(run)) => Event::default().event("exit").json_data(run),
        Err(error) => {
            tracing::warn!(%error, "a run's output could not be followed further");
            Event::default().event("error").json_data(serde_json::json!({ "code": error.code() }))
        }
    };
    // What is made here is always JSON; were it not, a comment loses nothing that a resume would not bring.
    made.unwrap_or_else(|_| Event::default().comment("unprintable"))
}

fn name_of(stream: OutputStreamKind) -> &'static str {
    match stream {
        OutputStreamKind::Stdout => "stdout",
        OutputStreamKind::Stderr => "stderr",
    }
}

/// Deletes the lines of a run that has ended. Lines of others stay as they are.
#[utoipa::path(
    delete, path = "/v1/{tenant}/runs/{run}/logs", tag = "runs",
    params(("tenant" = String, Path, description = "Slug or id."), ("run" = String, Path, description = "Its id.")),
    responses((status = 200, body = Success<DeletedLines>)), security(("bearer" = []))
)]
pub(in crate::http) async fn delete_logs(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<RunPath>,
) -> ApiResult<Answer<DeletedLines>> {
    let permit = authorize(&member, act::LogDelete, &path.run)?;
    let lines = app.commands.delete_logs(&permit, &run_id(&path.run)?).await?;
    Ok(in_tenant(permit.scope(), DeletedLines { lines }))
}

/// What a run wrote to one stream, as raw bytes, as far as it is in the log. The header `X-Cloister-Missing-Bytes` says how
/// many bytes of its beginning were deleted; 0 when all are there. Where lines are damaged, or deleted meanwhile, the
/// connection breaks.
#[utoipa::path(
    get, path = "/v1/{tenant}/runs/{run}/output/{stream}", tag = "runs",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("run" = String, Path, description = "Its id."),
        ("stream" = String, Path, description = "`stdout` or `stderr`.")
    ),
    responses((
        status = 200, body = Vec<u8>, content_type = "application/octet-stream",
        headers(("X-Cloister-Missing-Bytes" = u64, description = "Bytes of its beginning that were deleted."))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn raw(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<StreamPath>,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::RunRead, &path.run)?;
    let stream = match path.stream.as_str() {
        "stdout" => LogStream::Stdout,
        "stderr" => LogStream::Stderr,
        other => return Err(ApiError::new("not_found", format!("a run has no stream `{other}`"))),
    };
    let (missing_bytes, bytes) = app.commands.raw_output(&permit, &run_id(&path.run)?, stream).await?;
    // A guest wrote it: a browser that is led here must neither run nor guess it.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    let missing = [(MISSING_BYTES, missing_bytes.to_string())];
    Ok((headers, missing, Body::from_stream(bytes)).into_response())
}
