//! Counts matching lines: over time, by level, within bounds.

use std::ops::ControlFlow;
use std::sync::Arc;

use cloister_lines::LogStream;

use super::codec::{Damage, Encoded};
use super::error::LogError;
use super::line::show_time;
use super::query::{LogFilter, LogOrder, Matcher};
use super::reader::{LogReader, MAX_SCAN_BYTES, MAX_SCAN_CHUNKS};
use super::scan::{Budget, Looked, MAX_BATCH_CHUNKS, Scan};
use super::tenant::TenantLog;
use crate::api;
use crate::auth::TenantScope;
use crate::ids::RunId;

/// The most buckets of a histogram.
pub const MAX_BUCKETS: usize = 500;
/// Levels, and none.
const LEVELS: usize = 6;

/// Matching lines over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogTally {
    /// Where the first bucket begins, in microseconds since the Unix epoch.
    pub from_us: u64,
    /// Where the last bucket ends.
    pub to_us: u64,
    /// How long a bucket is, in microseconds.
    pub bucket_us: u64,
    /// Lines without a level, then those of each of [`super::LogLevel::ALL`].
    pub buckets: Vec<[u64; LEVELS]>,
    /// All lines.
    pub lines: u64,
    /// When not all of them could be looked at: lines before this time were not.
    pub counted_from_us: Option<u64>,
    /// Damaged lines, first and last.
    pub missing: Vec<(u64, u64)>,
}

impl LogTally {
    /// How many lines matched, or at least so many.
    #[must_use]
    pub fn count(&self) -> api::LogCount {
        let exact = self.counted_from_us.is_none() && self.missing.is_empty();
        api::LogCount { lines: self.lines, exact }
    }

    /// As the API shows it.
    #[must_use]
    pub fn to_api(&self) -> api::LogHistogram {
        let bucket = |(index, levels): (usize, &[u64; LEVELS])| {
            let [none, trace, debug, info, warn, error] = *levels;
            let from = show_time(self.from_us + index as u64 * self.bucket_us);
            api::LogBucket { from, lines: levels.iter().sum(), trace, debug, info, warn, error, none }
        };
        api::LogHistogram {
            from: show_time(self.from_us),
            to: show_time(self.to_us),
            bucket_us: self.bucket_us,
            buckets: self.buckets.iter().enumerate().map(bucket).collect(),
            count: self.count(),
            counted_from: self.counted_from_us.map(show_time),
            missing: super::missing_to_api(&self.missing),
        }
    }

    fn at(from_us: u64, to_us: u64, buckets: usize) -> Self {
        let bucket_us = to_us.saturating_sub(from_us).div_ceil(buckets as u64).max(1);
        // A short time has fewer buckets than were asked for.
        let buckets = to_us.saturating_sub(from_us).div_ceil(bucket_us);
        let buckets = vec![[0; LEVELS]; usize::try_from(buckets).unwrap_or(MAX_BUCKETS).min(MAX_BUCKETS)];
        Self { from_us, to_us, bucket_us, buckets, ..Self::default() }
    }
}

/// Bytes of one stream of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamBytes {
    /// Those that were written.
    pub written: u64,
    /// Of them, those whose lines are still there.
    pub left: u64,
}

/// Bytes that a run has written, and what is left of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunBytes {
    /// Standard output.
    pub stdout: StreamBytes,
    /// Standard error.
    pub stderr: StreamBytes,
    /// Lines of the tenant up to this one were deleted by retention when this was found out.
    pub trimmed_seq: u64,
}

/// Lines of one chunk in the same bucket.
struct Part {
    bucket: usize,
    levels: [u32; LEVELS],
}

impl LogReader {
    /// Counts the matching lines between the filter's times, or those of the oldest and the newest line, in so many
    /// buckets; from the newest backwards, as far as one call looks.
    ///
    /// # Errors
    /// `invalid_value`, `log_read_failed`.
    pub async fn tally(
        &self,
        scope: &TenantScope,
        filter: &LogFilter,
        buckets: usize,
    ) -> Result<LogTally, LogError> {
        let matcher = Arc::new(Matcher::new(filter)?);
        let buckets = buckets.clamp(1, MAX_BUCKETS);
        self.shared.stats.queries.add(1);
        self.blocking(scope, move |reader, tenant| reader.tally_blocking(tenant, &matcher, buckets)).await
    }

    fn tally_blocking(
        &self,
        tenant: &TenantLog,
        matcher: &Matcher,
        buckets: usize,
    ) -> Result<LogTally, LogError> {
        let filter = &matcher.filter;
        let Some(seqs) = self.bounds(tenant, filter)? else {
            let (from_us, to_us) = (filter.from_us.unwrap_or(0), filter.to_us.unwrap_or(0));
            return Ok(LogTally::at(from_us, to_us.max(from_us), buckets));
        };
        self.with_scan(tenant, matcher, |scan| {
            let (oldest_us, newest_us) = scan.time_span(seqs)?.unwrap_or_default();
            let from_us = filter.from_us.unwrap_or(oldest_us);
            let to_us = filter.to_us.unwrap_or(newest_us + 1).max(from_us);
            let mut tally = LogTally::at(from_us, to_us, buckets);
            let (begin_us, bucket_us) = (tally.from_us, tally.bucket_us);
            let look = |encoded: &Encoded<'_>, seqs: (u64, u64), text: &mut Vec<u8>| {
                parts(scan, encoded, seqs, text, |time_us| {
                    usize::try_from(time_us.saturating_sub(begin_us) / bucket_us).unwrap_or(usize::MAX)
                })
            };
            let budget = Budget {
                lines: usize::MAX,
                line_bytes: usize::MAX,
                scan_bytes: MAX_SCAN_BYTES,
                chunks: MAX_SCAN_CHUNKS,
            };
            let walked =
                scan.walk(seqs, LogOrder::Desc, &budget, MAX_BATCH_CHUNKS, &look, |found: Vec<Part>| {
                    for part in found {
                        // A damaged clock may put a line outside; it is counted at the nearer end.
                        let last = tally.buckets.len().saturating_sub(1);
                        let Some(bucket) = tally.buckets.get_mut(part.bucket.min(last)) else { continue };
                        for (sum, lines) in bucket.iter_mut().zip(part.levels) {
                            *sum += u64::from(lines);
                            tally.lines += u64::from(lines);
                        }
                    }
                    ControlFlow::Continue(())
                })?;
            if let Some(seq) = walked.next_seq {
                tally.counted_from_us =
                    Some(scan.time_span((seq, seq))?.map_or(to_us, |(_, newest_us)| newest_us + 1));
            }
            tally.missing = self.still_missing(tenant, walked.missing)?;
            Ok(tally)
        })
    }

    /// What a run has written, and what is left of it; `None` when nothing of it is known.
    ///
    /// # Errors
    /// `log_read_failed`; `log_damaged` when some of it cannot be read.
    pub async fn run_bytes(&self, scope: &TenantScope, run: &RunId) -> Result<Option<RunBytes>, LogError> {
        let filter = LogFilter { run: Some(run.clone()), ..LogFilter::default() };
        let matcher = Arc::new(Matcher::new(&filter)?);
        let run = run.clone();
        self.blocking(scope, move |reader, tenant| {
            let Some(span) = reader.shared.chunks.run(&tenant.scope, &run)? else { return Ok(None) };
            let written = (span.stdout_bytes, span.stderr_bytes);
            let trimmed_seq = reader.shared.chunks.state(&tenant.scope)?.trimmed_seq;
            let left = match reader.bounds(tenant, &matcher.filter)? {
                Some(_) if span.first_seq > trimmed_seq => written,
                Some(seqs) => reader.bytes_left(tenant, &matcher, seqs)?,
                None => (0, 0),
            };
            Ok(Some(RunBytes {
                stdout: StreamBytes { written: written.0, left: left.0 },
                stderr: StreamBytes { written: written.1, left: left.1 },
                trimmed_seq,
            }))
        })
        .await
    }

    fn bytes_left(
        &self,
        tenant: &TenantLog,
        matcher: &Matcher,
        seqs: (u64, u64),
    ) -> Result<(u64, u64), LogError> {
        let budget =
            Budget { lines: usize::MAX, line_bytes: usize::MAX, scan_bytes: usize::MAX, chunks: usize::MAX };
        let mut left = (0, 0);
        self.with_scan(tenant, matcher, |scan| {
            let look = |encoded: &Encoded<'_>, seqs: (u64, u64), text: &mut Vec<u8>| {
                let found = scan.matching(encoded, seqs, text)?;
                let scanned_bytes = encoded.heads_bytes();
                let Some((chunk, found, _)) = found else { return Ok(Looked { scanned_bytes, found: None }) };
                let mut bytes = (0_u64, 0_u64);
                for head in found.into_iter().filter_map(|index| chunk.heads.get(index)) {
                    let len_bytes = u64::from(head.len_bytes) + u64::from(head.mark.has_newline());
                    match head.mark.stream() {
                        LogStream::Stdout => bytes.0 += len_bytes,
                        LogStream::Stderr => bytes.1 += len_bytes,
                        LogStream::System => {}
                    }
                }
                Ok(Looked { scanned_bytes, found: Some(bytes) })
            };
            let walked =
                scan.walk(seqs, LogOrder::Asc, &budget, MAX_BATCH_CHUNKS, &look, |(stdout, stderr)| {
                    left = (left.0 + stdout, left.1 + stderr);
                    ControlFlow::Continue(())
                })?;
            match self.still_missing(tenant, walked.missing)?.first() {
                Some(&(first_seq, last_seq)) => Err(LogError::Damaged { first_seq, last_seq }),
                None => Ok(left),
            }
        })
    }
}

/// The matching lines of a chunk by bucket and level; neighbours in the same bucket together.
fn parts(
    scan: &Scan<'_>,
    encoded: &Encoded<'_>,
    seqs: (u64, u64),
    text: &mut Vec<u8>,
    bucket_of: impl Fn(u64) -> usize,
) -> Result<Looked<Vec<Part>>, Damage> {
    let Some((chunk, found, scanned_bytes)) = scan.matching(encoded, seqs, text)? else {
        return Ok(Looked { scanned_bytes: encoded.text_bytes, found: None });
    };
    let mut parts: Vec<Part> = Vec::new();
    for head in found.into_iter().filter_map(|index| chunk.heads.get(index)) {
        let bucket = bucket_of(head.time_us);
        if parts.last().is_none_or(|part| part.bucket != bucket) {
            parts.push(Part { bucket, levels: [0; LEVELS] });
        }
        if let Some(part) = parts.last_mut() {
            let level = head.mark.level().map_or(0, |level| level as usize);
            part.levels[level] += 1;
        }
    }
    if !chunk.text.is_empty() {
        *text = chunk.text;
    }
    Ok(Looked { scanned_bytes, found: Some(parts) })
}
