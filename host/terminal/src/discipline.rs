//! The line discipline: modes, prompts, and other output around the edited line.

use std::collections::VecDeque;

use crate::buffer::LineBuffer;
use crate::complete::{Candidate, common_prefix, listing};
use crate::effect::{Effect, Mode};
use crate::history::{History, Search};
use crate::keys::{Key, KeyParser};
use crate::paint::Painter;
use crate::track::Tracker;
use crate::width::WidthRule;

/// Lines that were finished while nobody read are kept up to so much. Enter beyond is refused with a bell.
pub const TYPE_AHEAD_BYTES: usize = 64 * 1024;
/// What is typed while candidates are looked for is held up to so much; the rest is lost, with a bell.
pub const HELD_INPUT_BYTES: usize = 4 * 1024;
/// A prompt is at most so long; the rest of a longer one is left out.
pub const PROMPT_BYTES: usize = 4 * 1024;

/// A terminal is at least so wide and high; smaller sizes count as these.
const LEAST_COLUMNS: u16 = 2;
const LEAST_LINES: u16 = 1;
/// A terminal is at most so wide and high; larger sizes count as these.
const MOST_CELLS: u16 = 4096;

/// What was finished while nobody read.
#[derive(Debug, Clone)]
pub(crate) enum Ahead {
    /// Enter.
    Line(String),
    /// Ctrl-D after some text.
    Part(String),
    /// Ctrl-D on an empty line.
    End,
}

/// What one call leads to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    effects: Vec<Effect>,
    pub(crate) echo: String,
    rung: bool,
}

impl Turn {
    /// Adds an effect after what was echoed so far.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.flush();
        match (self.effects.last_mut(), effect) {
            (Some(Effect::Data(before)), Effect::Data(more)) => before.extend(more),
            (_, effect) => self.effects.push(effect),
        }
    }

    /// Rings, once a call.
    pub(crate) fn bell(&mut self) {
        if !std::mem::replace(&mut self.rung, true) {
            self.echo.push('\x07');
        }
    }

    fn flush(&mut self) {
        if !self.echo.is_empty() {
            self.effects.push(Effect::Echo(std::mem::take(&mut self.echo).into_bytes()));
        }
    }

    fn done(mut self) -> Vec<Effect> {
        self.flush();
        self.effects
    }
}

/// The terminal of one session. See the crate for the way of a byte.
///
/// All that it gives as [`Effect::Echo`] or returns as bytes goes to the terminal, in order, before anything else does.
///
/// A bracketed paste at the prompt becomes part of the line, its newlines too: they show as rows, and nothing runs before
/// Enter. Home, End and the kill keys take such a line as one. In the other modes a pasted newline is Enter. Terminals are
/// asked for brackets only while the session prompts.
#[derive(Debug, Clone)]
pub struct LineDiscipline {
    pub(crate) mode: Mode,
    pub(crate) keys: KeyParser,
    pub(crate) buffer: LineBuffer,
    pub(crate) history: History,
    pub(crate) search: Option<Search>,
    pub(crate) painter: Painter,
    pub(crate) tracker: Tracker,
    pub(crate) ahead: VecDeque<Ahead>,
    pub(crate) ahead_bytes: usize,
    /// A paste was interrupted: the rest of it is thrown away.
    pub(crate) discarding: bool,
    /// Candidates were asked for, and this was typed since.
    pub(crate) held: Option<Vec<u8>>,
    /// The last key was Tab, and changed nothing.
    pub(crate) tab_again: bool,
    pub(crate) lines: usize,
    pub(crate) columns: usize,
    pub(crate) prompt: String,
    /// The terminal was asked for brackets around what is pasted.
    pub(crate) brackets: bool,
    /// Other output ended here, in the row above the prompt.
    pub(crate) unfinished_column: Option<usize>,
}

impl LineDiscipline {
    /// A terminal of so many columns and lines, at the beginning of an empty row, in [`Mode::Busy`].
    pub fn new(columns: u16, lines: u16) -> Self {
        let (columns, lines) = size(columns, lines);
        Self {
            mode: Mode::Busy,
            keys: KeyParser::default(),
            buffer: LineBuffer::default(),
            history: History::default(),
            search: None,
            painter: Painter::new(columns, lines),
            tracker: Tracker::new(columns),
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            discarding: false,
            held: None,
            tab_again: false,
            lines,
            columns,
            prompt: String::new(),
            brackets: false,
            unfinished_column: None,
        }
    }

    /// How the terminal measures clusters. To be set before anything is shown.
    pub fn set_width_rule(&mut self, rule: WidthRule) {
        self.tracker.set_rule(rule);
    }

    /// How typed bytes are taken now.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The line that is being edited.
    pub fn line(&self) -> &str {
        self.buffer.text()
    }

    /// Where the cursor is in it, in bytes.
    pub fn cursor_bytes(&self) -> usize {
        self.buffer.cursor()
    }

    /// Takes typed bytes, however they are split over calls.
    pub fn input(&mut self, bytes: &[u8]) -> Vec<Effect> {
        let mut turn = Turn::default();
        self.take(bytes, &mut turn);
        self.paint(&mut turn.echo);
        turn.done()
    }

    /// Ctrl-C that did not come as a byte, and so overtakes all typed bytes. In raw mode it is an
    /// [`Effect::Interrupt`] too.
    pub fn interrupt(&mut self) -> Vec<Effect> {
        let mut turn = Turn::default();
        if self.mode == Mode::Raw {
            turn.effect(Effect::Interrupt);
        } else {
            self.interrupted(&mut turn);
            self.paint(&mut turn.echo);
        }
        turn.done()
    }

    /// Prompts, on a new row, with the unfinished line that was typed ahead. A finished one is taken at once: then the
    /// effects have its [`Effect::Line`], and the rest waits for the next prompt.
    ///
    /// While a person edits, it puts the new prompt in the place of the one that is shown.
    pub fn prompt(&mut self, text: &str) -> Vec<Effect> {
        let mut turn = Turn::default();
        self.painter.erase(&mut turn.echo);
        if self.mode == Mode::Raw {
            self.keys.reset();
        }
        if self.mode != Mode::Prompt && self.tracker.column() != 0 {
            turn.echo.push_str("\r\n");
            self.tracker.set_column(0);
        }
        self.mode = Mode::Prompt;
        self.unfinished_column = None;
        self.prompt = text[..text.floor_char_boundary(PROMPT_BYTES)].replace('\r', "");
        if self.prompt.contains('\x1b') {
            self.prompt.push_str("\x1b[0m");
        }
        self.set_brackets(true, &mut turn.echo);
        let mut begun = String::new();
        while let Some(ahead) = self.ahead.pop_front() {
            match ahead {
                Ahead::Part(part) => begun.push_str(&part),
                // A Ctrl-D for a guest that never read it does not end the session.
                Ahead::End => {}
                Ahead::Line(line) => {
                    self.ahead_bytes = self.ahead.iter().map(Ahead::bytes).sum();
                    let unfinished = self.buffer.take();
                    self.buffer.set(begun + &line);
                    self.accept(&mut turn);
                    self.buffer.set(unfinished);
                    self.paint(&mut turn.echo);
                    return turn.done();
                }
            }
        }
        self.ahead_bytes = 0;
        if !begun.is_empty() {
            let unfinished = self.buffer.take();
            self.buffer.set(begun + &unfinished);
        }
        self.paint(&mut turn.echo);
        turn.done()
    }

    /// Another way to take typed bytes, for a guest. [`Mode::Prompt`] is entered by [`Self::prompt`] only: here it does
    /// nothing. What was typed ahead goes to a guest that reads.
    pub fn set_mode(&mut self, mode: Mode) -> Vec<Effect> {
        let mut turn = Turn::default();
        if mode == self.mode || mode == Mode::Prompt {
            return Vec::new();
        }
        if self.mode == Mode::Prompt {
            self.leave_search();
            self.painter.erase(&mut turn.echo);
            self.release_prompt(&mut turn.echo);
        }
        if self.mode == Mode::Raw || mode == Mode::Raw {
            self.keys.reset();
            self.discarding = false;
        }
        self.mode = mode;
        if mode == Mode::Raw {
            self.leave_row(&mut turn.echo);
        }
        if mode != Mode::Busy {
            let newline = |line: String| line + "\n";
            for ahead in std::mem::take(&mut self.ahead) {
                turn.effect(match ahead {
                    Ahead::Line(line) => Effect::Data(newline(line).into_bytes()),
                    Ahead::Part(part) => Effect::Data(part.into_bytes()),
                    Ahead::End => Effect::EndOfInput,
                });
            }
            self.ahead_bytes = 0;
        }
        if mode == Mode::Raw {
            let begun = self.buffer.take();
            if !begun.is_empty() {
                turn.effect(Effect::Data(begun.into_bytes()));
            }
            if let Some(held) = self.held.take().filter(|held| !held.is_empty()) {
                turn.effect(Effect::Data(held));
            }
        } else {
            self.take_held(&mut turn);
            self.paint(&mut turn.echo);
        }
        turn.done()
    }

    /// Puts other output, from guests through an [`OutputFilter`](crate::OutputFilter) or from the session, before the
    /// line that is being edited. Output that ends within a row is gone on with there when more comes.
    pub fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.mode == Mode::Raw || self.mode != Mode::Prompt && !self.painter.is_showing() {
            self.painter.forget();
            self.tracker.feed(bytes);
            return bytes.to_vec();
        }
        let mut before = String::new();
        self.painter.erase(&mut before);
        if let Some(column) = self.unfinished_column.take() {
            // After a full row, text goes on where the cursor is; a line end belongs to the full row.
            if column < self.columns || bytes.starts_with(b"\r") || bytes.starts_with(b"\n") {
                before.push_str(&format!("\x1b[A\x1b[{}G", (column + 1).min(self.columns)));
                self.tracker.set_column(column);
            }
        }
        let mut out = before.into_bytes();
        out.extend_from_slice(bytes);
        self.tracker.feed(bytes);
        let mut after = String::new();
        if self.mode == Mode::Prompt && self.tracker.column() != 0 {
            self.unfinished_column = Some(self.tracker.column());
            after.push_str("\r\n");
            self.tracker.set_column(0);
        }
        self.paint(&mut after);
        out.extend(after.into_bytes());
        out
    }

    /// The terminal has another size, and has kept the rows that were drawn.
    pub fn resize(&mut self, columns: u16, lines: u16) -> Vec<u8> {
        let mut out = String::new();
        let size = size(columns, lines);
        if size == (self.columns, self.lines) {
            return Vec::new();
        }
        self.painter.erase(&mut out);
        (self.columns, self.lines) = size;
        self.painter.resize(self.columns, self.lines);
        self.tracker.resize(self.columns);
        self.unfinished_column = None;
        self.paint(&mut out);
        out.into_bytes()
    }

    /// Draws prompt and line anew, in the row where the cursor is: for a terminal that was reset.
    pub fn redraw(&mut self) -> Vec<u8> {
        let mut out = String::from("\r\x1b[J");
        self.painter.forget();
        self.tracker.set_column(0);
        self.unfinished_column = None;
        self.brackets = false;
        self.set_brackets(self.mode == Mode::Prompt, &mut out);
        self.paint(&mut out);
        out.into_bytes()
    }

    /// Answers an [`Effect::Complete`]: what lies between `from_bytes` and the cursor can become any of the candidates.
    /// One is inserted; of several the common beginning is, and when that adds nothing and Tab was pressed again, they
    /// are listed, as many as the screen takes. Then what was typed since is taken. Does nothing when nothing was asked.
    pub fn complete(&mut self, from_bytes: usize, candidates: &[Candidate]) -> Vec<Effect> {
        let mut turn = Turn::default();
        if self.held.is_some() {
            self.completed(from_bytes, candidates, &mut turn);
            self.take_held(&mut turn);
            self.paint(&mut turn.echo);
        }
        turn.done()
    }

    /// Other lines to go through, oldest first.
    pub fn set_history(&mut self, lines: Vec<String>) {
        self.leave_search();
        self.history.replace(lines);
    }

    /// One more line to go through. The session adds what was entered, and leaves out what is secret. A blank line, or
    /// the same as the last, is not added.
    pub fn push_history(&mut self, line: impl Into<String>) {
        self.leave_search();
        self.history.push(line.into());
    }

    fn take(&mut self, bytes: &[u8], turn: &mut Turn) {
        let mut keys = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            if self.mode == Mode::Raw {
                return turn.effect(Effect::Data(bytes[at..].to_vec()));
            }
            if let Some(held) = &mut self.held {
                match byte {
                    0x03 => self.interrupted(turn),
                    _ if held.len() < HELD_INPUT_BYTES => held.push(*byte),
                    _ => turn.bell(),
                }
                continue;
            }
            self.keys.push(*byte, &mut keys);
            keys.drain(..).for_each(|key| self.key(key, turn));
        }
    }

    fn take_held(&mut self, turn: &mut Turn) {
        if let Some(held) = self.held.take() {
            self.take(&held, turn);
        }
    }

    fn key(&mut self, key: Key, turn: &mut Turn) {
        let again = std::mem::take(&mut self.tab_again);
        match key {
            Key::Ctrl('c') => self.interrupted(turn),
            Key::Pasted(_) if self.discarding => {}
            Key::PasteEnd => self.discarding = false,
            key if self.mode == Mode::Prompt => self.prompt_key(key, again, turn),
            key => self.line_key(key, turn),
        }
    }

    fn completed(&mut self, from: usize, candidates: &[Candidate], turn: &mut Turn) {
        let cursor = self.buffer.cursor();
        let Some(word) = self.buffer.text().get(from..cursor) else { return turn.bell() };
        let common = common_prefix(candidates);
        let adds = if candidates.len() == 1 { common != word } else { common.len() > word.len() };
        if candidates.is_empty() {
            turn.bell();
        } else if adds {
            if !self.buffer.replace_before_cursor(from, common) {
                turn.bell();
            }
            self.tab_again = false;
        } else if self.tab_again && candidates.len() > 1 {
            let rows =
                listing(candidates, self.tracker.rule(), self.columns, self.lines.saturating_sub(2).max(2));
            self.leave_line("", &mut turn.echo);
            rows.iter().for_each(|row| turn.echo.extend([row, "\r\n"]));
        } else {
            turn.bell();
            self.tab_again = true;
        }
    }
}

impl Ahead {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Line(text) | Self::Part(text) => text.len() + size_of::<Self>(),
            Self::End => size_of::<Self>(),
        }
    }
}

fn size(columns: u16, lines: u16) -> (usize, usize) {
    (usize::from(columns.clamp(LEAST_COLUMNS, MOST_CELLS)), usize::from(lines.clamp(LEAST_LINES, MOST_CELLS)))
}
