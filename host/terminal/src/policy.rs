//! What a guest may send to a terminal.

/// What becomes of a sequence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on as it is.
    Pass,
    /// It is left out.
    Drop,
    /// This body goes on in the place of its own.
    Rewrite(String),
    /// The guest asks for raw mode (true) or line mode.
    Mode(bool),
}

/// The number of the private OSC by which a guest asks for a mode.
const MODE_REQUEST: u64 = 7770;

/// DEC private modes that a guest may set in line modes: cursor keys, reverse video, origin, wrapping, blinking, cursor,
/// wrapping back, alternate screens, synchronised output.
const LINE_MODES: &[u16] = &[1, 5, 6, 7, 12, 25, 45, 47, 1047, 1048, 1049, 2026];
/// Those whose effect is more input, which only a guest in raw mode can read: keypad, mouse, focus, bracketed paste.
const RAW_MODES: &[u16] = &[66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2004];

/// `ESC [`.
pub(crate) fn csi(body: &str, last: char, raw: bool) -> Verdict {
    let pass = |allowed| if allowed { Verdict::Pass } else { Verdict::Drop };
    let intermediates_at = body.find(|c| (' '..='/').contains(&c)).unwrap_or(body.len());
    let (parameters, intermediates) = body.split_at(intermediates_at);
    if let Some(private) = parameters.strip_prefix('?') {
        return match last {
            'h' | 'l' if intermediates.is_empty() => modes(private, raw),
            'J' | 'K' => pass(intermediates.is_empty()),
            _ => Verdict::Drop,
        };
    }
    if parameters.starts_with(['<', '=', '>']) {
        return Verdict::Drop;
    }
    pass(match (intermediates, last) {
        // Moves, erases, inserts, deletes, scrolls, colours, margins, tabs, saving and restoring the cursor.
        (
            "",
            '@'
            | 'A'..='M'
            | 'P'
            | 'S'
            | 'T'
            | 'X'
            | 'Z'
            | '`'
            | 'a'
            | 'b'
            | 'd'..='g'
            | 'm'
            | 'r'
            | 's'
            | 'u',
        ) => true,
        // Insert mode.
        ("", 'h' | 'l') => parameters == "4",
        // Where is the cursor? The answer is input.
        ("", 'n') => raw && parameters == "6",
        // The cursor's form, scrolling sideways, soft reset.
        (" ", 'q' | '@' | 'A') | ("!", 'p') => true,
        _ => false,
    })
}

fn modes(list: &str, raw: bool) -> Verdict {
    let allowed = |mode: &&str| {
        let number = mode.parse().unwrap_or(0);
        LINE_MODES.contains(&number) || raw && RAW_MODES.contains(&number)
    };
    let kept: Vec<_> = list.split(';').filter(allowed).collect();
    match kept.len() {
        0 => Verdict::Drop,
        all if all == list.split(';').count() => Verdict::Pass,
        _ => Verdict::Rewrite(format!("?{}", kept.join(";"))),
    }
}

/// `ESC` and something other than `[`, `]` and the other strings.
pub(crate) fn escape(intermediates: &str, last: char) -> Verdict {
    let allowed = match intermediates {
        // Saving the cursor, moves by a row, tabs, keypad, full reset.
        "" => matches!(last, '7' | '8' | 'D' | 'E' | 'H' | 'M' | '=' | '>' | 'c'),
        // Character sets, and the alignment pattern.
        "(" | ")" | "*" | "+" => true,
        "#" => last == '8',
        _ => false,
    };
    if allowed { Verdict::Pass } else { Verdict::Drop }
}

/// `ESC ]`.
pub(crate) fn osc(text: &str) -> Verdict {
    let (number, rest) = text.split_once(';').unwrap_or((text, ""));
    // As terminals read it: leading zeros count for nothing.
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Verdict::Drop;
    }
    let asks = || rest.split(';').any(|part| part == "?");
    match number.parse::<u64>().unwrap_or(u64::MAX) {
        MODE_REQUEST if rest == "raw" => Verdict::Mode(true),
        MODE_REQUEST if rest == "line" => Verdict::Mode(false),
        // Titles and links; colours, unless it asks for them; colours back to what they were.
        0..=2 | 8 | 104 | 110..=112 => Verdict::Pass,
        4 | 10..=12 if !asks() => Verdict::Pass,
        // A progress bar; other forms of 9 are notifications, or make the terminal do things.
        9 if rest.starts_with("4;") => Verdict::Pass,
        _ => Verdict::Drop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_terminal_answer_is_left_out() {
        for (body, last) in [
            ("", 'c'),
            (">", 'c'),
            ("=", 'c'),
            ("5", 'n'),
            ("?6", 'n'),
            ("?996", 'n'),
            ("21", 't'),
            ("18", 't'),
            ("", 'x'),
            ("?2004$", 'p'),
            (">", 'q'),
            ("?", 'u'),
            ("1;1;1;1;1;1*", 'y'),
            ("?1;1;0", 'S'),
            ("?4", 'm'),
            ("#", 'R'),
            ("$", 'w'),
        ] {
            for raw in [false, true] {
                assert_eq!(csi(body, last, raw), Verdict::Drop, "{body}{last}");
            }
        }
        assert_eq!([csi("6", 'n', false), csi("6", 'n', true)], [Verdict::Drop, Verdict::Pass]);
        for text in ["10;?", "11;?", "4;1;?", "4;1;red;2;?", "12;?"] {
            assert_eq!(osc(text), Verdict::Drop, "{text}");
        }
        assert_eq!(escape("", 'Z'), Verdict::Drop);
    }

    #[test]
    fn forged_marks_are_left_out_however_they_are_written() {
        for text in [
            "133;A",
            "0133;A",
            "133",
            "633;E;ls",
            "1337;File=:",
            "52;c;aGk=",
            "052;c;?",
            "7;file:///",
            "+133;A",
            "",
        ] {
            assert_eq!(osc(text), Verdict::Drop, "{text}");
        }
        for text in ["0;title", "8;;https://docs.example", "11;#000000", "104", "9;4;1;50"] {
            assert_eq!(osc(text), Verdict::Pass, "{text}");
        }
        assert_eq!(
            [osc("7770;raw"), osc("7770;line"), osc("7770;x")],
            [Verdict::Mode(true), Verdict::Mode(false), Verdict::Drop]
        );
    }

    #[test]
    fn modes_are_taken_one_by_one() {
        assert_eq!(csi("?25;1049", 'h', false), Verdict::Pass);
        assert_eq!(csi("?25;1000;9001", 'h', false), Verdict::Rewrite("?25".into()));
        assert_eq!(csi("?25;1000;9001", 'h', true), Verdict::Rewrite("?25;1000".into()));
        assert_eq!(csi("?3", 'h', true), Verdict::Drop);
        assert_eq!(csi("20", 'h', true), Verdict::Drop);
    }
}
