//! The lines of before: going through them, and looking for one.

use std::collections::VecDeque;

/// At most so many lines are kept for a session.
pub const HISTORY_ENTRIES: usize = 2_000;
/// Kept lines take at most so much memory.
pub const HISTORY_BYTES: usize = 256 * 1024;
/// What is looked for is at most so long.
const PATTERN_BYTES: usize = 256;

/// Lines, oldest first, and where Up and Down are among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    lines: VecDeque<String>,
    bytes: usize,
    /// The line that is shown, and what was being typed when the going began.
    at: Option<(usize, String)>,
}

impl History {
    pub(crate) fn replace(&mut self, lines: Vec<String>) {
        *self = Self::default();
        lines.into_iter().for_each(|line| self.push(line));
    }

    /// Adds a line unless it is blank or the same as the last. The oldest make room.
    pub(crate) fn push(&mut self, line: String) {
        self.at = None;
        if line.trim().is_empty() || line.len() > HISTORY_BYTES || self.lines.back() == Some(&line) {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > HISTORY_ENTRIES || self.bytes > HISTORY_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    /// The going ends, wherever it is.
    pub(crate) fn leave(&mut self) {
        self.at = None;
    }

    /// The line before the one that is shown; `draft` is kept when the going begins here.
    pub(crate) fn older(&mut self, draft: &str) -> Option<String> {
        let at = self.at.as_ref().map_or(self.lines.len(), |(at, _)| *at).checked_sub(1)?;
        let line = self.lines.get(at)?.clone();
        let draft = self.at.take().map_or_else(|| draft.to_owned(), |(_, draft)| draft);
        self.at = Some((at, draft));
        Some(line)
    }

    /// The line after the one that is shown, and after the newest what was being typed.
    pub(crate) fn newer(&mut self) -> Option<String> {
        let (at, draft) = self.at.take()?;
        let Some(line) = self.lines.get(at + 1) else { return Some(draft) };
        self.at = Some((at + 1, draft));
        Some(line.clone())
    }
}

/// An incremental search backwards.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pattern: String,
    /// The line found, and where the pattern is in it.
    found: Option<(usize, usize)>,
    failing: bool,
    /// The line and cursor of before, for Ctrl-G.
    pub(crate) before: (String, usize),
}

impl Search {
    pub(crate) fn new(text: &str, cursor: usize) -> Self {
        Self { pattern: String::new(), found: None, failing: false, before: (text.to_owned(), cursor) }
    }

    /// What stands in the prompt's place.
    pub(crate) fn prompt(&self) -> String {
        let failing = if self.failing { "failed " } else { "" };
        // A pattern has no control characters: they end the search.
        format!("({failing}reverse-search)`{}': ", self.pattern)
    }

    /// What is found, and where the pattern is in it in bytes; what was there before when nothing is.
    pub(crate) fn shown<'a>(&'a self, history: &'a History) -> (&'a str, usize) {
        let found = self.found.and_then(|(line, at)| Some((history.lines.get(line)?.as_str(), at)));
        found.unwrap_or((&self.before.0, self.before.1))
    }

    /// One more character to look for. False when it cannot be found.
    pub(crate) fn extend(&mut self, c: char, history: &History) -> bool {
        if self.pattern.len() + c.len_utf8() > PATTERN_BYTES {
            return false;
        }
        self.pattern.push(c);
        // What was not found is not found with more behind it.
        !self.failing && self.find(history, self.found.map_or(history.lines.len(), |(line, _)| line + 1))
    }

    /// One character less; looks anew from the newest line.
    pub(crate) fn shorten(&mut self, history: &History) -> bool {
        if self.pattern.pop().is_none() {
            return false;
        }
        self.found = None;
        self.failing = false;
        self.pattern.is_empty() || self.find(history, history.lines.len())
    }

    /// The next older line that differs from the one found.
    pub(crate) fn again(&mut self, history: &History) -> bool {
        if self.pattern.is_empty() || self.failing {
            return !self.failing;
        }
        let mut end = self.found.map_or(history.lines.len(), |(line, _)| line);
        let shown = self.found.and_then(|(line, _)| history.lines.get(line));
        while end > 0 && shown.is_some() && history.lines.get(end - 1) == shown {
            end -= 1;
        }
        self.find(history, end)
    }

    /// Looks through the lines before `end`, newest first.
    fn find(&mut self, history: &History, end: usize) -> bool {
        let lines = history.lines.iter().enumerate().take(end.min(history.lines.len())).rev();
        let found = lines.filter_map(|(at, line)| Some((at, line.rfind(&self.pattern)?))).next();
        self.failing = found.is_none();
        self.found = found.or(self.found);
        !self.failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: &[&str]) -> History {
        let mut history = History::default();
        history.replace(lines.iter().map(|line| (*line).to_owned()).collect());
        history
    }

    #[test]
    fn going_back_and_forth_keeps_what_was_being_typed() {
        let mut history = history(&["one", "two", "two", " "]);
        assert_eq!(history.older("draft").as_deref(), Some("two"));
        assert_eq!(history.older("two").as_deref(), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer().as_deref(), Some("two"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn lines_and_bytes_are_bounded() {
        let mut history = History::default();
        (0..HISTORY_ENTRIES + 10).for_each(|n| history.push(format!("line {n}")));
        assert_eq!((history.lines.len(), history.lines[0].as_str()), (HISTORY_ENTRIES, "line 10"));
        (0..20_u8).for_each(|n| history.push(char::from(b'a' + n).to_string().repeat(60_000)));
        assert!(history.bytes <= HISTORY_BYTES && history.bytes > HISTORY_BYTES - 60_000);
        assert_eq!(history.bytes, history.lines.iter().map(String::len).sum::<usize>());
    }

    #[test]
    fn a_search_goes_back_and_keeps_what_it_found_when_it_fails() {
        let history = history(&["make test", "ls", "make build", "make build", "cat"]);
        let mut search = Search::new("draft", 2);
        assert_eq!(search.shown(&history), ("draft", 2));
        assert!(search.extend('m', &history) && search.extend('a', &history));
        assert!(search.extend('k', &history) && search.extend('e', &history));
        assert_eq!(search.shown(&history), ("make build", 0));
        assert!(search.again(&history));
        assert_eq!(search.shown(&history), ("make test", 0));
        assert!(!search.again(&history));
        assert_eq!(search.shown(&history), ("make test", 0));
        assert_eq!(search.prompt(), "(failed reverse-search)`make': ");
        assert!(!search.extend('!', &history) && !search.again(&history));
        assert!(search.shorten(&history));
        assert!(search.shorten(&history));
        assert_eq!(search.shown(&history), ("make build", 0));
    }
}
