//! Streams, levels, and both with a line's flags in one byte.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

/// Where a line came out of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogStream {
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
    /// What the host says about the run.
    System,
}

impl LogStream {
    /// All of them, in the order of their stored numbers.
    pub const ALL: [Self; 3] = [Self::Stdout, Self::Stderr, Self::System];

    /// `stdout`, `stderr` or `system`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::System => "system",
        }
    }

    /// Its bit in a set of streams.
    #[must_use]
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// How grave a line says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Every detail.
    Trace = 1,
    /// For who looks for a fault.
    Debug,
    /// The course of things.
    Info,
    /// May become a fault.
    Warn,
    /// A fault.
    Error,
}

impl LogLevel {
    /// All of them, from the least grave.
    pub const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// `trace`, `debug`, `info`, `warn` or `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Its bit in a set of levels, where bit 0 stands for lines without one.
    #[must_use]
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A text is none of the known words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}")]
pub struct UnknownWord {
    /// The known words, for a person.
    pub expected: &'static str,
}

impl FromStr for LogStream {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|stream| stream.as_str() == text);
        known.ok_or(UnknownWord { expected: "stdout, stderr, system" })
    }
}

impl FromStr for LogLevel {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|level| level.as_str() == text);
        known.ok_or(UnknownWord { expected: "trace, debug, info, warn, error" })
    }
}

/// Stream, level and flags of a line in one byte, as it is stored.
///
/// Bits 0 and 1: stream. Bits 2 to 4: level, 0 for none. Bit 5: continues. Bit 6: no newline. Bit 7: the line was
/// deleted; only its place is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u8);

impl Mark {
    const CONTINUES: u8 = 1 << 5;
    const NO_NEWLINE: u8 = 1 << 6;
    const DELETED: u8 = 1 << 7;

    /// What is left of a line that was deleted by itself.
    pub const GONE: Self = Self(Self::DELETED);

    /// A whole line of a stream.
    #[must_use]
    pub fn new(stream: LogStream, level: Option<LogLevel>) -> Self {
        Self(stream as u8 | level.map_or(0, |level| level as u8) << 2)
    }

    /// The same, continued by the next line of the stream.
    #[must_use]
    pub fn continued(self) -> Self {
        Self(self.0 | Self::CONTINUES)
    }

    /// The same, without a line end: the stream's last.
    #[must_use]
    pub fn without_newline(self) -> Self {
        Self(self.0 | Self::NO_NEWLINE)
    }

    /// Reads a stored byte; `None` when it is none of ours.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        let known = byte & 0b11 < 3 && (byte >> 2) & 0b111 <= 5 && byte & Self::DELETED == 0;
        (known || byte == Self::DELETED).then_some(Self(byte))
    }

    /// True for the place of a line that was deleted.
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.0 & Self::DELETED != 0
    }

    /// As it is stored.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }

    /// The stream.
    #[must_use]
    pub fn stream(self) -> LogStream {
        match self.0 & 0b11 {
            0 => LogStream::Stdout,
            1 => LogStream::Stderr,
            _ => LogStream::System,
        }
    }

    /// The level the line states.
    #[must_use]
    pub fn level(self) -> Option<LogLevel> {
        LogLevel::ALL.into_iter().find(|level| *level as u8 == (self.0 >> 2) & 0b111)
    }

    /// The level's bit; bit 0 when the line states none.
    #[must_use]
    pub fn level_bit(self) -> u8 {
        1 << ((self.0 >> 2) & 0b111)
    }

    /// True when the next line of the stream continues this one.
    #[must_use]
    pub fn continues(self) -> bool {
        self.0 & Self::CONTINUES != 0
    }

    /// True when the guest wrote a line end after it.
    #[must_use]
    pub fn has_newline(self) -> bool {
        self.0 & (Self::CONTINUES | Self::NO_NEWLINE | Self::DELETED) == 0
    }
}

/// Text for a person or JSON: what is UTF-8 as it is, every other byte as `\xNN`.
#[must_use]
pub fn show_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        shown.push_str(part.valid());
        for byte in part.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

impl fmt::Display for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_shown_escaped() {
        assert_eq!(show_bytes(b"caf\xc3\xa9 \xff\x80 \x1b[31mred"), "café \\xff\\x80 \u{1b}[31mred");
        assert_eq!(show_bytes(b"cut \xe2\x82"), "cut \\xe2\\x82");
    }

    #[test]
    fn a_mark_survives_its_byte() {
        for stream in LogStream::ALL {
            for level in [None].into_iter().chain(LogLevel::ALL.map(Some)) {
                let mark = Mark::new(stream, level).continued();
                assert_eq!(Mark::from_byte(mark.byte()), Some(mark));
                assert_eq!((mark.stream(), mark.level(), mark.continues()), (stream, level, true));
                assert!(Mark::new(stream, level).has_newline());
                assert!(!Mark::new(stream, level).without_newline().has_newline());
            }
        }
        assert_eq!(Mark::from_byte(0b11), None);
        assert_eq!(Mark::from_byte(0x81), None);
        assert_eq!(Mark::from_byte(Mark::GONE.byte()), Some(Mark::GONE));
        assert!(Mark::GONE.is_gone() && !Mark::GONE.has_newline());
    }
}
