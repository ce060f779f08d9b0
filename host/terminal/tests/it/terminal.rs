//! A terminal with a line discipline behind it, and what should be on its screen.

use std::num::NonZero;

use cloister_terminal::{Effect, LineDiscipline, WidthRule};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// More rows than any test fills.
const ENDLESS_LINES: u16 = 700;

/// An emulator, which measures by scalars. For the rule of clusters, each cluster of several scalars is shown to it as
/// one character of the same width.
pub(crate) struct Screen {
    pub(crate) parser: vt100::Parser,
    rule: WidthRule,
    columns: u16,
}

impl Screen {
    pub(crate) fn new(columns: u16, lines: u16, rule: WidthRule) -> Self {
        Self { parser: vt100::Parser::new(cells(lines), cells(columns), 0), rule, columns }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).expect("whole characters");
        let shown: String = match self.rule {
            WidthRule::Scalars => text.into(),
            WidthRule::Clusters => text.graphemes(true).map(one_character).collect(),
        };
        self.parser.process(shown.as_bytes());
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        let rows = self.parser.screen().rows(0, self.columns);
        rows.map(|row| row.trim_end().to_owned()).collect()
    }

    pub(crate) fn cursor(&self) -> (usize, usize) {
        let (row, column) = self.parser.screen().cursor_position();
        (row.into(), column.into())
    }

    pub(crate) fn resize(&mut self, columns: u16, lines: u16) {
        self.columns = columns;
        self.parser.screen_mut().set_size(cells(lines), cells(columns));
    }

    fn is_at_edge(&self) -> bool {
        self.cursor().1 >= usize::from(self.columns)
    }

    /// Prints a line as it should be seen, from wherever the cursor is.
    pub(crate) fn write_line(&mut self, line: &str) {
        for cluster in line.graphemes(true) {
            match cluster {
                "\n" if self.is_at_edge() => self.write(b" \r\r\n"),
                "\n" => self.write(b"\r\n"),
                "\t" => {
                    let column = if self.is_at_edge() { 0 } else { self.cursor().1 };
                    self.write(
                        " ".repeat((8 - column % 8).min(usize::from(self.columns) - column)).as_bytes(),
                    );
                }
                control if control.chars().all(char::is_control) => {
                    control.bytes().for_each(|byte| self.write(&[b'^', byte ^ 0x40]));
                }
                cluster => self.write(cluster.as_bytes()),
            }
        }
    }

    /// The cursor's place when `next` follows.
    fn place_before(&self, next: &str) -> (usize, usize) {
        let (row, column) = self.cursor();
        let cluster =
            next.graphemes(true).next().filter(|next| !next.contains(char::is_control)).unwrap_or("");
        let cells = match self.rule {
            WidthRule::Clusters => cluster.width().min(2),
            WidthRule::Scalars => cluster.chars().next().and_then(UnicodeWidthChar::width).unwrap_or(0),
        };
        if column + cells.max(1) > usize::from(self.columns) { (row + 1, 0) } else { (row, column) }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a size")
}

fn one_character(cluster: &str) -> String {
    if cluster.chars().nth(1).is_none() || cluster.contains(char::is_control) {
        return cluster.to_owned();
    }
    let hash = cluster.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let (first, many) = if cluster.width() > 1 { (0x4e00, 5000) } else { (0x100, 100) };
    char::from_u32(first + hash % many).expect("a letter").to_string()
}

/// A discipline, and the screen that its bytes go to.
pub(crate) struct Terminal {
    pub(crate) discipline: LineDiscipline,
    pub(crate) screen: Screen,
    pub(crate) lines: u16,
}

impl Terminal {
    pub(crate) fn new(columns: u16, lines: u16, rule: WidthRule) -> Self {
        let mut discipline = LineDiscipline::new(columns, lines);
        discipline.set_width_rule(rule);
        Self { discipline, screen: Screen::new(columns, lines, rule), lines }
    }

    /// Shows what is echoed and gives the other effects.
    pub(crate) fn show(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::Echo(bytes) => self.screen.write(&bytes),
                effect => others.push(effect),
            }
        }
        others
    }

    pub(crate) fn input(&mut self, bytes: impl AsRef<[u8]>) -> Vec<Effect> {
        let effects = self.discipline.input(bytes.as_ref());
        self.show(effects)
    }

    pub(crate) fn prompt(&mut self, text: &str) -> Vec<Effect> {
        let effects = self.discipline.prompt(text);
        self.show(effects)
    }

    pub(crate) fn output(&mut self, text: &str) {
        let bytes = self.discipline.output(text.as_bytes());
        self.screen.write(&bytes);
    }

    pub(crate) fn resize(&mut self, columns: u16, lines: u16) {
        self.screen.resize(columns, lines);
        self.lines = lines;
        let bytes = self.discipline.resize(columns, lines);
        self.screen.write(&bytes);
    }

    /// True when the cursor is not inside a cluster.
    pub(crate) fn is_between_clusters(&self) -> bool {
        let (line, cursor) = (self.discipline.line(), self.discipline.cursor_bytes());
        cursor == line.len() || line.grapheme_indices(true).any(|(at, _)| at == cursor)
    }

    /// Rows and cursor that a terminal without end shows, `before` (already written) and then the edited line.
    fn expected(&self, before: &str) -> (Vec<String>, (usize, usize)) {
        let (line, cursor) = (self.discipline.line(), self.discipline.cursor_bytes());
        let endless = || {
            let mut screen = Screen::new(self.screen.columns, ENDLESS_LINES, self.screen.rule);
            screen.write(before.as_bytes());
            screen
        };
        let (mut whole, mut part) = (endless(), endless());
        whole.write_line(line);
        part.write_line(&line[..cursor]);
        (whole.rows(), part.place_before(&line[cursor..]))
    }

    /// The screen shows a part of what a terminal without end would show, with the cursor in its place; and, when not
    /// everything fits, the last rows or those around the cursor.
    pub(crate) fn check(&self, before: &str) -> Result<(), String> {
        let (rows, cursor) = self.expected(before);
        let (shown, at) = (self.screen.rows(), self.screen.cursor());
        let top = cursor.0.wrapping_sub(at.0);
        let part = rows.get(top..top.wrapping_add(shown.len()));
        if part == Some(&shown[..]) && at.1 == cursor.1 {
            return Ok(());
        }
        let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |row| row + 1);
        Err(format!("shown {shown:#?} {at:?}\nexpected a part of {:#?} {cursor:?}", &rows[..used]))
    }

    /// As [`Self::check`], whatever stands above the line: for a terminal that keeps old rows when its size changes.
    pub(crate) fn check_below(&self, before: &str) -> Result<(), String> {
        let (rows, cursor) = self.expected(before);
        let (shown, at) = (self.screen.rows(), self.screen.cursor());
        let first = at.0.saturating_sub(cursor.0);
        let top = (cursor.0 + first).wrapping_sub(at.0);
        let part = rows.get(top..top.wrapping_add(shown.len() - first));
        if part == Some(&shown[first..]) && at.1 == cursor.1 {
            return Ok(());
        }
        Err(format!("shown {shown:#?} {at:?}\nexpected {:#?} {cursor:?}", &rows[..shown.len()]))
    }
}
