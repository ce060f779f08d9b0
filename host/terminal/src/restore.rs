//! What a guest changed in the terminal and has not put back.

use std::fmt::Write as _;

/// Follows the states that a sequence can leave behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// DEC private modes that differ from a terminal's usual ones, sorted.
    modes: Vec<u16>,
    insert: bool,
    colours: bool,
    palette: bool,
    link: bool,
    progress: bool,
    margins: bool,
    keypad: bool,
    cursor_form: bool,
    character_set: bool,
}

/// Modes that are usually on.
const USUALLY_ON: &[u16] = &[7, 25, 1007];
/// Modes that finishing does not put back: saving the cursor, blinking.
const LEFT_ALONE: &[u16] = &[1048, 12];

impl Changes {
    /// After `ESC [` with a body that was let through.
    pub(crate) fn csi(&mut self, body: &str, last: char) {
        match (last, body) {
            ('h' | 'l', "4") => self.insert = last == 'h',
            ('h' | 'l', body) => {
                let numbers = body.trim_start_matches('?').split(';').filter_map(|mode| mode.parse().ok());
                numbers.for_each(|mode| self.mode(mode, last == 'h'));
            }
            // A reset after something else in the same sequence may be part of a colour: it is taken for one.
            ('m', body) => {
                self.colours = !body.split([';', ':']).all(|part| part.trim_start_matches('0').is_empty())
            }
            ('r', body) => self.margins = !body.is_empty(),
            ('q', _) => self.cursor_form = body != "0 ",
            _ => {}
        }
    }

    /// After `ESC` and something that was let through.
    pub(crate) fn escape(&mut self, intermediates: &str, last: char) {
        match (intermediates, last) {
            ("", '=') => self.keypad = true,
            ("", '>') => self.keypad = false,
            ("", 'c') => *self = Self { palette: self.palette, ..Self::default() },
            ("(" | ")" | "*" | "+", _) => self.character_set = true,
            _ => {}
        }
    }

    /// After `ESC ]` that was let through.
    pub(crate) fn osc(&mut self, text: &str) {
        let (number, rest) = text.split_once(';').unwrap_or((text, ""));
        match number.parse::<u64>() {
            Ok(8) => self.link = rest.split_once(';').is_some_and(|(_, address)| !address.is_empty()),
            Ok(4 | 10..=12) => self.palette = true,
            Ok(9) => self.progress = !rest.starts_with("4;0"),
            _ => {}
        }
    }

    /// After SO.
    pub(crate) fn shift_out(&mut self) {
        self.character_set = true;
    }

    /// What puts everything back; nothing is changed after it.
    pub(crate) fn restore(&mut self) -> String {
        let was = std::mem::take(self);
        let mut out = String::new();
        let mut put = |changed: bool, sequence: &str| out.push_str(if changed { sequence } else { "" });
        put(was.margins || was.modes.contains(&6), "\x1b7");
        put(was.margins, "\x1b[r");
        put(was.modes.contains(&6), "\x1b[?6l");
        put(was.margins || was.modes.contains(&6), "\x1b8");
        put(was.insert, "\x1b[4l");
        put(was.keypad, "\x1b>");
        put(was.cursor_form, "\x1b[0 q");
        put(was.character_set, "\x1b(B\x1b)B\x1b*B\x1b+B\x0f");
        put(was.link, "\x1b]8;;\x1b\\");
        put(was.palette, "\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\");
        put(was.progress, "\x1b]9;4;0\x1b\\");
        // The alternate screen last: leaving it restores a cursor, and may restore colours.
        let (alternate, other): (Vec<u16>, Vec<u16>) =
            was.modes.iter().partition(|mode| is_alternate(**mode));
        for mode in other.into_iter().filter(|mode| *mode != 6).chain(alternate) {
            let _ = write!(out, "\x1b[?{mode}{}", if USUALLY_ON.contains(&mode) { 'h' } else { 'l' });
        }
        if was.colours {
            out.push_str("\x1b[m");
        }
        out
    }

    fn mode(&mut self, mode: u16, on: bool) {
        let changed = on != USUALLY_ON.contains(&mode) && !LEFT_ALONE.contains(&mode);
        match (self.modes.binary_search(&mode), changed) {
            (Err(at), true) => self.modes.insert(at, mode),
            (Ok(at), false) => drop(self.modes.remove(at)),
            _ => {}
        }
    }
}

fn is_alternate(mode: u16) -> bool {
    matches!(mode, 47 | 1047 | 1049)
}
