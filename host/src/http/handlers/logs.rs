//! Log lines: pages of them, following them, counting them, and one with its neighbours.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{self, ACCEPT, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::api::{LogContext, LogHistogram, LogLine, LogPage, LogParams, Pagination, StreamEvent, Success};
use crate::auth::{Member, TenantScope, act, authorize};
use crate::http::{Answer, ApiError, ApiPath, ApiQuery, ApiResult, App, Paging, in_tenant};
use crate::logs::{
    FollowEvent, FollowFrom, Line, LogCursor, LogError, LogFilter, LogFollow, LogOrder, LogQuery,
    MAX_BUCKETS, MAX_CONTEXT_LINES, missing_to_api,
};

/// Buckets of a histogram, and lines on each side of a line, when a request does not say.
const DEFAULT_BUCKETS: usize = 60;
const DEFAULT_CONTEXT_LINES: usize = 20;
/// Lines that a download cannot hold any more.
const DELETED_LINES: HeaderName = HeaderName::from_static("x-cloister-deleted-lines");
const JSON_LINES: &str = "application/x-ndjson";
/// A comment is sent after so much silence.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Which page of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct LogsQuery {
    /// `desc`, newest first, is the default; or `asc`.
    order: Option<String>,
    /// The cursor of the last page; when following, the id of the last event.
    cursor: Option<String>,
    /// Lines per page: 1 to 200, 50 when absent. When following without a cursor: how many of the last lines to begin
    /// with; none when absent.
    limit: Option<u32>,
    /// True: says how many lines match in all.
    #[serde(default)]
    count: bool,
}

/// How fine a histogram is.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct HistogramQuery {
    /// So many stretches of time: 1 to 500, 60 when absent.
    buckets: Option<usize>,
}

/// What a download looks like.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportQuery {
    /// `jsonl` (the default), or `raw`: the bytes as they were written.
    format: Option<String>,
}

/// How much around a line.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ContextQuery {
    /// Lines before it: 0 to 200, 20 when absent.
    before: Option<usize>,
    /// Lines after it: 0 to 200, 20 when absent.
    after: Option<usize>,
}

/// One line of a tenant.
#[derive(Deserialize)]
pub(in crate::http) struct LinePath {
    line: String,
}

impl LinePath {
    /// What cannot be a number of a line names none.
    fn seq(&self) -> Result<u64, LogError> {
        let digits = self.line.bytes().all(|byte| byte.is_ascii_digit());
        self.line.parse().ok().filter(|_| digits).ok_or(LogError::NoSuchLine)
    }
}

/// The parameters of a URL, of which some may come several times.
type Pairs = ApiQuery<Vec<(String, String)>>;

fn filter_of(ApiQuery(pairs): &Pairs) -> ApiResult<LogFilter> {
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(LogFilter::from_params(&LogParams::from_pairs(pairs))?)
}

/// Whoever has seen a run end finds its lines. When the log takes no more, what it has can still be read.
async fn settle(app: &App, scope: &TenantScope) -> ApiResult<()> {
    if app.logs.health().is_ok() {
        app.logs.flush(scope).await?;
    }
    Ok(())
}

/// Lists log lines; or, with `Accept: text/event-stream`, sends each new one as a `line` event whose id is its cursor,
/// and a `gap` event with `first_seq` and `last_seq` where lines are missing.
#[utoipa::path(
    get, path = "/v1/{tenant}/logs", tag = "logs",
    params(("tenant" = String, Path, description = "Slug or id."), LogsQuery, LogParams),
    responses((
        status = 200,
        description = "A page, or events.",
        content((LogPage = "application/json"), (StreamEvent = "text/event-stream"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<LogsQuery>,
    pairs: Pairs,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::LogRead, "logs")?;
    let filter = filter_of(&pairs)?;
    let paging = Paging::new("logs", query.limit, None)?;
    if wants_events(&headers) {
        let from = query.follow_from(&headers)?;
        let follow = app.logs.reader().follow(permit.scope(), &filter, from).await?;
        return Ok(events(follow, &app, member).into_response());
    }
    if query.cursor.is_none() {
        settle(&app, permit.scope()).await?;
    }
    let order = query.order()?;
    let cursor = query.cursor.as_deref().map(str::parse).transpose()?;
    let reader = app.logs.reader();
    let count = match query.count {
        true => Some(reader.tally(permit.scope(), &filter, 1).await?.count()),
        false => None,
    };
    let page = LogQuery { filter, order, cursor, limit: paging.limit() };
    let page = reader.query(permit.scope(), page).await?;
    let pagination = Pagination {
        per_page: paging.limit_u32(),
        has_next: page.next.is_some(),
        cursor: page.next.map(|next| next.to_string()),
    };
    let answer = LogPage {
        success: true,
        data: page.lines.iter().map(Line::to_api).collect(),
        tenant_id: permit.scope().tenant().to_string(),
        pagination,
        missing: missing_to_api(&page.missing),
        count,
    };
    Ok(Json(answer).into_response())
}

/// Counts matching lines over time, by level, from the newest backwards, as far as one call looks.
#[utoipa::path(
    get, path = "/v1/{tenant}/logs/histogram", tag = "logs",
    params(("tenant" = String, Path, description = "Slug or id."), HistogramQuery, LogParams),
    responses((status = 200, body = Success<LogHistogram>)), security(("bearer" = []))
)]
pub(in crate::http) async fn histogram(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<HistogramQuery>,
    pairs: Pairs,
) -> ApiResult<Answer<LogHistogram>> {
    let permit = authorize(&member, act::LogRead, "logs")?;
    let filter = filter_of(&pairs)?;
    let buckets = within("buckets", query.buckets, DEFAULT_BUCKETS, 1..=MAX_BUCKETS)?;
    settle(&app, permit.scope()).await?;
    let tally = app.logs.reader().tally(permit.scope(), &filter, buckets).await?;
    Ok(in_tenant(permit.scope(), tally.to_api()))
}

/// One line, by its permanent id.
#[utoipa::path(
    get, path = "/v1/{tenant}/logs/{line}", tag = "logs",
    params(("tenant" = String, Path, description = "Slug or id."), ("line" = u64, Path, description = "Its `seq`.")),
    responses((status = 200, body = Success<LogLine>)), security(("bearer" = []))
)]
pub(in crate::http) async fn show(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<LinePath>,
) -> ApiResult<Answer<LogLine>> {
    let permit = authorize(&member, act::LogRead, "logs")?;
    let line = app.logs.reader().line(permit.scope(), path.seq()?).await?;
    Ok(in_tenant(permit.scope(), line.to_api()))
}

/// One line, and those around it that match.
#[utoipa::path(
    get, path = "/v1/{tenant}/logs/{line}/context", tag = "logs",
    params(
        ("tenant" = String, Path, description = "Slug or id."), ("line" = u64, Path, description = "Its `seq`."),
        ContextQuery, LogParams
    ),
    responses((status = 200, body = Success<LogContext>)), security(("bearer" = []))
)]
pub(in crate::http) async fn context(
    State(app): State<App>,
    member: Member,
    ApiPath(path): ApiPath<LinePath>,
    ApiQuery(query): ApiQuery<ContextQuery>,
    pairs: Pairs,
) -> ApiResult<Answer<LogContext>> {
    let permit = authorize(&member, act::LogRead, "logs")?;
    let filter = filter_of(&pairs)?;
    let side = |name, lines| within(name, lines, DEFAULT_CONTEXT_LINES, 0..=MAX_CONTEXT_LINES);
    let (before, after) = (side("before", query.before)?, side("after", query.after)?);
    let context = app.logs.reader().context(permit.scope(), path.seq()?, &filter, before, after).await?;
    Ok(in_tenant(permit.scope(), context.to_api()))
}

/// All matching lines that there are now, oldest first: as lines of JSON, with `{"missing": …}` where some are damaged or
/// deleted meanwhile, or as the bytes that were written. Lines that were deleted before are told by the header
/// `X-Cloister-Deleted-Lines` (first and last, as `1-500`), and as lines of JSON first of all by `{"deleted": …}`. An answer
/// that is cut short breaks the connection.
#[utoipa::path(
    get, path = "/v1/{tenant}/logs/export", tag = "logs",
    params(("tenant" = String, Path, description = "Slug or id."), ExportQuery, LogParams),
    responses((
        status = 200,
        description = "The lines.",
        headers(("X-Cloister-Deleted-Lines" = String, description = "First and last of the lines that were deleted before, if any.")),
        content((LogLine = "application/x-ndjson"), (Vec<u8> = "application/octet-stream"))
    )),
    security(("bearer" = []))
)]
pub(in crate::http) async fn export(
    State(app): State<App>,
    member: Member,
    ApiQuery(query): ApiQuery<ExportQuery>,
    pairs: Pairs,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::LogRead, "logs")?;
    let filter = filter_of(&pairs)?;
    let (write, content_type, attached): (WritePage, _, _) = match query.format.as_deref() {
        None | Some("" | "jsonl") => (write_json, JSON_LINES, "attachment; filename=\"logs.jsonl\""),
        Some("raw") => (write_raw, "application/octet-stream", "attachment; filename=\"logs.txt\""),
        Some(_) => return Err(invalid("format", "expected jsonl or raw")),
    };
    settle(&app, permit.scope()).await?;
    let deleted = app.logs.reader().deleted(permit.scope(), &filter).await?;
    let pages = app.logs.reader().lines(permit.scope(), &filter)?;
    let told = deleted
        .filter(|_| content_type == JSON_LINES)
        .map(|deleted| Ok::<Bytes, LogError>(told("deleted", deleted).into()));
    let state = (Box::pin(pages), Box::pin(over(&app, member)));
    let pieces = stream::try_unfold(state, move |(mut pages, mut over)| async move {
        // Cut short, it must not look whole: an error breaks the connection.
        tokio::select! {
            biased;
            () = &mut over => Err(LogError::Closed),
            page = pages.try_next() => match page? {
                Some(page) => Ok(Some((write(&page)?, (pages, over)))),
                None => Ok(None),
            }
        }
    });
    // A guest wrote it: a browser that is led here must neither run nor guess it.
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, attached),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    let deleted = deleted.map(|(first_seq, last_seq)| [(DELETED_LINES, format!("{first_seq}-{last_seq}"))]);
    let body = Body::from_stream(stream::iter(told).chain(pieces));
    Ok(match deleted {
        Some(deleted) => (headers, deleted, body).into_response(),
        None => (headers, body).into_response(),
    })
}

/// Turns a page into bytes of a download.
type WritePage = fn(&crate::logs::LogPage) -> Result<Bytes, LogError>;

fn write_json(page: &crate::logs::LogPage) -> Result<Bytes, LogError> {
    let mut out = Vec::new();
    let mut missing = page.missing.iter().peekable();
    let mut tell = |out: &mut Vec<u8>, before_seq: u64| {
        while let Some(&(first_seq, last_seq)) = missing.next_if(|(first_seq, _)| *first_seq < before_seq) {
            out.extend_from_slice(&told("missing", (first_seq, last_seq)));
        }
    };
    for line in &page.lines {
        tell(&mut out, line.seq);
        // Writing to memory does not fail, and the type has nothing that JSON has not.
        let _ = serde_json::to_writer(&mut out, &line.to_api());
        out.push(b'\n');
    }
    tell(&mut out, u64::MAX);
    Ok(out.into())
}

/// A line of JSON about lines that are not there.
fn told(what: &str, (first_seq, last_seq): (u64, u64)) -> Vec<u8> {
    format!("{}\n", json!({what: {"first_seq": first_seq, "last_seq": last_seq}})).into_bytes()
}

fn write_raw(page: &crate::logs::LogPage) -> Result<Bytes, LogError> {
    if let Some(&(first_seq, last_seq)) = page.missing.first() {
        return Err(LogError::Damaged { first_seq, last_seq });
    }
    let mut out = Vec::new();
    page.lines.iter().for_each(|line| line.write_raw(&mut out));
    Ok(out.into())
}

impl LogsQuery {
    fn order(&self) -> ApiResult<LogOrder> {
        match self.order.as_deref() {
            None | Some("" | "desc") => Ok(LogOrder::Desc),
            Some("asc") => Ok(LogOrder::Asc),
            Some(_) => Err(invalid("order", "expected asc or desc")),
        }
    }

    /// A client that comes back sends the same address and, as a header, where it was.
    fn follow_from(&self, headers: &HeaderMap) -> ApiResult<FollowFrom> {
        let filled = |text: &&str| !text.is_empty();
        let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(filled);
        if let Some(cursor) = last_id.or(self.cursor.as_deref().filter(filled)) {
            return Ok(FollowFrom::Cursor(cursor.parse()?));
        }
        Ok(match self.limit {
            Some(lines) => FollowFrom::Last(lines as usize),
            None if self.order()? == LogOrder::Asc && self.order.is_some() => FollowFrom::Start,
            None => FollowFrom::Now,
        })
    }
}

/// Returns when whoever reads may no longer, or the host stops.
fn over(app: &App, member: Member) -> impl Future<Output = ()> + Send + use<> {
    let (stopping, auth) = (app.stopping.clone(), app.auth.clone());
    async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = auth.until_revoked(member, act::LogRead, "logs".to_owned()) => {}
        }
    }
}

/// The answer that follows: it ends when the client goes or may no longer read, or the host stops.
fn events(
    follow: LogFollow,
    app: &App,
    member: Member,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + Send + use<>> {
    // So that a client that loses the connection before the first line comes back to the same place.
    let place = Event::default().id(follow.start().to_string()).comment("following");
    let lines = follow.into_stream().map(|event| {
        Ok(match event {
            Ok(FollowEvent::Line(line)) => {
                let id = LogCursor::after(line.seq).to_string();
                Event::default().event("line").id(id).json_data(line.to_api()).unwrap_or_default()
            }
            Ok(FollowEvent::Gap { first_seq, last_seq }) => {
                let data = serde_json::json!({"first_seq": first_seq, "last_seq": last_seq});
                let id = LogCursor::after(last_seq).to_string();
                Event::default().event("gap").id(id).data(data.to_string())
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "following a log failed");
                Event::default().event("error").data(error.code())
            }
        })
    });
    let over = Box::pin(over(app, member));
    let all = stream::once(std::future::ready(Ok(place))).chain(lines).take_until(over);
    Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

fn within(
    name: &str,
    value: Option<usize>,
    default: usize,
    bounds: RangeInclusive<usize>,
) -> ApiResult<usize> {
    let value = value.unwrap_or(default);
    if bounds.contains(&value) {
        return Ok(value);
    }
    Err(invalid(name, &format!("expected {} to {}", bounds.start(), bounds.end())))
}

fn invalid(name: &str, why: &str) -> ApiError {
    ApiError::new("invalid_value", format!("`{name}`: {why}"))
}
