//! Regular expressions over the text of many lines at once.
//!
//! A pattern means one line: `^` and `$` are its ends, and nothing it matches goes beyond it. Compiled as it stands, it
//! would have to be tried on each line by itself. So it is rewritten before it is compiled: what means the ends of a text
//! means those of a line, and no class matches a line feed. Then one search over all of the text finds the same lines.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Input, meta};
use regex_syntax::hir::{Class, ClassBytesRange, ClassUnicodeRange, Hir, HirKind, Look};
use regex_syntax::hir::{ClassBytes, ClassUnicode};

/// Memory a compiled regular expression, and the automaton it builds while matching, may take; each.
const MAX_REGEX_BYTES: usize = 1024 * 1024;

/// A pattern that finds lines.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    lines: Regex,
}

impl Pattern {
    /// Compiles a pattern of the syntax of the `regex` crate; linear time.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let parsed = syntax::parse_with(pattern, &syntax::Config::new().utf8(false));
        let hir = within_a_line(parsed.map_err(|error| error.to_string())?);
        let config = meta::Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(MAX_REGEX_BYTES))
            .hybrid_cache_capacity(MAX_REGEX_BYTES);
        let built = meta::Builder::new().configure(config).build_from_hir(&hir);
        let lines = built.map_err(|error| match error.size_limit() {
            Some(limit) => format!("it takes more than {limit} bytes once compiled"),
            None => error.to_string(),
        })?;
        Ok(Self { lines })
    }

    /// True when some line of a text matches.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.lines.is_match(Input::new(text).earliest(true))
    }

    /// A byte of the first line that matches, from `at` on, which is the beginning of a line: where its match ends.
    pub(crate) fn find_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let found = self.lines.search_half(&Input::new(text).range(at..));
        found.map(|found| found.offset())
    }
}

/// The same pattern for a text of many lines.
fn within_a_line(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(without_line_feed(class)),
        HirKind::Look(look) => Hir::look(of_a_line(look)),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(within_a_line(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(within_a_line(*capture.sub));
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(within_a_line).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(within_a_line).collect()),
    }
}

/// A line holds no line feed, so that a carriage return is all that can end a line within it. One before its end does not
/// count as one, as it is not shown either.
fn of_a_line(look: Look) -> Look {
    match look {
        Look::Start => Look::StartLF,
        Look::End => Look::EndLF,
        other => other,
    }
}

fn without_line_feed(class: Class) -> Class {
    match class {
        Class::Unicode(mut class) => {
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Class::Unicode(class)
        }
        Class::Bytes(mut class) => {
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Class::Bytes(class)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines that match, found one by one.
    fn by_line(pattern: &str, text: &str) -> Vec<usize> {
        let config = syntax::Config::new().utf8(false);
        let regex = meta::Builder::new()
            .configure(meta::Config::new().utf8_empty(false))
            .syntax(config)
            .build(pattern);
        let regex = regex.unwrap();
        let lines = text.split('\n').enumerate().filter(|(_, line)| regex.is_match(line.as_bytes()));
        lines.map(|(number, _)| number).collect()
    }

    /// The same, found in all of the text.
    fn at_once(pattern: &str, text: &str) -> Vec<usize> {
        let (pattern, bytes) = (Pattern::new(pattern).unwrap(), text.as_bytes());
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(end) = pattern.find_at(bytes, at) {
            found.push(bytes[..end].iter().filter(|byte| **byte == b'\n').count());
            match bytes[end..].iter().position(|byte| *byte == b'\n') {
                Some(feed) => at = end + feed + 1,
                None => break,
            }
        }
        assert_eq!(pattern.is_match(bytes), !found.is_empty());
        found
    }

    #[test]
    fn a_pattern_means_one_line() {
        let text = "ab\n\nabc\n cab\r\nx\nAB é\nb";
        for pattern in [
            "^ab$",
            "ab",
            "^$",
            "b$",
            "\\Aab",
            "ab\\z",
            "(?m)^ab$",
            "a[^x]*b",
            "\\s",
            "\\s+x",
            "(?s).*x",
            "b\\s*",
            "\\n",
            "b\nx",
            "(?i)ab",
            "(?-u)\\xc3",
            "\\bab\\b",
            "",
            "a*",
            "x|^b",
            "[\\n]",
            "(b|\\n)+x",
            "\\W",
            "(?-m)$",
            "(?m-s).$",
            "[^a]",
            "(ab){1,2}c?",
            "\\r",
            "\\r$",
        ] {
            assert_eq!(at_once(pattern, text), by_line(pattern, text), "{pattern:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_refused() {
        assert!(Pattern::new("(a").is_err());
        let error = Pattern::new("(\\pL{100}){100}").unwrap_err();
        assert!(error.contains("bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn lines_are_found_at_once_as_one_by_one(
            pattern in "(\\^|\\\\b|[ab.]|\\[\\^a\\]|\\\\s|\\\\S){1,5}[*+?]?(\\||\\$)?[ab]?",
            text in "[ab \n]{0,40}",
        ) {
            prop_assume!(Pattern::new(&pattern).is_ok());
            prop_assert_eq!(at_once(&pattern, &text), by_line(&pattern, &text), "{:?} {:?}", pattern, text);
        }
    }
}
