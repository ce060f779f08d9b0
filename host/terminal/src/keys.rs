//! Which keys typed bytes stand for.

use crate::decode::Utf8Decoder;

/// What is kept of an escape sequence that is typed; the rest of a longer one is swallowed.
const SEQUENCE_KEPT_BYTES: usize = 32;
/// A terminal's answer (OSC, DCS) that goes on for longer is over: somebody typed its beginning.
const ANSWER_CHARACTERS: usize = 4 * 1024;
/// Ends a bracketed paste.
const PASTE_END: &str = "\x1b[201~";

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A character to insert.
    Char(char),
    /// A control character that Ctrl-V made a character to insert.
    Quoted(char),
    /// A character within a bracketed paste; line ends are `\n`.
    Pasted(char),
    PasteBegin,
    PasteEnd,
    /// With the letter in lower case.
    Ctrl(char),
    /// With the letter in lower case, or DEL.
    Alt(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    DeleteWord,
    Up,
    Down,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
    /// After `ESC O`.
    Ss3,
    /// So many characters more belong to a sequence.
    Skip(u8),
    /// Inside an OSC, DCS, SOS, PM or APC, after so many characters; the last one was ESC.
    Answer(usize, bool),
    /// After Ctrl-V.
    Quote,
    /// Inside a bracketed paste, with so many characters of its end seen.
    Paste(usize),
}

/// Turns bytes into keys, whatever calls they are split over.
///
/// A sequence that is not known gives no key, and neither does a lone ESC: it waits for what follows, so ESC and then `b`
/// is Alt-B, as in a shell.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyParser {
    decoder: Utf8Decoder,
    keys: Keys,
}

#[derive(Debug, Clone, Default)]
struct Keys {
    state: State,
    body: String,
    /// The last character was CR: an LF belongs to it.
    after_cr: bool,
}

impl KeyParser {
    /// Takes one byte and adds the keys that it completes.
    pub(crate) fn push(&mut self, byte: u8, keys: &mut Vec<Key>) {
        self.decoder.push(byte, &mut |c| self.keys.push(c, keys));
    }

    /// True between the beginning and the end of a bracketed paste.
    pub(crate) fn is_pasting(&self) -> bool {
        matches!(self.keys.state, State::Paste(_))
    }

    /// Forgets what has begun.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Keys {
    fn push(&mut self, c: char, keys: &mut Vec<Key>) {
        let after_cr = std::mem::replace(&mut self.after_cr, c == '\r');
        if c == '\n' && after_cr && matches!(self.state, State::Ground | State::Paste(0)) {
            return;
        }
        match self.state {
            State::Paste(seen) => self.paste(c, seen, keys),
            State::Quote => {
                self.state = State::Ground;
                if c != '\r' {
                    return keys.push(if c.is_control() { Key::Quoted(c) } else { Key::Char(c) });
                }
                self.after_cr = false;
                keys.push(Key::Quoted(c));
            }
            State::Answer(count, escape) => self.answer(c, count, escape, keys),
            // Ctrl-C and the like are never part of a sequence.
            _ if c.is_ascii_control() || !c.is_ascii() => {
                let skipping = matches!(self.state, State::Skip(_)) && !c.is_ascii_control();
                let alt = self.state == State::Escape;
                if skipping {
                    return self.sequence(c, keys);
                }
                self.state = State::Ground;
                match c {
                    '\x7f' | '\x08' if alt => keys.push(Key::Alt('\x7f')),
                    '\u{80}'..='\u{9f}' => {}
                    _ => self.ground(c, keys),
                }
            }
            State::Ground => self.ground(c, keys),
            _ => self.sequence(c, keys),
        }
    }

    fn ground(&mut self, c: char, keys: &mut Vec<Key>) {
        keys.push(match c {
            '\x1b' => return self.begin(State::Escape),
            '\x16' => return self.begin(State::Quote),
            '\r' | '\n' => Key::Enter,
            '\t' => Key::Tab,
            '\x08' | '\x7f' => Key::Backspace,
            '\x01'..='\x1a' => Key::Ctrl(char::from(c as u8 | 0x60)),
            c if c.is_control() => return,
            c => Key::Char(c),
        });
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.body.clear();
    }

    /// A printable ASCII character within a sequence.
    fn sequence(&mut self, c: char, keys: &mut Vec<Key>) {
        match (&self.state, c) {
            (State::Escape, '[') => self.begin(State::Csi),
            (State::Escape, 'O') => self.begin(State::Ss3),
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => self.begin(State::Answer(0, false)),
            (State::Escape, _) => {
                self.state = State::Ground;
                keys.push(Key::Alt(c.to_ascii_lowercase()));
            }
            // A number between `ESC O` and its letter is a modifier.
            (State::Ss3, '0'..='9' | ';') | (State::Csi, ' '..='?') => {
                if self.body.len() < SEQUENCE_KEPT_BYTES {
                    self.body.push(c);
                }
            }
            (State::Ss3, _) => {
                self.state = State::Ground;
                keys.extend(ss3(&self.body, c));
            }
            (State::Csi, _) => {
                self.state = match (c, self.body.as_str()) {
                    // The Linux console's F1 to F5, and a mouse report of the old form.
                    ('[', "") => State::Skip(1),
                    ('M', "") => State::Skip(3),
                    ('~', "200") => State::Paste(0),
                    _ => State::Ground,
                };
                keys.extend(csi(&self.body, c));
            }
            (State::Skip(left), _) => {
                self.state = if *left > 1 { State::Skip(left - 1) } else { State::Ground }
            }
            _ => self.state = State::Ground,
        }
    }

    /// Within an answer of the terminal. A control character other than ESC and BEL cannot be part of one.
    fn answer(&mut self, c: char, count: usize, escape: bool, keys: &mut Vec<Key>) {
        self.state = match c {
            '\x07' | '\u{9c}' => State::Ground,
            '\\' if escape => State::Ground,
            '\x1b' => State::Answer(count, true),
            c if escape && !c.is_control() => {
                self.begin(State::Escape);
                return self.push(c, keys);
            }
            c if c.is_ascii_control() => {
                self.state = State::Ground;
                return self.ground(c, keys);
            }
            _ if count >= ANSWER_CHARACTERS => State::Ground,
            _ => State::Answer(count + 1, false),
        };
    }

    fn paste(&mut self, c: char, seen: usize, keys: &mut Vec<Key>) {
        if PASTE_END.as_bytes()[seen] == u8::try_from(c).unwrap_or(0) {
            self.state = State::Paste(seen + 1);
            if seen + 1 == PASTE_END.len() {
                self.state = State::Ground;
                keys.push(Key::PasteEnd);
            }
            return;
        }
        // It was not the end: what looked like it was pasted. Its ESC is left out, as all control characters are.
        self.state = State::Paste(0);
        keys.extend(PASTE_END[..seen].chars().skip(1).map(Key::Pasted));
        match c {
            '\x1b' => self.state = State::Paste(1),
            '\x03' => keys.push(Key::Ctrl('c')),
            '\r' | '\n' => keys.push(Key::Pasted('\n')),
            '\t' => keys.push(Key::Pasted('\t')),
            c if c.is_control() => {}
            c => keys.push(Key::Pasted(c)),
        }
    }
}

fn ss3(modifier: &str, last: char) -> Option<Key> {
    Some(match last {
        'A'..='D' | 'H' | 'F' => return csi(&format!("1;{}", modifier.rsplit(';').next()?), last),
        'a' => Key::Up,
        'b' => Key::Down,
        'c' => Key::WordRight,
        'd' => Key::WordLeft,
        'M' => Key::Enter,
        // The keypad in application mode.
        'j'..='y' if !matches!(last, 'l' | 'q'..='r') || last >= 'p' => {
            Key::Char(char::from(b"*+,-./0123456789"[last as usize - 'j' as usize]))
        }
        'X' => Key::Char('='),
        _ => return None,
    })
}

fn csi(body: &str, last: char) -> Option<Key> {
    let mut parts = body.split(';');
    let first = parts.next()?;
    let modifier = parts.next().and_then(|modifier| modifier.split(':').next()?.parse().ok()).unwrap_or(1_u8);
    // Alt or Ctrl, with or without Shift.
    let word = modifier.checked_sub(1).is_some_and(|bits| bits & 0b110 != 0);
    if !first.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(match (last, first) {
        ('A', _) => Key::Up,
        ('B', _) => Key::Down,
        ('C', _) if word => Key::WordRight,
        ('D', _) if word => Key::WordLeft,
        ('C', _) => Key::Right,
        ('D', _) => Key::Left,
        ('H', _) | ('~', "1" | "7") => Key::Home,
        ('F', _) | ('~', "4" | "8") => Key::End,
        ('~', "3") if word => Key::DeleteWord,
        ('~', "3") => Key::Delete,
        ('~', "200") => Key::PasteBegin,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let (mut parser, mut keys) = (KeyParser::default(), Vec::new());
        bytes.iter().for_each(|byte| parser.push(*byte, &mut keys));
        keys
    }

    #[test]
    fn every_encoding_of_a_key_is_known() {
        let table: &[(Key, &[&str])] = &[
            (Key::Up, &["\x1b[A", "\x1bOA", "\x1b[1;5A", "\x1b\x1b[A", "\x1bOa"]),
            (Key::Down, &["\x1b[B", "\x1bOB", "\x1b[1;2B", "\x1bOb"]),
            (Key::Right, &["\x1b[C", "\x1bOC", "\x1b[1;2C"]),
            (Key::Left, &["\x1b[D", "\x1bOD"]),
            (Key::WordRight, &["\x1b[1;5C", "\x1b[1;3C", "\x1b[1;6C", "\x1bOc", "\x1bO5C"]),
            (Key::WordLeft, &["\x1b[1;5D", "\x1b[1;3D", "\x1bOd", "\x1bO5D"]),
            (Key::Home, &["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x1b[1;5H"]),
            (Key::End, &["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", "\x1b[1;5F"]),
            (Key::Delete, &["\x1b[3~", "\x1b[3;2~"]),
            (Key::DeleteWord, &["\x1b[3;5~", "\x1b[3;3~"]),
            (Key::Enter, &["\r", "\n", "\r\n", "\x1bOM"]),
            (Key::Tab, &["\t"]),
            (Key::Backspace, &["\x08", "\x7f"]),
            (Key::Alt('\x7f'), &["\x1b\x7f", "\x1b\x08"]),
            (Key::Alt('b'), &["\x1bb", "\x1bB"]),
            (Key::Ctrl('c'), &["\x03", "\x1b[1;\x03", "\x1b\x03", "\x1b]11;rgb:\x03", "\x1b[M\x03"]),
            (Key::Quoted('\x1b'), &["\x16\x1b"]),
            (Key::Quoted('\r'), &["\x16\r"]),
            (Key::Char('é'), &["é", "\x16é", "\x1b[1é", "\x1bé"]),
            (Key::Char('5'), &["5", "\x1bOu"]),
            (Key::Char('*'), &["\x1bOj"]),
            (Key::Char('9'), &["\x1bOy"]),
        ];
        for (key, encodings) in table {
            for encoding in *encodings {
                assert_eq!(keys(encoding.as_bytes()), [*key], "{encoding:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_key_is_swallowed() {
        for bytes in [
            "\x1b",
            "\x1b[Z",
            "\x1b[15~",
            "\x1b[[A",
            "\x1b[M !!",
            "\x1b[Mé!!",
            "\x1b[<0;10;5M",
            "\x1b[?1;2c",
            "\x1b[I",
            "\x1b[97;5u",
            "\x1b[99999999999999999999999999999999999999999999999999999999999~",
            "\x1b]11;rgb:0000/0000/0000\x1b\\",
            "\x1b]11;rgb:0000/0000/0000\x07",
            "\x1bP1$r0m\x1b\\",
            "\x1bOP",
            "\0",
            "\x1f",
            "\u{85}",
        ] {
            assert_eq!(keys(bytes.as_bytes()), [], "{bytes:?}");
            if bytes != "\x1b" {
                assert_eq!(keys(format!("{bytes}x").as_bytes()), [Key::Char('x')], "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_sequence_that_does_not_end_is_over_after_a_while() {
        let typed = format!("\x1b]{}{}", "x".repeat(ANSWER_CHARACTERS + 1), "ab");
        assert_eq!(keys(typed.as_bytes()), [Key::Char('a'), Key::Char('b')]);
        assert_eq!(keys(b"\x1b]typed\rx"), [Key::Enter, Key::Char('x')]);
    }

    #[test]
    fn a_paste_is_text_to_its_end() {
        let pasted = |text: &str| text.chars().map(Key::Pasted).collect::<Vec<_>>();
        let all = |inner: Vec<Key>| [vec![Key::PasteBegin], inner, vec![Key::PasteEnd, Key::Enter]].concat();
        for (text, expected) in [
            ("a\r\nb\rc\nd", pasted("a\nb\nc\nd")),
            ("\x1b[31m\t\x01x", pasted("[31m\tx")),
            ("\x1b[20\x1b[2", pasted("[20[2")),
            ("é\x1b\x1b", pasted("é")),
            ("\x03", vec![Key::Ctrl('c')]),
        ] {
            assert_eq!(keys(format!("\x1b[200~{text}\x1b[201~\r").as_bytes()), all(expected), "{text:?}");
        }
    }
}
