//! Channel `logs`: log lines as they are committed.

use futures_util::StreamExt;
use futures_util::stream::{iter, unfold};
use serde_json::json;

use super::{Feed, Subscriber, Told, error_event, log_filter};
use crate::api;
use crate::auth::{act, authorize};
use crate::console::error::ConsoleError;
use crate::console::event::Event;
use crate::console::subscription::Subscription;
use crate::logs::{FollowBatch, FollowEvent, FollowFrom, Line, LogCursor, LogError};
use crate::metrics::ConsoleStats;

/// Text of lines that are told together; a longer line is told alone.
const TOGETHER_BYTES: usize = 64 << 10;

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
    let following = (Event::new(Some(ch), "following", json!({})).at(start.clone()), start);
    let first = iter(subscriber.place.is_none().then_some(following));
    let batches = unfold(Some(follow), |follow| async move {
        let mut follow = follow?;
        match follow.next().await {
            Ok(batch) => batch.map(|batch| (Ok(batch), Some(follow))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let lines = batches.flat_map(move |batch| iter(told(ch, batch, &stats)));
    Ok(subscriber.feed(ch, act::LogRead, "logs", first.chain(lines)))
}

/// The events of a batch: lines that come together are told together.
fn told(ch: u8, batch: Result<FollowBatch, LogError>, stats: &ConsoleStats) -> Vec<Told> {
    let batch = match batch {
        Ok(batch) => batch,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "following a log failed");
            return vec![(error_event(Some(ch), &error.into()), String::new())];
        }
    };
    let mut told = Vec::new();
    let mut together = Together::default();
    for event in batch.events {
        match event {
            FollowEvent::Line(line) => {
                if together.bytes + line.bytes.len() > TOGETHER_BYTES {
                    told.extend(together.take(ch));
                }
                together.add(&line);
            }
            FollowEvent::Gap { first_seq, last_seq } => {
                told.extend(together.take(ch));
                stats.gap("logs");
                let count = last_seq.saturating_sub(first_seq) + 1;
                let fields = json!({ "from": first_seq, "to": last_seq, "count": count });
                told.push(placed(Event::new(Some(ch), "gap", fields), last_seq));
            }
        }
    }
    told.extend(together.take(ch));
    told
}

/// Lines that are told as one event.
#[derive(Default)]
struct Together {
    lines: Vec<api::LogLine>,
    bytes: usize,
    last_seq: u64,
}

impl Together {
    fn add(&mut self, line: &Line) {
        self.bytes += line.bytes.len();
        self.last_seq = line.seq;
        self.lines.push(line.to_api());
    }

    fn take(&mut self, ch: u8) -> Option<Told> {
        let Self { lines, last_seq, .. } = std::mem::take(self);
        if lines.is_empty() {
            return None;
        }
        Some(placed(Event::new(Some(ch), "lines", json!({ "lines": lines })), last_seq))
    }
}

/// An event behind which the log goes on after a line.
fn placed(event: Event, last_seq: u64) -> Told {
    let place = LogCursor::after(last_seq).to_string();
    (event.at(place.clone()), place)
}
