//! How the discipline puts its line on the screen and leaves it there.

use crate::discipline::{LineDiscipline, Turn};
use crate::effect::{Effect, Mode};
use crate::layout::View;
use crate::paint::Painter;

impl LineDiscipline {
    /// The line and what was typed ahead are gone.
    pub(crate) fn interrupted(&mut self, turn: &mut Turn) {
        let pasting = self.keys.is_pasting() && !self.discarding;
        if !pasting {
            self.keys.reset();
        }
        self.discarding = pasting;
        self.held = None;
        self.tab_again = false;
        self.leave_search();
        self.leave_line("^C", &mut turn.echo);
        self.release_prompt(&mut turn.echo);
        self.buffer.take();
        self.ahead.clear();
        self.ahead_bytes = 0;
        if self.mode == Mode::Prompt {
            self.mode = Mode::Busy;
        }
        turn.effect(Effect::Interrupt);
    }

    /// Enter at the prompt.
    pub(crate) fn accept(&mut self, turn: &mut Turn) {
        self.leave_search();
        self.leave_line("", &mut turn.echo);
        self.release_prompt(&mut turn.echo);
        self.mode = Mode::Busy;
        let line = self.buffer.take();
        turn.effect(Effect::Line(line));
    }

    /// What a search found becomes the line.
    pub(crate) fn leave_search(&mut self) {
        if let Some(search) = self.search.take() {
            let (line, at) = search.shown(&self.history);
            self.buffer.set(line.to_owned());
            self.buffer.move_to(at);
        }
    }

    /// Leaves the line on the screen, with `mark` after it, and begins a new row.
    pub(crate) fn leave_line(&mut self, mark: &str, out: &mut String) {
        let wrapped = self.leave_row(out);
        out.push_str(mark);
        if !wrapped || !mark.is_empty() {
            out.push_str("\r\n");
        }
        self.tracker.set_column(0);
    }

    /// Leaves the line on the screen, with the cursor after it; true when the terminal has wrapped just there.
    pub(crate) fn leave_row(&mut self, out: &mut String) -> bool {
        self.unfinished_column = None;
        if !self.has_content() {
            self.painter.forget();
            return false;
        }
        self.begin_row(out);
        let (column, wrapped) = self.with_view(|painter, view| painter.leave(view, out));
        self.tracker.set_column(column);
        wrapped
    }

    /// The prompt is over, whatever comes of it.
    pub(crate) fn release_prompt(&mut self, out: &mut String) {
        self.set_brackets(false, out);
        self.history.leave();
        self.prompt.clear();
        self.unfinished_column = None;
    }

    /// Asks the terminal for brackets around what is pasted, or no longer.
    pub(crate) fn set_brackets(&mut self, on: bool, out: &mut String) {
        if std::mem::replace(&mut self.brackets, on) != on {
            out.push_str(if on { "\x1b[?2004h" } else { "\x1b[?2004l" });
        }
    }

    /// Shows the line as it is now.
    pub(crate) fn paint(&mut self, out: &mut String) {
        if self.mode != Mode::Raw && (self.has_content() || self.painter.is_showing()) {
            self.begin_row(out);
            self.with_view(|painter, view| painter.paint(view, out));
        }
    }

    /// True when there is something to show, or to have the cursor behind.
    fn has_content(&self) -> bool {
        self.mode == Mode::Prompt || !self.buffer.is_empty()
    }

    /// After a full row of other output, the line begins on the next.
    fn begin_row(&mut self, out: &mut String) {
        if !self.painter.is_showing() && self.tracker.column() >= self.columns {
            out.push_str(" \r");
            self.painter.forget();
            self.tracker.set_column(0);
        }
    }

    fn with_view<T>(&mut self, show: impl FnOnce(&mut Painter, &View<'_>) -> T) -> T {
        let rule = self.tracker.rule();
        let start_column = self.tracker.column();
        let search = self.search.as_ref().map(|search| (search.prompt(), search.shown(&self.history)));
        let (prompt, line, cursor_bytes) = match &search {
            Some((prompt, (line, at))) => (prompt.as_str(), *line, *at),
            None => (self.prompt.as_str(), self.buffer.text(), self.buffer.cursor()),
        };
        show(&mut self.painter, &View { rule, start_column, prompt, line, cursor_bytes })
    }
}
