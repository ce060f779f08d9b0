//! Packs the lines of a commit into chunk values, and merges small chunks as they pile up.
//!
//! A commit writes whole chunks of about 32 KB (of text, before compression) and what is left over as a small one. A run
//! that trickles leaves many small ones, so when four of about the same size stand at the end they are written again as
//! one: each line is written some six times at most, some twenty small chunks exist at most, and nothing waits to be
//! durable. Old and new chunks change places in the commit's one atomic batch.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cloister_lines::{Head, LogStream};

use super::chunk::Chunk;
use super::codec::{CHUNK_COST_BYTES, Encoded, Encoder, LINE_COST_BYTES, SOURCE_COST_BYTES};
use super::line::LineSource;
use super::stats::LogStats;
use crate::auth::TenantScope;
use crate::ids::RunId;
use crate::store::{LogChunks, LogState, LogWrites, RunSpan, StoreError};

/// So many chunks of about the same size become one.
const MERGE_CHUNKS: usize = 4;
/// Chunks at the end that are looked at when a tenant's log is loaded.
const MAX_SMALL_CHUNKS: usize = 24;

/// A chunk that may still be merged.
#[derive(Debug, Clone, Copy)]
struct Small {
    first_seq: u64,
    cost_bytes: usize,
    stored_bytes: usize,
}

/// The end of one tenant's log.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) state: LogState,
    /// Oldest first; nothing but these stands behind the first of them.
    small: Vec<Small>,
}

impl Tail {
    /// Reads the end of a tenant's log.
    pub(super) fn load(chunks: &LogChunks, scope: &TenantScope) -> Result<Self, StoreError> {
        let state = chunks.state(scope)?;
        let mut small = Vec::new();
        let mut seq = state.last_seq;
        while seq > 0
            && small.len() < MAX_SMALL_CHUNKS
            && let Some(stored) = chunks.chunk_at(scope, seq)?
            && let Ok(chunk) = Encoded::open(&stored)
            && chunk.summary.last_seq() == seq
        {
            let cost_bytes = chunk.text_bytes + chunk.summary.lines as usize * LINE_COST_BYTES;
            if cost_bytes > CHUNK_COST_BYTES / 2 {
                break;
            }
            small.push(Small { first_seq: stored.first_seq, cost_bytes, stored_bytes: stored.len() });
            seq = stored.first_seq.saturating_sub(1);
        }
        small.reverse();
        Ok(Self { state, small })
    }

    /// Forgets small chunks which retention has deleted.
    pub(super) fn trimmed(&mut self, through_seq: u64) {
        self.small.retain(|chunk| chunk.first_seq > through_seq);
    }

    /// Index of the first small chunk to merge with so many new bytes; the number of them when none is.
    fn merge_from(&self, fresh_bytes: usize) -> usize {
        let small_bytes: usize = self.small.iter().map(|chunk| chunk.cost_bytes).sum();
        if small_bytes + fresh_bytes >= CHUNK_COST_BYTES {
            return 0;
        }
        let tier = |bytes: usize| bytes.max(1).ilog2() / 2;
        let (mut from, mut bytes) = (self.small.len(), fresh_bytes);
        loop {
            let same =
                self.small[..from].iter().rev().take_while(|chunk| tier(chunk.cost_bytes) <= tier(bytes));
            let same = same.count();
            if same + 1 < MERGE_CHUNKS {
                return from;
            }
            bytes += self.small[from - same..from].iter().map(|chunk| chunk.cost_bytes).sum::<usize>();
            from -= same;
        }
    }
}

/// Turns lines into changes of the store.
pub(super) struct Packer<'a> {
    pub(super) chunks: &'a LogChunks,
    pub(super) stats: &'a LogStats,
    pub(super) encoder: Encoder,
}

impl Packer<'_> {
    /// The changes that append `fresh`, which follows the end of the log.
    pub(super) fn pack(
        &mut self,
        scope: &TenantScope,
        tail: &mut Tail,
        fresh: &Chunk,
        clock_breaks: &[u64],
    ) -> Result<LogWrites, StoreError> {
        let mut writes = LogWrites::default();
        self.put_chunks(scope, tail, fresh, &mut writes)?;
        for (run, added) in run_spans(fresh) {
            let span = self.chunks.run(scope, &run)?.map_or(added, |known| join(&known, &added));
            writes.put_run(&run, &span);
        }
        clock_breaks.iter().for_each(|seq| writes.put_clock_break(*seq));
        tail.state.last_seq = fresh.last_seq();
        tail.state.last_time_us = fresh.heads.last().map_or(tail.state.last_time_us, |head| head.time_us);
        writes.put_state(&tail.state);
        Ok(writes)
    }

    fn put_chunks(
        &mut self,
        scope: &TenantScope,
        tail: &mut Tail,
        fresh: &Chunk,
        writes: &mut LogWrites,
    ) -> Result<(), StoreError> {
        let from = tail.merge_from(cost_bytes(&fresh.heads));
        let old = self.read_small(scope, &tail.small[from..])?;
        let merged = tail.small.split_off(tail.small.len() - old.len());
        if tail.small.len() > from {
            // One is damaged: it stays as it is, and so does all that stands before it.
            tail.small.clear();
        }
        let joined = (!old.is_empty()).then(|| concat(&old, fresh));
        let whole = joined.as_ref().unwrap_or(fresh);
        for chunk in &merged {
            writes.remove_chunk(chunk.first_seq);
            tail.state.stored_bytes = tail.state.stored_bytes.saturating_sub(chunk.stored_bytes as u64);
        }
        let cuts = cuts(whole);
        for range in &cuts {
            let value = self.encoder.encode(whole, range);
            let stored_bytes = value.len();
            let first_seq = whole.first_seq + range.start as u64;
            tail.state.stored_bytes += stored_bytes as u64;
            self.stats.chunks.add(1);
            self.stats.chunk_bytes.add(stored_bytes as u64);
            writes.put_chunk(first_seq, value);
            if range.end == whole.heads.len() {
                let cost_bytes = cost_bytes(whole.heads.get(range.clone()).unwrap_or_default());
                if cuts.len() > 1 {
                    tail.small.clear();
                }
                tail.small.push(Small { first_seq, cost_bytes, stored_bytes });
            }
        }
        Ok(())
    }

    /// Decodes the last of these chunks, as far back as they are whole.
    fn read_small(&self, scope: &TenantScope, small: &[Small]) -> Result<Vec<Chunk>, StoreError> {
        let mut read = Vec::new();
        for chunk in small.iter().rev() {
            let stored = self.chunks.chunk_at(scope, chunk.first_seq)?;
            let stored = stored.filter(|stored| stored.first_seq == chunk.first_seq);
            let Some(Ok(decoded)) =
                stored.map(|stored| Encoded::open(&stored).and_then(|chunk| chunk.decode()))
            else {
                tracing::error!(tenant = %scope.tenant(), seq = chunk.first_seq, "a log chunk is damaged");
                self.stats.damaged_chunks.add(1);
                break;
            };
            read.push(decoded);
        }
        read.reverse();
        Ok(read)
    }
}

fn cost_bytes(heads: &[Head]) -> usize {
    heads.iter().map(line_cost_bytes).sum()
}

fn line_cost_bytes(head: &Head) -> usize {
    head.len_bytes as usize + 1 + LINE_COST_BYTES
}

/// Where to cut a chunk into stored ones: by size, and where the clock was set back.
fn cuts(chunk: &Chunk) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let (mut start, mut cost, mut time_us) = (0, 0, 0);
    // For each source, the number of the cut it was last seen in.
    let mut seen = vec![usize::MAX; chunk.sources.len()];
    for (index, head) in chunk.heads.iter().enumerate() {
        let known = seen.get(head.source as usize) == Some(&cuts.len());
        let line_cost = line_cost_bytes(head) + if known { 0 } else { SOURCE_COST_BYTES };
        if index > start && (cost + line_cost > CHUNK_COST_BYTES || head.time_us < time_us) {
            cuts.push(start..index);
            (start, cost) = (index, SOURCE_COST_BYTES - SOURCE_COST_BYTES * usize::from(!known));
        }
        if let Some(seen) = seen.get_mut(head.source as usize) {
            *seen = cuts.len();
        }
        cost += line_cost;
        time_us = head.time_us;
    }
    if start < chunk.heads.len() {
        cuts.push(start..chunk.heads.len());
    }
    cuts
}

/// Chunks that follow each other as one.
fn concat(old: &[Chunk], fresh: &Chunk) -> Chunk {
    let mut whole = Chunk::default();
    let mut known: HashMap<Arc<LineSource>, u32> = HashMap::new();
    for part in old.iter().chain([fresh]) {
        let offset = u32::try_from(whole.text.len()).unwrap_or(u32::MAX);
        let map: Vec<u32> =
            part.sources.iter().map(|source| intern(&mut known, &mut whole.sources, source)).collect();
        for head in &part.heads {
            let source = map.get(head.source as usize).copied().unwrap_or(0);
            whole.heads.push(Head { start: head.start + offset, source, ..*head });
        }
        whole.text.extend_from_slice(&part.text);
    }
    whole.first_seq = old.first().map_or(fresh.first_seq, |chunk| chunk.first_seq);
    whole
}

fn intern(
    known: &mut HashMap<Arc<LineSource>, u32>,
    sources: &mut Vec<Arc<LineSource>>,
    source: &Arc<LineSource>,
) -> u32 {
    *known.entry(Arc::clone(source)).or_insert_with(|| {
        sources.push(Arc::clone(source));
        u32::try_from(sources.len() - 1).unwrap_or(u32::MAX)
    })
}

/// Where the lines of each run are within a chunk.
fn run_spans(chunk: &Chunk) -> Vec<(RunId, RunSpan)> {
    let mut by_source = vec![RunSpan::default(); chunk.sources.len()];
    for (index, head) in chunk.heads.iter().enumerate() {
        let Some(span) = by_source.get_mut(head.source as usize) else { continue };
        span.last_seq = chunk.first_seq + index as u64;
        if span.lines == 0 {
            span.first_seq = span.last_seq;
        }
        span.lines += 1;
        let bytes = u64::from(head.len_bytes) + u64::from(head.mark.has_newline());
        match head.mark.stream() {
            LogStream::Stdout => span.stdout_bytes += bytes,
            LogStream::Stderr => span.stderr_bytes += bytes,
            LogStream::System => {}
        }
    }
    let mut by_run: HashMap<&RunId, RunSpan> = HashMap::new();
    for (source, span) in chunk.sources.iter().zip(by_source).filter(|(_, span)| span.lines > 0) {
        by_run.entry(&source.run).and_modify(|known| *known = join(known, &span)).or_insert(span);
    }
    by_run.into_iter().map(|(run, span)| (run.clone(), span)).collect()
}

fn join(one: &RunSpan, other: &RunSpan) -> RunSpan {
    RunSpan {
        first_seq: one.first_seq.min(other.first_seq),
        last_seq: one.last_seq.max(other.last_seq),
        lines: one.lines + other.lines,
        stdout_bytes: one.stdout_bytes + other.stdout_bytes,
        stderr_bytes: one.stderr_bytes + other.stderr_bytes,
    }
}
