//! A chunk: many lines of one tenant, as they stand in memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use cloister_lines::{Head, Mark};

use super::line::{Line, LineSource};
use super::split::LineBatch;

/// Lines with consecutive sequence numbers. Each text is followed by a line feed in `text`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) first_seq: u64,
    pub(super) sources: Vec<Arc<LineSource>>,
    pub(super) heads: Vec<Head>,
    pub(super) text: Vec<u8>,
}

/// A line within a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineRef<'a> {
    pub(super) seq: u64,
    pub(super) time_us: u64,
    pub(super) source: &'a Arc<LineSource>,
    pub(super) mark: Mark,
    pub(super) bytes: &'a [u8],
}

impl LineRef<'_> {
    pub(super) fn to_line(self) -> Line {
        Line {
            seq: self.seq,
            time_us: self.time_us,
            source: Arc::clone(self.source),
            mark: self.mark,
            bytes: Bytes::copy_from_slice(self.bytes),
        }
    }
}

impl Chunk {
    /// Sequence number of the last line; `first_seq - 1` when there is none.
    pub(super) fn last_seq(&self) -> u64 {
        self.first_seq + self.heads.len() as u64 - 1
    }

    /// The line at `index`.
    pub(super) fn line(&self, index: usize) -> Option<LineRef<'_>> {
        let head = self.heads.get(index)?;
        let start = head.start as usize;
        Some(LineRef {
            seq: self.first_seq + index as u64,
            time_us: head.time_us,
            source: self.sources.get(head.source as usize)?,
            mark: head.mark,
            bytes: self.text.get(start..start + head.len_bytes as usize)?,
        })
    }

    /// Indices of the lines whose sequence numbers are within `seqs` (both ends included).
    pub(super) fn indices(&self, seqs: (u64, u64)) -> Range<usize> {
        let index_of = |seq: u64| {
            let index = usize::try_from(seq.saturating_sub(self.first_seq)).unwrap_or(usize::MAX);
            index.min(self.heads.len())
        };
        let start = index_of(seqs.0);
        let end = if seqs.1 < self.first_seq { 0 } else { index_of(seqs.1.saturating_add(1)) };
        start..end.max(start)
    }

    /// The chunk with the text that belongs to its heads; `None` when it does not.
    pub(super) fn with_text(self, text: Vec<u8>) -> Option<Self> {
        (text.len() == self.text_bytes()).then_some(Self { text, ..self })
    }

    /// Bytes of the text of its lines, by their heads.
    pub(super) fn text_bytes(&self) -> usize {
        self.heads.last().map_or(0, |head| head.start as usize + head.len_bytes as usize + 1)
    }

    /// Bytes it takes in memory, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.len() + self.heads.len() * size_of::<Head>() + size_of::<Self>()
    }
}

/// Makes a chunk out of batches.
#[derive(Debug)]
pub(super) struct ChunkBuilder {
    chunk: Chunk,
    /// Sources by address: the batches of one run share one.
    known: HashMap<*const LineSource, u32>,
    last_time_us: u64,
    clock_breaks: Vec<u64>,
}

/// Times that go back by less are taken as the same moment: batches of several runs cross on their way.
const CLOCK_SLACK_US: u64 = 60_000_000;

impl ChunkBuilder {
    pub(super) fn new(first_seq: u64, last_time_us: u64) -> Self {
        let chunk = Chunk { first_seq, ..Chunk::default() };
        Self { chunk, known: HashMap::new(), last_time_us, clock_breaks: Vec::new() }
    }

    /// Adds a batch and returns the sequence numbers of its lines, first and last.
    pub(super) fn push(&mut self, source: &Arc<LineSource>, batch: &LineBatch) -> (u64, u64) {
        let first_seq = self.chunk.last_seq() + 1;
        if batch.is_empty() {
            return (first_seq, first_seq - 1);
        }
        let source = self.source_index(source);
        let mut start = self.chunk.text.len();
        self.chunk.text.extend_from_slice(&batch.text);
        for line in &batch.lines {
            let time_us = self.monotonic(line.time_us);
            #[expect(clippy::cast_possible_truncation, reason = "a commit is far smaller than 4 GiB")]
            let head =
                Head { time_us, start: start as u32, len_bytes: line.len_bytes, source, mark: line.mark };
            start += line.len_bytes as usize + 1;
            self.chunk.heads.push(head);
        }
        (first_seq, self.chunk.last_seq())
    }

    /// The chunk, and the sequence numbers at which the clock was set back.
    pub(super) fn finish(self) -> (Chunk, Vec<u64>) {
        (self.chunk, self.clock_breaks)
    }

    fn source_index(&mut self, source: &Arc<LineSource>) -> u32 {
        let sources = &mut self.chunk.sources;
        *self.known.entry(Arc::as_ptr(source)).or_insert_with(|| {
            sources.push(Arc::clone(source));
            #[expect(clippy::cast_possible_truncation, reason = "one per batch at most")]
            let index = (sources.len() - 1) as u32;
            index
        })
    }

    /// Time never goes back between two lines, except where the clock was really set back; that place is remembered.
    fn monotonic(&mut self, time_us: u64) -> u64 {
        if time_us.saturating_add(CLOCK_SLACK_US) < self.last_time_us {
            self.clock_breaks.push(self.chunk.last_seq() + 1);
            self.last_time_us = time_us;
        }
        self.last_time_us = self.last_time_us.max(time_us);
        self.last_time_us
    }
}

/// What a chunk holds, small enough to decide whether it is worth decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) first_seq: u64,
    pub(super) lines: u32,
    pub(super) min_time_us: u64,
    pub(super) max_time_us: u64,
    /// Bloom filters of 64 bits, two per name; that of runs holds workflow runs too.
    pub(super) runs: u64,
    pub(super) commands: u64,
    /// Sets of [`LogStream::bit`] and of level bits.
    pub(super) streams: u8,
    pub(super) levels: u8,
}

impl Summary {
    /// Summary of some lines of a chunk.
    pub(super) fn of(chunk: &Chunk, range: &Range<usize>) -> Self {
        let heads = chunk.heads.get(range.clone()).unwrap_or_default();
        let mut summary = Self {
            first_seq: chunk.first_seq + range.start as u64,
            lines: u32::try_from(heads.len()).unwrap_or(u32::MAX),
            min_time_us: heads.iter().map(|head| head.time_us).min().unwrap_or(0),
            max_time_us: heads.iter().map(|head| head.time_us).max().unwrap_or(0),
            runs: 0,
            commands: 0,
            streams: 0,
            levels: 0,
        };
        let mut last_source = None;
        for head in heads {
            if head.mark.is_gone() {
                continue;
            }
            summary.streams |= head.mark.stream().bit();
            summary.levels |= head.mark.level_bit();
            if last_source != Some(head.source) {
                last_source = Some(head.source);
                if let Some(source) = chunk.sources.get(head.source as usize) {
                    summary.runs |= name_bits(source.run.as_str());
                    summary.runs |= source.workflow_run.as_ref().map_or(0, |run| name_bits(run.as_str()));
                    summary.commands |= name_bits(source.command.as_str());
                }
            }
        }
        summary
    }

    /// Sequence number of the last line.
    pub(super) fn last_seq(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.lines)).saturating_sub(1)
    }

    /// True when every bit of the name is set: the chunk may have lines of it.
    pub(super) fn may_hold(filter: u64, name: u64) -> bool {
        filter & name == name
    }
}

/// Two bits of 64 for a name. Stored, so it must never change: FNV-1a, 64 bits.
pub(super) fn name_bits(name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let hash = hash ^ (hash >> 32);
    1 << (hash & 63) | 1 << ((hash >> 6) & 63)
}
