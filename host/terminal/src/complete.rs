//! What comes of candidates for completion.

use unicode_segmentation::UnicodeSegmentation;

use crate::width::WidthRule;

/// Between two columns of listed candidates.
pub const LISTED_COLUMNS_GAP: usize = 2;

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What replaces the word: with quotes and, if the word is then whole, the space after it.
    pub text: String,
    /// What is listed.
    pub shown: String,
}

impl Candidate {
    /// A candidate that is listed as it is inserted.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { shown: text.trim_end().to_owned(), text }
    }
}

/// The beginning that all candidates have in common.
pub(crate) fn common_prefix(candidates: &[Candidate]) -> &str {
    let Some((first, others)) = candidates.split_first() else { return "" };
    let shared = |length: usize, other: &Candidate| {
        let same = first.text[..length].chars().zip(other.text.chars()).take_while(|(a, b)| a == b);
        same.map(|(c, _)| c.len_utf8()).sum()
    };
    &first.text[..others.iter().fold(first.text.len(), shared)]
}

/// The candidates in columns, down and then across, in at most `most_lines` lines of fewer than `columns` cells. When
/// there are more, the last line says how many.
pub(crate) fn listing(
    candidates: &[Candidate],
    rule: WidthRule,
    columns: usize,
    most_lines: usize,
) -> Vec<String> {
    let fitting = columns.saturating_sub(1).max(1);
    // No more than these can be seen, however narrow they are.
    let seen = candidates.len().min(most_lines.saturating_mul(fitting));
    let mut cut: Vec<_> =
        candidates[..seen].iter().map(|candidate| cut_to(&candidate.shown, rule, fitting)).collect();
    let widest = cut.iter().map(|(_, cells)| *cells).max().unwrap_or(0);
    let across = ((fitting + LISTED_COLUMNS_GAP) / (widest + LISTED_COLUMNS_GAP)).max(1);
    let whole = candidates.len() <= across * most_lines;
    let lines = if whole { candidates.len().div_ceil(across) } else { most_lines.saturating_sub(1) };
    cut.truncate(lines * across);
    let mut rows = vec![String::new(); lines];
    for (at, (text, cells)) in cut.iter().enumerate() {
        rows[at % lines].push_str(text);
        if at + lines < cut.len() {
            rows[at % lines].push_str(&" ".repeat(widest + LISTED_COLUMNS_GAP - cells));
        }
    }
    if !whole {
        let more = format!("... and {} more", candidates.len() - cut.len());
        rows.push(cut_to(&more, rule, fitting).0);
    }
    rows
}

/// The text in at most so many cells, without control characters, and its cells.
fn cut_to(text: &str, rule: WidthRule, most_cells: usize) -> (String, usize) {
    let (mut kept, mut cells) = (String::new(), 0);
    for cluster in text.graphemes(true) {
        let cluster = if cluster.contains(char::is_control) { "?" } else { cluster };
        let more = rule.cells(cluster);
        if cells + more > most_cells {
            break;
        }
        cells += more;
        kept.push_str(cluster);
    }
    (kept, cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(texts: &[&str]) -> Vec<Candidate> {
        texts.iter().map(|text| Candidate::plain(*text)).collect()
    }

    #[test]
    fn the_common_beginning_ends_between_characters() {
        for (texts, expected) in [
            (&["deploy ", "delete "][..], "de"),
            (&["é", "è"], ""),
            (&["世界", "世人"], "世"),
            (&["a", "ab"], "a"),
            (&[], ""),
        ] {
            assert_eq!(common_prefix(&candidates(texts)), expected);
        }
    }

    #[test]
    fn candidates_are_listed_down_and_then_across() {
        let list = candidates(&["one", "two", "three", "四", "five"]);
        let rule = WidthRule::Clusters;
        assert_eq!(listing(&list, rule, 18, 10), ["one    四", "two    five", "three"]);
        assert_eq!(listing(&list, rule, 80, 10), ["one    two    three  四     five"]);
        assert_eq!(listing(&list, rule, 9, 3), ["one", "two", "... and "]);
        assert_eq!(listing(&list, rule, 18, 2), ["one    two", "... and 3 more"]);
        assert_eq!(listing(&candidates(&["a\x1bb"]), rule, 20, 2), ["a?b"]);
        assert!(listing(&[], rule, 20, 2).is_empty());
    }
}
