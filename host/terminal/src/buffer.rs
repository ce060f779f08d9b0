//! The line that is being edited.

use crate::width::{char_cells, cluster_after, cluster_before, cluster_end};

/// A line is at most so long, in bytes of UTF-8. What goes beyond is refused with a bell.
pub const LINE_BYTES: usize = 64 * 1024;

/// Text, a cursor between its clusters, and what was killed last.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineBuffer {
    text: String,
    cursor: usize,
    killed: String,
    /// The last change was a kill: the next one adds to it.
    killing: bool,
}

/// What makes a word.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Word {
    /// Letters and digits: the Alt keys.
    Alphanumeric,
    /// Anything but white space: Ctrl-W.
    Spaced,
}

impl Word {
    fn holds(self, c: char) -> bool {
        match self {
            Self::Alphanumeric => c.is_alphanumeric(),
            Self::Spaced => !c.is_whitespace(),
        }
    }
}

/// Marks and joiners belong to what is before them.
fn joins(c: char) -> bool {
    !c.is_ascii() && char_cells(c) == 0
}

impl LineBuffer {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Another line, with the cursor at its end.
    pub(crate) fn set(&mut self, text: String) {
        self.killing = false;
        self.text = text;
        self.text.truncate(self.text.floor_char_boundary(LINE_BYTES));
        self.cursor = self.text.len();
    }

    /// Gives the line away; the buffer is empty after it.
    pub(crate) fn take(&mut self) -> String {
        self.killing = false;
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// A key that is no kill has come: the next kill begins anew.
    pub(crate) fn end_kill(&mut self) {
        self.killing = false;
    }

    /// Puts `text` before the cursor. False, and no change, when the line would get too long. The cursor stays right after
    /// it, also when it joins with what follows: the rest of a cluster may be on its way.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        if self.text.len() + text.len() > LINE_BYTES {
            return false;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        true
    }

    /// Puts `text` in the place of what lies between `from` and the cursor, as [`Self::insert`] does.
    pub(crate) fn replace_before_cursor(&mut self, from: usize, text: &str) -> bool {
        if self.text.len() - (self.cursor - from) + text.len() > LINE_BYTES {
            return false;
        }
        self.text.replace_range(from..self.cursor, text);
        self.cursor = from + text.len();
        true
    }

    /// Moves the cursor to `at`, a place between two characters.
    pub(crate) fn move_to(&mut self, at: usize) {
        self.cursor = cluster_end(&self.text, self.text.floor_char_boundary(at.min(self.text.len())));
    }

    pub(crate) fn move_left(&mut self) {
        self.cursor = self.left();
    }

    pub(crate) fn move_right(&mut self) {
        self.cursor = self.right();
    }

    pub(crate) fn move_home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn move_end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(crate) fn move_word_left(&mut self) {
        self.cursor = self.word_left(Word::Alphanumeric);
    }

    pub(crate) fn move_word_right(&mut self) {
        self.cursor = self.word_right(Word::Alphanumeric);
    }

    /// Deletes the cluster before the cursor. False at the beginning.
    pub(crate) fn backspace(&mut self) -> bool {
        let from = self.left();
        self.remove(from, self.cursor)
    }

    /// Deletes the cluster at the cursor. False at the end.
    pub(crate) fn delete(&mut self) -> bool {
        let to = self.right();
        self.remove(self.cursor, to)
    }

    pub(crate) fn kill_to_end(&mut self) -> bool {
        self.kill(self.cursor, self.text.len())
    }

    pub(crate) fn kill_to_start(&mut self) -> bool {
        self.kill(0, self.cursor)
    }

    pub(crate) fn kill_word_left(&mut self, word: Word) -> bool {
        let from = self.word_left(word);
        self.kill(from, self.cursor)
    }

    pub(crate) fn kill_word_right(&mut self) -> bool {
        let to = self.word_right(Word::Alphanumeric);
        self.kill(self.cursor, to)
    }

    /// Puts back what was killed last. False when that is nothing, or too much.
    pub(crate) fn yank(&mut self) -> bool {
        let killed = std::mem::take(&mut self.killed);
        let done = !killed.is_empty() && self.insert(&killed);
        self.killed = killed;
        done
    }

    /// Exchanges the clusters around the cursor, at the end the last two, and moves on. False with fewer than two.
    pub(crate) fn transpose(&mut self) -> bool {
        let middle = if self.cursor == self.text.len() { self.left() } else { self.cursor };
        let (from, to) = (cluster_before(&self.text, middle), cluster_after(&self.text, middle));
        if from == middle || to == middle {
            return false;
        }
        let swapped = format!("{}{}", &self.text[middle..to], &self.text[from..middle]);
        self.text.replace_range(from..to, &swapped);
        self.cursor = to;
        self.snap();
        true
    }

    fn left(&self) -> usize {
        cluster_before(&self.text, self.cursor)
    }

    fn right(&self) -> usize {
        cluster_after(&self.text, self.cursor)
    }

    fn word_left(&self, word: Word) -> usize {
        let before = self.text[..self.cursor].trim_end_matches(|c| joins(c) || !word.holds(c));
        let start = before.trim_end_matches(|c| joins(c) || word.holds(c)).len();
        cluster_end(&self.text, start).min(self.cursor)
    }

    fn word_right(&self, word: Word) -> usize {
        let after = self.text[self.cursor..].trim_start_matches(|c| joins(c) || !word.holds(c));
        let rest = after.trim_start_matches(|c| joins(c) || word.holds(c)).len();
        cluster_end(&self.text, self.text.len() - rest)
    }

    fn remove(&mut self, from: usize, to: usize) -> bool {
        if from == to {
            return false;
        }
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.snap();
        true
    }

    fn kill(&mut self, from: usize, to: usize) -> bool {
        if from == to {
            return false;
        }
        if !std::mem::replace(&mut self.killing, true) {
            self.killed.clear();
        }
        // What lies before the cursor was before what was killed already.
        let at = if from < self.cursor { 0 } else { self.killed.len() };
        if self.killed.len() + (to - from) <= LINE_BYTES {
            self.killed.insert_str(at, &self.text[from..to]);
        }
        self.remove(from, to)
    }

    /// What lies around a gap can join into one cluster; the cursor then stands after it.
    fn snap(&mut self) {
        self.cursor = cluster_end(&self.text, self.cursor);
    }
}
