//! Patterns as POSIX has them, turned into those of the engine.

use std::iter::Peekable;
use std::str::Chars;

use cloister_guest::Failure;
use regex::bytes::{Regex, RegexBuilder};

use crate::TROUBLE;

/// What a compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 8 << 20;
/// What the engine may remember of the states it has been in.
const MAX_STATES_BYTES: usize = 2 << 20;
/// How often a part may be repeated.
const MAX_REPEATS: u32 = 32_767;

/// How patterns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `\+`, `\(` and so on.
    Basic,
    /// `+`, `(` and so on.
    Extended,
    /// Texts.
    Fixed,
}

/// One engine for all patterns; each line of one is a pattern.
pub(crate) fn compile(
    patterns: &[String],
    syntax: Syntax,
    ignore_case: bool,
    words: bool,
) -> Result<Regex, Failure> {
    let mut all = Vec::new();
    for pattern in patterns.iter().flat_map(|pattern| pattern.split('\n')) {
        let translated = match syntax {
            Syntax::Fixed => regex::escape(pattern),
            _ => Translation::of(pattern, syntax == Syntax::Extended)?,
        };
        all.push(format!("(?:{translated})"));
    }
    let mut text = all.join("|");
    if words {
        text = format!(r"\b{{start-half}}(?:{text})\b{{end-half}}");
    }
    let mut builder = RegexBuilder::new(&text);
    builder.case_insensitive(ignore_case).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_STATES_BYTES);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => failure("is too large"),
        // The last line says what is wrong; those before it show the pattern as it was translated.
        error => failure(error.to_string().lines().last().unwrap_or_default()),
    })
}

fn failure(why: &str) -> Failure {
    Failure::new(TROUBLE, format!("the pattern cannot be used: {why}"))
}

/// A pattern on its way.
struct Translation<'a> {
    left: Peekable<Chars<'a>>,
    extended: bool,
    out: String,
    /// Where in `out` the open groups begin.
    groups: Vec<usize>,
    /// Where in `out` what can be repeated begins; nothing at the beginning of a pattern, a group and an alternative.
    last: Option<usize>,
    /// What can be repeated is repeated already.
    is_repeated: bool,
}

impl<'a> Translation<'a> {
    fn of(pattern: &'a str, extended: bool) -> Result<String, Failure> {
        let left = pattern.chars().peekable();
        let mut translation = Translation {
            left,
            extended,
            out: String::new(),
            groups: Vec::new(),
            last: None,
            is_repeated: false,
        };
        while let Some(c) = translation.left.next() {
            translation.character(c)?;
        }
        match translation.groups.is_empty() {
            true => Ok(translation.out),
            false => Err(failure("a group is not closed")),
        }
    }

    fn character(&mut self, c: char) -> Result<(), Failure> {
        match c {
            '\\' => self.escaped(),
            '[' => self.bracket(),
            '.' => self.part("."),
            '*' if self.last.is_some() => self.repeat("*"),
            '^' if self.extended || self.begins() => self.anchor("^"),
            '$' if self.extended || self.ends() => self.anchor("$"),
            '(' | ')' | '|' | '+' | '?' if self.extended => self.operator(c),
            '{' if self.extended => self.interval(),
            _ => self.literal(c),
        }
    }

    fn escaped(&mut self) -> Result<(), Failure> {
        match self.left.next() {
            None => Err(failure("a backslash stands at its end")),
            Some('1'..='9') => Err(failure("back-references are not known")),
            Some(c @ ('(' | ')' | '|' | '+' | '?')) if !self.extended => self.operator(c),
            Some('{') if !self.extended => self.interval(),
            Some(c @ ('w' | 'W' | 's' | 'S')) => self.part(&format!("\\{c}")),
            Some(c @ ('b' | 'B')) => self.anchor(&format!("\\{c}")),
            Some('<') => self.anchor(r"\b{start}"),
            Some('>') => self.anchor(r"\b{end}"),
            Some(c) => self.literal(c),
        }
    }

    fn operator(&mut self, c: char) -> Result<(), Failure> {
        match c {
            '(' => {
                self.groups.push(self.out.len());
                self.out.push_str("(?:");
                self.last = None;
            }
            ')' => {
                let begin =
                    self.groups.pop().ok_or_else(|| failure("a group is closed that was not opened"))?;
                self.out.push(')');
                (self.last, self.is_repeated) = (Some(begin), false);
            }
            '|' => {
                self.out.push('|');
                self.last = None;
            }
            // With nothing to repeat it stands for itself.
            _ if self.last.is_none() => return self.literal(c),
            _ => return self.repeat(c.encode_utf8(&mut [0; 4])),
        }
        Ok(())
    }

    /// `n`, `n,`, `,m` or `n,m`, and the end. In extended patterns, what is something else stands for itself.
    fn interval(&mut self) -> Result<(), Failure> {
        let end = if self.extended { "}" } else { "\\}" };
        let rest: String = self.left.clone().collect();
        let bounds = rest.split_once(end).filter(|(bounds, _)| {
            let known = bounds.chars().all(|c| c.is_ascii_digit() || c == ',');
            known && bounds.matches(',').count() <= 1 && bounds.contains(|c: char| c.is_ascii_digit())
        });
        let Some((bounds, _)) = bounds.filter(|_| self.last.is_some()) else {
            return match self.extended {
                true => self.literal('{'),
                false => Err(failure(r"\{ begins no number of repetitions")),
            };
        };
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number) if number <= MAX_REPEATS => Ok(number),
            _ => Err(failure("is too large")),
        };
        let repeated = match bounds.split_once(',') {
            None => format!("{{{}}}", number(bounds)?),
            Some((least, "")) => format!("{{{},}}", number(least)?),
            Some(("", most)) => format!("{{0,{}}}", number(most)?),
            Some((least, most)) => format!("{{{},{}}}", number(least)?, number(most)?),
        };
        self.left.nth(bounds.len() + end.len() - 1);
        self.repeat(&repeated)
    }

    /// `[...]`, in which backslashes stand for themselves.
    fn bracket(&mut self) -> Result<(), Failure> {
        let mut class = String::from("[");
        if self.left.next_if_eq(&'^').is_some() {
            class.push('^');
        }
        let open = || failure("a bracket is not closed");
        let mut is_first = true;
        loop {
            let c = self.left.next().ok_or_else(open)?;
            match (c, self.left.peek()) {
                (']', _) if !is_first => break,
                ('[', Some(':')) => {
                    self.left.next();
                    let name: String = self.left.by_ref().take_while(|c| *c != ':').collect();
                    if self.left.next() != Some(']') {
                        return Err(failure("a class such as [:alpha:] is not closed"));
                    }
                    class.push_str(class_of(&name)?);
                }
                ('[', Some('.' | '=')) => return Err(failure("collating elements are not known")),
                _ => {
                    class.push_str(&escaped(c));
                    // A range, unless the dash is the last one.
                    let mut ahead = self.left.clone();
                    if ahead.next() == Some('-')
                        && let Some(end) = ahead.next().filter(|end| *end != ']')
                    {
                        class.push('-');
                        class.push_str(&escaped(end));
                        self.left = ahead;
                    }
                }
            }
            is_first = false;
        }
        class.push(']');
        self.part(&class)
    }

    fn literal(&mut self, c: char) -> Result<(), Failure> {
        self.part(&escaped(c))
    }

    /// Something that can be repeated.
    fn part(&mut self, text: &str) -> Result<(), Failure> {
        (self.last, self.is_repeated) = (Some(self.out.len()), false);
        self.out.push_str(text);
        Ok(())
    }

    fn repeat(&mut self, how: &str) -> Result<(), Failure> {
        if let Some(begin) = self.last.filter(|_| self.is_repeated) {
            // To the engine `a*?` is something else than `a*` or nothing.
            self.out.insert_str(begin, "(?:");
            self.out.push(')');
        }
        self.out.push_str(how);
        self.is_repeated = true;
        Ok(())
    }

    fn anchor(&mut self, text: &str) -> Result<(), Failure> {
        self.out.push_str(text);
        self.last = None;
        Ok(())
    }

    /// Whether a basic pattern, a group or an alternative begins here.
    fn begins(&self) -> bool {
        self.out.is_empty()
            || self.out.ends_with("(?:")
            || self.out.ends_with('|') && !self.out.ends_with("\\|")
    }

    /// Whether a basic pattern, a group or an alternative ends here.
    fn ends(&self) -> bool {
        let mut ahead = self.left.clone();
        match ahead.next() {
            None => true,
            Some('\\') => matches!(ahead.next(), Some(')' | '|')),
            Some(_) => false,
        }
    }
}

fn escaped(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}

/// A class of characters, to stand in brackets. Letters of all scripts are letters; upper and lower are ASCII's.
fn class_of(name: &str) -> Result<&'static str, Failure> {
    Ok(match name {
        "alpha" => r"[\w--[\d_]]",
        "alnum" => r"[\w--_]",
        "digit" => "0-9",
        "upper" => "[:upper:]",
        "lower" => "[:lower:]",
        "space" => r"\s",
        "blank" => r" \t",
        "punct" => "[:punct:]",
        "cntrl" => "[:cntrl:]",
        "graph" => "[:graph:]",
        "print" => "[:print:]",
        "xdigit" => "[:xdigit:]",
        _ => return Err(failure("a class such as [:alpha:] is not known")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, syntax: Syntax, text: &str) -> bool {
        compile(&[pattern.to_owned()], syntax, false, false).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn operators_of_basic_patterns_have_backslashes() {
        for (pattern, text, expected) in [
            ("a+b", "a+b", true),
            ("a+b", "aab", false),
            (r"a\+b", "aab", true),
            (r"x\(ab\)*y", "xababy", true),
            ("(a)", "(a)", true),
            ("a|b", "a", false),
            (r"a\|b", "b", true),
            (r"^a\{2,3\}$", "aaaa", false),
            (r"^a\{2,3\}$", "aaa", true),
            (r"^a\{,2\}$", "aaa", false),
            ("a{2}", "a{2}", true),
            ("*a", "*a", true),
            (r"\(*a\)", "*a", true),
            ("a^b$c", "a^b$c", true),
            (r"\(^a\)\|\(b$\)", "xb", true),
            (r"\(^a\)\|\(b$\)", "xay", false),
            (r"\.", "a", false),
            ("x.y", "xäy", true),
            ("a?", "a", false),
        ] {
            assert_eq!(matches(pattern, Syntax::Basic, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn operators_of_extended_patterns_have_none() {
        for (pattern, text, expected) in [
            ("^(ab|c)+$", "abcab", true),
            ("^a{2}$", "aa", true),
            ("a{x", "a{x", true),
            ("a{,}", "a{,}", true),
            (r"a\+b", "a+b", true),
            (r"\(a\|", "(a|", true),
            ("^a+?$", "", true),
            ("^(a{2}){2}{1}$", "aaaa", true),
            ("*a", "*a", true),
            (r"\<a\>", "ba a", true),
            (r"\ba\b", "ba", false),
            (r"^\w\W\s\S$", "a. b", true),
            ("", "anything", true),
        ] {
            assert_eq!(matches(pattern, Syntax::Extended, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn brackets_are_read_as_posix_has_them() {
        for (pattern, text, expected) in [
            ("^[]a]$", "]", true),
            ("^[^]a]$", "]", false),
            (r"^[\w]$", "\\", true),
            ("^[a-c]$", "b", true),
            ("^[a-]$", "-", true),
            ("^[--/]$", ".", true),
            ("^[[:alpha:][:digit:]_]*$", "aé1_", true),
            ("^[[:alpha:]]$", "1", false),
            ("^[^[:space:]]$", "\t", false),
            ("^[[:upper:]]$", "a", false),
            ("^[a&&b]$", "&", true),
            ("^[a~~b]$", "~", true),
            ("^[[a]$", "[", true),
        ] {
            assert_eq!(matches(pattern, Syntax::Basic, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn texts_words_cases_and_several_patterns() {
        let found = |patterns: &[&str], syntax, ignore_case, words, text: &str| {
            let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            compile(&patterns, syntax, ignore_case, words).unwrap().is_match(text.as_bytes())
        };
        assert!(found(&["a.b*"], Syntax::Fixed, false, false, "xa.b*"));
        assert!(!found(&["a.b*"], Syntax::Fixed, false, false, "aab"));
        assert!(found(&["Ä"], Syntax::Basic, true, false, "ä"));
        assert!(
            found(&["a\nb"], Syntax::Fixed, false, false, "b")
                && found(&["a", "b"], Syntax::Basic, false, false, "b")
        );
        assert!(found(&["foo"], Syntax::Basic, false, true, "a foo-bar"));
        assert!(!found(&["foo"], Syntax::Basic, false, true, "food foo_ xfoo"));
        // A longer way to match is tried when a shorter one is no word.
        assert!(found(&["foo|food"], Syntax::Extended, false, true, "food"));
        assert!(
            found(&["@x"], Syntax::Fixed, false, true, "a @x b")
                && !found(&["x@"], Syntax::Fixed, false, true, "x@a")
        );
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused() {
        let basic = [
            r"\(a",
            r"a\)",
            "[a",
            "[[:alpha:",
            "[[:no:]]",
            "[[.a.]]",
            "a\\",
            r"\(a\)\1",
            r"a\{x\}",
            r"a\{9999999999\}",
            "[b-a]",
        ];
        let extended = ["(a", "a)", "(a{999}){999}{999}", "a{3,1}"];
        let cases = basic.map(|pattern| (pattern, Syntax::Basic)).into_iter();
        for (pattern, syntax) in cases.chain(extended.map(|pattern| (pattern, Syntax::Extended))) {
            let failure = compile(&[pattern.to_owned()], syntax, false, false).unwrap_err();
            assert_eq!(failure.code(), 2, "{pattern}");
            assert!(
                !failure.to_string().contains('\n') && failure.to_string().len() < 120,
                "{pattern}: {failure}"
            );
        }
    }
}
