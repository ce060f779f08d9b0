//! Deletes the lines of one run. Runs in the committer, the only writer of a tenant's log.
//!
//! A chunk keeps the places of deleted lines, so that the numbers of the others stay and no hole is taken for damage: as
//! empty lines beside others, as a header alone when no other is left. Headers that follow each other become one, so that
//! whoever reads passes over many deleted lines at once.

use cloister_lines::{Head, Mark};

use super::chunk::{Chunk, Summary};
use super::codec::{Encoded, Encoder, MAX_DELETED_LINES};
use super::pack::Tail;
use super::stats::LogStats;
use crate::auth::TenantScope;
use crate::ids::RunId;
use crate::store::{LogChunks, LogWrites, RunSpan, StoreError, StoredChunk};

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
    let (mut changes, mut deleted, mut gap) = (Changes::default(), Deleted::default(), Gap::default());
    let mut seq = from_seq.max(span.first_seq).max(tail.state.trimmed_seq + 1);
    let stored = chunks.chunks_from(scope, seq, true, MAX_DELETE_CHUNKS)?;
    let mut is_last = stored.len() < MAX_DELETE_CHUNKS;
    let before = stored.first().and_then(|first| first.first_seq.checked_sub(1));
    let before = before.map(|seq| chunks.chunk_at(scope, seq)).transpose()?.flatten();
    if let Some(before) = before
        && let Ok(encoded) = Encoded::open(&before)
        && encoded.is_deleted()
    {
        gap.take(&before, &encoded.summary, false, &mut changes);
    }
    for stored in stored {
        let Ok(encoded) = Encoded::open(&stored) else {
            seq = seq.max(stored.first_seq + 1);
            continue;
        };
        if encoded.is_deleted() {
            gap.take(&stored, &encoded.summary, false, &mut changes);
        }
        // The chunk after the run is looked at for its places alone. What is missing before it is not waited for.
        if stored.first_seq > span.last_seq {
            is_last = true;
            break;
        }
        seq = seq.max(encoded.summary.last_seq() + 1);
        if encoded.is_deleted() {
            continue;
        }
        let Ok(chunk) = encoded.decode() else { continue };
        let Some((chunk, lines)) = without(&chunk, run) else { continue };
        deleted.lines += lines;
        if chunk.heads.iter().all(|head| head.mark.is_gone()) {
            gap.take(&stored, &encoded.summary, true, &mut changes);
        } else {
            changes.remove(stored.first_seq, stored.len());
            changes.put(stored.first_seq, encoder.encode(&chunk, &(0..chunk.heads.len())));
        }
    }
    gap.close(&mut changes);
    let Changes { mut writes, removed_bytes, put_bytes } = changes;
    tail.state.stored_bytes = (tail.state.stored_bytes + put_bytes).saturating_sub(removed_bytes);
    writes.free(removed_bytes.saturating_sub(put_bytes));
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

/// What a step changes, and the bytes of chunks before and after it.
#[derive(Default)]
struct Changes {
    writes: LogWrites,
    removed_bytes: u64,
    put_bytes: u64,
}

impl Changes {
    fn remove(&mut self, first_seq: u64, stored_bytes: usize) {
        self.writes.remove_chunk(first_seq);
        self.removed_bytes += stored_bytes as u64;
    }

    fn put(&mut self, first_seq: u64, value: Vec<u8>) {
        self.put_bytes += value.len() as u64;
        self.writes.put_chunk(first_seq, value);
    }
}

/// Chunks without a line left, which follow each other: one header will keep their places.
#[derive(Default)]
struct Gap {
    summary: Option<Summary>,
    /// First sequence numbers and stored bytes.
    chunks: Vec<(u64, usize)>,
    /// False while it is one header that stands there already.
    is_new: bool,
}

impl Gap {
    /// Adds a chunk, `is_new` when its lines go only now; what came before and does not reach it is written.
    fn take(&mut self, stored: &StoredChunk, summary: &Summary, is_new: bool, changes: &mut Changes) {
        let joined = self.summary.and_then(|gap| gap.joined(summary));
        if joined.is_none() {
            self.close(changes);
        }
        self.is_new |= is_new || joined.is_some();
        self.summary = Some(joined.unwrap_or(*summary));
        self.chunks.push((stored.first_seq, stored.len()));
    }

    /// Writes the header of the chunks taken so far, if it is not there yet.
    fn close(&mut self, changes: &mut Changes) {
        let Self { summary, chunks, is_new } = std::mem::take(self);
        let Some(summary) = summary.filter(|_| is_new) else { return };
        for (first_seq, stored_bytes) in chunks {
            changes.remove(first_seq, stored_bytes);
        }
        changes.put(summary.first_seq, Encoder::encode_deleted(&summary));
    }
}

impl Summary {
    /// One summary for a chunk without lines and the one right after it; `None` when they are too many for one, or the clock
    /// was set back between them.
    fn joined(&self, next: &Self) -> Option<Self> {
        let lines = self.lines.checked_add(next.lines).filter(|lines| *lines <= MAX_DELETED_LINES)?;
        let follows = self.last_seq() + 1 == next.first_seq && self.max_time_us <= next.min_time_us;
        follows.then_some(Self { lines, max_time_us: next.max_time_us, ..*self })
    }
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
