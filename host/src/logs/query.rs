//! What to look for in a log, and where a page or a follower stands.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::chunk::{Chunk, Head, Summary, name_bits};
use super::error::LogError;
use super::field::{FieldFilter, FieldMatcher};
use super::line::{LogLevel, LogStream};
use crate::ids::{CommandName, RunId, WorkflowRunId};

/// The longest text or regular expression to look for.
pub const MAX_PATTERN_BYTES: usize = 1024;
/// Memory a compiled regular expression, and the automaton it builds while matching, may take; each.
const MAX_REGEX_BYTES: usize = 1024 * 1024;

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
    text: Option<Finder<'static>>,
    regex: Option<Regex>,
    /// Matches a text of many lines if it holds a line that matches, and perhaps others too.
    regex_anywhere: Option<Regex>,
    fields: Vec<FieldMatcher>,
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
            text: filter.text.as_deref().map(finder).transpose()?,
            regex: filter.regex.as_deref().map(|pattern| regex(pattern, false)).transpose()?,
            regex_anywhere: match filter.regex.as_deref() {
                Some(pattern) if !has_text_anchors(pattern) => Some(regex(pattern, true)?),
                _ => None,
            },
            fields: filter.fields.iter().map(FieldMatcher::new).collect(),
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
        self.text.as_ref().is_none_or(|finder| finder.find(text).is_some())
            && self.fields.iter().all(|field| field.may_match(text))
            && self.regex_anywhere.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    /// True when only the heads of lines are needed to tell which match.
    pub(super) fn needs_no_text(&self) -> bool {
        self.text.is_none() && self.regex.is_none() && self.fields.is_empty()
    }

    /// Indices of the matching lines of a chunk within `range`, in order.
    pub(super) fn matches(&self, chunk: &Chunk, range: Range<usize>) -> Vec<usize> {
        let sources: Vec<bool> = chunk.sources.iter().map(|source| self.wants_source(source)).collect();
        let by_head = self.regex.is_none() && self.fields.is_empty();
        let wanted = |index: &usize| {
            let head = chunk.heads.get(*index);
            head.is_some_and(|head| sources.get(head.source as usize) == Some(&true) && self.wants_head(head))
                && (by_head || chunk.line(*index).is_some_and(|line| self.wants_text(line.bytes)))
        };
        match &self.text {
            None => range.filter(wanted).collect(),
            Some(finder) => lines_with(chunk, range, finder).into_iter().filter(wanted).collect(),
        }
    }

    fn wants_source(&self, source: &super::line::LineSource) -> bool {
        self.filter.run.as_ref().is_none_or(|run| *run == source.run)
            && self.filter.command.as_ref().is_none_or(|command| *command == source.command)
            && self.filter.workflow_run.as_ref().is_none_or(|run| Some(run) == source.workflow_run.as_ref())
            && self.filter.step.as_deref().is_none_or(|step| Some(step) == source.step.as_deref())
    }

    fn wants_head(&self, head: &Head) -> bool {
        head.mark.stream().bit() & self.streams != 0
            && head.mark.level_bit() & self.levels != 0
            && !head.mark.is_gone()
            && self.filter.from_us.is_none_or(|from| head.time_us >= from)
            && self.filter.to_us.is_none_or(|to| head.time_us < to)
    }

    /// Regular expression and fields; the text is looked for before.
    fn wants_text(&self, line: &[u8]) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(line))
            && self.fields.iter().all(|field| field.matches(line))
    }
}

/// Indices of the lines that contain the text: one search over all of them, not one for each.
fn lines_with(chunk: &Chunk, range: Range<usize>, finder: &Finder<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    let span = chunk.heads.get(range).and_then(|heads| Some((heads.first()?, heads.last()?)));
    let Some((first, last)) = span else { return found };
    let (mut at, end) = (first.start as usize, last.start as usize + last.len_bytes as usize);
    while let Some(offset) = chunk.text.get(at..end).and_then(|text| finder.find(text)) {
        let index = chunk.index_at(at + offset);
        found.push(index);
        match chunk.heads.get(index + 1) {
            Some(next) => at = next.start as usize,
            None => break,
        }
    }
    found
}

fn finder(text: &str) -> Result<Finder<'static>, LogError> {
    if text.is_empty() || text.len() > MAX_PATTERN_BYTES || text.contains('\n') {
        return Err(LogError::InvalidText { max_bytes: MAX_PATTERN_BYTES });
    }
    Ok(Finder::new(text.as_bytes()).into_owned())
}

/// True when a pattern may hold what means the ends of the whole text also where `^` and `$` mean those of a line.
fn has_text_anchors(pattern: &str) -> bool {
    // A flag that is taken off may be the one that gives `^` and `$` their meaning.
    let takes_flag_off =
        |group: &str| group.split([':', ')', '<']).next().is_some_and(|flags| flags.contains('-'));
    pattern.contains("\\A") || pattern.contains("\\z") || pattern.split("(?").skip(1).any(takes_flag_off)
}

fn regex(pattern: &str, of_many_lines: bool) -> Result<Regex, LogError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(LogError::InvalidRegex(format!("longer than {MAX_PATTERN_BYTES} bytes")));
    }
    let mut builder = RegexBuilder::new(pattern);
    builder.multi_line(of_many_lines).size_limit(MAX_REGEX_BYTES).dfa_size_limit(MAX_REGEX_BYTES);
    builder.build().map_err(|error| LogError::InvalidRegex(error.to_string()))
}
