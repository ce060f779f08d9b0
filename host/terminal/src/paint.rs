//! Draws the edited line, with as few bytes as will do.

use std::fmt::Write as _;

use crate::layout::{Layout, Marks, Row, RowEnd, View};

/// What is on the screen: some rows of a layout, of which the terminal's cursor is in one.
#[derive(Debug, Clone)]
struct Frame {
    prompt: String,
    start_column: usize,
    /// The first row shown; rows above it did not fit on the screen.
    top: usize,
    rows: Vec<Row>,
    cursor: (usize, usize),
}

impl Frame {
    fn home_column(&self) -> usize {
        if self.top == 0 { self.start_column } else { 0 }
    }
}

/// Knows what it has drawn, and draws what differs.
#[derive(Debug, Clone)]
pub(crate) struct Painter {
    columns: usize,
    lines: usize,
    marks: Marks,
    frame: Option<Frame>,
}

impl Painter {
    pub(crate) fn new(columns: usize, lines: usize) -> Self {
        Self { columns, lines, marks: Marks::default(), frame: None }
    }

    /// True when something is on the screen that has to be erased before anything else is written.
    pub(crate) fn is_showing(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.rows.iter().any(|row| !row.text.is_empty()))
    }

    /// Shows the view. What was drawn before is at the same place.
    pub(crate) fn paint(&mut self, view: &View<'_>, out: &mut String) {
        let layout = self.marks.lay_out(view, self.columns, self.lines);
        let top = self.top(&layout);
        let rows = layout.rows.into_iter().skip(top - layout.first_row).take(self.lines).collect();
        let cursor = (layout.cursor.0 - top, layout.cursor.1);
        let new =
            Frame { prompt: view.prompt.to_owned(), start_column: view.start_column, top, rows, cursor };
        let end = match self.frame.take() {
            None => print(out, &new.rows, &[], (0, 0), self.columns),
            Some(old)
                if old.top != top || old.prompt != new.prompt || old.start_column != new.start_column =>
            {
                let home = if old.top > 0 { 0 } else { new.home_column() };
                go(out, old.cursor, (0, home), self.columns);
                out.push_str("\x1b[J");
                go(out, (0, home), (0, new.home_column()), self.columns);
                print(out, &new.rows, &[], (0, 0), self.columns)
            }
            Some(old) => match difference(&old.rows, &new.rows, new.home_column()) {
                None => old.cursor,
                Some((row, byte, column)) => {
                    go(out, old.cursor, (row, column), self.columns);
                    print(out, &new.rows, &old.rows, (row, byte), self.columns)
                }
            },
        };
        go(out, end, new.cursor, self.columns);
        self.frame = Some(new);
    }

    /// Takes what is drawn off the screen; the cursor is where the first cell was.
    pub(crate) fn erase(&mut self, out: &mut String) {
        let showing = self.is_showing();
        if let Some(frame) = self.frame.take() {
            let home = if frame.top > 0 { 0 } else { frame.start_column };
            go(out, frame.cursor, (0, home), self.columns);
            if showing {
                out.push_str("\x1b[J");
            }
            go(out, (0, home), (0, frame.start_column), self.columns);
        }
    }

    /// Leaves what is drawn on the screen, with the cursor after its end; gives the cursor's column there, and whether
    /// the terminal has just wrapped.
    pub(crate) fn leave(&mut self, view: &View<'_>, out: &mut String) -> (usize, bool) {
        self.paint(&View { cursor_bytes: view.line.len(), ..*view }, out);
        let Some(frame) = self.frame.take() else { return (view.start_column, false) };
        let wrapped = frame.rows.len().checked_sub(2).is_some_and(|row| frame.rows[row].end == RowEnd::Wrap);
        (frame.cursor.1, wrapped && frame.cursor.1 == 0)
    }

    /// The screen was cleared by other means, or what is drawn is of no interest any more.
    pub(crate) fn forget(&mut self) {
        self.frame = None;
    }

    /// Another size of the terminal. Nothing may be on the screen.
    pub(crate) fn resize(&mut self, columns: usize, lines: usize) {
        (self.columns, self.lines, self.frame) = (columns, lines, None);
    }

    /// The first row to show: the same as before if the cursor is then seen.
    fn top(&self, layout: &Layout) -> usize {
        let before = self.frame.as_ref().map_or(0, |frame| frame.top);
        let lowest = (layout.first_row + layout.rows.len()).saturating_sub(self.lines);
        before.min(lowest).clamp((layout.cursor.0 + 1).saturating_sub(self.lines), layout.cursor.0)
    }
}

/// Moves the terminal's cursor. Columns are absolute, so that one wrong width does not add up.
fn go(out: &mut String, from: (usize, usize), to: (usize, usize), columns: usize) {
    if from == to && from.1 < columns {
        return;
    }
    let _ = match (from.0, to.0) {
        (from, to) if from > to => write!(out, "\x1b[{}A", from - to),
        (from, to) if from < to => write!(out, "\x1b[{}B", to - from),
        _ => Ok(()),
    };
    let _ = match to.1 {
        0 => write!(out, "\r"),
        column if column != from.1 || from.1 >= columns => {
            write!(out, "\x1b[{}G", column.min(columns - 1) + 1)
        }
        _ => Ok(()),
    };
}

/// Prints rows from one place on, over the old ones that may be there; gives the cursor's place after it.
fn print(
    out: &mut String,
    rows: &[Row],
    old: &[Row],
    from: (usize, usize),
    columns: usize,
) -> (usize, usize) {
    let mut end = from;
    for (at, row) in rows.iter().enumerate().skip(from.0) {
        out.push_str(if at == from.0 { &row.text[from.1..] } else { &row.text });
        end = (at, row.end_column);
        let wider = old.get(at).is_some_and(|old| old.end_column > row.end_column);
        let Some(next) = rows.get(at + 1) else {
            if row.end_column < columns && (wider || old.len() > rows.len()) {
                out.push_str("\x1b[J");
            }
            break;
        };
        if wider {
            out.push_str("\x1b[K");
        }
        match row.end {
            RowEnd::Newline => out.push_str("\r\n"),
            // Nothing is there to make the terminal wrap by itself.
            RowEnd::Wrap if next.text.is_empty() => out.push_str(" \r"),
            RowEnd::Wrap | RowEnd::Last => {}
        }
    }
    end
}

/// The first place where rows differ: row, byte in the new row's text, column.
fn difference(old: &[Row], new: &[Row], home_column: usize) -> Option<(usize, usize, usize)> {
    let at = (0..new.len().max(old.len())).find(|at| old.get(*at) != new.get(*at))?;
    // Rows end differently before one is missing, so both are there.
    let (before, after) = (old.get(at)?, new.get(at)?);
    let first_column = if at == 0 { home_column } else { 0 };
    let mut same = (0, first_column);
    let glyph = |row: &Row, n: usize| {
        let (start, column) = *row.glyphs.get(n)?;
        let end = row.glyphs.get(n + 1).map_or(row.text.len(), |(end, _)| *end);
        Some((row.text[start..end].to_owned(), column, end))
    };
    let lead = |row: &Row| row.glyphs.first().map_or(row.text.len(), |(start, _)| *start);
    if before.text[..lead(before)] != after.text[..lead(after)] {
        return Some((at, 0, first_column));
    }
    for n in 0.. {
        match (glyph(before, n), glyph(after, n)) {
            (Some(was), Some(is)) if was == is => {
                same = (is.2, after.glyphs.get(n + 1).map_or(after.end_column, |(_, column)| *column));
            }
            (_, Some((_, column, _))) => return Some((at, after.glyphs[n].0, column)),
            (_, None) => break,
        }
    }
    Some((at, same.0.max(lead(after)), same.1))
}
