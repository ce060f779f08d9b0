//! Everything the client commands print: lines, tables, JSON, notes and failures.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr, stdin, stdout};

use serde::Serialize;

use super::failure::{Failure, Outcome};
use super::table::Table;
use super::units;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    color_stdout: bool,
    color_stderr: bool,
}

/// Colours by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Error,
    Warning,
    Hint,
    Faint,
    Heading,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Warning => "33",
            Self::Hint => "36",
            Self::Faint => "2",
            Self::Heading => "1",
        }
    }
}

impl Output {
    /// Colours only where a person looks and has not said no.
    pub(crate) fn new(json: bool, no_color: bool) -> Self {
        Self {
            json,
            color_stdout: !no_color && stdout().is_terminal(),
            color_stderr: !no_color && stderr().is_terminal(),
        }
    }

    /// True when lists are to be JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// A person is there to answer questions.
    pub(crate) fn can_ask(&self) -> bool {
        stdin().is_terminal() && stderr().is_terminal()
    }

    /// A line of the result, on standard output.
    pub(crate) fn line(&self, text: &str) -> Outcome {
        let mut out = stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::from_write(&error))
    }

    /// Text that others wrote: control characters are shown, not obeyed, when a person looks.
    pub(crate) fn foreign<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if stdout().is_terminal() { printable(text).into() } else { text.into() }
    }

    /// A value as JSON on one line.
    pub(crate) fn json_line<T: Serialize>(&self, value: &T) -> Outcome {
        let text = serde_json::to_string(value).map_err(|error| Failure::local("form JSON", &error))?;
        self.line(&text)
    }

    /// A value as indented JSON.
    pub(crate) fn json_value<T: Serialize>(&self, value: &T) -> Outcome {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Failure::local("form JSON", &error))?;
        self.line(&text)
    }

    /// A list: JSON when wanted, else the table, or `empty` on standard error when there is nothing.
    pub(crate) fn list<T: Serialize>(
        &self,
        items: &[T],
        empty: &str,
        table: impl FnOnce() -> Table,
    ) -> Outcome {
        if self.json {
            return self.json_value(&items);
        }
        if items.is_empty() {
            self.note(empty);
            return Ok(());
        }
        let text = table().render(|heading| self.paint(heading, Style::Heading));
        self.line(text.trim_end_matches('\n'))
    }

    /// One thing that was made or changed: JSON when wanted, else the sentence.
    pub(crate) fn item<T: Serialize>(&self, item: &T, sentence: impl FnOnce() -> String) -> Outcome {
        if self.json { self.json_value(item) } else { self.line(&sentence()) }
    }

    /// A remark on standard error. Nothing is done when it cannot be written.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(stderr().lock(), "{text}");
    }

    /// Shows on one line how far a transfer got, to a person.
    pub(crate) fn progress(&self, done_bytes: u64, size_bytes: Option<u64>) {
        if !stderr().is_terminal() {
            return;
        }
        let of = size_bytes.map(|size| format!(" of {}", units::size(size))).unwrap_or_default();
        let _ = write!(stderr().lock(), "\r\x1b[K{}{of}", units::size(done_bytes));
    }

    /// Clears the line of [`Output::progress`].
    pub(crate) fn progress_done(&self) {
        if stderr().is_terminal() {
            let _ = write!(stderr().lock(), "\r\x1b[K");
        }
    }

    /// Warns on standard error.
    pub(crate) fn warn(&self, text: &str) {
        self.note(&format!("{}: {text}", self.paint_stderr("warning", Style::Warning)));
    }

    /// Shows a failure on standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        let label = self.paint_stderr(&format!("error[{}]", failure.code), Style::Error);
        let mut text = format!("{label}: {}", printable_lines(&failure.detail));
        if let Some(hint) = &failure.hint {
            let _ = write!(text, "\n{}: {hint}", self.paint_stderr("hint", Style::Hint));
        }
        if let Some(id) = &failure.request_id {
            let _ = write!(text, "\n{}: {}", self.paint_stderr("request", Style::Faint), printable(id));
        }
        self.note(&text);
    }

    /// Text for standard output, in colour when it goes to a person.
    pub(crate) fn paint(&self, text: &str, style: Style) -> String {
        paint_if(self.color_stdout, text, style)
    }

    fn paint_stderr(&self, text: &str, style: Style) -> String {
        paint_if(self.color_stderr, text, style)
    }
}

fn paint_if(color: bool, text: &str, style: Style) -> String {
    if color { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
}

/// Shows control characters as `\xNN`, so that text of others cannot drive the terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            let _ = write!(shown, "\\x{:02x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// As [`printable`], but line by line.
pub(crate) fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn text_of_others_cannot_drive_the_terminal() {
        assert_eq!(printable("a\tb\x1b[2Jc\u{9b}d\r"), "a\tb\\x1b[2Jc\\x9bd\\x0d");
        assert_eq!(printable("grüße"), "grüße");
    }
}
