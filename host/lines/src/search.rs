//! Which lines of a chunk match: by their heads, their text, a regular expression and their fields.

use std::ops::Range;

use memchr::memmem::Finder;

use super::field::{FieldFilter, FieldMatcher};
use super::head::{Head, line_at};
use super::pattern::Pattern;

/// The longest text or regular expression to look for.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// What cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// The text is empty, too long or of more than one line.
    #[error("the text to search for must have 1 to {max_bytes} bytes and no line feed")]
    Text {
        /// The most bytes it may have.
        max_bytes: usize,
    },
    /// The regular expression is wrong or too large.
    #[error("the regular expression is not valid: {0}")]
    Regex(String),
    /// The field filter is wrong.
    #[error("{0}")]
    Field(String),
}

/// What a line's head must say.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Bits of the wanted streams.
    pub streams: u8,
    /// Bits of the wanted levels.
    pub levels: u8,
    /// Not older than this; microseconds since the Unix epoch.
    pub from_us: u64,
    /// Older than this, when there is such a bound.
    pub to_us: Option<u64>,
    /// For each source of the chunk, whether its lines are wanted.
    pub sources: &'a [bool],
}

impl Wanted<'_> {
    fn wants(&self, head: &Head) -> bool {
        head.mark.stream().bit() & self.streams != 0
            && head.mark.level_bit() & self.levels != 0
            && !head.mark.is_gone()
            && head.time_us >= self.from_us
            && self.to_us.is_none_or(|to| head.time_us < to)
            && self.sources.get(head.source as usize) == Some(&true)
    }
}

/// What a line's bytes must hold, made ready to run over chunks.
#[derive(Debug)]
pub struct Search {
    text: Option<Finder<'static>>,
    regex: Option<Pattern>,
    fields: Vec<FieldMatcher>,
}

impl Search {
    /// A search for what is given; for nothing, all lines match.
    ///
    /// # Errors
    /// What is wrong with a text or a regular expression.
    pub fn new(text: Option<&str>, regex: Option<&str>, fields: &[FieldFilter]) -> Result<Self, SearchError> {
        Ok(Self {
            text: text.map(finder).transpose()?,
            regex: regex.map(pattern).transpose()?,
            fields: fields.iter().map(FieldMatcher::new).collect(),
        })
    }

    /// True when every line matches, whatever it holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.regex.is_none() && self.fields.is_empty()
    }

    /// False when the text of a chunk holds nothing that matches; cheap enough to ask before reading its heads.
    #[must_use]
    pub fn may_match(&self, text: &[u8]) -> bool {
        self.text.as_ref().is_none_or(|finder| finder.find(text).is_some())
            && self.fields.iter().all(|field| field.may_match(text))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    /// Indices of the matching lines within `range`, in order. `text` is not looked at by an empty search.
    #[must_use]
    pub fn matches(
        &self,
        heads: &[Head],
        text: &[u8],
        range: Range<usize>,
        wanted: &Wanted<'_>,
    ) -> Vec<usize> {
        let is_wanted = |index: usize| heads.get(index).is_some_and(|head| wanted.wants(head));
        let bytes = |index: usize| {
            let head = heads.get(index)?;
            text.get(head.start as usize..(head.start + head.len_bytes) as usize)
        };
        let has_fields = |index: usize| {
            self.fields.is_empty()
                || bytes(index).is_some_and(|line| self.fields.iter().all(|field| field.matches(line)))
        };
        // One search over all of the lines, not one for each; the rarer of text and pattern is not known, the text is cheaper.
        if let Some(finder) = &self.text {
            let has_pattern = |index: usize| match &self.regex {
                Some(regex) => bytes(index).is_some_and(|line| regex.is_match(line)),
                None => true,
            };
            let find = |text: &[u8], at: usize| finder.find(text.get(at..)?).map(|offset| at + offset);
            return lines_with(heads, text, range, find, |index| {
                is_wanted(index) && has_pattern(index) && has_fields(index)
            });
        }
        match &self.regex {
            Some(regex) => {
                let find = |text: &[u8], at: usize| regex.find_at(text, at);
                lines_with(heads, text, range, find, |index| is_wanted(index) && has_fields(index))
            }
            None => range.filter(|index| is_wanted(*index) && has_fields(*index)).collect(),
        }
    }
}

/// Indices of the lines of a range which a search finds and `keep` keeps.
fn lines_with(
    heads: &[Head],
    text: &[u8],
    range: Range<usize>,
    find: impl Fn(&[u8], usize) -> Option<usize>,
    keep: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let mut found = Vec::new();
    let span = heads.get(range).and_then(|heads| Some((heads.first()?, heads.last()?)));
    let Some((first, last)) = span else { return found };
    let (mut at, end) = (first.start as usize, (last.start + last.len_bytes) as usize);
    let Some(text) = text.get(..end) else { return found };
    while let Some(offset) = find(text, at) {
        let index = line_at(heads, offset);
        if keep(index) {
            found.push(index);
        }
        match heads.get(index + 1) {
            Some(next) if next.start as usize <= end => at = next.start as usize,
            _ => break,
        }
    }
    found
}

fn finder(text: &str) -> Result<Finder<'static>, SearchError> {
    if text.is_empty() || text.len() > MAX_PATTERN_BYTES || text.contains('\n') {
        return Err(SearchError::Text { max_bytes: MAX_PATTERN_BYTES });
    }
    Ok(Finder::new(text.as_bytes()).into_owned())
}

fn pattern(text: &str) -> Result<Pattern, SearchError> {
    if text.len() > MAX_PATTERN_BYTES {
        return Err(SearchError::Regex(format!("longer than {MAX_PATTERN_BYTES} bytes")));
    }
    Pattern::new(text).map_err(SearchError::Regex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogLevel, LogStream, Mark};

    const LINES: [&str; 6] =
        ["alpha one", "", r#"{"k":"one","n":1}"#, "beta two", r#"{"k":"two","n":1}"#, "one one alpha"];

    fn chunk() -> (Vec<Head>, Vec<u8>) {
        let (mut heads, mut text) = (Vec::new(), Vec::new());
        for (number, line) in LINES.iter().enumerate() {
            heads.push(Head {
                time_us: number as u64,
                start: u32::try_from(text.len()).unwrap(),
                len_bytes: u32::try_from(line.len()).unwrap(),
                source: number as u32 % 2,
                mark: Mark::new(LogStream::ALL[number % 3], (number == 3).then_some(LogLevel::Warn)),
            });
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        (heads, text)
    }

    const ALL: Wanted<'_> =
        Wanted { streams: u8::MAX, levels: u8::MAX, from_us: 0, to_us: None, sources: &[true, true] };

    fn found(text: Option<&str>, regex: Option<&str>, fields: &[&str], range: Range<usize>) -> Vec<usize> {
        let fields: Vec<FieldFilter> = fields.iter().map(|field| field.parse().unwrap()).collect();
        let search = Search::new(text, regex, &fields).unwrap();
        let (heads, bytes) = chunk();
        let found = search.matches(&heads, &bytes, range, &ALL);
        assert!(found.is_empty() || search.may_match(&bytes));
        found
    }

    #[test]
    fn text_pattern_and_fields_are_found_together_and_apart() {
        assert_eq!(found(None, None, &[], 0..6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(found(Some("one"), None, &[], 0..6), [0, 2, 5]);
        assert_eq!(found(Some("one"), None, &[], 1..5), [2]);
        assert_eq!(found(None, Some("^(alpha|beta)"), &[], 0..6), [0, 3]);
        assert_eq!(found(None, Some("^$"), &[], 0..6), [1]);
        assert_eq!(found(None, Some("alpha$"), &[], 0..6), [5]);
        assert_eq!(found(None, Some("one$"), &[], 0..1), [0]);
        assert_eq!(found(Some("one"), Some("alpha"), &[], 0..6), [0, 5]);
        assert_eq!(found(None, None, &["n=1"], 0..6), [2, 4]);
        assert_eq!(found(Some("one"), None, &["n=1"], 0..6), [2]);
        assert_eq!(found(None, Some("tw[aeiou]"), &["n=1", "k"], 0..6), [4]);
        assert_eq!(found(Some("three"), None, &[], 0..6), [0; 0]);
        assert_eq!(found(Some("one"), None, &[], 6..6), [0; 0]);
    }

    #[test]
    fn heads_leave_lines_out() {
        let (heads, text) = chunk();
        let search = Search::new(None, Some("."), &[]).unwrap();
        let with = |wanted: Wanted<'_>| search.matches(&heads, &text, 0..6, &wanted);
        assert_eq!(with(Wanted { streams: LogStream::Stdout.bit(), ..ALL }), [0, 3]);
        assert_eq!(with(Wanted { levels: LogLevel::Warn.bit(), ..ALL }), [3]);
        assert_eq!(with(Wanted { from_us: 3, to_us: Some(5), ..ALL }), [3, 4]);
        assert_eq!(with(Wanted { sources: &[false, true], ..ALL }), [3, 5]);
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        for text in ["", "a\nb", &"x".repeat(MAX_PATTERN_BYTES + 1)] {
            assert!(matches!(Search::new(Some(text), None, &[]), Err(SearchError::Text { .. })));
        }
        for regex in ["(", &"x".repeat(MAX_PATTERN_BYTES + 1)] {
            assert!(matches!(Search::new(None, Some(regex), &[]), Err(SearchError::Regex(_))));
        }
    }
}
