//! Deletes the lines of one run. Runs in the committer, the only writer of a tenant's log.
//!
//! A chunk keeps the places of deleted lines, so that the numbers of the others stay and no hole is taken for damage: as
//! empty lines beside others, as a header alone when no other is left.

use cloister_lines::{Head, Mark};

use super::chunk::Chunk;
use super::codec::{Encoded, Encoder};
use super::pack::Tail;
use super::stats::LogStats;
use crate::auth::TenantScope;
use crate::ids::RunId;
use crate::store::{LogChunks, LogWrites, RunSpan, StoreError};

/// Chunks looked at in one step; other tenants' commits go between two steps.
const MAX_DELETE_CHUNKS: usize = 128;

/// What one step of deleting a run's lines did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Deleted {
    /// Lines deleted.
    pub(super) lines: u64,
    /// Where to go on; `None` when all are deleted.
    pub(super) next_seq: Option<u64>,
}

/// Deletes lines of a run from `from_seq` on, at most a step's worth. What is damaged stays as it is.
pub(super) fn delete_run(
    chunks: &LogChunks,
    scope: &TenantScope,
    tail: &mut Tail,
    encoder: &mut Encoder,
    (run, from_seq): (&RunId, u64),
    stats: &LogStats,
) -> Result<Deleted, StoreError> {
    let Some(span) = chunks.run(scope, run)? else { return Ok(Deleted::default()) };
    let (mut writes, mut deleted) = (LogWrites::default(), Deleted::default());
    let mut seq = from_seq.max(span.first_seq).max(tail.state.trimmed_seq + 1);
    let stored = chunks.chunks_from(scope, seq, true, MAX_DELETE_CHUNKS)?;
    let is_last = stored.len() < MAX_DELETE_CHUNKS;
    for stored in stored.into_iter().take_while(|stored| stored.first_seq <= span.last_seq) {
        let Ok(encoded) = Encoded::open(&stored) else {
            seq = seq.max(stored.first_seq + 1);
            continue;
        };
        seq = seq.max(encoded.summary.last_seq() + 1);
        let Ok(chunk) = encoded.decode() else { continue };
        let Some((chunk, lines)) = without(&chunk, run) else { continue };
        let value = if chunk.heads.iter().all(|head| head.mark.is_gone()) {
            Encoder::encode_deleted(&encoded.summary)
        } else {
            encoder.encode(&chunk, &(0..chunk.heads.len()))
        };
        deleted.lines += lines;
        tail.state.stored_bytes =
            (tail.state.stored_bytes + value.len() as u64).saturating_sub(stored.len() as u64);
        writes.free((stored.len() as u64).saturating_sub(value.len() as u64));
        writes.put_chunk(stored.first_seq, value);
    }
    if is_last || seq > span.last_seq {
        writes.put_run(run, &RunSpan { lines: 0, ..span });
    } else {
        deleted.next_seq = Some(seq);
    }
    writes.put_state(&tail.state);
    chunks.apply(scope, writes)?;
    stats.deleted_lines.add(deleted.lines);
    *tail = Tail::load(chunks, scope)?;
    Ok(deleted)
}

/// The chunk without the lines of a run, and their number; `None` when it has none.
fn without(chunk: &Chunk, run: &RunId) -> Option<(Chunk, u64)> {
    let of_run: Vec<bool> = chunk.sources.iter().map(|source| source.run == *run).collect();
    let goes = |head: &Head| !head.mark.is_gone() && of_run.get(head.source as usize) == Some(&true);
    let lines = chunk.heads.iter().filter(|head| goes(head)).count() as u64;
    if lines == 0 {
        return None;
    }
    // The run's name goes too: what is left of its lines names another's.
    let other =
        chunk.heads.iter().find(|head| !goes(head) && !head.mark.is_gone()).map_or(0, |head| head.source);
    let mut left = Chunk { first_seq: chunk.first_seq, sources: chunk.sources.clone(), ..Chunk::default() };
    for head in &chunk.heads {
        let start = u32::try_from(left.text.len()).unwrap_or(u32::MAX);
        if goes(head) || head.mark.is_gone() {
            left.heads.push(Head { start, len_bytes: 0, source: other, mark: Mark::GONE, ..*head });
        } else {
            let from = head.start as usize;
            left.text
                .extend_from_slice(chunk.text.get(from..from + head.len_bytes as usize).unwrap_or_default());
            left.heads.push(Head { start, ..*head });
        }
        left.text.push(b'\n');
    }
    Some((left, lines))
}
