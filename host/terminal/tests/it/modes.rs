//! Who gets what is typed.

use cloister_terminal::{Effect, LineDiscipline, Mode, TYPE_AHEAD_BYTES, WidthRule};

use crate::terminal::Terminal;

fn in_mode(mode: Mode) -> Terminal {
    let mut terminal = Terminal::new(40, 10, WidthRule::Clusters);
    assert_eq!(terminal.discipline.set_mode(mode), []);
    terminal
}

fn data(text: &str) -> Effect {
    Effect::Data(text.as_bytes().to_vec())
}

#[test]
fn a_guest_that_reads_lines_gets_them_edited() {
    let mut terminal = in_mode(Mode::Cooked);
    terminal.output("name? ");
    assert_eq!(terminal.input("Adx\x7fa\r"), [data("Ada\n")]);
    terminal.output("hello ADA\r\n");
    assert_eq!(terminal.screen.rows()[..2], ["name? Ada", "hello ADA"]);
    // Tab, history and search are not a guest's.
    assert_eq!(terminal.input("a\tb\x1b[A\x12\x0c\n"), [data("a\tb\n")]);
    assert_eq!(terminal.screen.rows()[2], "a       b");
}

#[test]
fn ctrl_d_sends_what_is_there_or_ends_the_input() {
    let mut terminal = in_mode(Mode::Cooked);
    assert_eq!(terminal.input("part\x04\x04x\x03"), [data("part"), Effect::EndOfInput, Effect::Interrupt]);
    assert_eq!(terminal.discipline.mode(), Mode::Cooked);
    assert_eq!(terminal.screen.rows()[0], "partx^C");
}

#[test]
fn raw_bytes_are_not_touched() {
    let mut terminal = in_mode(Mode::Raw);
    let bytes = b"\x03\x1b[A\xff\r\n\x1b[200~\x00";
    assert_eq!(terminal.discipline.input(bytes), [Effect::Data(bytes.to_vec())]);
    assert_eq!(terminal.discipline.interrupt(), [Effect::Interrupt]);
    assert_eq!(terminal.discipline.output(b"a\x1b[6n"), b"a\x1b[6n");
}

#[test]
fn what_nobody_reads_is_shown_kept_and_given_to_who_reads_next() {
    let mut terminal = in_mode(Mode::Busy);
    assert_eq!(terminal.input("one\rtwo\rthr"), []);
    terminal.output("working\r\n");
    assert_eq!(terminal.screen.rows()[..4], ["one", "two", "working", "thr"]);
    let effects = terminal.discipline.set_mode(Mode::Cooked);
    assert_eq!(effects, [data("one\ntwo\n")]);
    assert_eq!(terminal.input("ee\r"), [data("three\n")]);

    let mut terminal = in_mode(Mode::Busy);
    terminal.input("one\rtw\x04o");
    let effects = terminal.discipline.set_mode(Mode::Raw);
    assert_eq!(terminal.show(effects), [data("one\ntwo")]);
    assert_eq!(terminal.screen.rows()[..2], ["one", "two"]);
}

#[test]
fn lines_typed_ahead_run_one_a_prompt() {
    let mut terminal = in_mode(Mode::Busy);
    assert_eq!(terminal.input("one\r\x04two\rthr"), []);
    terminal.output("end");
    assert_eq!(terminal.prompt("> "), [Effect::Line("one".into())]);
    assert_eq!(terminal.discipline.mode(), Mode::Busy);
    terminal.output("1\r\n");
    assert_eq!(terminal.prompt("> "), [Effect::Line("two".into())]);
    assert_eq!(terminal.prompt("> "), []);
    assert_eq!(terminal.input("ee\r"), [Effect::Line("three".into())]);
    let rows = ["one", "two", "end", "> one", "1", "> two", "> three", "", "", ""];
    assert_eq!(terminal.screen.rows(), rows);
}

#[test]
fn type_ahead_is_bounded() {
    let mut terminal = in_mode(Mode::Busy);
    for _ in 0..TYPE_AHEAD_BYTES {
        terminal.discipline.input(b"\r");
    }
    terminal.input("kept");
    assert_eq!(terminal.discipline.input(b"\r\x04\r"), [Effect::Echo(b"\x07".to_vec())]);
    assert_eq!(terminal.discipline.line(), "kept");
    let effects = terminal.discipline.set_mode(Mode::Cooked);
    let [Effect::Data(lines)] = &effects[..] else { panic!("{effects:?}") };
    assert!(lines.len() > 100 && lines.len() < TYPE_AHEAD_BYTES / 8);
}

#[test]
fn ctrl_c_overtakes_what_was_typed_before_it() {
    let mut terminal = in_mode(Mode::Busy);
    assert_eq!(terminal.input("one\rtwo\rthr\x03four\r"), [Effect::Interrupt]);
    assert_eq!(terminal.prompt("> "), [Effect::Line("four".into())]);

    // While candidates are looked for.
    terminal.prompt("> ");
    terminal.input("a\tbc\r");
    assert_eq!(terminal.input("d\x03"), [Effect::Interrupt]);
    assert!(terminal.discipline.complete(0, &[]).is_empty());
    assert_eq!(terminal.prompt("> "), []);
    assert_eq!(terminal.discipline.line(), "");

    // Out of band, in the midst of a sequence.
    terminal.input("abc\x1b[1;");
    let effects = terminal.discipline.interrupt();
    assert_eq!(terminal.show(effects), [Effect::Interrupt]);
    terminal.prompt("> ");
    assert_eq!(terminal.input("5C\r"), [Effect::Line("5C".into())]);
}

#[test]
fn the_rest_of_an_interrupted_paste_does_not_run() {
    let mut terminal = in_mode(Mode::Busy);
    terminal.prompt("> ");
    terminal.input("\x1b[200~one\rtwo");
    let effects = terminal.discipline.interrupt();
    assert_eq!(terminal.show(effects), [Effect::Interrupt]);
    assert_eq!(terminal.input("\rthree\rfour\x1b[201~x"), []);
    assert_eq!(terminal.prompt("> "), []);
    assert_eq!(terminal.discipline.line(), "x");

    // One that does not end is ended by a second Ctrl-C.
    terminal.input("\x1b[200~one\x03\rtwo");
    assert_eq!(terminal.input("\x03y"), [Effect::Interrupt]);
    assert_eq!(terminal.discipline.line(), "y");
}

#[test]
fn brackets_are_asked_for_at_the_prompt_only() {
    let mut terminal = in_mode(Mode::Busy);
    let brackets = |terminal: &Terminal| terminal.screen.parser.screen().bracketed_paste();
    terminal.prompt("> ");
    assert!(brackets(&terminal));
    terminal.input("x\r");
    assert!(!brackets(&terminal));
    terminal.prompt("> ");
    terminal.input("\x03");
    assert!(!brackets(&terminal));
    terminal.prompt("> ");
    let effects = terminal.discipline.set_mode(Mode::Cooked);
    terminal.show(effects);
    assert!(!brackets(&terminal));
    // A paste that comes with brackets all the same is typed.
    assert_eq!(terminal.input("\x1b[200~a\nb\x1b[201~\r"), [data("a\n"), data("b\n")]);
}

#[test]
fn a_terminal_that_was_reset_is_drawn_anew() {
    let mut terminal = in_mode(Mode::Busy);
    terminal.prompt("$ ");
    terminal.input("ls -l\x02");
    terminal.screen.write(b"\x1bc");
    let bytes = terminal.discipline.redraw();
    terminal.screen.write(&bytes);
    terminal.check("$ ").unwrap();
    assert!(terminal.screen.parser.screen().bracketed_paste());
}

#[test]
fn sizes_out_of_range_count_as_the_nearest() {
    for (columns, lines) in [(0, 0), (1, 1), (u16::MAX, u16::MAX)] {
        let mut discipline = LineDiscipline::new(columns, lines);
        discipline.prompt("世> ");
        discipline.input("ab世c\x01\t".as_bytes());
        discipline.complete(0, &[]);
        discipline.resize(lines, columns);
        assert_eq!(discipline.line(), "ab世c");
    }
}
