//! What is masked in one line.

use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

use super::{MaskingError, cards};
use crate::api;
use crate::logs::Counter;

/// Patterns of a tenant.
pub const MAX_PATTERNS: usize = 32;
/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 512;
/// Shorter secrets are not masked: too much that is none would be. In bytes.
pub const MIN_SECRET_BYTES: usize = 4;
/// Lines of a secret of several lines are masked each by itself when they are as long as this, in bytes.
const MIN_SECRET_LINE_BYTES: usize = 8;
/// Memory of a compiled pattern, in bytes.
const PATTERN_MEMORY_BYTES: usize = 256 << 10;
/// Hits of one pattern in one line; with more, the rest of the line is masked.
const MAX_HITS: usize = 1_000;
const MASK: u8 = b'*';

/// Bearer tokens, JSON Web Tokens, and keys of Cloister itself. What is in the first group is masked, or else all.
static TOKENS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?-u)(?i:\bbearer)[ \t]+([A-Za-z0-9._~+/=-]{8,})|\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*|\bclo_[A-Za-z0-9_-]{16,}",
    )
    .ok()
});
static EMAILS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").ok());

/// Overwrites what must not be kept. Cheap to clone.
#[derive(Clone, Default)]
pub struct Masker {
    rules: Arc<Rules>,
    secrets: Option<Arc<Secrets>>,
    hits: Arc<Counter>,
}

#[derive(Default)]
struct Rules {
    tokens: bool,
    emails: bool,
    cards: bool,
    patterns: Vec<Regex>,
}

struct Secrets {
    finder: AhoCorasick,
    texts: Vec<Vec<u8>>,
}

impl Masker {
    /// A masker of these rules.
    ///
    /// # Errors
    /// When a pattern is none, or there are too many or too large ones.
    pub fn new(settings: &api::Masking) -> Result<Self, MaskingError> {
        if settings.patterns.len() > MAX_PATTERNS {
            return Err(MaskingError::TooMany(settings.patterns.len()));
        }
        let patterns = settings.patterns.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>()?;
        let api::Masking { tokens, emails, cards, .. } = *settings;
        let rules = Arc::new(Rules { tokens, emails, cards, patterns });
        Ok(Self { rules, ..Self::default() })
    }

    /// The same, counting what it masks here.
    #[must_use]
    pub(super) fn counting(self, hits: &Arc<Counter>) -> Self {
        Self { hits: Arc::clone(hits), ..self }
    }

    /// The same, and these secrets, which a run was granted.
    #[must_use]
    pub fn with_secrets(&self, secrets: &[Vec<u8>]) -> Self {
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let lines =
                secret.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let is_one = !secret.contains(&b'\n');
            let least = if is_one { MIN_SECRET_BYTES } else { MIN_SECRET_LINE_BYTES };
            texts.extend(lines.filter(|line| line.len() >= least).map(<[u8]>::to_vec));
        }
        if texts.is_empty() {
            return self.clone();
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&texts);
        let secrets = finder.ok().map(|finder| Arc::new(Secrets { finder, texts }));
        Self { rules: Arc::clone(&self.rules), secrets, hits: Arc::clone(&self.hits) }
    }

    /// True when it masks nothing, whatever comes.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let Rules { tokens, emails, cards, patterns } = &*self.rules;
        !tokens && !emails && !cards && patterns.is_empty() && self.secrets.is_none()
    }

    /// Masks a line in place; how many places were masked.
    pub fn mask(&self, line: &mut [u8]) -> usize {
        let mut hits = 0;
        if let Some(secrets) = &self.secrets {
            hits += secrets.mask(line);
        }
        if self.rules.tokens {
            hits += TOKENS.as_ref().map_or(0, |regex| mask_regex(regex, line));
        }
        if self.rules.emails && memchr::memchr(b'@', line).is_some() {
            hits += EMAILS.as_ref().map_or(0, |regex| mask_regex(regex, line));
        }
        if self.rules.cards {
            let mut ranges = Vec::new();
            cards::find(line, |range| ranges.push(range));
            hits += ranges.len();
            ranges.into_iter().for_each(|range| line[range].fill(MASK));
        }
        hits += self.rules.patterns.iter().map(|regex| mask_regex(regex, line)).sum::<usize>();
        if hits > 0 {
            self.hits.add(hits as u64);
        }
        hits
    }

    /// As [`Masker::mask`], of text.
    #[must_use]
    pub fn mask_text(&self, text: String) -> String {
        let mut bytes = text.into_bytes();
        self.mask(&mut bytes);
        // A pattern on bytes may cut a character in two.
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// How many bytes from the start can be given out: the rest may be the beginning of a secret, or a secret that goes on,
    /// and so must wait for what follows.
    #[must_use]
    pub fn finished(&self, text: &[u8]) -> usize {
        self.secrets.as_ref().map_or(text.len(), |secrets| secrets.finished(text))
    }
}

impl Secrets {
    fn mask(&self, line: &mut [u8]) -> usize {
        let ranges: Vec<_> = self.finder.find_iter(&*line).map(|found| found.range()).collect();
        let hits = ranges.len();
        ranges.into_iter().for_each(|range| line[range].fill(MASK));
        hits
    }

    fn finished(&self, text: &[u8]) -> usize {
        let beginning = |secret: &Vec<u8>| {
            let most = secret.len().saturating_sub(1).min(text.len());
            (1..=most).rev().find(|&length| text.ends_with(&secret[..length])).unwrap_or(0)
        };
        let cut = text.len() - self.texts.iter().map(beginning).max().unwrap_or(0);
        // A whole secret may end in the beginning of another, and is not cut in two.
        let through = self.finder.find_iter(text).find(|found| found.start() < cut && cut < found.end());
        through.map_or(cut, |found| found.start())
    }
}

fn mask_regex(regex: &Regex, line: &mut [u8]) -> usize {
    // Nearly every line has nothing to mask, and to ask only that allocates nothing.
    if !regex.is_match(line) {
        return 0;
    }
    let mut ranges = Vec::new();
    if regex.captures_len() > 1 {
        let hits = regex.captures_iter(line).filter_map(|found| found.get(1).or_else(|| found.get(0)));
        ranges.extend(hits.take(MAX_HITS).map(|hit| hit.range()));
    } else {
        ranges.extend(regex.find_iter(line).take(MAX_HITS).map(|hit| hit.range()));
    }
    ranges.retain(|range| !range.is_empty());
    let hits = ranges.len();
    let rest = ranges.last().filter(|_| hits == MAX_HITS).map(|last| last.end);
    ranges.into_iter().for_each(|range| line[range].fill(MASK));
    if let Some(rest) = rest {
        line[rest..].fill(MASK);
    }
    hits
}

fn compile(pattern: &str) -> Result<Regex, MaskingError> {
    let shown = || pattern.chars().take(80).collect::<String>();
    if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
        return Err(MaskingError::Length { pattern: shown(), bytes: pattern.len() });
    }
    // The engine runs in linear time; its bound on memory is what keeps the factor small.
    let compiled = RegexBuilder::new(pattern)
        .size_limit(PATTERN_MEMORY_BYTES)
        .dfa_size_limit(4 * PATTERN_MEMORY_BYTES)
        .nest_limit(32)
        .build();
    let regex =
        compiled.map_err(|error| MaskingError::Pattern { pattern: shown(), why: error.to_string() })?;
    if regex.is_match(b"") {
        return Err(MaskingError::Pattern {
            pattern: shown(),
            why: "it matches where nothing is".to_owned(),
        });
    }
    Ok(regex)
}
