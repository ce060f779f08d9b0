//! In which column the terminal's cursor is, after what was written to it.

use unicode_segmentation::UnicodeSegmentation;

use crate::decode::Utf8Decoder;
use crate::escape::{Token, Tokenizer, is_plain};
use crate::layout::TAB_CELLS;
use crate::width::{WidthRule, char_cells};

/// What is remembered of the last cluster, to know whether a character belongs to it.
const TAIL_BYTES: usize = 64;

/// Follows the cursor's column. It equals the number of columns when the last cell of a row was just written: the
/// terminal wraps with the next character.
#[derive(Debug, Clone)]
pub(crate) struct Tracker {
    decoder: Utf8Decoder,
    tokenizer: Tokenizer,
    place: Place,
}

#[derive(Debug, Clone)]
struct Place {
    rule: WidthRule,
    columns: usize,
    column: usize,
    saved: usize,
    before_alternate: usize,
    tail: String,
}

impl Tracker {
    pub(crate) fn new(columns: usize) -> Self {
        let place = Place {
            rule: WidthRule::default(),
            columns,
            column: 0,
            saved: 0,
            before_alternate: 0,
            tail: String::new(),
        };
        Self { decoder: Utf8Decoder::default(), tokenizer: Tokenizer::default(), place }
    }

    pub(crate) fn column(&self) -> usize {
        self.place.column
    }

    pub(crate) fn set_column(&mut self, column: usize) {
        self.place.column = column;
        self.place.tail.clear();
    }

    pub(crate) fn set_rule(&mut self, rule: WidthRule) {
        self.place.rule = rule;
    }

    pub(crate) fn rule(&self) -> WidthRule {
        self.place.rule
    }

    pub(crate) fn resize(&mut self, columns: usize) {
        self.place.columns = columns;
        self.place.column = self.place.column.min(columns - 1);
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let Self { decoder, tokenizer, place } = self;
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            if tokenizer.is_ground() && !decoder.is_inside() && is_plain(*first) {
                let run = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
                place.run(&rest[..run]);
                rest = &rest[run..];
                continue;
            }
            decoder.push(*first, &mut |c| tokenizer.push(c, &mut |token| place.token(&token)));
            rest = after;
        }
    }
}

impl Place {
    fn token(&mut self, token: &Token<'_>) {
        match *token {
            Token::Text(c) => self.text(c),
            Token::Control(c) => self.control(c),
            Token::Escape { intermediates: "", last } => match last {
                '7' => self.saved = self.column,
                '8' => self.column = self.saved.min(self.columns),
                'E' | 'c' => self.column = 0,
                _ => {}
            },
            Token::Csi { body, last } => self.csi(body, last),
            Token::Escape { .. } | Token::Osc { .. } => {}
        }
    }

    fn text(&mut self, c: char) {
        let mut cells = char_cells(c);
        if c.is_ascii() || self.tail.len() > TAIL_BYTES {
            self.tail.clear();
        } else if !self.tail.is_empty() {
            let before = self.tail.len();
            self.tail.push(c);
            if self.tail.graphemes(true).nth(1).is_some() {
                self.tail.drain(..before);
            } else {
                // It belongs to the cluster that is there already, and may make it wider.
                let was = self.rule.cells(&self.tail[..before]);
                self.column =
                    (self.column + self.rule.cells(&self.tail).saturating_sub(was)).min(self.columns);
                return;
            }
        }
        if self.tail.is_empty() {
            self.tail.push(c);
        }
        cells = cells.min(self.columns);
        self.column = if self.column + cells > self.columns { cells } else { self.column + cells };
    }

    /// Printable ASCII, at least one.
    fn run(&mut self, run: &[u8]) {
        self.column = (self.column + run.len() - 1) % self.columns + 1;
        self.tail.clear();
        self.tail.extend(run.last().map(|byte| char::from(*byte)));
    }

    fn control(&mut self, c: char) {
        self.tail.clear();
        let inside = self.column.min(self.columns - 1);
        match c {
            '\r' => self.column = 0,
            '\n' | '\x0b' | '\x0c' => self.column = inside,
            '\x08' => self.column = inside.saturating_sub(1),
            '\t' => self.column = (inside / TAB_CELLS * TAB_CELLS + TAB_CELLS).min(self.columns - 1),
            _ => {}
        }
    }

    fn csi(&mut self, body: &str, last: char) {
        if matches!(last, 'm' | 'J' | 'K') {
            return;
        }
        let mut numbers = body.split([';', ':']).map(|n| n.parse::<usize>().unwrap_or(0));
        let first = numbers.next().unwrap_or(0);
        let by = first.clamp(1, self.columns);
        let inside = self.column.min(self.columns - 1);
        let column = match last {
            'G' | '`' => by - 1,
            'H' | 'f' => numbers.next().unwrap_or(0).max(1) - 1,
            'C' | 'a' => inside + by,
            'D' => inside.saturating_sub(by),
            'I' => (inside / TAB_CELLS + by) * TAB_CELLS,
            'Z' => inside.div_ceil(TAB_CELLS).saturating_sub(by) * TAB_CELLS,
            'E' | 'F' | 'L' | 'M' | 'r' => 0,
            's' if body.is_empty() => {
                self.saved = inside;
                return;
            }
            'u' if body.is_empty() => self.saved,
            'h' if body == "?1049" => {
                self.before_alternate = inside;
                return;
            }
            'l' if body == "?1049" => self.before_alternate,
            'h' | 'l' if body == "?6" => 0,
            _ => return,
        };
        self.tail.clear();
        self.column = column.min(self.columns - 1);
    }
}
