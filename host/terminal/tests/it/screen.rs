//! Whatever is typed and written, the screen shows it as a terminal would show the whole.

use cloister_terminal::{Mode, WidthRule};
use proptest::prelude::*;

use crate::alphabet::{Model, Press, cluster, pieces, press};
use crate::terminal::Terminal;

fn rule() -> impl Strategy<Value = WidthRule> {
    prop_oneof![Just(WidthRule::Clusters), Just(WidthRule::Scalars)]
}

fn prompt() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("> "), Just(""), Just("\x1b[1;32mtenant\x1b[0m:\x1b]0;title\x07$ "), Just("世界\r\n$ ")]
}

/// What happens while a line is edited.
#[derive(Debug, Clone)]
enum Event {
    Press(Press),
    Output(String),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => press().prop_map(Event::Press),
        1 => "[a-z]{1,9}".prop_map(Event::Output),
        1 => "[a-z世]{0,9}\r\n".prop_map(Event::Output),
        1 => "\r\n[a-z]{1,3}".prop_map(Event::Output),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn keys_do_what_the_model_does_and_the_screen_shows_it(
        rule in rule(),
        columns in 2_u16..30,
        lines in 1_u16..8,
        prompt in prompt(),
        presses in prop::collection::vec(press(), 1..60),
        cuts in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let mut terminal = Terminal::new(columns, lines, rule);
        prop_assert_eq!(terminal.prompt(prompt), []);
        let mut model = Model::default();
        for press in &presses {
            model.press(press);
            for piece in pieces(&press.bytes(), &cuts) {
                prop_assert_eq!(terminal.input(piece), []);
                // Half a cluster may have joined with what follows, until its other half comes.
                if terminal.is_between_clusters() {
                    terminal.check(prompt).map_err(TestCaseError::fail)?;
                }
            }
            terminal.check(prompt).map_err(TestCaseError::fail)?;
            let line = (terminal.discipline.line().to_owned(), terminal.discipline.cursor_bytes());
            prop_assert_eq!(line, model.line());
        }
        let all: Vec<u8> = presses.iter().flat_map(Press::bytes).collect();
        let mut at_once = Terminal::new(columns, lines, rule);
        at_once.prompt(prompt);
        at_once.input(all);
        at_once.check(prompt).map_err(TestCaseError::fail)?;
        prop_assert_eq!(at_once.discipline.line(), terminal.discipline.line());
    }

    #[test]
    fn a_line_of_many_screens_is_shown_around_its_cursor(
        rule in rule(),
        columns in 6_u16..20,
        lines in 1_u16..6,
        clusters in prop::collection::vec(cluster(), 100..400),
        steps in prop::collection::vec((press(), 1_usize..60), 1..12),
    ) {
        let mut terminal = Terminal::new(columns, lines, rule);
        terminal.prompt("> ");
        terminal.input(format!("\x1b[200~{}\x1b[201~", clusters.concat().replace(['\n', '\t', '\x01'], "^")));
        for (press, times) in steps {
            let times = if matches!(press, Press::Yank | Press::Insert(_)) { 1 } else { times };
            terminal.input(press.bytes().repeat(times));
            terminal.check("> ").map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn other_output_goes_before_the_prompt(
        rule in rule(),
        columns in 10_u16..30,
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut terminal = Terminal::new(columns, 40, rule);
        terminal.prompt("$ ");
        let mut written = String::new();
        for event in events {
            match event {
                Event::Press(press) => prop_assert_eq!(terminal.input(press.bytes()), []),
                Event::Output(text) => {
                    terminal.output(&text);
                    written.push_str(&text);
                }
            }
            let newline = if written.is_empty() || written.ends_with('\n') { "" } else { "\r\n" };
            terminal.check(&format!("{written}{newline}$ ")).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn a_guests_own_prompt_stays_before_the_line(
        rule in rule(),
        columns in 10_u16..30,
        busy: bool,
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut terminal = Terminal::new(columns, 40, rule);
        let effects = terminal.discipline.set_mode(if busy { Mode::Busy } else { Mode::Cooked });
        prop_assert_eq!(effects, []);
        let mut written = String::new();
        for event in events {
            match event {
                // These end a line here, or are taken for themselves.
                Event::Press(Press::Insert(text)) if text == "\n" => {}
                Event::Press(press) => prop_assert_eq!(terminal.input(press.bytes()), []),
                Event::Output(text) => {
                    written.push_str(&text);
                    // A line that is edited after a full row begins on the next, which is more than the guest wrote.
                    let column = written.rsplit('\n').next().map_or(0, |row| row.chars().count());
                    if column > 0 && column.is_multiple_of(columns.into()) {
                        written.push('!');
                        terminal.output(&format!("{text}!"));
                    } else {
                        terminal.output(&text);
                    }
                }
            }
            terminal.check(&written).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn after_a_new_size_the_line_is_whole(
        columns in 4_u16..30,
        clusters in prop::collection::vec(cluster(), 0..40),
        left in 0_usize..20,
        sizes in prop::collection::vec((4_u16..30, 12_u16..20), 1..4),
    ) {
        let mut terminal = Terminal::new(columns, 20, WidthRule::Scalars);
        terminal.prompt("> ");
        let clusters = clusters.concat().replace(['\n', '\t', '\x01'], "");
        terminal.input(clusters);
        terminal.input("\x1b[D".repeat(left));
        for (columns, lines) in sizes {
            terminal.resize(columns, lines);
            terminal.check_below("> ").map_err(TestCaseError::fail)?;
            terminal.input("x");
            terminal.check_below("> ").map_err(TestCaseError::fail)?;
        }
    }
}

#[test]
fn a_line_may_be_longer_than_the_screen() {
    for rule in [WidthRule::Clusters, WidthRule::Scalars] {
        let mut terminal = Terminal::new(10, 3, rule);
        terminal.prompt("> ");
        for step in ["abcdefgh".repeat(9).as_str(), "\x01", "\x05", "世", "\x01xyz", "\x0b", "q"] {
            terminal.input(step);
            terminal.check("> ").unwrap();
        }
        assert_eq!(terminal.screen.rows(), ["> xyzq", "", ""]);
    }
}

#[test]
fn enter_begins_a_row_and_no_empty_one_at_the_edge() {
    let mut terminal = Terminal::new(6, 6, WidthRule::Clusters);
    for (line, rows) in [("abc", vec!["> abc"]), ("abcd", vec!["> abcd"]), ("abcde", vec!["> abcd", "e"])] {
        let mut terminal = Terminal::new(6, 6, WidthRule::Clusters);
        terminal.prompt("> ");
        terminal.input(format!("{line}\x01\r"));
        terminal.output("out");
        assert_eq!(terminal.screen.rows()[..=rows.len()], [rows, vec!["out"]].concat());
    }
    terminal.output("full12");
    terminal.prompt("> ");
    assert_eq!(terminal.screen.rows()[..2], ["full12", ">"]);
}

#[test]
fn typing_at_the_end_costs_a_byte_a_key() {
    let mut terminal = Terminal::new(80, 24, WidthRule::Clusters);
    terminal.prompt("> ");
    for key in "echo hello".bytes() {
        assert_eq!(terminal.discipline.input(&[key]), [cloister_terminal::Effect::Echo(vec![key])]);
    }
}
