//! Lines that want to harm, and any text at all.

use proptest::prelude::*;

use super::Session;
use crate::{SyntaxError, complete, is_secret, limits, parse, quote};

/// A line of the greatest length, from one text over and over.
fn filled(with: &str) -> String {
    with.repeat(limits::LINE_BYTES / with.len())
}

#[test]
fn nesting_as_deep_as_a_line_is_long_is_refused_without_recursion() {
    // A thread's smallest stack: what recursed with the line would end the process.
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(|| {
        for opening in [
            "(", "{ ", "$(", "$((", "`", "${a:-", "\"${a:-", "\"$(", "if ", "! ", "while ", "<(", "[[ ", "{",
            "case ", "a(", "$[", "((", "time ", "<<a ", "\\\n", "'", "\"", "\\", "a=", "~", "#", "{a,", "[",
            "*",
        ] {
            let _ = parse(&filled(opening));
            let _ = parse(&format!("a {}", filled(opening)));
        }
    });
    thread.unwrap().join().unwrap();
    let nested = "${a:-".repeat(limits::EXPANSION_DEPTH + 1);
    assert!(matches!(parse(&format!("x {nested}")), Err(SyntaxError::Unsupported { .. })));
    let nested = "${a:-".repeat(limits::EXPANSION_DEPTH) + &"}".repeat(limits::EXPANSION_DEPTH);
    assert!(parse(&format!("x {nested}")).is_ok());
}

/// Texts made of what means something.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b=",
        " ",
        "  ",
        "\n",
        "'",
        "\"",
        "\\",
        "$",
        "${",
        "}",
        "${a:-",
        "$a",
        "|",
        "||",
        "&",
        "&&",
        ";",
        ";;",
        "<",
        ">",
        ">>",
        "2>&1",
        "&>",
        "(",
        ")",
        "`",
        "#",
        "~",
        "/",
        "*",
        "?",
        "[",
        "]",
        "[!a-",
        "!",
        "ü",
        "\u{1f980}",
        "if",
        "1",
        "2>",
        "-",
        "=",
        ":",
        "\u{7}",
        "%",
        "{",
        ",",
        "..",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = (parse(&text), is_secret(&text));
    }

    #[test]
    fn any_mixture_of_signs_is_answered(text in pieces()) {
        let _ = is_secret(&text);
        if let Ok(script) = parse(&text) {
            for item in &script.items {
                // What a job is shown as can be run again, and means the same.
                let again = parse(&item.text);
                prop_assert_eq!(again.map(|script| script.items[0].list.clone()), Ok(item.list.clone()));
            }
        }
    }

    #[test]
    fn a_quoted_text_is_one_argument(text in "[^\0]*") {
        let mut session = Session::new(&[("/a", ""), ("/b", "")]);
        let line = format!("args {}", quote(&text));
        let shown = run(session.shows(&line));
        prop_assert_eq!(shown, format!("<{text}>\n"));
    }

    #[test]
    fn completion_answers_any_text_at_any_place(text in pieces(), cursor in 0_usize..100) {
        let session = Session::new(&[("/a b/c", ""), ("/it's", ""), ("/$x", "")]);
        let completion = run(complete(&text, cursor, &session.shell, &*session.fake));
        prop_assert!(completion.start <= text.len() && text.is_char_boundary(completion.start));
        let _ = completion.common_prefix();
    }

    #[test]
    fn names_of_files_complete_to_themselves(name in "[^\0/\\p{Cc}]{1,12}", style in 0..3) {
        prop_assume!(name != "." && name != ".." && !name.starts_with('-'));
        let session = Session::new(&[(&format!("/{name}"), "")]);
        let first: String = name.chars().take(1).collect();
        let typed = match style {
            0 => format!("args {}", quote(&first)),
            1 => format!("args '{}", first.replace('\'', r"'\''")),
            _ => format!("args \"{}", if "\"\\$`".contains(&first) { format!("\\{first}") } else { first }),
        };
        let completion = run(complete(&typed, typed.len(), &session.shell, &*session.fake));
        prop_assert_eq!(completion.candidates.len(), 1, "{}", typed);
        let line = format!("{}{}", &typed[..completion.start], completion.candidates[0].text);
        let mut session = session;
        prop_assert_eq!(run(session.shows(&line)), format!("<{name}>\n"), "{}", line);
    }
}

#[test]
fn patterns_take_time_in_proportion() {
    let name = "a".repeat(200);
    let mut session = Session::new(&[(&format!("/{name}"), "")]);
    // Exponential in a matcher that tries everything.
    let pattern = format!("args {}b", "*a".repeat(90));
    assert_eq!(run(session.shows(&pattern)), format!("<{}b>\n", "*a".repeat(90)));
}
