//! What each key does.

use crate::buffer::Word;
use crate::discipline::{Ahead, LineDiscipline, TYPE_AHEAD_BYTES, Turn};
use crate::effect::{Effect, Mode};
use crate::history::Search;
use crate::keys::Key;

impl LineDiscipline {
    /// A key at the prompt. `again` when the key before was a Tab that changed nothing.
    pub(crate) fn prompt_key(&mut self, key: Key, again: bool, turn: &mut Turn) {
        if self.search.is_some() && self.search_key(key, turn) {
            return;
        }
        match key {
            Key::Enter => self.accept(turn),
            Key::Ctrl('d') if self.buffer.is_empty() => {
                self.leave_line("", &mut turn.echo);
                self.release_prompt(&mut turn.echo);
                self.mode = Mode::Busy;
                turn.effect(Effect::EndOfInput);
            }
            Key::Ctrl('d') => self.edited(|buffer| buffer.delete(), turn),
            Key::Ctrl('l') => {
                turn.echo.push_str("\x1b[H\x1b[2J");
                self.painter.forget();
                self.tracker.set_column(0);
                self.unfinished_column = None;
            }
            Key::Tab => {
                self.buffer.end_kill();
                self.held = Some(Vec::new());
                self.tab_again = again;
                let (line, cursor_bytes) = (self.buffer.text().to_owned(), self.buffer.cursor());
                self.paint(&mut turn.echo);
                turn.effect(Effect::Complete { line, cursor_bytes, again });
            }
            Key::Up | Key::Ctrl('p') => match self.history.older(self.buffer.text()) {
                Some(line) => self.buffer.set(line),
                None => turn.bell(),
            },
            Key::Down | Key::Ctrl('n') => match self.history.newer() {
                Some(line) => self.buffer.set(line),
                None => turn.bell(),
            },
            Key::Ctrl('r') => {
                self.search = Some(Search::new(self.buffer.text(), self.buffer.cursor()));
                self.history.leave();
            }
            key => self.edit_key(key, turn),
        }
    }

    /// A key while a guest reads lines, or nobody reads.
    pub(crate) fn line_key(&mut self, key: Key, turn: &mut Turn) {
        match key {
            Key::Enter | Key::Pasted('\n') => {
                if self.mode == Mode::Busy && !self.has_room() {
                    return turn.bell();
                }
                self.leave_line("", &mut turn.echo);
                let line = self.buffer.take();
                match self.mode {
                    Mode::Busy => self.keep(Ahead::Line(line)),
                    _ => turn.effect(Effect::Data((line + "\n").into_bytes())),
                }
            }
            Key::Ctrl('d') => {
                if self.mode == Mode::Busy && !self.has_room() {
                    return turn.bell();
                }
                self.leave_row(&mut turn.echo);
                let part = self.buffer.take();
                match (self.mode, part.is_empty()) {
                    (Mode::Busy, true) => self.keep(Ahead::End),
                    (Mode::Busy, false) => self.keep(Ahead::Part(part)),
                    (_, true) => turn.effect(Effect::EndOfInput),
                    (_, false) => turn.effect(Effect::Data(part.into_bytes())),
                }
            }
            Key::Tab => self.edited(|buffer| buffer.insert("\t"), turn),
            Key::Up | Key::Down | Key::Ctrl('p' | 'n' | 'r' | 'l') => {}
            key => self.edit_key(key, turn),
        }
    }

    /// The keys that do the same in all modes with lines.
    fn edit_key(&mut self, key: Key, turn: &mut Turn) {
        match key {
            Key::Char(c) | Key::Quoted(c) | Key::Pasted(c) => {
                self.edited(|buffer| buffer.insert(c.encode_utf8(&mut [0; 4])), turn);
            }
            Key::Ctrl('a') | Key::Home => self.moved(|buffer| buffer.move_home()),
            Key::Ctrl('e') | Key::End => self.moved(|buffer| buffer.move_end()),
            Key::Ctrl('b') | Key::Left => self.moved(|buffer| buffer.move_left()),
            Key::Ctrl('f') | Key::Right => self.moved(|buffer| buffer.move_right()),
            Key::Alt('b') | Key::WordLeft => self.moved(|buffer| buffer.move_word_left()),
            Key::Alt('f') | Key::WordRight => self.moved(|buffer| buffer.move_word_right()),
            Key::Backspace => self.edited(|buffer| buffer.backspace(), turn),
            Key::Delete => self.edited(|buffer| buffer.delete(), turn),
            Key::Ctrl('t') => self.edited(|buffer| buffer.transpose(), turn),
            Key::Ctrl('y') => self.edited(|buffer| buffer.yank(), turn),
            Key::Ctrl('k') => self.killed(|buffer| buffer.kill_to_end()),
            Key::Ctrl('u') => self.killed(|buffer| buffer.kill_to_start()),
            Key::Ctrl('w') => self.killed(|buffer| buffer.kill_word_left(Word::Spaced)),
            Key::Alt('\x7f') => self.killed(|buffer| buffer.kill_word_left(Word::Alphanumeric)),
            Key::Alt('d') | Key::DeleteWord => self.killed(|buffer| buffer.kill_word_right()),
            Key::Ctrl('g') => turn.bell(),
            // Job control and flow control are not the terminal's here.
            _ => {}
        }
    }

    /// A key while history is searched; false when it ends the search and does what it does elsewhere too.
    fn search_key(&mut self, key: Key, turn: &mut Turn) -> bool {
        let Some(search) = &mut self.search else { return false };
        let found = match key {
            Key::Char(c) => search.extend(c, &self.history),
            Key::Pasted(c) if !c.is_control() => search.extend(c, &self.history),
            Key::Backspace => search.shorten(&self.history),
            Key::Ctrl('r') => search.again(&self.history),
            Key::Ctrl('g') => {
                let (line, cursor) = std::mem::take(&mut search.before);
                self.search = None;
                self.buffer.set(line);
                self.buffer.move_to(cursor);
                return true;
            }
            _ => {
                self.leave_search();
                return false;
            }
        };
        if !found {
            turn.bell();
        }
        true
    }

    fn moved(&mut self, step: impl FnOnce(&mut crate::buffer::LineBuffer)) {
        self.buffer.end_kill();
        step(&mut self.buffer);
    }

    fn edited(&mut self, change: impl FnOnce(&mut crate::buffer::LineBuffer) -> bool, turn: &mut Turn) {
        self.buffer.end_kill();
        if !change(&mut self.buffer) {
            turn.bell();
        }
    }

    fn killed(&mut self, kill: impl FnOnce(&mut crate::buffer::LineBuffer) -> bool) {
        kill(&mut self.buffer);
    }

    fn has_room(&self) -> bool {
        self.ahead_bytes + self.buffer.text().len() + size_of::<Ahead>() <= TYPE_AHEAD_BYTES
    }

    fn keep(&mut self, ahead: Ahead) {
        self.ahead_bytes += ahead.bytes();
        self.ahead.push_back(ahead);
    }
}
