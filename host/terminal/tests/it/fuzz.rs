//! Any bytes, in any pieces, in any order of calls.

use cloister_terminal::{Candidate, Effect, LINE_BYTES, LineDiscipline, Mode, OutputFilter, WidthRule};
use proptest::prelude::*;

use crate::alphabet::{pieces, press};
use crate::terminal::{Screen, Terminal};

/// Keys, sequences, and bytes that are neither.
fn typed() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => press().prop_map(|press| press.bytes()),
        2 => prop::collection::vec(any::<u8>(), 1..5),
        2 => (0_u8..32).prop_map(|control| vec![control]),
        1 => "\x1b[\\[O\\]P][0-9;<?]{0,4}[A-Za-z~]".prop_map(String::into_bytes),
        1 => Just(b"\x1b[200~".to_vec()),
        1 => Just(b"\x1b[201~".to_vec()),
        1 => Just(b"\r".to_vec()),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Prompt), Just(Mode::Cooked), Just(Mode::Raw), Just(Mode::Busy)]
}

#[derive(Debug, Clone)]
enum Call {
    Input(Vec<u8>),
    Output(Vec<u8>),
    Interrupt,
    Prompt(String),
    Mode(Mode),
    Resize(u16, u16),
    Complete(usize, Vec<String>),
    Redraw,
    History(String),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        5 => typed().prop_map(Call::Input),
        2 => prop::collection::vec(any::<u8>(), 0..30).prop_map(Call::Output),
        1 => Just(Call::Interrupt),
        2 => ".{0,20}".prop_map(Call::Prompt),
        2 => mode().prop_map(Call::Mode),
        1 => (any::<u16>(), any::<u16>()).prop_map(|(columns, lines)| Call::Resize(columns % 100, lines % 50)),
        1 => (0_usize..20, prop::collection::vec("[a-c]{0,9}", 0..5)).prop_map(|(from, texts)| Call::Complete(from, texts)),
        1 => Just(Call::Redraw),
        1 => ".{0,20}".prop_map(Call::History),
    ]
}

/// All but what is echoed, with neighbouring data joined.
fn joined(effects: Vec<Effect>) -> Vec<Effect> {
    let mut all: Vec<Effect> = Vec::new();
    for effect in effects {
        match (all.last_mut(), effect) {
            (_, Effect::Echo(_)) => {}
            (Some(Effect::Data(before)), Effect::Data(more)) => before.extend(more),
            (_, effect) => all.push(effect),
        }
    }
    all
}

/// What moves a cursor about.
fn moves() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => "[a-z]{1,30}",
        2 => Just("世界e\u{301}é".to_owned()),
        2 => Just("\r\n".to_owned()),
        2 => Just("\r".to_owned()),
        // Not right after a full row: there the emulator is in a column that terminals do not have.
        2 => "\x1b\\[[1-9]G(\n|\t|\x08|\x1b\\[[0-9]{0,2}D)",
        2 => "\x1b\\[[0-9]{0,2}[ABCEFG]",
        1 => "\x1b\\[[1-9];[0-9]{1,2}H",
        1 => Just("\x1b7".to_owned()),
        1 => Just("\x1b8".to_owned()),
        1 => "\x1b\\[[0-2]?[JK]",
        1 => "\x1b\\[3[0-7]m",
    ];
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_order_of_calls_panics_or_grows(calls in prop::collection::vec(call(), 0..30)) {
        let mut discipline = LineDiscipline::new(20, 5);
        let mut filter = OutputFilter::new(true);
        for call in calls {
            match call {
                Call::Input(bytes) => drop(discipline.input(&bytes)),
                Call::Output(bytes) => {
                    discipline.output(&bytes);
                    filter.filter(&bytes);
                }
                Call::Interrupt => drop(discipline.interrupt()),
                Call::Prompt(text) => drop(discipline.prompt(&text)),
                Call::Mode(mode) => drop(discipline.set_mode(mode)),
                Call::Resize(columns, lines) => drop(discipline.resize(columns, lines)),
                Call::Complete(from, texts) => {
                    let candidates: Vec<_> = texts.into_iter().map(Candidate::plain).collect();
                    discipline.complete(from, &candidates);
                }
                Call::Redraw => drop(discipline.redraw()),
                Call::History(line) => discipline.push_history(line),
            }
            prop_assert!(discipline.line().len() <= LINE_BYTES);
            prop_assert!(discipline.line().is_char_boundary(discipline.cursor_bytes()));
        }
    }

    #[test]
    fn the_same_happens_however_typed_bytes_are_split(
        bytes in typed(),
        mode in mode(),
        cuts in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let make = || {
            let mut discipline = LineDiscipline::new(20, 5);
            discipline.set_history(vec!["one".into(), "two".into()]);
            match mode {
                Mode::Prompt => discipline.prompt("> "),
                mode => discipline.set_mode(mode),
            };
            discipline
        };
        let (mut whole, mut split) = (make(), make());
        let at_once = joined(whole.input(&bytes));
        let parts = pieces(&bytes, &cuts).into_iter().flat_map(|piece| split.input(piece)).collect();
        prop_assert_eq!(at_once, joined(parts));
        prop_assert_eq!(whole.line(), split.line());
        prop_assert_eq!(whole.cursor_bytes(), split.cursor_bytes());
        prop_assert_eq!(whole.mode(), split.mode());
    }

    #[test]
    fn a_line_begins_where_other_output_has_left_the_cursor(
        columns in 4_u16..40,
        written in moves(),
        typed in "[a-z]{1,20}",
    ) {
        let mut terminal = Terminal::new(columns, 10, WidthRule::Scalars);
        terminal.output(&written);
        terminal.input(&typed);
        terminal.input("\x01\x05");
        let mut plain = Screen::new(columns, 10, WidthRule::Scalars);
        plain.write(written.as_bytes());
        plain.write(typed.as_bytes());
        if plain.cursor().1 >= usize::from(columns) {
            plain.write(b" \r");
        }
        prop_assert_eq!(terminal.screen.rows(), plain.rows());
        prop_assert_eq!(terminal.screen.cursor(), plain.cursor());
    }
}
