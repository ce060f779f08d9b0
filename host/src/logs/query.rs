//! What to look for in a log, and where a page or a follower stands.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloister_lines::{FieldFilter, LogLevel, LogStream, Search, Wanted};

use super::chunk::{Chunk, Summary, name_bits};
use super::error::LogError;
use super::line::LineSource;
use crate::ids::{CommandName, RunId, WorkflowRunId};

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogOrder {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// Which lines are wanted: those for which everything that is set holds.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Lines of this run.
    pub run: Option<RunId>,
    /// Lines of this command.
    pub command: Option<CommandName>,
    /// Lines of this workflow run.
    pub workflow_run: Option<WorkflowRunId>,
    /// Lines of this workflow step.
    pub step: Option<String>,
    /// Lines of these streams; of all when empty.
    pub streams: Vec<LogStream>,
    /// Lines that state one of these levels; all lines when empty and `unlevelled` is not set.
    pub levels: Vec<LogLevel>,
    /// Lines that state no level, besides those of `levels`.
    pub unlevelled: bool,
    /// Lines that contain these bytes, upper and lower case told apart.
    pub text: Option<String>,
    /// Lines that match this regular expression (syntax of the `regex` crate, linear time).
    pub regex: Option<String>,
    /// JSON lines that have all of these fields.
    pub fields: Vec<FieldFilter>,
    /// Lines not older than this; microseconds since the Unix epoch.
    pub from_us: Option<u64>,
    /// Lines older than this; microseconds since the Unix epoch.
    pub to_us: Option<u64>,
}

/// One page of lines.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Which lines.
    pub filter: LogFilter,
    /// Which way.
    pub order: LogOrder,
    /// Where the page before ended.
    pub cursor: Option<LogCursor>,
    /// At most so many lines.
    pub limit: usize,
}

/// A place between two lines of a tenant's log, and the way the reading goes. Opaque outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCursor {
    pub(super) order: LogOrder,
    /// The next line to look at.
    pub(super) seq: u64,
}

impl LogCursor {
    const VERSION: u8 = 0x10;

    /// The line before the place, going forward.
    pub(crate) fn last_passed(self) -> u64 {
        self.seq.saturating_sub(1)
    }

    /// The place after a line, going forward: where a follower continues that has seen it.
    #[must_use]
    pub fn after(seq: u64) -> Self {
        Self { order: LogOrder::Asc, seq: seq.saturating_add(1) }
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 9];
        bytes[0] = Self::VERSION | u8::from(self.order == LogOrder::Desc);
        bytes[1..].copy_from_slice(&self.seq.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for LogCursor {
    type Err = LogError;
    fn from_str(text: &str) -> Result<Self, LogError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| LogError::InvalidCursor)?;
        let (kind, seq) = bytes.split_first().ok_or(LogError::InvalidCursor)?;
        let seq = u64::from_be_bytes(seq.try_into().map_err(|_| LogError::InvalidCursor)?);
        match kind ^ Self::VERSION {
            0 => Ok(Self { order: LogOrder::Asc, seq }),
            1 => Ok(Self { order: LogOrder::Desc, seq }),
            _ => Err(LogError::InvalidCursor),
        }
    }
}

/// A filter made ready to run over chunks.
pub(super) struct Matcher {
    pub(super) filter: LogFilter,
    /// Bits of the run and of the workflow run.
    run_bits: u64,
    command_bits: u64,
    /// Bits of the wanted streams and levels; all bits when any will do.
    streams: u8,
    levels: u8,
    search: Search,
}

impl Matcher {
    pub(super) fn new(filter: &LogFilter) -> Result<Self, LogError> {
        let wanted = |bits: u8| if bits == 0 { u8::MAX } else { bits };
        Ok(Self {
            run_bits: filter.run.as_ref().map_or(0, |run| name_bits(run.as_str()))
                | filter.workflow_run.as_ref().map_or(0, |run| name_bits(run.as_str())),
            command_bits: filter.command.as_ref().map_or(0, |command| name_bits(command.as_str())),
            streams: wanted(filter.streams.iter().fold(0, |bits, stream| bits | stream.bit())),
            levels: wanted(
                filter.levels.iter().fold(u8::from(filter.unlevelled), |bits, level| bits | level.bit()),
            ),
            search: Search::new(filter.text.as_deref(), filter.regex.as_deref(), &filter.fields)?,
            filter: filter.clone(),
        })
    }

    /// False when no line of such a chunk can match.
    pub(super) fn may_match(&self, summary: &Summary) -> bool {
        Summary::may_hold(summary.runs, self.run_bits)
            && Summary::may_hold(summary.commands, self.command_bits)
            && summary.streams & self.streams != 0
            && summary.levels & self.levels != 0
            && self.filter.from_us.is_none_or(|from| summary.max_time_us >= from)
            && self.filter.to_us.is_none_or(|to| summary.min_time_us < to)
    }

    /// False when the text of a chunk holds nothing that matches; cheap enough to ask before decoding the rest.
    pub(super) fn may_match_text(&self, text: &[u8]) -> bool {
        self.search.may_match(text)
    }

    /// True when only the heads of lines are needed to tell which match.
    pub(super) fn needs_no_text(&self) -> bool {
        self.search.is_empty()
    }

    /// Indices of the matching lines of a chunk within `range`, in order.
    pub(super) fn matches(&self, chunk: &Chunk, range: Range<usize>) -> Vec<usize> {
        let sources: Vec<bool> = chunk.sources.iter().map(|source| self.wants_source(source)).collect();
        let wanted = Wanted {
            streams: self.streams,
            levels: self.levels,
            from_us: self.filter.from_us.unwrap_or(0),
            to_us: self.filter.to_us,
            sources: &sources,
        };
        self.search.matches(&chunk.heads, &chunk.text, range, &wanted)
    }

    fn wants_source(&self, source: &LineSource) -> bool {
        self.filter.run.as_ref().is_none_or(|run| *run == source.run)
            && self.filter.command.as_ref().is_none_or(|command| *command == source.command)
            && self.filter.workflow_run.as_ref().is_none_or(|run| Some(run) == source.workflow_run.as_ref())
            && self.filter.step.as_deref().is_none_or(|step| Some(step) == source.step.as_deref())
    }
}
