//! Reads the log: pages of matching lines, and the output of a run byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use cloister_lines::LogStream;
use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::error::LogError;
use super::follow::{FollowFrom, LogFollow};
use super::line::Line;
use super::query::{LogCursor, LogFilter, LogOrder, LogQuery, Matcher};
use super::retention::{Retention, is_due};
use super::scan::{Budget, Scan, Scanned};
use super::shared::Shared;
use super::tenant::TenantLog;
use crate::auth::TenantScope;
use crate::ids::RunId;
use crate::store::RunSpan;

/// The most lines of a page.
pub const MAX_PAGE_LINES: usize = 1000;
/// Bytes of lines after which a page ends early.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Text one call looks through before it answers with what it has and a cursor.
pub(super) const MAX_SCAN_BYTES: usize = 256 * 1024 * 1024;
/// Chunks one call looks at, most of them by their summary only.
pub(super) const MAX_SCAN_CHUNKS: usize = 32 * 1024;
/// Output read at once.
const RAW_STEP_BYTES: usize = 256 * 1024;

/// One page of lines.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// Matching lines, in the order asked for. May be empty although there is a next page: a call looks through a
    /// bounded amount of text.
    pub lines: Vec<Line>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<LogCursor>,
    /// Damaged lines which the query came across and could not read, first and last.
    pub missing: Vec<(u64, u64)>,
    /// Lines up to this one were deleted by retention when the page was read.
    pub trimmed_seq: u64,
}

/// Reads the logs of tenants. Cheap to clone.
#[derive(Clone)]
pub struct LogReader {
    pub(super) shared: Arc<Shared>,
}

impl LogReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// One page of the durable lines that match.
    ///
    /// # Errors
    /// `malformed_cursor`, `invalid_value`, `log_read_failed`.
    pub async fn query(&self, scope: &TenantScope, query: LogQuery) -> Result<LogPage, LogError> {
        if query.cursor.is_some_and(|cursor| cursor.order != query.order) {
            return Err(LogError::InvalidCursor);
        }
        let matcher = Arc::new(Matcher::new(&query.filter)?);
        let budget = Budget {
            lines: query.limit.clamp(1, MAX_PAGE_LINES),
            line_bytes: MAX_PAGE_BYTES,
            scan_bytes: MAX_SCAN_BYTES,
            chunks: MAX_SCAN_CHUNKS,
        };
        self.shared.stats.queries.add(1);
        let order = query.order;
        let (scanned, trimmed_seq) = self
            .blocking(scope, move |reader, tenant| {
                let trimmed_seq = reader.shared.chunks.state(&tenant.scope)?.trimmed_seq;
                let Some((mut low, mut high)) = reader.bounds(tenant, &matcher.filter)? else {
                    return Ok((Scanned::default(), trimmed_seq));
                };
                match (order, query.cursor) {
                    (LogOrder::Asc, Some(cursor)) => low = low.max(cursor.seq),
                    (LogOrder::Desc, Some(cursor)) => high = high.min(cursor.seq),
                    (_, None) => {}
                }
                let mut scanned = reader.scan(tenant, &matcher, (low, high), order, &budget)?;
                scanned.missing = reader.still_missing(tenant, scanned.missing)?;
                Ok((scanned, reader.shared.chunks.state(&tenant.scope)?.trimmed_seq))
            })
            .await?;
        let next = scanned.next_seq.map(|seq| LogCursor { order, seq });
        Ok(LogPage { lines: scanned.lines, next, missing: scanned.missing, trimmed_seq })
    }

    /// Where a run's lines are and how much it wrote; `None` when it wrote nothing, or all was deleted.
    ///
    /// # Errors
    /// `log_read_failed`.
    pub async fn run_span(&self, scope: &TenantScope, run: &RunId) -> Result<Option<RunSpan>, LogError> {
        let run = run.clone();
        let span = self
            .blocking(scope, move |reader, tenant| Ok(reader.shared.chunks.run(&tenant.scope, &run)?))
            .await?;
        Ok(span.filter(|span| span.lines > 0))
    }

    /// True when some of a tenant's lines are not to be kept: [`super::LogWriter::trim`] has something to do.
    ///
    /// # Errors
    /// `log_read_failed`.
    pub async fn outlives(&self, scope: &TenantScope, retention: &Retention) -> Result<bool, LogError> {
        let retention = *retention;
        let look = move |reader: &Self, tenant: &TenantLog| {
            Ok(is_due(&reader.shared.chunks, &tenant.scope, &retention)?)
        };
        self.blocking(scope, look).await
    }

    /// What a run has written to a stream until now, byte for byte, as it is durable; of lines behind `trimmed_seq`.
    ///
    /// Ends with `log_damaged` where lines are missing, with `line_deleted` when some are deleted while they are read, and
    /// with `log_read_failed`.
    pub fn raw(
        &self,
        scope: &TenantScope,
        run: &RunId,
        stream: LogStream,
        trimmed_seq: u64,
    ) -> impl Stream<Item = Result<Bytes, LogError>> + Send + use<> {
        let filter = LogFilter { run: Some(run.clone()), streams: vec![stream], ..LogFilter::default() };
        let start = (self.clone(), scope.clone(), filter, Some(trimmed_seq.saturating_add(1)));
        try_unfold(start, move |(reader, scope, filter, from)| async move {
            let mut from = from;
            while let Some(seq) = from {
                let (bytes, next) = reader.raw_step(&scope, &filter, seq, trimmed_seq + 1).await?;
                from = next;
                if !bytes.is_empty() {
                    return Ok(Some((Bytes::from(bytes), (reader, scope, filter, from))));
                }
            }
            Ok(None)
        })
    }

    /// The lines that match, from a place on, and then each as it becomes durable.
    ///
    /// # Errors
    /// `malformed_cursor`, `invalid_value`, `log_read_failed`.
    pub async fn follow(
        &self,
        scope: &TenantScope,
        filter: &LogFilter,
        from: FollowFrom,
    ) -> Result<LogFollow, LogError> {
        LogFollow::open(self.clone(), scope, filter, from).await
    }

    async fn raw_step(
        &self,
        scope: &TenantScope,
        filter: &LogFilter,
        from_seq: u64,
        first_seq: u64,
    ) -> Result<(Vec<u8>, Option<u64>), LogError> {
        let matcher = Arc::new(Matcher::new(filter)?);
        let budget = Budget {
            lines: usize::MAX,
            line_bytes: RAW_STEP_BYTES,
            scan_bytes: MAX_SCAN_BYTES,
            chunks: MAX_SCAN_CHUNKS,
        };
        let scanned = self
            .blocking(scope, move |reader, tenant| {
                let is_first = from_seq <= first_seq;
                let Some((low, high)) = reader.bounds(tenant, &matcher.filter)? else {
                    // Nothing is left of a run of which there was something a moment ago.
                    return if is_first { Ok(Scanned::default()) } else { Err(LogError::LineDeleted) };
                };
                let seqs = (low.max(from_seq), high);
                let mut scanned = reader.scan(tenant, &matcher, seqs, LogOrder::Asc, &budget)?;
                scanned.missing = reader.still_missing(tenant, scanned.missing)?;
                // Deleted before it was read: what came before does not continue with what comes now.
                let trimmed_seq = reader.shared.chunks.state(&tenant.scope)?.trimmed_seq;
                if from_seq <= trimmed_seq && low <= trimmed_seq + 1 {
                    return Err(LogError::LineDeleted);
                }
                Ok(scanned)
            })
            .await?;
        if let Some((first_seq, last_seq)) = scanned.missing.first().copied() {
            return Err(LogError::Damaged { first_seq, last_seq });
        }
        let mut bytes = Vec::new();
        scanned.lines.iter().for_each(|line| line.write_raw(&mut bytes));
        Ok((bytes, scanned.next_seq))
    }

    /// First and last line that can match: those that are there, durable, and of the run.
    pub(super) fn bounds(
        &self,
        tenant: &TenantLog,
        filter: &LogFilter,
    ) -> Result<Option<(u64, u64)>, LogError> {
        let durable_seq = tenant.durable_seq(&self.shared.chunks)?;
        let trimmed_seq = self.shared.chunks.state(&tenant.scope)?.trimmed_seq;
        let (mut low, mut high) = (trimmed_seq + 1, durable_seq);
        if let Some(run) = &filter.run {
            let span = self.shared.chunks.run(&tenant.scope, run)?;
            // Without lines: they were deleted, and what is left says how much there was.
            let Some(span) = span.filter(|span| span.lines > 0) else { return Ok(None) };
            low = low.max(span.first_seq);
            high = high.min(span.last_seq);
        }
        Ok((low <= high).then_some((low, high)))
    }

    /// Looks through stored lines. Blocks.
    pub(super) fn scan(
        &self,
        tenant: &TenantLog,
        matcher: &Matcher,
        seqs: (u64, u64),
        order: LogOrder,
        budget: &Budget,
    ) -> Result<Scanned, LogError> {
        self.with_scan(tenant, matcher, |scan| scan.run(seqs, order, budget))
    }

    /// Sets up a scan; a second thread may help when not all turns are taken.
    pub(super) fn with_scan<T>(
        &self,
        tenant: &TenantLog,
        matcher: &Matcher,
        work: impl FnOnce(&Scan<'_>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let Shared { chunks, stats, scans, cores, .. } = &*self.shared;
        let helper = if *cores > 1 { scans.try_acquire().ok() } else { None };
        work(&Scan { chunks, stats, scope: &tenant.scope, matcher, helped: helper.is_some() })
    }

    /// What is missing and was not deleted by retention meanwhile.
    pub(super) fn still_missing(
        &self,
        tenant: &TenantLog,
        missing: Vec<(u64, u64)>,
    ) -> Result<Vec<(u64, u64)>, LogError> {
        if missing.is_empty() {
            return Ok(missing);
        }
        let trimmed_seq = self.shared.chunks.state(&tenant.scope)?.trimmed_seq;
        let left = missing.into_iter().filter(|(_, last)| *last > trimmed_seq);
        Ok(left.map(|(first, last)| (first.max(trimmed_seq + 1), last)).collect())
    }

    /// Runs something that blocks off the async workers, a few at a time.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        scope: &TenantScope,
        work: impl FnOnce(&Self, &TenantLog) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let _turn = self.shared.scans.acquire().await.map_err(|_| LogError::Closed)?;
        let (reader, tenant) = (self.clone(), self.shared.tenants.get(scope));
        let done = tokio::task::spawn_blocking(move || work(&reader, &tenant)).await;
        done.unwrap_or(Err(LogError::Closed))
    }
}
