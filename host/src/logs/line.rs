//! A log line and who wrote it.

use std::sync::Arc;

use bytes::Bytes;
use cloister_lines::{Mark, parse_fields, show_bytes};
use jiff::Timestamp;

use crate::api;
use crate::ids::{CommandName, RunId, WorkflowRunId};

/// Who writes lines: one run of one command, or one step of a workflow run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LineSource {
    /// The run.
    pub run: RunId,
    /// The command it runs.
    pub command: CommandName,
    /// The workflow run it is a step of.
    pub workflow_run: Option<WorkflowRunId>,
    /// The workflow step it belongs to; at most 64 bytes are kept.
    pub step: Option<Box<str>>,
}

impl LineSource {
    /// A run that belongs to no workflow.
    #[must_use]
    pub fn of_run(run: RunId, command: CommandName) -> Self {
        Self { run, command, workflow_run: None, step: None }
    }
}

/// One captured line, as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counts up from 1 within the tenant.
    pub seq: u64,
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    /// Who wrote it.
    pub source: Arc<LineSource>,
    /// Stream, level and flags.
    pub mark: Mark,
    /// The bytes as they were written, without the line end (a carriage return before it is kept).
    pub bytes: Bytes,
}

impl Line {
    /// Appends exactly what the guest wrote for this line.
    pub fn write_raw(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        if self.mark.has_newline() {
            out.push(b'\n');
        }
    }

    /// The line as the API shows it.
    #[must_use]
    pub fn to_api(&self) -> api::LogLine {
        api::LogLine {
            seq: self.seq,
            time: show_time(self.time_us),
            run: self.source.run.to_string(),
            command: self.source.command.to_string(),
            workflow_run: self.source.workflow_run.as_ref().map(ToString::to_string),
            step: self.source.step.as_deref().map(str::to_owned),
            stream: self.mark.stream().as_str().to_owned(),
            level: self.mark.level().map(|level| level.as_str().to_owned()),
            text: show_bytes(self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes)),
            fields: if self.mark.continues() { None } else { parse_fields(&self.bytes) },
            continues: self.mark.continues(),
        }
    }
}

/// RFC 3339 in UTC, always with six digits of a second.
pub(super) fn show_time(time_us: u64) -> String {
    let time = i64::try_from(time_us).ok().and_then(|us| Timestamp::from_microsecond(us).ok());
    format!("{:.6}", time.unwrap_or(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_microseconds() {
        assert_eq!(show_time(1_700_000_000_000_000), "2023-11-14T22:13:20.000000Z");
        assert_eq!(show_time(u64::MAX), "1970-01-01T00:00:00.000000Z");
    }
}
