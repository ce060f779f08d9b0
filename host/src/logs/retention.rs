//! Deletes old lines. Runs in the committer, the only writer of a tenant's log.

use super::codec::Encoded;
use super::pack::Tail;
use super::stats::LogStats;
use crate::auth::TenantScope;
use crate::store::{LogChunks, LogWrites, StoreError};

/// Chunks deleted in one step; other tenants' commits go between two steps.
const MAX_TRIM_CHUNKS: usize = 256;
/// Run and clock records looked at in one step.
const MAX_TRIM_RECORDS: usize = 1024;
/// Runs that still have lines which may stand before those that have none.
const MAX_LIVE_RUNS: usize = 64;

/// What to keep of a tenant's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Chunks whose lines are all older than this go; microseconds since the Unix epoch.
    pub keep_from_us: Option<u64>,
    /// The oldest chunks go until no more than this is stored, in bytes after compression.
    pub max_stored_bytes: Option<u64>,
    /// Lines up to this one go, in whole chunks.
    pub through_seq: Option<u64>,
}

/// What one step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Lines deleted.
    pub lines: u64,
    /// Bytes deleted, as stored.
    pub stored_bytes: u64,
    /// True when there is more to delete: call again.
    pub more: bool,
}

/// True when the oldest chunk is not to be kept.
pub(super) fn is_due(
    chunks: &LogChunks,
    scope: &TenantScope,
    retention: &Retention,
) -> Result<bool, StoreError> {
    let state = chunks.state(scope)?;
    let Some(oldest) = chunks.chunk_after(scope, state.trimmed_seq)? else { return Ok(false) };
    Ok(Encoded::open(&oldest).map_or(true, |encoded| expired(&encoded, retention, state.stored_bytes)))
}

/// Deletes the oldest chunks that are not to be kept, at most a step's worth.
pub(super) fn trim(
    chunks: &LogChunks,
    scope: &TenantScope,
    tail: &mut Tail,
    retention: &Retention,
    stats: &LogStats,
) -> Result<Trimmed, StoreError> {
    let mut writes = LogWrites::default();
    let mut trimmed = Trimmed::default();
    for _ in 0..MAX_TRIM_CHUNKS {
        let Some(chunk) = chunks.chunk_after(scope, tail.state.trimmed_seq)? else {
            trimmed.more = false;
            break;
        };
        let last_seq = match Encoded::open(&chunk) {
            Ok(encoded) if expired(&encoded, retention, tail.state.stored_bytes) => {
                encoded.summary.last_seq()
            }
            Ok(_) => {
                trimmed.more = false;
                break;
            }
            // Nobody can read it: it goes when its turn comes.
            Err(_) => chunk.first_seq,
        };
        writes.remove_chunk(chunk.first_seq);
        trimmed.lines += last_seq - tail.state.trimmed_seq;
        trimmed.stored_bytes += chunk.len() as u64;
        trimmed.more = true;
        tail.state.trimmed_seq = last_seq;
        tail.state.stored_bytes = tail.state.stored_bytes.saturating_sub(chunk.len() as u64);
    }
    if trimmed.lines > 0 {
        forget_runs(chunks, scope, tail.state.trimmed_seq, &mut writes)?;
        for seq in chunks.clock_breaks(scope, MAX_TRIM_RECORDS)? {
            if seq <= tail.state.trimmed_seq {
                writes.remove_clock_break(seq);
            }
        }
        tail.trimmed(tail.state.trimmed_seq);
        writes.free(trimmed.stored_bytes);
        writes.put_state(&tail.state);
        chunks.apply(scope, writes)?;
        stats.trimmed_lines.add(trimmed.lines);
    }
    Ok(trimmed)
}

fn expired(chunk: &Encoded<'_>, retention: &Retention, stored_bytes: u64) -> bool {
    let too_old = retention.keep_from_us.is_some_and(|from| chunk.summary.max_time_us < from);
    let too_much = retention.max_stored_bytes.is_some_and(|max| stored_bytes > max);
    let too_low = retention.through_seq.is_some_and(|seq| chunk.summary.last_seq() <= seq);
    too_old || too_much || too_low
}

/// Removes the records of runs that have no line left.
fn forget_runs(
    chunks: &LogChunks,
    scope: &TenantScope,
    trimmed_seq: u64,
    writes: &mut LogWrites,
) -> Result<(), StoreError> {
    let mut live = 0;
    for (run, span) in chunks.oldest_runs(scope, MAX_TRIM_RECORDS)? {
        if span.last_seq <= trimmed_seq {
            writes.remove_run(&run);
        } else {
            live += 1;
            if live > MAX_LIVE_RUNS {
                break;
            }
        }
    }
    Ok(())
}
