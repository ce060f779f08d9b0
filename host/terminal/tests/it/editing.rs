//! What each key does to a line, to history, and to completion.

use cloister_terminal::{Candidate, Effect, HELD_INPUT_BYTES, LINE_BYTES, Mode, PROMPT_BYTES, WidthRule};

use crate::terminal::Terminal;

fn prompted() -> Terminal {
    let mut terminal = Terminal::new(40, 10, WidthRule::Clusters);
    assert_eq!(terminal.prompt("> "), []);
    terminal
}

/// The line with `|` where the cursor is.
fn line(terminal: &Terminal) -> String {
    let (before, after) = terminal.discipline.line().split_at(terminal.discipline.cursor_bytes());
    format!("{before}|{after}")
}

#[test]
fn every_key_edits_as_it_should() {
    for (typed, expected) in [
        ("one two\x01", "|one two"),
        ("one two\x01\x05", "one two|"),
        ("one two\x02\x02", "one t|wo"),
        ("one two\x01\x06", "o|ne two"),
        ("one\x08", "on|"),
        ("one\x7f", "on|"),
        ("one\x01\x04", "|ne"),
        ("one\x01\x1b[3~", "|ne"),
        ("one two\x1bb\x0b", "one |"),
        ("one two\x1bb\x15", "|two"),
        ("cat a-b.txt\x17", "cat |"),
        ("cat a-b.txt\x1b\x7f", "cat a-b.|"),
        ("cat a-b.txt\x1b\x7f\x1b\x7f\x19", "cat a-b.txt|"),
        ("one two\x17\x17\x19\x19", "one twoone two|"),
        ("one two\x15x\x19", "xone two|"),
        ("one two\x01\x1bd", "| two"),
        ("one two\x01\x1bd\x1bd\x19", "one two|"),
        ("one two\x01\x1b[3;5~", "| two"),
        ("one two\x01\x0b\x19", "one two|"),
        ("ab\x14", "ba|"),
        ("abc\x02\x14", "acb|"),
        ("a\x14", "a|"),
        ("one two\x1bb", "one |two"),
        ("one two\x1b[1;5D\x1b[1;5D", "|one two"),
        ("one two\x01\x1bf", "one| two"),
        ("one two\x01\x1b[1;5C\x1bOc", "one two|"),
        ("e\u{301}a e\u{301}\x1bb\x1bb", "|e\u{301}a e\u{301}"),
        ("ab\x1b[D\x1b[C\x1bOD", "a|b"),
        ("ab\x1b[H\x1b[F\x1b[1~x\x1b[4~y", "xaby|"),
        ("a世👨‍👩‍👧\x7f", "a世|"),
        ("a世👨‍👩‍👧\x02\x02\x04", "a|👨‍👩‍👧"),
        ("a\x16\x03b\x16\x1b", "a\x03b\x1b|"),
        ("a\x16\tb\x16\r", "a\tb\r|"),
        ("a\x1b[99~\x1b[I\x1b]11;rgb:0/0/0\x1b\\b", "ab|"),
        ("a\x13\x11\x1a\x1c\x1d\x00b", "ab|"),
        ("a\x0cb", "ab|"),
        ("a\x07b", "ab|"),
        ("\x1b[200~a\r\nb\x1b[201~c", "a\nbc|"),
        ("\x1b[200~a\tb\x1b[31m\x01\x1b[201~", "a\tb[31m|"),
    ] {
        let mut terminal = prompted();
        assert_eq!(terminal.input(typed), [], "{typed:?}");
        assert_eq!(line(&terminal), expected, "{typed:?}");
        terminal.check("> ").unwrap();
    }
}

#[test]
fn invalid_text_is_replaced_and_a_split_character_is_whole() {
    let mut terminal = prompted();
    terminal.input(b"a\xffb\xe4\xb8");
    assert_eq!(line(&terminal), "a\u{fffd}b|");
    terminal.input(b"\x96");
    terminal.input(b"\xe4\xb8x");
    assert_eq!(line(&terminal), "a\u{fffd}b世\u{fffd}x|");
}

#[test]
fn enter_ends_a_line_once_however_it_is_encoded() {
    for enter in ["\r", "\n", "\r\n", "\x1bOM"] {
        let mut terminal = prompted();
        assert_eq!(terminal.input(format!("ls{enter}")), [Effect::Line("ls".into())], "{enter:?}");
        assert_eq!(terminal.input(""), []);
        assert_eq!(terminal.prompt("> "), [], "{enter:?}");
    }
    let mut terminal = prompted();
    assert_eq!(terminal.input("ls\r"), [Effect::Line("ls".into())]);
    assert_eq!(terminal.input("\n"), []);
    assert_eq!(terminal.prompt("> "), []);
}

#[test]
fn ctrl_d_ends_input_on_an_empty_line_only() {
    let mut terminal = prompted();
    assert_eq!(terminal.input("a\x04\x02\x04"), []);
    assert_eq!(line(&terminal), "|");
    assert_eq!(terminal.input("\x04"), [Effect::EndOfInput]);
    assert_eq!(terminal.discipline.mode(), Mode::Busy);
}

#[test]
fn ctrl_c_drops_the_line_and_shows_itself() {
    let mut terminal = prompted();
    assert_eq!(terminal.input("sleep\x03"), [Effect::Interrupt]);
    assert_eq!(terminal.prompt("> "), []);
    assert_eq!(terminal.screen.rows()[..2], ["> sleep^C", ">"]);
    assert_eq!(line(&terminal), "|");
}

#[test]
fn ctrl_l_leaves_the_line_alone_on_the_screen() {
    let mut terminal = prompted();
    terminal.output("old\r\n");
    terminal.input("keep\x02\x0c");
    assert_eq!((terminal.screen.rows()[0].as_str(), terminal.screen.cursor()), ("> keep", (0, 5)));
    assert_eq!(terminal.screen.rows()[1..].concat(), "");
    terminal.check("> ").unwrap();
}

#[test]
fn history_keeps_the_edited_line() {
    let mut terminal = prompted();
    terminal.discipline.set_history(vec!["one".into(), "two".into()]);
    terminal.discipline.push_history("three");
    for (key, expected) in [
        ("dra\x1b[A", "three|"),
        ("\x10", "two|"),
        ("\x1bOA", "one|"),
        ("\x1b[A", "one|"),
        ("\x0e", "two|"),
        ("\x1b[B\x1b[B", "dra|"),
        ("\x1b[B", "dra|"),
    ] {
        terminal.input(key);
        assert_eq!(line(&terminal), expected);
        terminal.check("> ").unwrap();
    }
}

#[test]
fn a_search_shows_what_it_finds_and_enter_runs_it() {
    let mut terminal = prompted();
    terminal.discipline.set_history(vec!["make test".into(), "make build".into(), "ls".into()]);
    terminal.input("draft\x12mak");
    assert_eq!(terminal.screen.rows()[0], "(reverse-search)`mak': make build");
    terminal.input("\x12");
    assert_eq!(terminal.screen.rows()[0], "(reverse-search)`mak': make test");
    terminal.input("\x07");
    assert_eq!((terminal.screen.rows()[0].as_str(), line(&terminal).as_str()), ("> draft", "draft|"));
    terminal.input("\x12tes\x05!");
    assert_eq!(line(&terminal), "make test!|");
    terminal.check("> ").unwrap();
    assert_eq!(terminal.input("\x12ls\r"), [Effect::Line("ls".into())]);
    assert_eq!(terminal.screen.rows()[0], "> ls");
}

#[test]
fn one_candidate_is_inserted_and_several_are_after_a_second_tab() {
    let mut terminal = prompted();
    let ask = |line: &str, again| Effect::Complete { line: line.into(), cursor_bytes: line.len(), again };
    assert_eq!(terminal.input("cat fi\t"), [ask("cat fi", false)]);
    // What is typed meanwhile waits for the answer, and Enter does too.
    assert_eq!(terminal.input("x\r"), []);
    let effects = terminal.discipline.complete(4, &[Candidate::plain("file.txt ")]);
    assert_eq!(terminal.show(effects), [Effect::Line("cat file.txt x".into())]);
    assert!(terminal.discipline.complete(0, &[Candidate::plain("late")]).is_empty());

    terminal.prompt("> ");
    let several = [Candidate::plain("deploy "), Candidate::plain("deployments ")];
    assert_eq!(terminal.input("de\t"), [ask("de", false)]);
    let effects = terminal.discipline.complete(0, &several);
    terminal.show(effects);
    assert_eq!(line(&terminal), "deploy|");
    assert_eq!(terminal.input("\t"), [ask("deploy", false)]);
    assert_eq!(terminal.discipline.complete(0, &several), [Effect::Echo(b"\x07".to_vec())]);
    assert_eq!(terminal.input("\t"), [ask("deploy", true)]);
    let effects = terminal.discipline.complete(0, &several);
    terminal.show(effects);
    assert_eq!(terminal.screen.rows()[1..4], ["> deploy", "deploy       deployments", "> deploy"]);
    assert_eq!(terminal.screen.cursor(), (3, 8));
    // Another key in between, and it is a first Tab again.
    assert_eq!(terminal.input("m\x7f\t"), [ask("deploy", false)]);
}

#[test]
fn an_answer_that_does_not_fit_the_line_does_nothing() {
    let mut terminal = prompted();
    for from in [3, usize::MAX] {
        terminal.input("a世\t");
        let effects = terminal.discipline.complete(from, &[Candidate::plain("x")]);
        assert_eq!(effects, [Effect::Echo(b"\x07".to_vec())]);
        terminal.input("\x15");
    }
    terminal.input("a世\t");
    assert_eq!(terminal.discipline.complete(0, &[]), [Effect::Echo(b"\x07".to_vec())]);
    assert_eq!(line(&terminal), "a世|");
}

#[test]
fn everything_typed_is_bounded() {
    let mut terminal = prompted();
    terminal.input("x".repeat(LINE_BYTES + 100));
    assert_eq!(terminal.discipline.line().len(), LINE_BYTES);
    assert_eq!(terminal.discipline.input(b"yyy"), [Effect::Echo(b"\x07".to_vec())]);
    terminal.check("> ").unwrap();
    terminal.input("\x01\x0b\x19");
    assert_eq!(terminal.discipline.line().len(), LINE_BYTES);
    terminal.input("\x15\t");
    terminal.input("h".repeat(HELD_INPUT_BYTES + 100));
    let effects = terminal.discipline.complete(0, &[]);
    terminal.show(effects);
    assert_eq!(terminal.discipline.line().len(), HELD_INPUT_BYTES);
    terminal.input("\x15");
    terminal.prompt(&"p".repeat(PROMPT_BYTES * 2));
    terminal.check(&"p".repeat(PROMPT_BYTES)).unwrap();
}
