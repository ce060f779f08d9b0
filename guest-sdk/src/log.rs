//! Structured log lines: one JSON object a line on standard error, which the host takes apart.
//!
//! `{"level":"info","message":"imported","fields":{"rows":3}}`
//!
//! The host adds the time, the tenant and the run. It files the line under its level and shows the message; a line of
//! standard error that is not of this form is kept as it is, without a level.
//!
//! ```
//! use cloister_guest::{info, warn};
//!
//! info!("imported", rows = 3, table = "people");
//! warn!("skipped a line", number = 17, reason = "not UTF-8");
//! ```

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every small step.
    Trace,
    /// For the command's author.
    Debug,
    /// For the person who runs it.
    Info,
    /// Something was left out or looks wrong; the command goes on.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// The level as it is written: `trace`, `debug`, `info`, `warn` or `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i128),
    /// A number; one that JSON cannot write becomes `null`.
    Float(f64),
    /// True or false.
    Bool(bool),
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl From<$type> for Value<'_> {
            fn from(number: $type) -> Self { Self::Integer(number as i128) }
        }
    )* };
}
integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// One line, being put together. The macros of this crate are shorter; this is for fields known only at run time.
///
/// ```
/// use cloister_guest::log::{Level, Line};
///
/// let line = Line::new(Level::Info, "imported").field("rows", 3);
/// assert_eq!(line.to_string(), r#"{"level":"info","message":"imported","fields":{"rows":3}}"#);
/// line.emit();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    level: Level,
    message: Cow<'a, str>,
    fields: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Line<'a> {
    /// A line without fields.
    pub fn new(level: Level, message: impl Into<Cow<'a, str>>) -> Self {
        Self { level, message: message.into(), fields: Vec::new() }
    }

    /// The same line with one more field. Of two fields with one name the later one counts.
    #[must_use]
    pub fn field(mut self, name: &'a str, value: impl Into<Value<'a>>) -> Self {
        self.fields.retain(|(earlier, _)| *earlier != name);
        self.fields.push((name, value.into()));
        self
    }

    /// Writes the line to standard error, at once and in one piece. A log that cannot be written does not fail the
    /// command.
    pub fn emit(&self) {
        let _ = std::io::stderr().lock().write_all(format!("{self}\n").as_bytes());
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"level\":\"{}\",\"message\":", self.level.name())?;
        write_text(f, &self.message)?;
        if !self.fields.is_empty() {
            f.write_str(",\"fields\":{")?;
            for (index, (name, value)) in self.fields.iter().enumerate() {
                if index > 0 {
                    f.write_char(',')?;
                }
                write_text(f, name)?;
                f.write_char(':')?;
                write_value(f, value)?;
            }
            f.write_char('}')?;
        }
        f.write_char('}')
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &Value<'_>) -> fmt::Result {
    match value {
        Value::Text(text) => write_text(f, text),
        Value::Integer(number) => write!(f, "{number}"),
        Value::Float(number) if number.is_finite() => write!(f, "{number}"),
        Value::Float(_) => f.write_str("null"),
        Value::Bool(truth) => write!(f, "{truth}"),
    }
}

/// A JSON string (RFC 8259, section 7). Line separators are escaped too, so that a line stays one line everywhere.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => write!(f, "\\u{:04x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// A log line at level `trace`: `trace!("message", name = value, ...)`.
#[macro_export]
macro_rules! trace {
    ($($rest:tt)*) => { $crate::line!($crate::log::Level::Trace, $($rest)*) };
}

/// A log line at level `debug`: `debug!("message", name = value, ...)`.
#[macro_export]
macro_rules! debug {
    ($($rest:tt)*) => { $crate::line!($crate::log::Level::Debug, $($rest)*) };
}

/// A log line at level `info`: `info!("message", name = value, ...)`.
#[macro_export]
macro_rules! info {
    ($($rest:tt)*) => { $crate::line!($crate::log::Level::Info, $($rest)*) };
}

/// A log line at level `warn`: `warn!("message", name = value, ...)`.
#[macro_export]
macro_rules! warn {
    ($($rest:tt)*) => { $crate::line!($crate::log::Level::Warn, $($rest)*) };
}

/// A log line at level `error`: `error!("message", name = value, ...)`.
#[macro_export]
macro_rules! error {
    ($($rest:tt)*) => { $crate::line!($crate::log::Level::Error, $($rest)*) };
}

/// A log line at any level: `line!(level, "message", name = value, ...)`.
#[macro_export]
macro_rules! line {
    ($level:expr, $message:expr $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::log::Line::new($level, $message)$(.field(stringify!($name), $value))*.emit()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_fields_is_short() {
        let line = Line::new(Level::Error, "gone").to_string();
        assert_eq!(line, r#"{"level":"error","message":"gone"}"#);
    }

    #[test]
    fn every_kind_of_value_is_written_as_json() {
        let line = Line::new(Level::Info, String::from("m"))
            .field("text", "a")
            .field("count", u64::MAX)
            .field("delta", -1_i64)
            .field("ratio", 0.5)
            .field("odd", f64::NAN)
            .field("done", true);
        let fields =
            r#"{"text":"a","count":18446744073709551615,"delta":-1,"ratio":0.5,"odd":null,"done":true}"#;
        assert_eq!(line.to_string(), format!(r#"{{"level":"info","message":"m","fields":{fields}}}"#));
    }

    #[test]
    fn nothing_in_a_text_breaks_out_of_it_or_out_of_the_line() {
        let line = Line::new(Level::Info, "a\"b\\c\nd\re\tf\u{1b}g\0h\u{2028}i\u{85}é").to_string();
        assert!(!line.chars().any(|c| c.is_control()));
        let expected = r#""a\"b\\c\nd\re\tf\u001bg\u0000h\u2028i\u0085é""#;
        assert_eq!(line, format!(r#"{{"level":"info","message":{expected}}}"#));
    }

    #[test]
    fn a_repeated_field_counts_once() {
        let line = Line::new(Level::Info, "m").field("a", 1).field("a", 2).to_string();
        assert_eq!(line, r#"{"level":"info","message":"m","fields":{"a":2}}"#);
    }

    #[test]
    fn levels_are_ordered() {
        assert!(Level::Trace < Level::Debug && Level::Warn < Level::Error);
    }
}
