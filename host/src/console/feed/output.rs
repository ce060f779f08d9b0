//! Channel `output`: what one run writes, and its end.

use cloister_runtime::OutputStreamKind;
use futures_util::StreamExt;
use serde_json::json;

use super::{Feed, Subscriber, Told, error_event, missing};
use crate::auth::{act, authorize};
use crate::commands::{CommandError, OutputCursor, OutputItem};
use crate::console::error::ConsoleError;
use crate::console::event::{Body, ByteStream, Event};
use crate::console::subscription::Subscription;
use crate::ids::RunId;
use crate::metrics::ConsoleStats;

/// The place after the end.
const OVER: &str = "over";

pub(super) async fn open(
    subscriber: &Subscriber<'_>,
    subscription: Subscription,
) -> Result<Feed, ConsoleError> {
    let named = subscription.run.as_deref().ok_or_else(|| missing("run"))?;
    let permit = authorize(subscriber.member, act::RunRead, named)?;
    // What cannot be an id names no run.
    let id: RunId = named.parse().map_err(|_| CommandError::RunNotFound)?;
    let ch = subscription.ch;
    let cursor: OutputCursor = match subscriber.place.or(subscription.text_place()?) {
        Some(OVER) => return Ok(subscriber.feed(ch, act::RunRead, named, futures_util::stream::empty())),
        Some(text) => text.parse().map_err(|_| ConsoleError::CursorInvalid)?,
        None => OutputCursor::default(),
    };
    let items = subscriber.console.inner.parts.commands.follow(&permit, &id, cursor).await?;
    let stats = subscriber.console.stats().clone();
    let events = items.map(move |item| told(ch, item, &stats));
    Ok(subscriber.feed(ch, act::RunRead, named, events))
}

fn told(ch: u8, item: Result<OutputItem, CommandError>, stats: &ConsoleStats) -> Told {
    match item {
        Ok(OutputItem::Bytes(kind, bytes, cursor)) => {
            let (stream, end) = match kind {
                OutputStreamKind::Stdout => (ByteStream::Stdout, cursor.stdout_bytes),
                OutputStreamKind::Stderr => (ByteStream::Stderr, cursor.stderr_bytes),
            };
            let offset = end.saturating_sub(bytes.len() as u64);
            let place = cursor.to_string();
            let event = Event { ch: Some(ch), cursor: None, body: Body::Bytes { stream, offset, bytes } };
            (event.at(place.clone()), place)
        }
        Ok(OutputItem::Gap { stream, from, to, cursor }) => {
            stats.gap("output");
            let stream = match stream {
                OutputStreamKind::Stdout => "stdout",
                OutputStreamKind::Stderr => "stderr",
            };
            let place = cursor.to_string();
            let fields = json!({ "stream": stream, "from": from, "to": to, "count": to - from });
            (Event::new(Some(ch), "gap", fields).at(place.clone()), place)
        }
        Ok(OutputItem::End(run)) => {
            (Event::new(Some(ch), "exit", json!({ "run": run })).at(OVER), OVER.to_owned())
        }
        Err(error) => {
            tracing::warn!(%error, "a run's output could not be followed further");
            (error_event(Some(ch), &error.into()), String::new())
        }
    }
}
