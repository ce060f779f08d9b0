//! Reads the stored chunks of one tenant in either direction, within bounds. Blocks; runs off the async workers.
//!
//! Chunks are read in batches that grow while nothing is found, looked at by two threads when a batch is worth it, and
//! taken in order.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

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
/// Chunks looked at before what was found in them is taken.
pub(super) const MAX_BATCH_CHUNKS: usize = 256;
/// Chunks of a batch that are worth a second thread.
const MIN_SHARED_CHUNKS: usize = 32;

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

/// How far a walk came; as in [`Scanned`].
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) next_seq: Option<u64>,
    pub(super) missing: Vec<(u64, u64)>,
}

/// One tenant's chunks, and what to look for.
pub(super) struct Scan<'a> {
    pub(super) chunks: &'a LogChunks,
    pub(super) stats: &'a LogStats,
    pub(super) scope: &'a TenantScope,
    pub(super) matcher: &'a Matcher,
    /// Whether a second thread may help.
    pub(super) helped: bool,
}

/// A chunk, or the lines that are missing where one should be.
enum Found {
    Chunk(StoredChunk, Summary),
    Missing(u64, u64),
}

/// Something found on the way, and which of its lines are wanted, first and last.
struct Step {
    found: Found,
    seqs: (u64, u64),
}

/// What looking at a chunk gave.
pub(super) struct Looked<T> {
    /// Bytes that were looked through.
    pub(super) scanned_bytes: usize,
    /// What was found, if anything.
    pub(super) found: Option<T>,
}

/// Looks at a chunk: its value, the first and last of the wanted lines, and a buffer that is used again.
pub(super) trait Look<T>:
    Fn(&Encoded<'_>, (u64, u64), &mut Vec<u8>) -> Result<Looked<T>, Damage> + Sync
{
}

impl<T, F> Look<T> for F where
    F: Fn(&Encoded<'_>, (u64, u64), &mut Vec<u8>) -> Result<Looked<T>, Damage> + Sync
{
}

impl Scan<'_> {
    /// Looks for lines within `seqs`, from the end that `order` says, until the budget is used up.
    pub(super) fn run(
        &self,
        seqs: (u64, u64),
        order: LogOrder,
        budget: &Budget,
    ) -> Result<Scanned, LogError> {
        let (mut lines, mut line_bytes): (Vec<Line>, usize) = (Vec::new(), 0);
        let is_full =
            |lines: &[Line], bytes: usize| lines.len() >= budget.lines || bytes >= budget.line_bytes;
        let look = |encoded: &Encoded<'_>, seqs: (u64, u64), text: &mut Vec<u8>| {
            self.matching_lines(encoded, seqs, order, budget.lines, text)
        };
        let walked = self.walk(seqs, order, budget, 1, &look, |found: Vec<Line>| {
            for line in found {
                if is_full(&lines, line_bytes) {
                    return ControlFlow::Break(Some(line.seq));
                }
                line_bytes += line.bytes.len();
                lines.push(line);
            }
            if is_full(&lines, line_bytes) { ControlFlow::Break(None) } else { ControlFlow::Continue(()) }
        })?;
        Ok(Scanned { lines, next_seq: walked.next_seq, missing: walked.missing })
    }

    /// Looks at the chunks of a range, and has what each gave taken in order. Who takes says when it is full: before a
    /// line, or after all that it was given. `batch` chunks are looked at first, and more while nothing is found.
    pub(super) fn walk<T: Send>(
        &self,
        (first_seq, last_seq): (u64, u64),
        order: LogOrder,
        budget: &Budget,
        batch: usize,
        look: &impl Look<T>,
        mut take: impl FnMut(T) -> ControlFlow<Option<u64>>,
    ) -> Result<Walked, LogError> {
        let mut ranges = self.time_ranges(first_seq, last_seq)?;
        if order == LogOrder::Desc {
            ranges.reverse();
        }
        let mut progress = Progress { budget: *budget, batch, ..Progress::default() };
        for range in ranges {
            let stopped_at = self.walk_range(range, order, &mut progress, look, &mut take)?;
            if stopped_at.is_some() {
                progress.walked.next_seq = stopped_at;
                break;
            }
        }
        Ok(progress.walked)
    }

    /// Reads from one end of a range; the next line to look at when the budget ended first.
    fn walk_range<T: Send>(
        &self,
        (mut low, mut high): (u64, u64),
        order: LogOrder,
        progress: &mut Progress,
        look: &impl Look<T>,
        take: &mut impl FnMut(T) -> ControlFlow<Option<u64>>,
    ) -> Result<Option<u64>, LogError> {
        while low <= high && high > 0 {
            if progress.is_spent() {
                return Ok(Some(if order == LogOrder::Asc { low } else { high }));
            }
            let steps = self.gather(&mut low, &mut high, order, progress.batch)?;
            let looked = self.look_at_all(&steps, look);
            let mut found_any = false;
            for (step, looked) in steps.into_iter().zip(looked) {
                if progress.is_spent() {
                    return Ok(Some(if order == LogOrder::Asc { step.seqs.0 } else { step.seqs.1 }));
                }
                match (step.found, looked) {
                    (Found::Missing(first, last), _) => progress.walked.missing.push((first, last)),
                    (Found::Chunk(..), None) => progress.chunks += 1,
                    (Found::Chunk(stored, _), Some(Err(damage))) => {
                        self.report(stored.first_seq, damage);
                        progress.walked.missing.push(step.seqs);
                    }
                    (Found::Chunk(stored, _), Some(Ok(looked))) => {
                        progress.chunks += 1;
                        progress.scan_bytes += looked.scanned_bytes;
                        self.stats.scanned_bytes.add(stored.len() as u64);
                        let Some(found) = looked.found else { continue };
                        found_any = true;
                        match take(found) {
                            ControlFlow::Continue(()) => {}
                            ControlFlow::Break(None) => progress.is_full = true,
                            ControlFlow::Break(at) => return Ok(at),
                        }
                    }
                }
            }
            if !found_any {
                progress.batch = (progress.batch * 2).min(MAX_BATCH_CHUNKS);
            }
        }
        Ok(None)
    }

    /// The next chunks from one end of a range, about `most`, and what is missing between them; the range is cut by them.
    fn gather(
        &self,
        low: &mut u64,
        high: &mut u64,
        order: LogOrder,
        most: usize,
    ) -> Result<Vec<Step>, StoreError> {
        let upwards = order == LogOrder::Asc;
        let stored =
            self.chunks.chunks_from(self.scope, if upwards { *low } else { *high }, upwards, most)?;
        let is_last = stored.len() < most;
        let mut steps = Vec::with_capacity(stored.len());
        for chunk in stored {
            // What a damaged one should hold is found missing below.
            let Ok(encoded) = Encoded::open(&chunk) else { continue };
            let (summary, first, last) =
                (encoded.summary, encoded.summary.first_seq, encoded.summary.last_seq());
            if last < *low && upwards {
                continue;
            }
            self.fill(low, high, order, if upwards { first } else { last }, &mut steps)?;
            if *low > *high {
                return Ok(steps);
            }
            if last < *low || first > *high {
                continue;
            }
            let seqs = (first.max(*low), last.min(*high));
            steps.push(Step { found: Found::Chunk(chunk, summary), seqs });
            cut(low, high, order, seqs);
        }
        if is_last {
            let end = if upwards { high.saturating_add(1) } else { low.saturating_sub(1) };
            self.fill(low, high, order, end, &mut steps)?;
        } else if steps.is_empty() {
            // All of them are damaged, or end before the range.
            let next = if upwards { *low + 1 } else { high.saturating_sub(1) };
            self.fill(low, high, order, next, &mut steps)?;
        }
        Ok(steps)
    }

    /// Adds what lies between the end of the range and a line where the next chunk stands. Looked up one by one: chunks
    /// may have been merged since they were read.
    fn fill(
        &self,
        low: &mut u64,
        high: &mut u64,
        order: LogOrder,
        until: u64,
        steps: &mut Vec<Step>,
    ) -> Result<(), StoreError> {
        loop {
            let at = if order == LogOrder::Asc { *low } else { *high };
            let reached = if order == LogOrder::Asc { at >= until } else { at <= until };
            if reached || *low > *high || at == 0 {
                return Ok(());
            }
            let found = self.find(at, (*low, *high))?;
            let seqs = match &found {
                Found::Chunk(_, summary) => (summary.first_seq.max(*low), summary.last_seq().min(*high)),
                Found::Missing(first, last) => (*first, *last),
            };
            steps.push(Step { found, seqs });
            cut(low, high, order, seqs);
        }
    }

    /// Looks at the chunks of a batch, on two threads when that pays. `None` where a summary says that nothing is there.
    fn look_at_all<T: Send>(
        &self,
        steps: &[Step],
        look: &impl Look<T>,
    ) -> Vec<Option<Result<Looked<T>, Damage>>> {
        let next = AtomicUsize::new(0);
        // Each takes the next chunk, so that neither waits for the other when its core is busy.
        let each = || {
            let (mut looked, mut text) = (Vec::new(), Vec::new());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(step) = steps.get(index) else { return looked };
                looked.push((index, self.look_at(step, look, &mut text)));
            }
        };
        let worth = steps.iter().filter(|step| self.may_match(step)).count();
        let mut looked = if !self.helped || worth < MIN_SHARED_CHUNKS {
            each()
        } else {
            std::thread::scope(|threads| {
                // Without a helper, this one looks at all of them.
                let helper =
                    std::thread::Builder::new().name("log-scan".into()).spawn_scoped(threads, each).ok();
                let mut looked = each();
                if let Some(helper) = helper {
                    looked.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                }
                looked
            })
        };
        looked.sort_unstable_by_key(|(index, _)| *index);
        looked.into_iter().map(|(_, looked)| looked).collect()
    }

    fn may_match(&self, step: &Step) -> bool {
        matches!(&step.found, Found::Chunk(_, summary) if self.matcher.may_match(summary))
    }

    fn look_at<T>(
        &self,
        step: &Step,
        look: &impl Look<T>,
        text: &mut Vec<u8>,
    ) -> Option<Result<Looked<T>, Damage>> {
        let Found::Chunk(stored, _) = &step.found else { return None };
        if !self.may_match(step) {
            return None;
        }
        Some(Encoded::reopen(stored).and_then(|encoded| look(&encoded, step.seqs, text)))
    }

    /// The lines of a chunk that match, at most `limit`, in order.
    fn matching_lines(
        &self,
        encoded: &Encoded<'_>,
        seqs: (u64, u64),
        order: LogOrder,
        limit: usize,
        text: &mut Vec<u8>,
    ) -> Result<Looked<Vec<Line>>, Damage> {
        let Some((chunk, mut found, scanned_bytes)) = self.matching(encoded, seqs, text)? else {
            return Ok(Looked { scanned_bytes: encoded.text_bytes, found: None });
        };
        let chunk = if chunk.text.is_empty() {
            encoded.unpack(text)?;
            chunk.with_text(std::mem::take(text)).ok_or(Damage::Contents)?
        } else {
            chunk
        };
        if order == LogOrder::Desc {
            found.reverse();
        }
        // One more than fits, so that who takes them sees that there are more.
        let lines = found
            .into_iter()
            .take(limit.saturating_add(1))
            .filter_map(|index| Some(chunk.line(index)?.to_line()));
        let lines = lines.collect();
        *text = chunk.text;
        Ok(Looked { scanned_bytes, found: Some(lines) })
    }

    /// The chunk and the indices of its matching lines; without its text when that was not needed to find them. `None`
    /// when nothing matches.
    pub(super) fn matching(
        &self,
        encoded: &Encoded<'_>,
        seqs: (u64, u64),
        text: &mut Vec<u8>,
    ) -> Result<Option<(Chunk, Vec<usize>, usize)>, Damage> {
        if self.matcher.needs_no_text() {
            let chunk = encoded.decode_heads()?;
            let found = self.matcher.matches(&chunk, chunk.indices(seqs));
            return Ok((!found.is_empty()).then_some((chunk, found, encoded.heads_bytes())));
        }
        encoded.unpack(text)?;
        if !self.matcher.may_match_text(text) {
            return Ok(None);
        }
        let chunk = encoded.decode_with(std::mem::take(text))?;
        let found = self.matcher.matches(&chunk, chunk.indices(seqs));
        if found.is_empty() {
            *text = chunk.text;
            return Ok(None);
        }
        Ok(Some((chunk, found, encoded.text_bytes)))
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

    /// Times of the oldest and the newest line of a range, about: those of the chunks at its ends and where the clock was
    /// set back.
    pub(super) fn time_span(
        &self,
        (first_seq, last_seq): (u64, u64),
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let breaks = self.chunks.clock_breaks(self.scope, MAX_CLOCK_BREAKS)?;
        let inside = breaks.into_iter().filter(|seq| (first_seq + 1..=last_seq).contains(seq));
        let ends = inside.flat_map(|seq| [seq - 1, seq]).chain([first_seq, last_seq]);
        let mut span: Option<(u64, u64)> = None;
        for seq in ends {
            let Some(stored) = self.chunks.chunk_at(self.scope, seq)? else { continue };
            let Ok(Encoded { summary, .. }) = Encoded::open(&stored) else { continue };
            let (from, to) = span.unwrap_or((u64::MAX, 0));
            span = Some((from.min(summary.min_time_us), to.max(summary.max_time_us)));
        }
        Ok(span)
    }
}

/// What is left of a range once some lines at its end were seen.
fn cut(low: &mut u64, high: &mut u64, order: LogOrder, (first, last): (u64, u64)) {
    match order {
        LogOrder::Asc => *low = last.saturating_add(1).max(*low + 1),
        LogOrder::Desc if first <= *low => (*low, *high) = (1, 0),
        LogOrder::Desc => *high = first - 1,
    }
}

/// How far one call has come.
#[derive(Default)]
struct Progress {
    budget: Budget,
    walked: Walked,
    scan_bytes: usize,
    chunks: usize,
    /// Chunks of the next batch.
    batch: usize,
    /// True once who takes what is found wants no more.
    is_full: bool,
}

impl Progress {
    fn is_spent(&self) -> bool {
        self.is_full || self.scan_bytes >= self.budget.scan_bytes || self.chunks >= self.budget.chunks
    }
}
