//! Events as server-sent events, or by long polling: the same, with the same cursors.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::api::{ConsoleEvents, Success};
use crate::auth::{Member, act, authorize};
use crate::console::{
    Event, Feeds, HEARTBEAT_S, Opener, PROTOCOL, Place, Places, Subscription, Transport, WINDOW_BYTES,
    error_event,
};
use crate::http::{ApiError, ApiQuery, ApiResult, App, in_tenant};
use crate::ids::ClientId;

/// What a client waits before it connects again.
const RETRY_MS: u64 = 500;
/// Longest wait of a poll, in seconds.
const MAX_WAIT_S: u64 = 30;
/// Events of one poll, and about how many bytes.
const MAX_POLL_EVENTS: usize = 1_000;
const MAX_POLL_BYTES: usize = 256 << 10;

/// What to be told.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EventsQuery {
    /// The client's name: 8 to 64 of letters, digits, `_` and `-`. One is made when absent.
    client: Option<String>,
    /// The subscriptions, a JSON array.
    subscribe: Option<String>,
    /// The cursor of the last event, or of the last poll; `Last-Event-ID` says the same.
    cursor: Option<String>,
    /// Of a poll: how long it waits for the first event, in seconds, 0 to 30; 25 when absent.
    wait: Option<u64>,
}

/// Events: with `Accept: text/event-stream` as they come, else what there is now, or after a while.
#[utoipa::path(
    get, path = "/v1/{tenant}/console/events", tag = "console",
    params(("tenant" = String, Path, description = "Slug or id."), EventsQuery),
    responses((status = 200, body = Success<ConsoleEvents>)), security(("bearer" = []))
)]
pub(in crate::http) async fn events(
    State(app): State<App>,
    member: Member,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<EventsQuery>,
) -> ApiResult<Response> {
    let permit = authorize(&member, act::ConsoleUse, "events")?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let streams = accept.is_some_and(|accept| accept.contains("text/event-stream"));
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?").to_owned());
    let places = Places::parse(last.or(query.cursor).as_deref().unwrap_or_default())?;
    let list = Subscription::list(query.subscribe.as_deref().unwrap_or("[]"))?;
    let wait_s = query.wait.unwrap_or(25);
    if wait_s > MAX_WAIT_S {
        return Err(ApiError::new(
            "invalid_value",
            format!("`wait` is {wait_s} and must be 0 to {MAX_WAIT_S}"),
        ));
    }
    let client = app.console.client(query.client.as_deref())?;
    let transport = if streams { Transport::Sse } else { Transport::Poll };
    let place = app.console.connect(&member, transport)?;
    let opener = Opener::new(app.console.clone(), member.clone(), client);
    let mut feeds = Feeds::default();
    let mut failed = Vec::new();
    for subscription in list {
        let ch = subscription.ch;
        match opener.open(subscription, places.of(ch), !streams).await {
            Ok(feed) => feeds.add(feed),
            Err(error) => {
                app.console.stats().refused(error.code());
                failed.push(error_event(Some(ch), &error));
            }
        }
    }
    if streams {
        failed.insert(0, hello(opener.client()));
        return Ok(sse(app, member, feeds, failed, place));
    }
    let events = poll(&app, &member, &mut feeds, failed, Duration::from_secs(wait_s)).await?;
    let answer = ConsoleEvents {
        client: opener.client().to_string(),
        events: events.iter().map(Event::to_json).collect(),
        next: feeds.places().to_text(),
    };
    Ok(in_tenant(permit.scope(), answer).into_response())
}

/// The first event of a connection.
pub(super) fn hello(client: &ClientId) -> Event {
    let fields = json!({
        "protocol": PROTOCOL, "client": client.as_str(), "heartbeat_s": HEARTBEAT_S,
        "window_bytes": WINDOW_BYTES,
    });
    Event::new(None, "hello", fields)
}

fn sse(app: App, member: Member, feeds: Feeds, first: Vec<Event>, place: Place) -> Response {
    let first = first.iter().map(sent);
    let retry = Sent::default().retry(Duration::from_millis(RETRY_MS)).comment("connected");
    let first = stream::iter(std::iter::once(retry).chain(first).map(Ok).collect::<Vec<_>>());
    let (stopping, auth) = (app.stopping.clone(), app.auth.clone());
    let over = async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = auth.until_revoked(member, act::ConsoleUse, "events".to_owned()) => {}
        }
    };
    let events = told(feeds).map(move |event| {
        let _open = &place;
        event
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(HEARTBEAT_S));
    Sse::new(first.chain(events).take_until(Box::pin(over))).keep_alive(keep_alive).into_response()
}

fn told(feeds: Feeds) -> impl Stream<Item = Result<Sent, Infallible>> + Send {
    stream::unfold(feeds, |mut feeds| async move {
        let event = feeds.next().await;
        let sent = sent(&event).id(feeds.places().to_text());
        Some((Ok(sent), feeds))
    })
}

fn sent(event: &Event) -> Sent {
    Sent::default().data(event.to_json().to_string())
}

/// What there is; when there is nothing, the first that comes, and what comes with it.
async fn poll(
    app: &App,
    member: &Member,
    feeds: &mut Feeds,
    failed: Vec<Event>,
    wait: Duration,
) -> ApiResult<Vec<Event>> {
    let mut events = failed;
    let mut bytes = 0;
    loop {
        let next = if events.is_empty() {
            tokio::select! {
                // What is there comes before that there is nothing.
                biased;
                event = feeds.next() => Some(event),
                () = tokio::time::sleep(wait) => None,
                () = app.stopping.cancelled() => None,
                () = app.auth.until_revoked(member.clone(), act::ConsoleUse, "events".to_owned()) => {
                    // Says why.
                    let member = app.console.again(member).await?;
                    authorize(&member, act::ConsoleUse, "events")?;
                    None
                }
            }
        } else {
            feeds.next().now_or_never()
        };
        let Some(event) = next else { return Ok(events) };
        bytes += event.weight_bytes();
        events.push(event);
        if events.len() >= MAX_POLL_EVENTS || bytes >= MAX_POLL_BYTES {
            return Ok(events);
        }
    }
}
