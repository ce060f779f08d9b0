//! What a line is read as, and what is refused.

use crate::{
    SyntaxError,
    ast::{Connector, Descriptor, Target},
    limits, parse,
};

fn unsupported(line: &str) -> (&'static str, usize) {
    match parse(line) {
        Err(SyntaxError::Unsupported { what, column }) => (what, column),
        other => panic!("{line:?} gave {other:?}"),
    }
}

#[test]
fn lists_pipelines_and_redirections_are_read_in_their_order() {
    let script = parse("A=1 a b | c 2>&1 >f && ! d || e & f; g\nh").unwrap();
    let texts: Vec<_> = script.items.iter().map(|item| (item.text.as_str(), item.background)).collect();
    let expected = [("A=1 a b | c 2>&1 >f && ! d || e", true), ("f", false), ("g", false), ("h", false)];
    assert_eq!(texts, expected);
    let list = &script.items[0].list;
    assert_eq!(list.first.commands.len(), 2);
    assert_eq!(list.first.commands[0].assignments[0].name, "A");
    assert_eq!(
        list.rest.iter().map(|(connector, _)| *connector).collect::<Vec<_>>(),
        [Connector::And, Connector::Or]
    );
    assert!(list.rest[0].1.negated && !list.rest[1].1.negated);
    let redirections = &list.first.commands[1].redirections;
    assert_eq!(redirections[0].descriptor, Descriptor::Stderr);
    assert_eq!(redirections[0].target, Target::Same(Descriptor::Stdout));
    assert!(matches!(&redirections[1].target, Target::Write(word) if word.plain() == Some("f")));
}

#[test]
fn a_pipe_of_both_streams_redirects_errors_last() {
    let script = parse("a >f |& b").unwrap();
    let redirections = &script.items[0].list.first.commands[0].redirections;
    assert_eq!(redirections.len(), 2);
    assert_eq!(redirections[1].target, Target::Same(Descriptor::Stdout));
}

#[test]
fn nothing_and_comments_are_empty_scripts() {
    for line in ["", "  \t", "\n\n", "# only this", "  # and\n# that\n"] {
        assert_eq!(parse(line).unwrap().items.len(), 0, "{line:?}");
    }
    assert_eq!(parse("a # b | c").unwrap().items[0].list.first.commands[0].words.len(), 1);
    assert_eq!(parse("a#b").unwrap().items[0].list.first.commands[0].words[0].plain(), Some("a#b"));
}

#[test]
fn what_other_shells_know_is_refused_by_name_and_place() {
    let table = [
        ("for x in a; do b; done", "for loops are", 1),
        ("a; while true; do b; done", "while loops are", 4),
        ("if a; then b; fi", "if is", 1),
        ("a && case x in esac", "case is", 6),
        ("f() { a; }", "functions are", 2),
        ("function f { a; }", "functions are", 1),
        ("(a; b)", "subshells are", 1),
        ("a | (b)", "subshells are", 5),
        ("((1+1))", "arithmetic is", 1),
        ("{ a; }", "grouping with braces is", 1),
        ("[[ -f a ]]", "[[ … ]] is", 1),
        ("a $(b)", "command substitution is", 3),
        ("a \"$(b)\"", "command substitution is", 4),
        ("a `b`", "command substitution is", 3),
        ("a $((1+1))", "arithmetic is", 3),
        ("a $[1]", "arithmetic is", 3),
        ("a <<EOF", "here-documents are", 3),
        ("a <<-EOF", "here-documents are", 3),
        ("a <<< b", "here-strings are", 3),
        ("a <(b)", "process substitution is", 3),
        ("a >(b)", "process substitution is", 3),
        ("a <> b", "opening a file to read and write is", 3),
        ("x=(a b)", "arrays are", 3),
        ("x[0]=a", "arrays are", 1),
        ("x+=a", "adding to a variable with += is", 1),
        ("a ${x[0]}", "arrays are", 3),
        ("a $1", "positional parameters are", 3),
        ("a $@", "positional parameters are", 3),
        ("a ${1}", "positional parameters are", 3),
        ("a $$", "$$ and $! are", 3),
        ("a ${x%.txt}", "changing a variable's value within ${…} is", 3),
        ("a ${x//a/b}", "changing a variable's value within ${…} is", 3),
        ("a ${x:1:2}", "a part of a variable is", 3),
        ("a ${!x}", "indirect expansion is", 3),
        ("a {b,c}", "brace expansion (unless the braces are quoted) is", 3),
        ("a x{1..3}", "brace expansion (unless the braces are quoted) is", 3),
        ("a $'b'", "$'…' and $\"…\" are", 3),
        ("a 3>b", "file descriptors above 2 are", 3),
        ("a 99999999999999999999>b", "file descriptors above 2 are", 3),
        ("a >&b", "redirecting to anything but &1 and &2 is", 5),
        ("a 2>&-", "redirecting to anything but &1 and &2 is", 6),
        ("a @(b)", "extended patterns are", 4),
        ("ü $(b)", "command substitution is", 3),
    ];
    for (line, what, column) in table {
        assert_eq!(unsupported(line), (what, column), "{line}");
    }
}

#[test]
fn words_of_compound_commands_are_plain_words_elsewhere() {
    for line in
        ["echo if then", "echo {} { }", "'if' x", "\\for x", "a > if", "time a", "in", "a {b}", "a '{b,c}'"]
    {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn lines_that_go_on_are_told_apart_from_wrong_ones() {
    for line in [
        "'a", "\"a", "\"a ${b", "a |", "a &&", "a ||\n", "a |&", "a \\", "a ${b:-c", "a \"b\\", "a ${",
        "a 'b\nc",
    ] {
        assert_eq!(parse(line), Err(SyntaxError::Incomplete), "{line:?}");
    }
    for line in [
        "| a", "a | | b", "; a", "a ;; b", "a >", "a > > b", "&& a", "a && ; b", "!", "a )", "a ${}",
        "a ${b!}", "a > | b", "done", "a <\nb",
    ] {
        assert!(matches!(parse(line), Err(SyntaxError::Unexpected { .. })), "{line:?}: {:?}", parse(line));
    }
    assert_eq!(parse("a | | b").unwrap_err().to_string(), "`|` is not expected here (column 5)",);
    assert!(parse("a |\n\nb").is_ok() && parse("a \\\nb").is_ok());
}

#[test]
fn a_line_has_bounds() {
    let too_long = |line: &str, unit: &str| {
        let error = parse(line).unwrap_err();
        assert!(matches!(&error, SyntaxError::TooLong { unit: found, .. } if *found == unit), "{error:?}");
    };
    too_long(&"a".repeat(limits::LINE_BYTES + 1), "bytes");
    too_long(&"a ".repeat(limits::LINE_TOKENS + 1), "words and operators");
    too_long(&vec!["a"; limits::PIPELINE_COMMANDS + 1].join("|"), "commands in a pipeline");
    assert!(parse(&"a".repeat(limits::LINE_BYTES)).is_ok());
    assert!(parse(&vec!["a"; limits::PIPELINE_COMMANDS].join("|")).is_ok());
}
