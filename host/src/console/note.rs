//! What stands beside the bytes of a session: where commands begin and end, and how keys are taken.

use std::collections::VecDeque;

use serde::Serialize;

use crate::ids::RunId;

/// Notes kept of a session; older ones are forgotten.
pub(super) const MAX_NOTES: usize = 4_096;
/// Longest command line that a mark carries, in bytes; longer ones are cut.
pub const MAX_MARK_LINE_BYTES: usize = 4_096;

/// How keys are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The host edits a line and echoes it.
    #[default]
    Line,
    /// They go to the guest as they are.
    Raw,
}

impl Mode {
    /// `line` or `raw`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Raw => "raw",
        }
    }
}

/// A place in the bytes where something about a command is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mark {
    /// A prompt begins.
    Prompt,
    /// A command was entered; its output begins.
    Command {
        /// What was typed.
        line: String,
        /// Its run, when it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The shell goes on meanwhile.
        background: bool,
    },
    /// A command has ended.
    End {
        /// What was typed.
        line: String,
        /// Its run, when it was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// What it exited with.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// How its run ended, as in `Run`.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<String>,
        /// From start to end.
        duration_ms: u64,
        /// It ran in the background.
        background: bool,
    },
}

impl Mark {
    /// The mark with its line cut to [`MAX_MARK_LINE_BYTES`].
    fn cut(mut self) -> Self {
        if let Self::Command { line, .. } | Self::End { line, .. } = &mut self {
            line.truncate(line.floor_char_boundary(MAX_MARK_LINE_BYTES));
        }
        self
    }
}

/// What was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Noted {
    Mark(Mark),
    Mode(Mode),
}

/// Something noted at an offset. Numbers count from 0 and have no holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) noted: Noted,
}

/// The notes of a session, in order.
#[derive(Default)]
pub(super) struct Notes {
    kept: VecDeque<Note>,
    next: u64,
    /// The mode before the first that is kept.
    base: Mode,
}

impl Notes {
    pub(super) fn push(&mut self, offset: u64, noted: Noted) {
        if self.kept.len() >= MAX_NOTES {
            self.forget_first();
        }
        let noted = match noted {
            Noted::Mark(mark) => Noted::Mark(mark.cut()),
            mode @ Noted::Mode(_) => mode,
        };
        self.kept.push_back(Note { number: self.next, offset, noted });
        self.next += 1;
    }

    /// Forgets what stands before an offset.
    pub(super) fn trim(&mut self, start: u64) {
        while self.kept.front().is_some_and(|note| note.offset < start) {
            self.forget_first();
        }
    }

    /// The first note that is kept and whose number is at least this.
    pub(super) fn at(&self, number: u64) -> Option<&Note> {
        let first = self.kept.front()?.number;
        let index = usize::try_from(number.saturating_sub(first)).ok()?;
        self.kept.get(index)
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.next
    }

    /// The number of the first note at or after an offset.
    pub(super) fn first_at(&self, offset: u64) -> u64 {
        let before = self.kept.partition_point(|note| note.offset < offset);
        self.kept.get(before).map_or(self.next, |note| note.number)
    }

    /// The newest notes before a number, oldest first.
    pub(super) fn before(&self, number: u64, limit: usize) -> impl Iterator<Item = &Note> {
        let end = self.kept.partition_point(|note| note.number < number);
        self.kept.range(end.saturating_sub(limit)..end)
    }

    /// The mode before a note.
    pub(super) fn mode_before(&self, number: u64) -> Mode {
        let earlier = self.kept.iter().rev().filter(|note| note.number < number);
        let mut modes = earlier.filter_map(|note| match note.noted {
            Noted::Mode(mode) => Some(mode),
            Noted::Mark(_) => None,
        });
        modes.next().unwrap_or(self.base)
    }

    fn forget_first(&mut self) {
        if let Some(Note { noted: Noted::Mode(mode), .. }) = self.kept.pop_front() {
            self.base = mode;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_found_by_number_and_forgotten_by_offset() {
        let mut notes = Notes::default();
        notes.push(0, Noted::Mark(Mark::Prompt));
        notes.push(5, Noted::Mode(Mode::Raw));
        notes.push(5, Noted::Mark(Mark::Prompt));
        notes.push(9, Noted::Mode(Mode::Line));
        assert_eq!(notes.at(0).unwrap().offset, 0);
        assert_eq!(notes.first_at(1), 1);
        assert_eq!(notes.first_at(10), 4);
        assert_eq!(
            (notes.mode_before(1), notes.mode_before(2), notes.mode_before(4)),
            (Mode::Line, Mode::Raw, Mode::Line)
        );
        notes.trim(6);
        assert_eq!(notes.at(0).unwrap().number, 3, "the first that is kept");
        assert_eq!(notes.mode_before(3), Mode::Raw, "what was forgotten still counts");
        assert_eq!(notes.count(), 4);
    }

    #[test]
    fn the_number_of_notes_is_bounded() {
        let mut notes = Notes::default();
        for _ in 0..MAX_NOTES + 10 {
            notes.push(0, Noted::Mark(Mark::Prompt));
        }
        assert_eq!(notes.at(0).unwrap().number, 10);
        assert_eq!(notes.before(u64::MAX, 2).map(|note| note.number).collect::<Vec<_>>(), [4_104, 4_105]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = "é".repeat(MAX_MARK_LINE_BYTES);
        let Mark::Command { line, .. } = (Mark::Command { line, run: None, background: false }).cut() else {
            panic!()
        };
        assert_eq!(line.len(), MAX_MARK_LINE_BYTES);
    }
}
