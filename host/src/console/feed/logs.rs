//! Channel `logs`: log lines as they are committed.

use futures_util::StreamExt;
use serde_json::json;

use super::{Feed, Subscriber, Told, error_event, log_filter};
use crate::auth::{act, authorize};
use crate::console::error::ConsoleError;
use crate::console::event::Event;
use crate::console::subscription::Subscription;
use crate::logs::{FollowEvent, FollowFrom, LogCursor, LogError};
use crate::metrics::ConsoleStats;

pub(super) async fn open(
    subscriber: &Subscriber<'_>,
    subscription: Subscription,
) -> Result<Feed, ConsoleError> {
    let permit = authorize(subscriber.member, act::LogRead, "logs")?;
    let filter = log_filter::parse(subscription.filter.as_ref())?;
    let from = match (subscriber.place.or(subscription.text_place()?), subscription.last) {
        (Some(cursor), _) => FollowFrom::Cursor(cursor.parse()?),
        (None, Some(lines)) => FollowFrom::Last(lines),
        (None, None) => FollowFrom::Now,
    };
    let follow = subscriber.console.inner.parts.logs.follow(permit.scope(), &filter, from).await?;
    let (ch, stats) = (subscription.ch, subscriber.console.stats().clone());
    // So that a client that comes back before the first line goes on from the same place.
    let start = follow.start().to_string();
    let placed = (Event::new(Some(ch), "following", json!({})).at(start.clone()), start);
    let first = futures_util::stream::iter(subscriber.place.is_none().then_some(placed));
    let lines = follow.into_stream().map(move |event| told(ch, event, &stats));
    Ok(subscriber.feed(ch, act::LogRead, "logs", first.chain(lines)))
}

fn told(ch: u8, event: Result<FollowEvent, LogError>, stats: &ConsoleStats) -> Told {
    let (event, last_seq) = match event {
        Ok(FollowEvent::Line(line)) => {
            (Event::new(Some(ch), "line", json!({ "line": line.to_api() })), line.seq)
        }
        Ok(FollowEvent::Gap { first_seq, last_seq }) => {
            stats.gap("logs");
            let count = last_seq.saturating_sub(first_seq) + 1;
            let fields = json!({ "from": first_seq, "to": last_seq, "count": count });
            (Event::new(Some(ch), "gap", fields), last_seq)
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "following a log failed");
            return (error_event(Some(ch), &error.into()), String::new());
        }
    };
    let place = LogCursor::after(last_seq).to_string();
    (event.at(place.clone()), place)
}
