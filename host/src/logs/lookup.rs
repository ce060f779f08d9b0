//! One line by its id, the lines around it, and all that match, one piece after the other.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::codec::Encoded;
use super::error::LogError;
use super::line::Line;
use super::query::{LogCursor, LogFilter, LogOrder, Matcher};
use super::reader::{LogPage, LogReader, MAX_SCAN_CHUNKS};
use super::scan::{Budget, Looked, Scanned};
use super::tenant::TenantLog;
use crate::api;
use crate::auth::TenantScope;

/// The most lines on one side of a line.
pub const MAX_CONTEXT_LINES: usize = 200;
/// Bytes of lines on one side of a line.
const CONTEXT_BYTES: usize = 2 * 1024 * 1024;
/// Text looked through on one side of a line.
const CONTEXT_SCAN_BYTES: usize = 64 * 1024 * 1024;
/// What an export holds in memory at once.
const EXPORT_STEP: Budget =
    Budget { lines: 1000, line_bytes: 256 * 1024, scan_bytes: 64 * 1024 * 1024, chunks: MAX_SCAN_CHUNKS };

/// What one step of a check reads.
const CHECK_STEP: Budget =
    Budget { lines: usize::MAX, line_bytes: usize::MAX, scan_bytes: 8 * 1024 * 1024, chunks: 4096 };

/// What one step of a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Damaged lines, first and last.
    pub missing: Vec<(u64, u64)>,
    /// Where the next step begins; `None` when all was read.
    pub next_seq: Option<u64>,
}

/// A line and those around it that match.
#[derive(Debug, Clone)]
pub struct LogContext {
    /// Lines before it, oldest first.
    pub before: Vec<Line>,
    /// The line, whether it matches or not.
    pub line: Line,
    /// Lines after it, oldest first.
    pub after: Vec<Line>,
    /// Where a query of [`LogOrder::Desc`] goes on; `None` when nothing is left.
    pub older: Option<LogCursor>,
    /// Where a query of [`LogOrder::Asc`], or a follower, goes on.
    pub newer: LogCursor,
    /// Damaged lines in between, first and last.
    pub missing: Vec<(u64, u64)>,
}

impl LogContext {
    /// As the API shows it.
    #[must_use]
    pub fn to_api(&self) -> api::LogContext {
        api::LogContext {
            before: self.before.iter().map(Line::to_api).collect(),
            line: self.line.to_api(),
            after: self.after.iter().map(Line::to_api).collect(),
            older: self.older.map(|cursor| cursor.to_string()),
            newer: self.newer.to_string(),
            missing: super::missing_to_api(&self.missing),
        }
    }
}

impl LogReader {
    /// One line by its sequence number.
    ///
    /// # Errors
    /// `line_not_found`, `line_deleted`, `log_damaged`, `log_read_failed`.
    pub async fn line(&self, scope: &TenantScope, seq: u64) -> Result<Line, LogError> {
        self.blocking(scope, move |reader, tenant| reader.line_blocking(tenant, seq)).await
    }

    /// A line and those around it that match, so many before and after it at most.
    ///
    /// # Errors
    /// As [`LogReader::line`], and `invalid_value`.
    pub async fn context(
        &self,
        scope: &TenantScope,
        seq: u64,
        filter: &LogFilter,
        before: usize,
        after: usize,
    ) -> Result<LogContext, LogError> {
        let matcher = Arc::new(Matcher::new(filter)?);
        self.blocking(scope, move |reader, tenant| {
            let line = reader.line_blocking(tenant, seq)?;
            let older = reader.side(tenant, &matcher, seq, LogOrder::Desc, before)?;
            let newer = reader.side(tenant, &matcher, seq, LogOrder::Asc, after)?;
            let next_seq = match newer.next_seq {
                Some(next_seq) => next_seq,
                None => tenant.durable_seq(&reader.shared.chunks)?.max(seq) + 1,
            };
            let missing = older.missing.into_iter().rev().chain(newer.missing).collect();
            Ok(LogContext {
                before: older.lines.into_iter().rev().collect(),
                line,
                after: newer.lines,
                older: older.next_seq.map(|seq| LogCursor { order: LogOrder::Desc, seq }),
                newer: LogCursor { order: LogOrder::Asc, seq: next_seq },
                missing: reader.still_missing(tenant, missing)?,
            })
        })
        .await
    }

    /// Lines that could have matched and were deleted, first and last: by retention, or with those of the filter's run.
    ///
    /// # Errors
    /// `log_read_failed`.
    pub async fn deleted(
        &self,
        scope: &TenantScope,
        filter: &LogFilter,
    ) -> Result<Option<(u64, u64)>, LogError> {
        let run = filter.run.clone();
        self.blocking(scope, move |reader, tenant| {
            let chunks = &reader.shared.chunks;
            let trimmed_seq = chunks.state(&tenant.scope)?.trimmed_seq;
            let span = run.map(|run| chunks.run(&tenant.scope, &run)).transpose()?.flatten();
            let (first_seq, last_seq) = match span {
                Some(span) if span.lines == 0 => (span.first_seq, span.last_seq),
                Some(span) => (span.first_seq, trimmed_seq),
                None => (1, trimmed_seq),
            };
            Ok((first_seq <= last_seq).then_some((first_seq, last_seq)))
        })
        .await
    }

    /// All lines that match now, oldest first, in pieces that take little memory. What is deleted while they are read is
    /// missing in them.
    ///
    /// # Errors
    /// `invalid_value`; in the stream, `log_read_failed`.
    pub fn lines(
        &self,
        scope: &TenantScope,
        filter: &LogFilter,
    ) -> Result<impl Stream<Item = Result<LogPage, LogError>> + Send + use<>, LogError> {
        let matcher = Arc::new(Matcher::new(filter)?);
        // The next line to look at, and the last; `None` until the log was looked at, then once it is over.
        let start = (self.clone(), scope.clone(), matcher, Some((0, None)));
        Ok(try_unfold(start, |(reader, scope, matcher, place)| async move {
            let Some((from_seq, end)) = place else { return Ok(None) };
            let of_step = Arc::clone(&matcher);
            let step = reader.blocking(&scope, move |reader, tenant| {
                let bounds = reader.bounds(tenant, &of_step.filter)?;
                let Some((low, high)) = bounds else { return Ok(None) };
                let high = end.unwrap_or(high);
                let low = low.max(from_seq);
                let scanned = reader.scan(tenant, &of_step, (low, high), LogOrder::Asc, &EXPORT_STEP)?;
                let mut missing = reader.still_missing(tenant, scanned.missing)?;
                let next = scanned.next_seq.map(|seq| LogCursor { order: LogOrder::Asc, seq });
                let trimmed_seq = reader.shared.chunks.state(&tenant.scope)?.trimmed_seq;
                // The first step begins wherever the log does now.
                if from_seq > 0 && trimmed_seq >= from_seq {
                    missing.insert(0, (from_seq, trimmed_seq));
                }
                Ok(Some((LogPage { lines: scanned.lines, next, missing, trimmed_seq }, high)))
            });
            let Some((page, high)) = step.await? else { return Ok(None) };
            let place = page.next.map(|next| (next.seq, Some(high)));
            Ok(Some((page, (reader, scope, matcher, place))))
        }))
    }

    /// Reads lines from `from_seq` on and checks that they can be decoded, a step's worth; the lines that are damaged, first
    /// and last, and where the next step begins.
    ///
    /// # Errors
    /// `log_read_failed`.
    pub async fn check(&self, scope: &TenantScope, from_seq: u64) -> Result<Checked, LogError> {
        let matcher = Arc::new(Matcher::new(&LogFilter::default())?);
        self.blocking(scope, move |reader, tenant| {
            let Some((low, high)) = reader.bounds(tenant, &matcher.filter)? else {
                return Ok(Checked::default());
            };
            let look = |encoded: &Encoded<'_>, _: (u64, u64), text: &mut Vec<u8>| {
                encoded.unpack(text)?;
                *text = encoded.decode_with(std::mem::take(text))?.text;
                Ok(Looked { scanned_bytes: encoded.text_bytes, found: None::<()> })
            };
            let walked = reader.with_scan(tenant, &matcher, |scan| {
                let seqs = (low.max(from_seq), high);
                scan.walk(seqs, LogOrder::Asc, &CHECK_STEP, 1, &look, |()| ControlFlow::Continue(()))
            })?;
            Ok(Checked { missing: reader.still_missing(tenant, walked.missing)?, next_seq: walked.next_seq })
        })
        .await
    }

    fn line_blocking(&self, tenant: &TenantLog, seq: u64) -> Result<Line, LogError> {
        let chunks = &self.shared.chunks;
        if seq == 0 || seq > tenant.durable_seq(chunks)? {
            return Err(LogError::NoSuchLine);
        }
        let stored = chunks.chunk_at(&tenant.scope, seq)?;
        if seq <= chunks.state(&tenant.scope)?.trimmed_seq {
            return Err(LogError::LineDeleted);
        }
        let damaged = LogError::Damaged { first_seq: seq, last_seq: seq };
        let encoded = stored.as_ref().and_then(|stored| Encoded::open(stored).ok());
        if encoded.is_some_and(|encoded| encoded.is_deleted() && encoded.summary.last_seq() >= seq) {
            return Err(LogError::LineDeleted);
        }
        let Some(chunk) = encoded.and_then(|encoded| encoded.decode().ok()) else { return Err(damaged) };
        let index = usize::try_from(seq - chunk.first_seq).ok();
        let Some(head) = index.and_then(|index| chunk.heads.get(index)) else { return Err(damaged) };
        if head.mark.is_gone() {
            return Err(LogError::LineDeleted);
        }
        index.and_then(|index| chunk.line(index)).map(|line| line.to_line()).ok_or(damaged)
    }

    fn side(
        &self,
        tenant: &TenantLog,
        matcher: &Matcher,
        seq: u64,
        order: LogOrder,
        lines: usize,
    ) -> Result<Scanned, LogError> {
        let at = |seq| Scanned { next_seq: Some(seq), ..Scanned::default() };
        let Some((low, high)) = self.bounds(tenant, &matcher.filter)? else { return Ok(Scanned::default()) };
        let seqs = match order {
            LogOrder::Asc => (low.max(seq + 1), high),
            LogOrder::Desc => (low, high.min(seq - 1)),
        };
        if seqs.0 > seqs.1 {
            return Ok(Scanned::default());
        }
        if lines == 0 {
            return Ok(at(if order == LogOrder::Asc { seqs.0 } else { seqs.1 }));
        }
        let budget = Budget {
            lines: lines.min(MAX_CONTEXT_LINES),
            line_bytes: CONTEXT_BYTES,
            scan_bytes: CONTEXT_SCAN_BYTES,
            chunks: MAX_SCAN_CHUNKS,
        };
        self.scan(tenant, matcher, seqs, order, &budget)
    }
}
