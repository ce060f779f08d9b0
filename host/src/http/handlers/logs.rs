//! Log lines: pages of them, and following them.

use std::convert::Infallible;
use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{LogLine, Pagination, Success};
use crate::auth::{Member, act, authorize};
use crate::http::{ApiError, ApiQuery, ApiResult, App, Paging};
use crate::logs::{FollowEvent, FollowFrom, LogCursor, LogFilter, LogFollow, LogOrder, LogQuery};

/// A comment is sent after so much silence.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Streams or levels named in one query.
const MAX_WORDS: usize = 8;

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct LogsQuery {
    /// Of this run.
    run: Option<String>,
    /// Of this command.
    command: Option<String>,
    /// Of these streams: `stdout`, `stderr`, `system`, separated by commas.
    stream: Option<String>,
    /// Of these levels: `trace`, `debug`, `info`, `warn`, `error`, separated by commas.
    level: Option<String>,
    /// That contain this text; upper and lower case differ.
    text: Option<String>,
    /// That match this regular expression.
    regex: Option<String>,
    /// Not older than this; RFC 3339.
    from: Option<String>,
    /// Older than this; RFC 3339.
    to: Option<String>,
    /// `desc`, newest first, is the default; or `asc`.
    order: Option<String>,
    /// The cursor of the last page; when following, the id of the last event.
    cursor: Option<String>,
    /// Lines per page: 1 to 200, 50 when absent. When following without a cursor: how many of the last lines to begin
    /// with; none when absent.
    limit: Option<u32>,
}

/// Lists log lines; or, with `Accept: text/event-stream`, sends each new one as a `line` event whose id is its cursor,
/// and a `gap` event with `first_seq` and `last_seq` where lines are missing.
#[utoipa::path(
    get, path = "/v1/{tenant}/logs", tag = "logs",
    params(("tenant" = String, Path, description = "Slug or id."), LogsQuery),
    responses((status = 200, body = Success<Vec<LogLine>>)), security(("bearer" = []))
)]
pub(in crate::http) async fn list(
    State(app): State<App>,
    member: Member,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<LogsQuery>,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::LogRead, "logs")?;
    let filter = query.filter()?;
    let paging = Paging::new("logs", query.limit, None)?;
    if wants_events(&headers) {
        let from = query.follow_from(&headers)?;
        let follow = app.logs.reader().follow(permit.scope(), &filter, from).await?;
        return Ok(events(follow, &app, member).into_response());
    }
    if query.cursor.is_none() && app.logs.health().is_ok() {
        // Whoever has seen a run end finds its lines. When the log takes no more, what it has can still be read.
        app.logs.flush(permit.scope()).await?;
    }
    let page = LogQuery {
        filter,
        order: query.order()?,
        cursor: query.cursor.as_deref().map(str::parse).transpose()?,
        limit: paging.limit(),
    };
    let page = app.logs.reader().query(permit.scope(), page).await?;
    let pagination = Pagination {
        per_page: paging.limit_u32(),
        has_next: page.next.is_some(),
        cursor: page.next.map(|next| next.to_string()),
    };
    let answer = Success {
        success: true,
        data: page.lines.iter().map(crate::logs::Line::to_api).collect::<Vec<_>>(),
        tenant_id: Some(permit.scope().tenant().to_string()),
        pagination: Some(pagination),
    };
    Ok(Json(answer).into_response())
}

impl LogsQuery {
    fn filter(&self) -> ApiResult<LogFilter> {
        Ok(LogFilter {
            run: parse("run", self.run.as_deref())?,
            command: parse("command", self.command.as_deref())?,
            step: None,
            streams: parse_words("stream", self.stream.as_deref())?,
            levels: parse_words("level", self.level.as_deref())?,
            text: filled(self.text.as_deref()).map(str::to_owned),
            regex: filled(self.regex.as_deref()).map(str::to_owned),
            from_us: parse("from", self.from.as_deref())?.map(unix_us),
            to_us: parse("to", self.to.as_deref())?.map(unix_us),
        })
    }

    fn order(&self) -> ApiResult<LogOrder> {
        match self.order.as_deref() {
            None | Some("desc") => Ok(LogOrder::Desc),
            Some("asc") => Ok(LogOrder::Asc),
            Some(_) => Err(invalid("order", "expected asc or desc")),
        }
    }

    /// A client that comes back sends the same address and, as a header, where it was.
    fn follow_from(&self, headers: &HeaderMap) -> ApiResult<FollowFrom> {
        let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
        if let Some(cursor) = filled(last_id).or(filled(self.cursor.as_deref())) {
            return Ok(FollowFrom::Cursor(cursor.parse()?));
        }
        Ok(match self.limit {
            Some(lines) => FollowFrom::Last(lines as usize),
            None if self.order()? == LogOrder::Asc && self.order.is_some() => FollowFrom::Start,
            None => FollowFrom::Now,
        })
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
    let (stopping, auth) = (app.stopping.clone(), app.auth.clone());
    let over = async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = auth.until_revoked(member, act::LogRead, "logs".to_owned()) => {}
        }
    };
    let all = stream::once(std::future::ready(Ok(place))).chain(lines).take_until(Box::pin(over));
    Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// A parameter that is there and not empty: forms send empty ones.
fn filled(value: Option<&str>) -> Option<&str> {
    value.filter(|text| !text.is_empty())
}

fn parse<T: FromStr<Err: std::fmt::Display>>(name: &str, value: Option<&str>) -> ApiResult<Option<T>> {
    filled(value).map(str::parse).transpose().map_err(|error: T::Err| invalid(name, &error.to_string()))
}

fn parse_words<T: FromStr<Err: std::fmt::Display>>(name: &str, value: Option<&str>) -> ApiResult<Vec<T>> {
    let words = filled(value).into_iter().flat_map(|words| words.split(',')).take(MAX_WORDS);
    words.map(|word| word.trim().parse().map_err(|error: T::Err| invalid(name, &error.to_string()))).collect()
}

fn invalid(name: &str, why: &str) -> ApiError {
    ApiError::new("invalid_value", format!("`{name}`: {why}"))
}

/// Microseconds since the Unix epoch; 0 before it.
fn unix_us(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}
