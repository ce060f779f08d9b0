//! Splits a stream of characters into text, control characters and escape sequences.

/// A CSI or other short sequence is at most so long; a longer one is left out whole.
pub const SEQUENCE_BYTES: usize = 256;
/// An OSC is at most so long; a longer one is left out to its end.
pub const STRING_BYTES: usize = 8 * 1024;

/// Printable ASCII: between sequences it stands for itself.
pub(crate) fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// One whole thing of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A character to show.
    Text(char),
    /// A C0 control character other than ESC, CAN and SUB, or DEL.
    Control(char),
    /// `ESC`, intermediates, a final character.
    Escape { intermediates: &'a str, last: char },
    /// `ESC [`, parameters and intermediates, a final character.
    Csi { body: &'a str, last: char },
    /// `ESC ]`, text without control characters, and BEL (true) or ST.
    Osc { text: &'a str, bell: bool },
}

/// Where in a sequence the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    /// After ESC. True when that ESC ended a string: a backslash then belongs to it.
    Escape {
        string: bool,
    },
    /// After ESC and intermediates.
    Intermediate,
    Csi,
    Osc,
    /// DCS, SOS, PM or APC: left out.
    OtherString,
}

/// The state between two characters.
///
/// C1 control characters (U+0080 to U+009F), which some terminals take for the beginning of sequences, are left out;
/// only ST ends a string.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokenizer {
    state: State,
    body: String,
    /// The sequence is too long or malformed: nothing comes of it.
    spoiled: bool,
}

impl Tokenizer {
    /// True between sequences, where plain text stays plain text.
    pub(crate) fn is_ground(&self) -> bool {
        self.state == State::Ground
    }

    /// Forgets a sequence that has begun.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes one character; `emit` gets what it completes.
    pub(crate) fn push(&mut self, c: char, emit: &mut impl FnMut(Token<'_>)) {
        match c {
            '\u{9c}' if self.in_string() => self.end_string(false, emit),
            '\u{80}'..='\u{9f}' => {}
            '\x18' | '\x1a' => self.reset(),
            '\x1b' => {
                let string = self.in_string();
                if string {
                    self.end_string(false, emit);
                }
                self.begin(State::Escape { string });
            }
            '\x07' if self.state == State::Osc => self.end_string(true, emit),
            '\0'..='\x1f' | '\x7f' if self.in_string() => {}
            '\x7f' if self.state != State::Ground => {}
            '\0'..='\x1f' | '\x7f' => emit(Token::Control(c)),
            _ => self.printable(c, emit),
        }
    }

    fn printable(&mut self, c: char, emit: &mut impl FnMut(Token<'_>)) {
        match (self.state, c) {
            (State::Ground, _) => emit(Token::Text(c)),
            (State::Osc, _) => self.collect(c, STRING_BYTES),
            (State::OtherString, _) => {}
            (_, c) if !c.is_ascii() => {
                self.reset();
                emit(Token::Text(c));
            }
            (State::Escape { string: true }, '\\') => self.reset(),
            (State::Escape { .. }, '[') => self.begin(State::Csi),
            (State::Escape { .. }, ']') => self.begin(State::Osc),
            (State::Escape { .. }, 'P' | 'X' | '^' | '_') => self.begin(State::OtherString),
            (State::Escape { .. } | State::Intermediate, ' '..='/') => {
                self.state = State::Intermediate;
                self.collect(c, SEQUENCE_BYTES);
            }
            (State::Escape { .. } | State::Intermediate, last) => {
                if !self.spoiled {
                    emit(Token::Escape { intermediates: &self.body, last });
                }
                self.reset();
            }
            (State::Csi, ' '..='/') => self.collect(c, SEQUENCE_BYTES),
            (State::Csi, '0'..='?') => {
                self.spoiled |= self.body.ends_with(|last| (' '..='/').contains(&last));
                self.collect(c, SEQUENCE_BYTES);
            }
            (State::Csi, last) => {
                if !self.spoiled {
                    emit(Token::Csi { body: &self.body, last });
                }
                self.reset();
            }
        }
    }

    fn in_string(&self) -> bool {
        matches!(self.state, State::Osc | State::OtherString)
    }

    fn begin(&mut self, state: State) {
        self.reset();
        self.state = state;
    }

    fn collect(&mut self, c: char, most_bytes: usize) {
        if self.body.len() + c.len_utf8() > most_bytes {
            self.spoiled = true;
            self.body = String::new();
        }
        if !self.spoiled {
            self.body.push(c);
        }
    }

    fn end_string(&mut self, bell: bool, emit: &mut impl FnMut(Token<'_>)) {
        if self.state == State::Osc && !self.spoiled {
            emit(Token::Osc { text: &self.body, bell });
        }
        self.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let (mut tokenizer, mut all) = (Tokenizer::default(), Vec::new());
        text.chars().for_each(|c| tokenizer.push(c, &mut |token| all.push(format!("{token:?}"))));
        all
    }

    #[test]
    fn sequences_are_split_as_terminals_split_them() {
        for (text, expected) in [
            ("a\n", vec!["Text('a')", "Control('\\n')"]),
            ("\x1b[1;3\rm", vec!["Control('\\r')", "Csi { body: \"1;3\", last: 'm' }"]),
            ("\x1b[1\x18m", vec!["Text('m')"]),
            ("\x1b[1\x1b[2J", vec!["Csi { body: \"2\", last: 'J' }"]),
            ("\x1b[!1p\x1b[!p", vec!["Csi { body: \"!\", last: 'p' }"]),
            (
                "\x1b(0\x1bc",
                vec![
                    "Escape { intermediates: \"(\", last: '0' }",
                    "Escape { intermediates: \"\", last: 'c' }",
                ],
            ),
            ("\x1b]8;;\0x\x07", vec!["Osc { text: \"8;;x\", bell: true }"]),
            ("\x1b]2;t\x1b\\x", vec!["Osc { text: \"2;t\", bell: false }", "Text('x')"]),
            ("\x1b]2;t\x1b[m", vec!["Osc { text: \"2;t\", bell: false }", "Csi { body: \"\", last: 'm' }"]),
            ("\x1b]2;t\u{9d}u\u{9c}", vec!["Osc { text: \"2;tu\", bell: false }"]),
            ("\x1bP1$qm\x07\x1b\\x", vec!["Text('x')"]),
            ("\u{9b}m\x1b[1é", vec!["Text('m')", "Text('é')"]),
        ] {
            assert_eq!(tokens(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_to_its_end_and_not_kept() {
        let mut tokenizer = Tokenizer::default();
        let mut seen = Vec::new();
        let endless = format!("\x1b]2;{}", "x".repeat(10 * STRING_BYTES));
        endless.chars().for_each(|c| tokenizer.push(c, &mut |token| seen.push(format!("{token:?}"))));
        assert!(seen.is_empty() && tokenizer.body.capacity() == 0);
        "\x07y".chars().for_each(|c| tokenizer.push(c, &mut |token| seen.push(format!("{token:?}"))));
        assert_eq!(seen, ["Text('y')"]);
        assert!(tokens(&format!("\x1b[{}m", "1;".repeat(SEQUENCE_BYTES))).is_empty());
    }
}
