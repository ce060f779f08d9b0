//! What a guest writes, and what of it reaches the terminal.

use std::num::NonZero;

use cloister_terminal::{Filtered, Mode, OutputFilter, STRING_BYTES};
use proptest::prelude::*;

use crate::alphabet::pieces;

/// The bytes that go on, and `{raw}` or `{line}` where a mode was asked for.
fn shown(parts: Vec<Filtered>) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Filtered::Bytes(bytes) => all.extend(bytes),
            Filtered::Mode(mode) => all.extend(if mode == Mode::Raw { "{raw}" } else { "{line}" }.bytes()),
        }
    }
    all
}

fn filtered(text: impl AsRef<[u8]>) -> String {
    String::from_utf8(shown(OutputFilter::new(true).filter(text.as_ref()))).expect("UTF-8")
}

#[test]
fn in_line_mode_a_newline_begins_a_row() {
    for (written, expected) in [
        ("a\nb\n", "a\r\nb\r\n"),
        ("a\r\nb\n\n", "a\r\nb\r\n\r\n"),
        ("50%\r60%", "50%\r60%"),
        ("a\tb\x08\x07\x0b", "a\tb\x08\x07\x0b"),
        ("\x1b[3\n1m", "\r\n\x1b[31m"),
        ("\x1b]7770;raw\x07a\nb\x1b]7770;line\x1b\\c\n", "{raw}a\nb{line}c\r\n"),
    ] {
        assert_eq!(filtered(written), expected, "{written:?}");
    }
}

#[test]
fn what_is_harmless_goes_on_as_it_is() {
    for text in [
        "\x1b[1;38;2;1;2;3;4:3mx\x1b[m",
        "\x1b[2J\x1b[H\x1b[10;20H\x1b[3A\x1b[K\x1b[2;5r\x1b7\x1b8\x1bM\x1b[2 q\x1b[!p",
        "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2026h",
        "\x1b]0;title\x07\x1b]2;t\x1b\\\x1b]8;id=1;https://docs.example\x1b\\link\x1b]8;;\x1b\\",
        "\x1b]11;#123456\x07\x1b]4;1;red\x07\x1b]104\x07\x1b]9;4;1;30\x07",
        "\x1b(0lqk\x1b(B\x0e\x0f\x1bc",
        "世👨‍👩‍👧e\u{301}",
    ] {
        assert_eq!(filtered(text), text);
    }
}

#[test]
fn what_could_be_forged_or_makes_a_terminal_answer_is_left_out() {
    for text in [
        "\x1b]133;A\x07",
        "\x1b]133;D;0\x1b\\",
        "\x1b]0133;C\x07",
        "\x1b]\x001\x0033;A\x07",
        "\x1b]633;E;ls;nonce\x07",
        "\x1b]1337;SetMark\x07",
        "\x1b]52;c;aGVsbG8=\x07",
        "\x1b]7;file://host/\x07",
        "\x1b]11;?\x07",
        "\x1b[c\x1b[>c\x1b[=c\x1b[5n\x1b[6n\x1b[?6n\x1b[18t\x1b[?2026$p\x1bZ\x05",
        "\x1bP$qm\x1b\\\x1b_Gi=31;AAAA\x1b\\\x1b^x\x1b\\\x1bXy\x1b\\",
        "\x1b[?1000h\x1b[?1006h\x1b[?2004h\x1b[?1004h\x1b[20h\x1b[>1u",
        "\x1b]0;never ended",
        "\x1b[31",
        "\u{9d}\u{9b}\u{90}\u{85}",
    ] {
        assert_eq!(filtered(text), "", "{text:?}");
    }
    assert_eq!(filtered("\x1b]0;t\x1b]133;A\x07x"), "\x1b]0;t\x1b\\x");
    assert_eq!(filtered("\x1b]0;a\u{9c}\x1b]133;A\x07x"), "\x1b]0;a\x1b\\x");
    assert_eq!(filtered("\x1b]0;a\u{9d}133;A\x07x"), "\x1b]0;a133;A\x07x");
    assert_eq!(filtered(b"\x1b\x80]133;A\x07"), "\u{fffd}]133;A\x07");
    assert_eq!(filtered("\x1b[?25;1000l"), "\x1b[?25l");
    assert_eq!(filtered(format!("\x1b]0;{}\x07x", "t".repeat(STRING_BYTES))), "x");
}

#[test]
fn raw_mode_allows_what_its_guest_can_read() {
    let text = "\x1b[6n\x1b[?1000;1006h\x1b[?2004h\x1b[?1004h\n";
    assert_eq!(filtered(format!("\x1b]7770;raw\x07{text}")), format!("{{raw}}{text}"));
    assert_eq!(filtered("\x1b]7770;raw\x07\x1b[c\x1b[20t\x1b]133;A\x07\x1b[?9001h"), "{raw}");
}

#[test]
fn a_guest_without_the_terminals_input_gets_no_raw_mode() {
    let mut filter = OutputFilter::new(false);
    assert_eq!(shown(filter.filter(b"\x1b]7770;raw\x07\n\x1b[6n")), b"\r\n");
    assert!(!filter.is_raw());
    filter.set_raw(true);
    assert_eq!(shown(filter.filter(b"\n")), b"\n");
    filter.finish();
    assert!(!filter.is_raw());
}

#[test]
fn a_guest_that_ends_leaves_the_terminal_as_it_was() {
    for (written, restored) in [
        ("plain\x1b[31mred\x1b[0m", ""),
        ("\x1b[31m\x1b[0;0m\x1b[31m\x1b[m", ""),
        ("\x1b[38;5;0m", "\x1b[m"),
        ("\x1b[31m", "\x1b[m"),
        ("\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"),
        ("\x1b[?1049h\x1b[?1049l\x1b[?25l\x1b[?25h", ""),
        ("\x1b]7770;raw\x07\x1b[?1003;1006h\x1b[?2004h", "\x1b[?1003l\x1b[?1006l\x1b[?2004l"),
        ("\x1b[2;4r\x1b[?6h", "\x1b7\x1b[r\x1b[?6l\x1b8"),
        ("\x1b[4h\x1b=\x1b[4 q\x1b[?7l", "\x1b[4l\x1b>\x1b[0 q\x1b[?7h"),
        ("\x1b(0", "\x1b(B\x1b)B\x1b*B\x1b+B\x0f"),
        ("\x1b]8;;https://docs.example\x07", "\x1b]8;;\x1b\\"),
        ("\x1b]9;4;1;5\x07\x1b]9;4;0\x07", ""),
        ("\x1b[?25l\x1b[?1049h\x1b[31m\x1bc", ""),
        // Terminals differ in what a soft reset resets.
        ("\x1b[?25l\x1b[!p", "\x1b[?25h"),
        ("\x1b]0;title\x07", ""),
        ("half \x1b]0;ti", ""),
    ] {
        let mut filter = OutputFilter::new(true);
        filter.filter(written.as_bytes());
        assert_eq!(String::from_utf8(filter.finish()).unwrap(), restored, "{written:?}");
        assert_eq!(filter.finish(), b"", "{written:?}");
        assert_eq!(shown(filter.filter(b"133;A\x07\n")), b"133;A\x07\r\n");
    }
    let mut filter = OutputFilter::new(true);
    filter.filter(b"\xe4\xb8");
    assert_eq!(filter.finish(), "\u{fffd}".as_bytes());
}

/// Sequences, whole, broken and hostile.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => "[a-z\r\n\t]{1,5}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 1..4),
        1 => Just(b"\x1b".to_vec()),
        1 => Just("世👨‍👩‍👧\u{9d}\u{9c}\u{9b}".as_bytes().to_vec()),
        4 => "\x1b\\[[?>=]?[0-9;:]{0,6}[ !$]?[@-~]".prop_map(String::into_bytes),
        4 => "\x1b\\[\\?(1|5|6|7|25|47|1000|1002|1006|1049|2004)[hl]".prop_map(String::into_bytes),
        3 => "\x1b\\](0|8|11|52|0?133|633|1337|7770);[a-z;?]{0,5}(\x07|\x1b\\\\|\u{9c}|\x18|)".prop_map(String::into_bytes),
        1 => Just(b"\x1b]7770;raw\x07".to_vec()),
        1 => Just(b"\x1b]7770;line\x1b\\".to_vec()),
        1 => "\x1b[P_^X(c=>#78Z][a-z0]{0,3}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// Takes down what an emulator understands that no guest may say.
#[derive(Default)]
struct Warden(Vec<String>);

impl vt100::Callbacks for Warden {
    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _kind: &[u8], _data: &[u8]) {
        self.0.push("copied".into());
    }

    fn paste_from_clipboard(&mut self, _: &mut vt100::Screen, _kind: &[u8]) {
        self.0.push("pasted".into());
    }

    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        _second: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        let place = last == 'n' && params == [[6]] && first.is_none();
        if matches!(last, 'c' | 'n' | 't' | 'x' | 'y') && !place {
            self.0.push(format!("{params:?}{last}"));
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let number = params.first().and_then(|number| std::str::from_utf8(number).ok()?.parse::<u64>().ok());
        if !matches!(number, Some(0..=2 | 4 | 8..=12 | 104 | 110..=112)) {
            self.0.push(format!("{params:?}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_same_goes_on_however_writes_are_split(
        bytes in written(),
        cuts in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let (mut whole, mut split) = (OutputFilter::new(true), OutputFilter::new(true));
        let at_once = shown(whole.filter(&bytes));
        let mut parts = Vec::new();
        for piece in pieces(&bytes, &cuts) {
            let part = shown(split.filter(piece));
            prop_assert!(std::str::from_utf8(&part).is_ok());
            parts.extend(part);
        }
        prop_assert_eq!(at_once, parts);
        prop_assert_eq!(whole.finish(), split.finish());
    }

    #[test]
    fn no_guest_gets_a_forged_mark_or_a_question_through(bytes in written()) {
        let mut filter = OutputFilter::new(true);
        let text = String::from_utf8(shown(filter.filter(&bytes))).unwrap();
        let c1 = text.chars().find(|c| c.is_control() && !c.is_ascii());
        prop_assert_eq!(c1, None);
        let size = NonZero::new(20).unwrap();
        let mut parser = vt100::Parser::new_with_callbacks(size, size, 0, Warden::default());
        parser.process(text.as_bytes());
        prop_assert_eq!(&parser.callbacks().0, &Vec::<String>::new());
    }

    #[test]
    fn after_a_guests_end_the_terminal_is_as_before(bytes in written()) {
        let size = NonZero::new(20).unwrap();
        let mut parser = vt100::Parser::new(size, size, 0);
        let mut filter = OutputFilter::new(true);
        parser.process(&shown(filter.filter(&bytes)));
        parser.process(&filter.finish());
        let (screen, fresh) = (parser.screen(), vt100::Parser::new(size, size, 0));
        prop_assert_eq!(screen.attributes_formatted(), fresh.screen().attributes_formatted());
        prop_assert_eq!(screen.input_mode_formatted(), fresh.screen().input_mode_formatted());
        prop_assert!(!screen.hide_cursor() && !screen.alternate_screen());
    }
}
