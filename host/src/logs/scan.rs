//! Reads the stored chunks of one tenant in either direction, within bounds. Blocks; runs off the async workers.

use super::chunk::{Chunk, Summary};
use super::codec::{Damage, Encoded};
use super::error::LogError;
use super::line::Line;
use super::query::{LogOrder, Matcher};
use super::stats::LogStats;
use crate::auth::TenantScope;
use crate::store::{LogChunks, StoreError, StoredChunk};

/// Places where the clock was set back that are told apart; behind more, a time is looked for in all lines.
const MAX_CLOCK_BREAKS: usize = 256;
/// Steps of a binary search over 64-bit sequence numbers.
const MAX_SEARCH_STEPS: usize = 64;

/// Where one call stops.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Budget {
    /// Matching lines.
    pub(super) lines: usize,
    /// Bytes of matching lines.
    pub(super) line_bytes: usize,
    /// Bytes of text looked through.
    pub(super) scan_bytes: usize,
    /// Chunks looked at, also those passed over by their summary.
    pub(super) chunks: usize,
}

/// What one call found.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) lines: Vec<Line>,
    /// The next line to look at; `None` when the whole range was seen.
    pub(super) next_seq: Option<u64>,
    /// Sequence numbers that are missing, first and last: damaged, or deleted meanwhile.
    pub(super) missing: Vec<(u64, u64)>,
}

/// One tenant's chunks, and what to look for.
pub(super) struct Scan<'a> {
    pub(super) chunks: &'a LogChunks,
    pub(super) stats: &'a LogStats,
    pub(super) scope: &'a TenantScope,
    pub(super) matcher: &'a Matcher,
}

/// A chunk, or the lines that are missing where one should be.
enum Found {
    Chunk(StoredChunk, Summary),
    Missing(u64, u64),
}

impl Scan<'_> {
    /// Looks at the lines `first_seq` to `last_seq`, from the end that `order` says, until the budget is used up.
    pub(super) fn run(
        &self,
        (first_seq, last_seq): (u64, u64),
        order: LogOrder,
        budget: &Budget,
    ) -> Result<Scanned, LogError> {
        let mut ranges = self.time_ranges(first_seq, last_seq)?;
        if order == LogOrder::Desc {
            ranges.reverse();
        }
        let mut progress = Progress { budget: *budget, ..Progress::default() };
        for (index, range) in ranges.iter().enumerate() {
            let next_seq = self.scan_range(*range, order, &mut progress)?;
            let next_range =
                ranges.get(index + 1).map(|range| if order == LogOrder::Asc { range.0 } else { range.1 });
            if next_seq.is_some() || progress.is_spent() {
                progress.scanned.next_seq = next_seq.or(next_range);
                break;
            }
        }
        Ok(progress.scanned)
    }

    /// Reads from one end of a range; the next line to look at when the budget ended first.
    fn scan_range(
        &self,
        (first_seq, last_seq): (u64, u64),
        order: LogOrder,
        progress: &mut Progress,
    ) -> Result<Option<u64>, LogError> {
        let (mut low, mut high) = (first_seq, last_seq);
        while low <= high {
            let at = if order == LogOrder::Asc { low } else { high };
            if progress.is_spent() {
                return Ok(Some(at));
            }
            let (seen_first, seen_last) = match self.find(at, (low, high))? {
                Found::Missing(first, last) => {
                    progress.scanned.missing.push((first, last));
                    (first, last)
                }
                Found::Chunk(stored, summary) => {
                    let seen = (summary.first_seq, summary.last_seq());
                    match self.look_at(&stored, (low, high), order, progress) {
                        Ok(None) => {}
                        Ok(stop_seq) => return Ok(stop_seq),
                        Err(damage) => {
                            self.report(stored.first_seq, damage);
                            progress.scanned.missing.push((seen.0.max(low), seen.1.min(high)));
                        }
                    }
                    seen
                }
            };
            match order {
                LogOrder::Asc => low = seen_last.saturating_add(1).max(low + 1),
                LogOrder::Desc => high = seen_first.saturating_sub(1).min(high.saturating_sub(1)),
            }
            if high == 0 {
                break;
            }
        }
        Ok(None)
    }

    /// The chunk that has a line; or, when it is missing, the lines of the range that are missing with it.
    fn find(&self, seq: u64, (low, high): (u64, u64)) -> Result<Found, StoreError> {
        let below = self.chunks.chunk_at(self.scope, seq)?;
        let mut first_missing = low;
        if let Some(chunk) = below {
            match Encoded::open(&chunk) {
                Ok(encoded) if encoded.summary.last_seq() >= seq => {
                    let summary = encoded.summary;
                    return Ok(Found::Chunk(chunk, summary));
                }
                Ok(encoded) => first_missing = low.max(encoded.summary.last_seq() + 1),
                Err(damage) => {
                    self.report(chunk.first_seq, damage);
                    first_missing = low.max(chunk.first_seq);
                }
            }
        }
        let above = self.chunks.chunk_after(self.scope, seq)?;
        let last_missing = above.map_or(high, |chunk| high.min(chunk.first_seq - 1));
        Ok(Found::Missing(first_missing.min(seq), last_missing.max(seq)))
    }

    /// Takes the matching lines of a chunk; the line to continue at when the budget ended in it.
    fn look_at(
        &self,
        stored: &StoredChunk,
        seqs: (u64, u64),
        order: LogOrder,
        progress: &mut Progress,
    ) -> Result<Option<u64>, Damage> {
        progress.chunks += 1;
        let encoded = Encoded::reopen(stored)?;
        if !self.matcher.may_match(&encoded.summary) {
            return Ok(None);
        }
        progress.scan_bytes += encoded.text_bytes;
        self.stats.scanned_bytes.add(stored.len() as u64);
        encoded.unpack(&mut progress.text)?;
        if !self.matcher.may_match_text(&progress.text) {
            return Ok(None);
        }
        let chunk = encoded.decode_with(std::mem::take(&mut progress.text))?;
        let stop = progress.take_lines(self.matcher, &chunk, seqs, order);
        progress.text = chunk.text;
        Ok(stop)
    }

    fn report(&self, seq: u64, damage: Damage) {
        self.stats.damaged_chunks.add(1);
        tracing::error!(tenant = %self.scope.tenant(), seq, %damage, "a log chunk is damaged");
    }

    /// The parts of a range that can have lines of the wanted time, oldest first.
    ///
    /// Times only grow between two clock breaks, so the ends of each part are found by halving.
    fn time_ranges(&self, first_seq: u64, last_seq: u64) -> Result<Vec<(u64, u64)>, StoreError> {
        let filter = &self.matcher.filter;
        if first_seq > last_seq {
            return Ok(Vec::new());
        }
        if filter.from_us.is_none() && filter.to_us.is_none() {
            return Ok(vec![(first_seq, last_seq)]);
        }
        let breaks = self.chunks.clock_breaks(self.scope, MAX_CLOCK_BREAKS + 1)?;
        if breaks.len() > MAX_CLOCK_BREAKS {
            return Ok(vec![(first_seq, last_seq)]);
        }
        let mut ranges = Vec::new();
        let mut low = first_seq;
        let inside = breaks.into_iter().filter(|seq| (first_seq + 1..=last_seq).contains(seq));
        for next_low in inside.chain([last_seq.saturating_add(1)]) {
            let high = next_low - 1;
            let from = match filter.from_us {
                Some(from) => self.search(low, high, |chunk| chunk.max_time_us >= from)?,
                None => low,
            };
            let to = match filter.to_us {
                Some(to) => self.search(low, high, |chunk| chunk.min_time_us >= to)?.saturating_sub(1),
                None => high,
            };
            if from <= to.min(high) {
                ranges.push((from, to.min(high)));
            }
            low = next_low;
        }
        Ok(ranges)
    }

    /// First line, by whole chunks, from which on `late` holds; one past the end when it never does. Where a chunk is
    /// damaged it answers too early rather than too late.
    fn search(&self, low: u64, high: u64, late: impl Fn(&Summary) -> bool) -> Result<u64, StoreError> {
        let (mut from, mut to) = (low, high.saturating_add(1));
        for _ in 0..MAX_SEARCH_STEPS {
            if from >= to {
                break;
            }
            let middle = from + (to - from) / 2;
            let Some(stored) = self.chunks.chunk_at(self.scope, middle)? else { break };
            let Ok(chunk) = Encoded::open(&stored) else { break };
            if late(&chunk.summary) {
                to = chunk.summary.first_seq.max(low);
            } else {
                from = (chunk.summary.last_seq() + 1).max(middle + 1);
            }
        }
        Ok(from.min(high.saturating_add(1)))
    }
}

/// How far one call has come.
#[derive(Default)]
struct Progress {
    budget: Budget,
    scanned: Scanned,
    line_bytes: usize,
    scan_bytes: usize,
    chunks: usize,
    /// A buffer used for one chunk after the other.
    text: Vec<u8>,
}

impl Progress {
    fn is_spent(&self) -> bool {
        self.scanned.lines.len() >= self.budget.lines
            || self.line_bytes >= self.budget.line_bytes
            || self.scan_bytes >= self.budget.scan_bytes
            || self.chunks >= self.budget.chunks
    }

    /// Takes matching lines in order; the line to continue at when the budget ended within the chunk.
    fn take_lines(
        &mut self,
        matcher: &Matcher,
        chunk: &Chunk,
        seqs: (u64, u64),
        order: LogOrder,
    ) -> Option<u64> {
        let mut found = matcher.matches(chunk, chunk.indices(seqs));
        if order == LogOrder::Desc {
            found.reverse();
        }
        for index in found {
            let line = chunk.line(index)?;
            if self.scanned.lines.len() >= self.budget.lines || self.line_bytes >= self.budget.line_bytes {
                return Some(line.seq);
            }
            self.line_bytes += line.bytes.len();
            self.scanned.lines.push(line.to_line());
        }
        None
    }
}
