//! Following a run's output, live and from the log, without a hole and byte for byte.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cloister_runtime::OutputStreamKind;
use futures_util::stream::{Stream, try_unfold};

use super::active::ActiveRun;
use super::output::Next;
use super::{CommandError, Commands};
use crate::api;
use crate::auth::{Permit, TenantScope, act};
use crate::ids::RunId;
use crate::logs::{Line, LogCursor, LogError, LogFilter, LogOrder, LogQuery, LogStream, RunBytes};
use crate::store::RunRecord;

/// Lines read from the log at once.
const REPLAY_LINES: usize = 1_000;
/// Bytes told at once.
const TOLD_BYTES: usize = 64 << 10;

/// How much of each stream a follower has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputCursor {
    /// Bytes of standard output.
    pub stdout_bytes: u64,
    /// Bytes of standard error.
    pub stderr_bytes: u64,
}

impl OutputCursor {
    pub(super) fn advance(&mut self, stream: OutputStreamKind, bytes: usize) {
        *self.of(stream) += bytes as u64;
    }

    fn of(&mut self, stream: OutputStreamKind) -> &mut u64 {
        match stream {
            OutputStreamKind::Stdout => &mut self.stdout_bytes,
            OutputStreamKind::Stderr => &mut self.stderr_bytes,
        }
    }
}

impl fmt::Display for OutputCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stdout_bytes, self.stderr_bytes)
    }
}

/// A text is not a cursor of a run's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor of a run's output")]
pub struct InvalidOutputCursor;

impl FromStr for OutputCursor {
    type Err = InvalidOutputCursor;
    fn from_str(text: &str) -> Result<Self, InvalidOutputCursor> {
        let (stdout, stderr) = text.split_once('.').ok_or(InvalidOutputCursor)?;
        // `parse` would take a sign.
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map_err(|_| InvalidOutputCursor),
            false => Err(InvalidOutputCursor),
        };
        Ok(Self { stdout_bytes: number(stdout)?, stderr_bytes: number(stderr)? })
    }
}

/// One thing a follower is told.
#[derive(Debug, Clone)]
pub enum OutputItem {
    /// Bytes of a stream, and the place after them.
    Bytes(OutputStreamKind, Bytes, OutputCursor),
    /// Bytes of a stream that were deleted, and the place after them.
    Gap {
        /// Which.
        stream: OutputStreamKind,
        /// The first that is gone.
        from: u64,
        /// The first that is not.
        to: u64,
        /// Where to continue.
        cursor: OutputCursor,
    },
    /// The run has ended and all was told.
    End(Box<api::Run>),
}

struct Follower {
    commands: Commands,
    scope: TenantScope,
    id: RunId,
    cursor: OutputCursor,
    state: State,
}

enum State {
    Live(Arc<ActiveRun>),
    /// Reading the log; then going on with the live run, or the end.
    Replay {
        next: Page,
        /// How much of each stream the lines read so far hold, and those before them.
        seen: OutputCursor,
        live: Option<Arc<ActiveRun>>,
        told: Vec<OutputItem>,
    },
    Done,
}

impl State {
    fn replay(live: Option<Arc<ActiveRun>>) -> Self {
        Self::Replay { next: Page::First, seen: OutputCursor::default(), live, told: Vec::new() }
    }
}

/// What of the log is read next.
#[derive(Debug, Clone, Copy)]
enum Page {
    First,
    At(LogCursor),
    /// All was read.
    None,
}

impl Commands {
    /// A run's output from a place on, and its end.
    ///
    /// # Errors
    /// [`CommandError::RunNotFound`]; in the stream, what reading the log fails with.
    pub async fn follow(
        &self,
        permit: &Permit<act::RunRead>,
        id: &RunId,
        cursor: OutputCursor,
    ) -> Result<impl Stream<Item = Result<OutputItem, CommandError>> + Send + use<>, CommandError> {
        let scope = permit.scope().clone();
        let state = match self.inner.active.find(&scope, id) {
            Some(run) => State::Live(run),
            None => {
                self.record(&scope, id).await?;
                State::replay(None)
            }
        };
        let follower = Follower { commands: self.clone(), scope, id: id.clone(), cursor, state };
        Ok(try_unfold(follower, |mut follower| async move {
            Ok(follower.next().await?.map(|item| (item, follower)))
        }))
    }

    /// What a run has written to one stream, byte for byte, as far as it is in the log, and how many bytes of it were
    /// deleted from its beginning.
    ///
    /// # Errors
    /// [`CommandError::RunNotFound`]; in the stream, what reading the log fails with.
    pub async fn raw_output(
        &self,
        permit: &Permit<act::RunRead>,
        id: &RunId,
        stream: LogStream,
    ) -> Result<(u64, impl Stream<Item = Result<Bytes, LogError>> + Send + use<>), CommandError> {
        let record = self.record(permit.scope(), id).await?;
        self.flush(permit.scope(), &record.id, &record.command).await?;
        let reader = self.inner.logs.reader();
        let left = reader.run_bytes(permit.scope(), id).await?;
        let OutputCursor { stdout_bytes, stderr_bytes } = deleted(left.as_ref(), &record);
        let missing_bytes = if stream == LogStream::Stdout { stdout_bytes } else { stderr_bytes };
        let trimmed_seq = left.map_or(0, |left| left.trimmed_seq);
        Ok((missing_bytes, reader.raw(permit.scope(), id, stream, trimmed_seq)))
    }

    async fn flush(
        &self,
        scope: &TenantScope,
        run: &RunId,
        command: &crate::ids::CommandName,
    ) -> Result<(), CommandError> {
        let source = crate::logs::LineSource::of_run(run.clone(), command.clone());
        self.inner.logs.run(scope, source).flush().await?;
        Ok(())
    }
}

impl Follower {
    async fn next(&mut self) -> Result<Option<OutputItem>, CommandError> {
        loop {
            match &mut self.state {
                State::Done => return Ok(None),
                State::Live(run) => {
                    let run = Arc::clone(run);
                    if let Some(item) = self.next_live(&run).await {
                        return Ok(Some(item));
                    }
                }
                State::Replay { told, .. } if !told.is_empty() => {
                    // Kept in reverse, so that taking the next is cheap.
                    let item = told.pop();
                    if matches!(item, Some(OutputItem::End(_))) {
                        self.state = State::Done;
                    }
                    return Ok(item);
                }
                State::Replay { .. } => self.read_log().await?,
            }
        }
    }

    async fn next_live(&mut self, run: &Arc<ActiveRun>) -> Option<OutputItem> {
        loop {
            let changed = run.output.changed();
            match run.output.next(&self.cursor) {
                Next::Chunk(stream, bytes) => {
                    self.cursor.advance(stream, bytes.len());
                    return Some(OutputItem::Bytes(stream, bytes, self.cursor));
                }
                Next::Behind => {
                    self.state = State::replay(Some(Arc::clone(run)));
                    return None;
                }
                Next::End => {
                    self.state = State::Done;
                    return Some(OutputItem::End(Box::new(run.record.lock().to_api())));
                }
                Next::Wait => changed.await,
            }
        }
    }

    /// Reads one page of the log, or goes on with what comes after it: the live run, or its end.
    async fn read_log(&mut self) -> Result<(), CommandError> {
        let State::Replay { next, seen, live, told } = &mut self.state else { return Ok(()) };
        let reader = self.commands.inner.logs.reader();
        let (cursor, begins_after) = match *next {
            Page::None => match live.take() {
                Some(run) => {
                    self.state = State::Live(run);
                    return Ok(());
                }
                None => {
                    let record = self.commands.record(&self.scope, &self.id).await?;
                    let left = reader.run_bytes(&self.scope, &self.id).await?;
                    // What was deleted while the log was read.
                    *told = gaps(written(left.as_ref(), &record), &mut self.cursor);
                    told.push(OutputItem::End(Box::new(record.to_api())));
                    told.reverse();
                    return Ok(());
                }
            },
            Page::At(cursor) => (Some(cursor), None),
            Page::First => {
                let record = self.commands.record(&self.scope, &self.id).await?;
                self.commands.flush(&self.scope, &self.id, &record.command).await?;
                let left = reader.run_bytes(&self.scope, &self.id).await?;
                *seen = deleted(left.as_ref(), &record);
                (None, left.map(|left| left.trimmed_seq))
            }
        };
        let filter = LogFilter {
            run: Some(self.id.clone()),
            streams: vec![LogStream::Stdout, LogStream::Stderr],
            ..LogFilter::default()
        };
        let query = LogQuery { filter, order: LogOrder::Asc, cursor, limit: REPLAY_LINES };
        let found = reader.query(&self.scope, query).await?;
        if let Some(&(first_seq, last_seq)) = found.missing.first() {
            return Err(LogError::Damaged { first_seq, last_seq }.into());
        }
        let expected_seq = begins_after.or(cursor.map(LogCursor::last_passed));
        if expected_seq.is_some_and(|seq| found.trimmed_seq > seq) {
            // Lines were deleted in between: where those that were read belong has to be found again.
            *next = Page::First;
            return Ok(());
        }
        *next = found.next.map_or(Page::None, Page::At);
        *told = gaps(*seen, &mut self.cursor);
        told.extend(unseen(&found.lines, seen, &mut self.cursor));
        told.reverse();
        Ok(())
    }
}

/// How much of each stream was deleted, from its beginning.
fn deleted(left: Option<&RunBytes>, record: &RunRecord) -> OutputCursor {
    match left {
        Some(RunBytes { stdout, stderr, .. }) => OutputCursor {
            stdout_bytes: stdout.written.saturating_sub(stdout.left),
            stderr_bytes: stderr.written.saturating_sub(stderr.left),
        },
        None => written(None, record),
    }
}

/// How much was written to each stream. Of a run whose last line was deleted long ago, its record knows.
fn written(left: Option<&RunBytes>, record: &RunRecord) -> OutputCursor {
    let (stdout_bytes, stderr_bytes) = match left {
        Some(bytes) => (bytes.stdout.written, bytes.stderr.written),
        None if record.status == api::RunStatus::Ended => {
            (record.usage.stdout_bytes, record.usage.stderr_bytes)
        }
        None => (0, 0),
    };
    OutputCursor { stdout_bytes, stderr_bytes }
}

/// Tells what was deleted between a follower's place and `until`.
fn gaps(until: OutputCursor, cursor: &mut OutputCursor) -> Vec<OutputItem> {
    let mut told = Vec::new();
    for stream in [OutputStreamKind::Stdout, OutputStreamKind::Stderr] {
        let (from, to) = (*cursor.of(stream), *{ until }.of(stream));
        if from < to {
            *cursor.of(stream) = to;
            told.push(OutputItem::Gap { stream, from, to, cursor: *cursor });
        }
    }
    told
}

/// The bytes of these lines that a follower has not seen, in pieces; in order.
fn unseen(lines: &[Line], seen: &mut OutputCursor, cursor: &mut OutputCursor) -> Vec<OutputItem> {
    let mut told = Vec::new();
    let mut piece: Option<(OutputStreamKind, BytesMut)> = None;
    let mut raw = Vec::new();
    for line in lines {
        let stream = match line.mark.stream() {
            LogStream::Stdout => OutputStreamKind::Stdout,
            LogStream::Stderr => OutputStreamKind::Stderr,
            LogStream::System => continue,
        };
        raw.clear();
        line.write_raw(&mut raw);
        let start = *seen.of(stream);
        seen.advance(stream, raw.len());
        let known = usize::try_from(cursor.of(stream).saturating_sub(start)).unwrap_or(usize::MAX);
        if known >= raw.len() {
            continue;
        }
        let ends_piece = piece.as_ref().is_some_and(|(of, bytes)| *of != stream || bytes.len() >= TOLD_BYTES);
        if ends_piece {
            tell(&mut told, piece.take(), cursor);
        }
        piece.get_or_insert_with(|| (stream, BytesMut::new())).1.extend_from_slice(&raw[known..]);
        if piece.as_ref().is_some_and(|(_, bytes)| bytes.len() >= TOLD_BYTES) {
            tell(&mut told, piece.take(), cursor);
        }
    }
    tell(&mut told, piece, cursor);
    told
}

fn tell(told: &mut Vec<OutputItem>, piece: Option<(OutputStreamKind, BytesMut)>, cursor: &mut OutputCursor) {
    if let Some((stream, bytes)) = piece {
        cursor.advance(stream, bytes.len());
        told.push(OutputItem::Bytes(stream, bytes.freeze(), *cursor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_nothing_else_is_a_cursor() {
        let cursor = OutputCursor { stdout_bytes: 14, stderr_bytes: u64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", ".", "1", "1.", "+1.2", "1.2.3", "-1.0", "1.99999999999999999999", "é.1"] {
            assert_eq!(text.parse::<OutputCursor>(), Err(InvalidOutputCursor), "{text}");
        }
    }
}
