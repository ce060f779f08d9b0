//! Where each cluster of a prompt and a line stands in a terminal of some width.

use unicode_segmentation::UnicodeSegmentation;

use crate::width::{WidthRule, char_cells};

/// Tab stops are so many cells apart.
pub(crate) const TAB_CELLS: usize = 8;

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) rule: WidthRule,
    /// The column of the first cell, less than the terminal's.
    pub(crate) start_column: usize,
    /// Escape sequences in it have no width.
    pub(crate) prompt: &'a str,
    pub(crate) line: &'a str,
    pub(crate) cursor_bytes: usize,
}

/// How a row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowEnd {
    /// The terminal wraps: the row is full, or what follows is too wide for its last cell.
    Wrap,
    /// A newline.
    Newline,
    /// Nothing follows.
    Last,
}

/// One row of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What is printed to show it.
    pub(crate) text: String,
    /// Where each cell or pair of cells begins: byte in the text, column.
    pub(crate) glyphs: Vec<(usize, usize)>,
    /// The column after its last cell.
    pub(crate) end_column: usize,
    pub(crate) end: RowEnd,
}

/// Some rows, and the cursor's place as row of the whole and column. The last row of the whole is never full: after a full
/// one an empty one follows, where the cursor can be.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Which row of the whole the first of these is.
    pub(crate) first_row: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) cursor: (usize, usize),
}

/// Where rows of a long line begin, so that a change of it costs as much as the screen is large, not as it is long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    rule: WidthRule,
    columns: usize,
    start_column: usize,
    prompt: String,
    line: String,
    /// Row, and the byte of the line that it begins with; in order, some rows left out.
    starts: Vec<(usize, usize)>,
}

impl Marks {
    /// Lays out the rows around the cursor, at least so many before it and after it, in so many columns (at least 2).
    pub(crate) fn lay_out(&mut self, view: &View<'_>, columns: usize, around: usize) -> Layout {
        self.keep_what_holds(view, columns);
        // From the last known place before the cursor on, to find in which row the cursor is.
        let known = self.starts.partition_point(|(_, byte)| *byte <= view.cursor_bytes);
        let near = known.checked_sub(1).map(|at| self.starts[at]);
        let row = near.map_or(0, |(row, _)| row).saturating_sub(around);
        let before =
            self.starts.partition_point(|(start, _)| *start <= row).checked_sub(1).map(|at| self.starts[at]);
        self.lay_out_from(view, columns, around, before)
    }

    fn keep_what_holds(&mut self, view: &View<'_>, columns: usize) {
        let same = (self.rule, self.columns, self.start_column) == (view.rule, columns, view.start_column);
        if !same || self.prompt != view.prompt {
            *self = Self { rule: view.rule, columns, start_column: view.start_column, ..Self::default() };
            view.prompt.clone_into(&mut self.prompt);
        }
        let shared = shared_bytes(self.line.as_bytes(), view.line.as_bytes());
        if shared < self.line.len() || shared < view.line.len() {
            // What comes anew can join with the cluster before it, so a row that begins right there is not kept.
            self.starts.truncate(self.starts.partition_point(|(_, byte)| *byte < shared));
            view.line.clone_into(&mut self.line);
        }
    }

    fn lay_out_from(
        &mut self,
        view: &View<'_>,
        columns: usize,
        around: usize,
        from: Option<(usize, usize)>,
    ) -> Layout {
        let (first_row, from_byte) = from.unwrap_or((0, 0));
        let mut layer = Layer::new(columns, first_row, if from.is_some() { 0 } else { view.start_column });
        if from.is_none() {
            layer.prompt(view);
        }
        for (at, cluster) in view.line[from_byte..].grapheme_indices(true) {
            let (at, end) = (from_byte + at, from_byte + at + cluster.len());
            layer.mark |= (at..end).contains(&view.cursor_bytes);
            if let Some(start) = layer.line_cluster(view.rule, cluster, at)
                && self.starts.last().is_none_or(|last| *last < start)
            {
                self.starts.push(start);
            }
            if layer.cursor.is_some_and(|(row, _)| layer.row_number() > row.saturating_add(around)) {
                break;
            }
        }
        layer.mark |= layer.cursor.is_none();
        layer.finish()
    }
}

/// How many bytes two texts have in common at their beginning.
fn shared_bytes(one: &[u8], other: &[u8]) -> usize {
    const BLOCK_BYTES: usize = 1024;
    let blocks = one.chunks(BLOCK_BYTES).zip(other.chunks(BLOCK_BYTES)).take_while(|(a, b)| a == b).count();
    let from = (blocks * BLOCK_BYTES).min(one.len()).min(other.len());
    from + one[from..].iter().zip(&other[from..]).take_while(|(a, b)| a == b).count()
}

/// Lays a whole view out.
#[cfg(test)]
fn lay_out(view: &View<'_>, columns: usize) -> Layout {
    Marks::default().lay_out(view, columns, usize::MAX / 8)
}

struct Layer {
    columns: usize,
    first_row: usize,
    column: usize,
    rows: Vec<Row>,
    row: Row,
    cursor: Option<(usize, usize)>,
    /// The cursor is where the next cell goes.
    mark: bool,
    /// The prompt is over.
    editable: bool,
    /// Cells and pairs of cells that the last cluster took so far.
    cluster_glyphs: usize,
}

fn new_row() -> Row {
    Row { text: String::new(), glyphs: Vec::new(), end_column: 0, end: RowEnd::Last }
}

impl Layer {
    fn new(columns: usize, first_row: usize, column: usize) -> Self {
        Self {
            columns,
            first_row,
            column,
            rows: Vec::new(),
            row: new_row(),
            cursor: None,
            mark: false,
            editable: false,
            cluster_glyphs: 0,
        }
    }

    fn row_number(&self) -> usize {
        self.first_row + self.rows.len()
    }

    fn prompt(&mut self, view: &View<'_>) {
        let mut rest = view.prompt;
        while !rest.is_empty() {
            let plain = rest.find('\x1b').unwrap_or(rest.len());
            rest[..plain].graphemes(true).for_each(|cluster| self.cluster(view.rule, cluster));
            rest = &rest[plain..];
            let (escape, after) = rest.split_at(escape_bytes(rest));
            self.place(escape, 0);
            rest = after;
        }
    }

    /// Lays out the cluster at `at` of the line. Gives row and byte when a row begins with it or right after it.
    fn line_cluster(&mut self, rule: WidthRule, cluster: &str, at: usize) -> Option<(usize, usize)> {
        self.editable = true;
        self.cluster_glyphs = 0;
        let row = self.row_number();
        self.cluster(rule, cluster);
        if cluster == "\n" {
            return Some((self.row_number(), at + 1));
        }
        let whole = self.row_number() == row + 1 && self.row.glyphs.len() == self.cluster_glyphs;
        whole.then(|| (self.row_number(), at))
    }

    fn cluster(&mut self, rule: WidthRule, cluster: &str) {
        if !cluster.contains(char::is_control) {
            match rule {
                WidthRule::Clusters => self.place(cluster, rule.cells(cluster)),
                WidthRule::Scalars => {
                    cluster.chars().for_each(|c| self.place(c.encode_utf8(&mut [0; 4]), char_cells(c)));
                }
            }
            return;
        }
        for c in cluster.chars() {
            match c {
                '\n' => {
                    // Nobody edits a prompt: the cursor need not have a place after a full row of it.
                    if self.editable {
                        self.settle();
                    }
                    self.end_row(RowEnd::Newline);
                }
                '\t' => {
                    let column = if self.column == self.columns { 0 } else { self.column };
                    let cells = (TAB_CELLS - column % TAB_CELLS).min(self.columns - column);
                    self.place(&" ".repeat(cells), cells);
                }
                c if c.is_ascii() => {
                    self.place("^", 1);
                    self.place(caret(c).encode_utf8(&mut [0; 4]), 1);
                }
                _ => self.place("\u{fffd}", 1),
            }
        }
    }

    fn place(&mut self, text: &str, cells: usize) {
        if cells > 0 {
            if self.column + cells > self.columns {
                self.end_row(RowEnd::Wrap);
            }
            self.mark_here();
            self.cluster_glyphs += 1;
            self.row.glyphs.push((self.row.text.len(), self.column));
        }
        self.row.text.push_str(text);
        self.column += cells;
    }

    /// The cursor can stand here: after a full row that is the beginning of the next.
    fn settle(&mut self) {
        if self.column == self.columns {
            self.end_row(RowEnd::Wrap);
        }
        self.mark_here();
    }

    fn mark_here(&mut self) {
        if std::mem::take(&mut self.mark) {
            self.cursor = Some((self.row_number(), self.column));
        }
    }

    fn end_row(&mut self, end: RowEnd) {
        let row = Row { end_column: self.column, end, ..std::mem::replace(&mut self.row, new_row()) };
        self.rows.push(row);
        self.column = 0;
    }

    fn finish(mut self) -> Layout {
        self.settle();
        self.end_row(RowEnd::Last);
        Layout { first_row: self.first_row, cursor: self.cursor.unwrap_or_default(), rows: self.rows }
    }
}

/// The letter of a control character: `C` for Ctrl-C, `?` for DEL.
fn caret(c: char) -> char {
    char::from(c as u8 ^ 0x40)
}

/// The length of the escape sequence that `text` begins with; 0 without one.
fn escape_bytes(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&0x1b) {
        return 0;
    }
    let length = match bytes.get(1) {
        Some(b'[') => bytes.iter().skip(2).position(|b| (0x40..0x7f).contains(b)).map(|at| at + 3),
        Some(b']') => {
            let end = |(at, b): (usize, &u8)| match b {
                0x07 => Some(at + 1),
                b'\\' if bytes[at - 1] == 0x1b => Some(at + 1),
                _ => None,
            };
            bytes.iter().enumerate().skip(2).find_map(end)
        }
        _ => Some(2),
    };
    text.ceil_char_boundary(length.unwrap_or(bytes.len()).min(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(prompt: &str, line: &str, cursor_bytes: usize, columns: usize) -> (Vec<String>, (usize, usize)) {
        let view = View { rule: WidthRule::Clusters, start_column: 0, prompt, line, cursor_bytes };
        let layout = lay_out(&view, columns);
        (layout.rows.into_iter().map(|row| row.text).collect(), layout.cursor)
    }

    #[test]
    fn rows_wrap_where_a_terminal_wraps_them() {
        assert_eq!(show("> ", "abc", 1, 10), (vec!["> abc".into()], (0, 3)));
        assert_eq!(show("> ", "abc", 3, 5), (vec!["> abc".into(), String::new()], (1, 0)));
        assert_eq!(show("> ", "abcd", 3, 5), (vec!["> abc".into(), "d".into()], (1, 0)));
        assert_eq!(show("> ", "ab世x", 2, 5), (vec!["> ab".into(), "世x".into()], (1, 0)));
        assert_eq!(show("\x1b[1;32m>\x1b]0;t\x07\x1b[0m ", "a", 1, 5).1, (0, 3));
        assert_eq!(show("> ", "a\nb", 2, 5), (vec!["> a".into(), "b".into()], (1, 0)));
        assert_eq!(show("> ", "a\x03\tb", 3, 40), (vec!["> a^C   b".into()], (0, 8)));
    }
}
