//! Follows a log: what is stored first, then each line as it becomes durable, by sequence number, so that none is lost or
//! doubled where one turns into the other. A follower that is slow reads from the store; the committer never waits.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::sync::watch;

use super::error::LogError;
use super::line::Line;
use super::query::{LogCursor, LogFilter, LogOrder, Matcher};
use super::reader::LogReader;
use super::scan::{Budget, Scanned};
use super::tenant::TenantLog;
use crate::auth::TenantScope;

/// What a follower reads from the store at once.
const STEP: Budget =
    Budget { lines: 512, line_bytes: 1024 * 1024, scan_bytes: 16 * 1024 * 1024, chunks: 4096 };
/// The most lines of history before the live ones.
const MAX_HISTORY_LINES: usize = 1000;
/// Text looked through for them.
const HISTORY_SCAN_BYTES: usize = 64 * 1024 * 1024;

/// Where a follower begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowFrom {
    /// With the first line that is there.
    Start,
    /// With the next line that comes.
    Now,
    /// With so many of the last matching lines, 1,000 at most.
    Last(usize),
    /// Where a cursor of [`LogOrder::Asc`] stands.
    Cursor(LogCursor),
}

/// Something a follower is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowEvent {
    /// A line that matches.
    Line(Line),
    /// Lines that are no longer there, or damaged.
    Gap {
        /// The first of them.
        first_seq: u64,
        /// The last of them.
        last_seq: u64,
    },
}

/// Some events, and the place after them.
#[derive(Debug, Clone)]
pub struct FollowBatch {
    /// In order of sequence numbers; never empty.
    pub events: Vec<FollowEvent>,
    /// Where to continue after them.
    pub cursor: LogCursor,
}

/// A follower of one tenant's log.
pub struct LogFollow {
    reader: LogReader,
    matcher: Arc<Matcher>,
    tenant: Arc<TenantLog>,
    durable: watch::Receiver<Option<u64>>,
    stop: watch::Receiver<bool>,
    next_seq: u64,
    history: Vec<FollowEvent>,
}

impl LogFollow {
    /// Subscribes first, then looks where the log ends: what comes in between is seen as durable already.
    pub(super) async fn open(
        reader: LogReader,
        scope: &TenantScope,
        filter: &LogFilter,
        from: FollowFrom,
    ) -> Result<Self, LogError> {
        let matcher = Arc::new(Matcher::new(filter)?);
        let tenant = reader.shared.tenants.get(scope);
        let (durable, stop) = (tenant.subscribe(), reader.shared.stop.subscribe());
        let last_seq =
            reader.blocking(scope, |reader, tenant| Ok(tenant.durable_seq(&reader.shared.chunks)?)).await?;
        let mut follow =
            Self { reader, matcher, tenant, durable, stop, next_seq: last_seq + 1, history: Vec::new() };
        match from {
            FollowFrom::Now => {}
            FollowFrom::Start => follow.next_seq = follow.first_seq().await?,
            FollowFrom::Cursor(cursor) if cursor.order == LogOrder::Asc => {
                follow.next_seq = cursor.seq.clamp(1, last_seq + 1);
            }
            FollowFrom::Cursor(_) => return Err(LogError::InvalidCursor),
            FollowFrom::Last(lines) => follow.history = follow.read_history(lines, last_seq).await?,
        }
        Ok(follow)
    }

    /// The next events, as soon as there are any; `None` when the writer has stopped and all was told.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// `log_read_failed`.
    pub async fn next(&mut self) -> Result<Option<FollowBatch>, LogError> {
        if !self.history.is_empty() {
            let events = std::mem::take(&mut self.history);
            return Ok(Some(self.batch(events)));
        }
        loop {
            let stopped = *self.stop.borrow();
            let durable_seq = (*self.durable.borrow_and_update()).unwrap_or(0);
            if self.next_seq > durable_seq {
                if stopped {
                    return Ok(None);
                }
                tokio::select! {
                    changed = self.durable.changed() => if changed.is_err() { return Ok(None) },
                    _ = self.stop.changed() => {}
                }
                continue;
            }
            let (events, next_seq) = match self.tenant.recent_at(self.next_seq) {
                Some(chunk) => {
                    let found = self.matcher.matches(&chunk, chunk.indices((self.next_seq, u64::MAX)));
                    let lines = found.into_iter().filter_map(|index| Some(chunk.line(index)?.to_line()));
                    (lines.map(FollowEvent::Line).collect(), chunk.last_seq() + 1)
                }
                None => self.read_store(durable_seq).await?,
            };
            self.next_seq = next_seq;
            if !events.is_empty() {
                return Ok(Some(self.batch(events)));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Where the follower stands: every line before was told or did not match.
    #[must_use]
    pub fn cursor(&self) -> LogCursor {
        LogCursor { order: LogOrder::Asc, seq: self.next_seq }
    }

    /// Where the follower stood before the first event.
    #[must_use]
    pub fn start(&self) -> LogCursor {
        let first_seq = self.history.first().map(|event| match event {
            FollowEvent::Line(line) => line.seq,
            FollowEvent::Gap { first_seq, .. } => *first_seq,
        });
        LogCursor { order: LogOrder::Asc, seq: first_seq.unwrap_or(self.next_seq) }
    }

    /// The events one by one.
    pub fn into_stream(self) -> impl Stream<Item = Result<FollowEvent, LogError>> + Send + use<> {
        try_unfold((self, VecDeque::new()), |(mut follow, mut events)| async move {
            while events.is_empty() {
                match follow.next().await? {
                    Some(batch) => events.extend(batch.events),
                    None => return Ok(None),
                }
            }
            Ok(events.pop_front().map(|event| (event, (follow, events))))
        })
    }

    fn batch(&self, events: Vec<FollowEvent>) -> FollowBatch {
        FollowBatch { events, cursor: self.cursor() }
    }

    async fn first_seq(&self) -> Result<u64, LogError> {
        let run = self.reader.blocking(&self.tenant.scope, |reader, tenant| {
            Ok(reader.shared.chunks.state(&tenant.scope)?.trimmed_seq + 1)
        });
        run.await
    }

    async fn read_history(&self, lines: usize, last_seq: u64) -> Result<Vec<FollowEvent>, LogError> {
        let budget = Budget { lines: lines.min(MAX_HISTORY_LINES), scan_bytes: HISTORY_SCAN_BYTES, ..STEP };
        let matcher = Arc::clone(&self.matcher);
        let scan = self.reader.blocking(&self.tenant.scope, move |reader, tenant| {
            let Some((low, high)) = reader.bounds(tenant, &matcher.filter)? else {
                return Ok(Scanned::default());
            };
            reader.scan(tenant, &matcher, (low, high.min(last_seq)), LogOrder::Desc, &budget)
        });
        Ok(scan.await?.lines.into_iter().rev().map(FollowEvent::Line).collect())
    }

    /// Reads what is not in memory: events, and the next line to look at.
    async fn read_store(&self, durable_seq: u64) -> Result<(Vec<FollowEvent>, u64), LogError> {
        let (matcher, next_seq) = (Arc::clone(&self.matcher), self.next_seq);
        let scan = self.reader.blocking(&self.tenant.scope, move |reader, tenant| {
            reader.scan(tenant, &matcher, (next_seq, durable_seq), LogOrder::Asc, &STEP)
        });
        let scanned = scan.await?;
        let gaps = scanned.missing.iter().map(|(first, last)| (*first, *last));
        let mut events: Vec<FollowEvent> =
            gaps.map(|(first_seq, last_seq)| FollowEvent::Gap { first_seq, last_seq }).collect();
        events.extend(scanned.lines.into_iter().map(FollowEvent::Line));
        events.sort_by_key(|event| match event {
            FollowEvent::Line(line) => line.seq,
            FollowEvent::Gap { first_seq, .. } => *first_seq,
        });
        Ok((events, scanned.next_seq.unwrap_or(durable_seq + 1)))
    }
}
