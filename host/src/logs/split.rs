//! Turns the bytes of a stream into lines.

use std::sync::Arc;

use cloister_lines::{LogLevel, LogStream, Mark, detect_level};

use crate::masking::Masker;

/// A longer line is split, and every part but the last is marked as continued.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Longest UTF-8 character, less one: how far a split backs off so as not to cut one.
const MAX_CUT_BACK_BYTES: usize = 3;
/// How far a cut looks back for the end of a word when lines are masked, in bytes.
const MAX_WORD_BYTES: usize = 4 * 1024;

/// What is known of a line before it has a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawLine {
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    /// Bytes of its text within the batch.
    pub len_bytes: u32,
    /// Stream, level and flags.
    pub mark: Mark,
}

/// Lines of one source, one after the other, each text followed by a line feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineBatch {
    pub(super) text: Vec<u8>,
    pub(super) lines: Vec<RawLine>,
}

impl LineBatch {
    /// Appends a line; its text holds no line feed and at most [`MAX_LINE_BYTES`], more is cut off.
    fn push(&mut self, time_us: u64, mark: Mark, text: &[u8]) {
        let text = &text[..text.len().min(MAX_LINE_BYTES)];
        self.text.extend_from_slice(text);
        self.text.push(b'\n');
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_LINE_BYTES")]
        self.lines.push(RawLine { time_us, len_bytes: text.len() as u32, mark });
    }

    /// Appends a line of an archive. False, and nothing is appended, when it cannot have been a line.
    #[must_use]
    pub fn push_line(&mut self, time_us: u64, mark: Mark, text: &[u8]) -> bool {
        let is_line = text.len() <= MAX_LINE_BYTES && !text.contains(&b'\n');
        if is_line {
            self.push(time_us, mark, text);
        }
        is_line
    }

    /// One line of the host's own; line feeds in it become spaces.
    #[must_use]
    pub fn system(time_us: u64, level: LogLevel, text: &str) -> Self {
        let mut batch = Self::default();
        let text = text.replace('\n', " ");
        batch.push(time_us, Mark::new(LogStream::System, Some(level)), text.as_bytes());
        batch
    }

    /// The bytes that the lines were made of.
    #[cfg(test)]
    pub(crate) fn raw_for_test(&self) -> Vec<u8> {
        let (mut at, mut raw) = (0, Vec::new());
        for line in &self.lines {
            let end = at + line.len_bytes as usize;
            raw.extend_from_slice(&self.text[at..end + usize::from(line.mark.has_newline())]);
            at = end + 1;
        }
        raw
    }

    /// Number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True when there is nothing to append.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Splits one stream of one run. Holds at most [`MAX_LINE_BYTES`] of an unfinished line.
pub struct LineSplitter {
    stream: LogStream,
    partial: Vec<u8>,
    /// Set while a line is continued: its parts have the level of the first.
    continued: Option<Option<LogLevel>>,
    masker: Option<Arc<Masker>>,
}

impl LineSplitter {
    /// A splitter at the start of a stream.
    #[must_use]
    pub fn new(stream: LogStream) -> Self {
        Self { stream, partial: Vec::new(), continued: None, masker: None }
    }

    /// The same, and each line is masked. A beginning of a secret waits for what follows it, also where a long line is
    /// cut and where a prompt is given out.
    #[must_use]
    pub fn masked(self, masker: Option<Arc<Masker>>) -> Self {
        Self { masker, ..self }
    }

    /// Takes the next bytes, stamps the lines they complete with `time_us` and adds them to `batch`.
    pub fn push(&mut self, mut bytes: &[u8], time_us: u64, batch: &mut LineBatch) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.extend(&bytes[..end], time_us, batch);
            self.end_line(time_us, batch, true);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, time_us, batch);
    }

    /// Gives out an unfinished line as continued, so that a prompt is seen before its line ends.
    pub fn flush_partial(&mut self, time_us: u64, batch: &mut LineBatch) {
        if !self.partial.is_empty() {
            self.emit_part(self.finished(self.partial.len()), time_us, batch);
        }
    }

    /// The stream has ended: what is left is its last line, without a line end.
    pub fn finish(&mut self, time_us: u64, batch: &mut LineBatch) {
        if !self.partial.is_empty() {
            self.end_line(time_us, batch, false);
        }
        self.continued = None;
    }

    /// True while bytes wait for the end of their line.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    fn extend(&mut self, mut bytes: &[u8], time_us: u64, batch: &mut LineBatch) {
        while self.partial.len() + bytes.len() > MAX_LINE_BYTES {
            let (head, rest) = bytes.split_at(MAX_LINE_BYTES - self.partial.len());
            self.partial.extend_from_slice(head);
            self.emit_part(self.cut(), time_us, batch);
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
    }

    fn emit_part(&mut self, len: usize, time_us: u64, batch: &mut LineBatch) {
        if len == 0 {
            return;
        }
        let level = self.level();
        self.mask(len);
        batch.push(time_us, Mark::new(self.stream, level).continued(), &self.partial[..len]);
        self.partial.drain(..len);
        self.continued = Some(level);
    }

    fn end_line(&mut self, time_us: u64, batch: &mut LineBatch, newline: bool) {
        let mark = Mark::new(self.stream, self.level());
        let mark = if newline { mark } else { mark.without_newline() };
        self.mask(self.partial.len());
        batch.push(time_us, mark, &self.partial);
        self.partial.clear();
        self.continued = None;
    }

    /// Where to cut a line that is too long: between words if it is masked, so that no pattern is cut in two.
    fn cut(&self) -> usize {
        let most = cut_before_character(&self.partial);
        if self.masker.is_none() {
            return most;
        }
        let near = most.saturating_sub(MAX_WORD_BYTES);
        let word = self.partial[near..most].iter().rposition(u8::is_ascii_whitespace);
        match self.finished(word.map_or(most, |at| near + at + 1)) {
            // A secret as long as a line: a part of it is better than none.
            0 => most,
            cut => cut,
        }
    }

    /// So much of the first bytes as cannot be the beginning of a secret.
    fn finished(&self, len: usize) -> usize {
        self.masker.as_ref().map_or(len, |masker| masker.finished(&self.partial[..len]))
    }

    fn mask(&mut self, len: usize) {
        if let Some(masker) = &self.masker {
            masker.mask(&mut self.partial[..len]);
        }
    }

    fn level(&self) -> Option<LogLevel> {
        self.continued.unwrap_or_else(|| detect_level(&self.partial))
    }
}

/// Where to cut so that a UTF-8 character which the end of `bytes` breaks off stays whole; the full length otherwise.
fn cut_before_character(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(MAX_CUT_BACK_BYTES)..];
    let Some(lead) = tail.iter().rposition(|byte| *byte >= 0xc0) else { return bytes.len() };
    let have = tail.len() - lead;
    let want = match tail[lead] {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    };
    if have < want { bytes.len() - have } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(batch: &LineBatch) -> Vec<(Vec<u8>, Mark)> {
        let mut at = 0;
        let mut lines = Vec::new();
        for line in &batch.lines {
            let end = at + line.len_bytes as usize;
            assert_eq!(batch.text[end], b'\n');
            lines.push((batch.text[at..end].to_vec(), line.mark));
            at = end + 1;
        }
        assert_eq!(at, batch.text.len());
        lines
    }

    fn raw(batch: &LineBatch) -> Vec<u8> {
        let mut out = Vec::new();
        for (text, mark) in lines(batch) {
            out.extend(text);
            if mark.has_newline() {
                out.push(b'\n');
            }
        }
        out
    }

    #[test]
    fn lines_end_where_the_guest_ended_them() {
        let mut splitter = LineSplitter::new(LogStream::Stdout);
        let mut batch = LineBatch::default();
        for part in ["he", "llo\r\n\n", "ERROR x\nlast"] {
            splitter.push(part.as_bytes(), 7, &mut batch);
        }
        assert!(splitter.has_partial());
        splitter.finish(7, &mut batch);
        let mark = Mark::new(LogStream::Stdout, None);
        let expected = vec![
            (b"hello\r".to_vec(), mark),
            (b"".to_vec(), mark),
            (b"ERROR x".to_vec(), Mark::new(LogStream::Stdout, Some(LogLevel::Error))),
            (b"last".to_vec(), mark.without_newline()),
        ];
        assert_eq!(lines(&batch), expected);
    }

    #[test]
    fn a_long_line_is_split_between_characters_and_keeps_its_level() {
        let text = format!("ERROR {}", "€".repeat(50_000));
        let mut splitter = LineSplitter::new(LogStream::Stderr);
        let mut batch = LineBatch::default();
        splitter.push(text.as_bytes(), 1, &mut batch);
        splitter.push(b"\n", 2, &mut batch);
        let parts = lines(&batch);
        assert_eq!(parts.len(), 3);
        for (index, (part, mark)) in parts.iter().enumerate() {
            assert!(part.len() <= MAX_LINE_BYTES);
            assert!(std::str::from_utf8(part).is_ok());
            assert_eq!(mark.level(), Some(LogLevel::Error));
            assert_eq!(mark.continues(), index < 2);
        }
        assert_eq!(raw(&batch), format!("{text}\n").into_bytes());
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_not_split() {
        let mut splitter = LineSplitter::new(LogStream::Stdout);
        let mut batch = LineBatch::default();
        splitter.push(&[b'x'; MAX_LINE_BYTES], 1, &mut batch);
        assert!(batch.is_empty());
        splitter.push(b"\n", 1, &mut batch);
        assert_eq!(batch.len(), 1);
        assert!(!batch.lines[0].mark.continues());
    }

    proptest! {
        #[test]
        fn the_bytes_of_a_stream_can_be_reproduced(
            parts in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..80), 0_usize..3, any::<bool>()), 0..40),
        ) {
            let mut splitter = LineSplitter::new(LogStream::Stdout);
            let mut batch = LineBatch::default();
            let mut written = Vec::new();
            for (part, scale, flush) in parts {
                let part = part.repeat([1, 30, 900][scale]);
                splitter.push(&part, 1, &mut batch);
                written.extend(part);
                if flush {
                    splitter.flush_partial(1, &mut batch);
                }
            }
            splitter.finish(1, &mut batch);
            prop_assert_eq!(raw(&batch), written);
            prop_assert!(batch.lines.iter().all(|line| line.len_bytes as usize <= MAX_LINE_BYTES));
        }
    }
}
