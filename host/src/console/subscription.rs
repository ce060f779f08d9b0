//! What a connection wants to be told, and where each subscription stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::attachment::Role;
use super::error::ConsoleError;

/// Subscriptions of one connection.
pub const MAX_SUBSCRIPTIONS: usize = 32;
/// Longest list of subscriptions in an address, in bytes.
const MAX_LIST_BYTES: usize = 16 << 10;
/// Longest cursor of a connection, in bytes.
const MAX_CURSOR_BYTES: usize = 8 << 10;
/// Between a number and a place, and between two subscriptions; no place holds one.
const SEPARATOR: char = '~';

/// One subscription.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Its number.
    pub ch: u8,
    /// To what.
    pub channel: Channel,
    /// `commands`: the session.
    pub session: Option<String>,
    /// `output`: the run.
    pub run: Option<String>,
    /// Where to begin: a number for `commands`, else a cursor.
    pub from: Option<Value>,
    /// `commands`: marks and modes that were seen.
    pub marks: Option<u64>,
    /// `commands`: as what.
    #[serde(default)]
    pub mode: Role,
    /// `commands`: the terminal's size.
    pub columns: Option<u16>,
    /// `commands`: the terminal's size.
    pub lines: Option<u16>,
    /// `logs`: which lines.
    pub filter: Option<Value>,
    /// `logs`: how many of the last lines come first.
    pub last: Option<usize>,
}

/// A kind of subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A session's terminal.
    Commands,
    /// Log lines.
    Logs,
    /// Usage, runs and sessions.
    System,
    /// The output of one run.
    Output,
}

impl Subscription {
    /// Reads the list in an address.
    ///
    /// # Errors
    /// `malformed_message`.
    pub fn list(text: &str) -> Result<Vec<Self>, ConsoleError> {
        if text.len() > MAX_LIST_BYTES {
            return Err(malformed("the list of subscriptions is too long"));
        }
        let list: Vec<Self> = serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
        if list.len() > MAX_SUBSCRIPTIONS {
            return Err(malformed("there are too many subscriptions"));
        }
        let mut seen = [false; 256];
        for one in &list {
            if std::mem::replace(&mut seen[usize::from(one.ch)], true) {
                return Err(malformed("two subscriptions have the same `ch`"));
            }
        }
        Ok(list)
    }

    /// `from`, as text.
    pub(super) fn text_place(&self) -> Result<Option<&str>, ConsoleError> {
        match &self.from {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed("`from` is a cursor, in quotes")),
        }
    }

    /// `from`, as an offset.
    pub(super) fn offset_place(&self) -> Result<Option<u64>, ConsoleError> {
        match &self.from {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| malformed("`from` is an offset, a number")),
        }
    }
}

pub(super) fn malformed(why: &str) -> ConsoleError {
    ConsoleError::Malformed(why.to_owned())
}

/// The places of all subscriptions of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(pub(super) BTreeMap<u8, String>);

impl Places {
    /// Reads a cursor; what places mean is looked at by who uses them.
    ///
    /// # Errors
    /// `malformed_cursor`.
    pub fn parse(text: &str) -> Result<Self, ConsoleError> {
        let mut places = BTreeMap::new();
        if text.is_empty() {
            return Ok(Self(places));
        }
        if text.len() > MAX_CURSOR_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConsoleError::CursorInvalid);
        }
        let mut parts = text.split(SEPARATOR);
        while let Some(ch) = parts.next() {
            let ch = ch.parse().map_err(|_| ConsoleError::CursorInvalid)?;
            let place = parts.next().ok_or(ConsoleError::CursorInvalid)?;
            places.insert(ch, place.to_owned());
        }
        Ok(Self(places))
    }

    /// Where a subscription was.
    #[must_use]
    pub fn of(&self, ch: u8) -> Option<&str> {
        self.0.get(&ch).map(String::as_str)
    }

    /// The cursor.
    #[must_use]
    pub fn to_text(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(ch, place)| format!("{ch}{SEPARATOR}{place}")).collect();
        parts.join("~")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let places = Places(BTreeMap::from([(0, "12.3.1".to_owned()), (255, "EAAB_-".to_owned())]));
        assert_eq!(places.to_text(), "0~12.3.1~255~EAAB_-");
        assert_eq!(Places::parse(&places.to_text()).unwrap(), places);
        assert_eq!(Places::parse("").unwrap(), Places::default());
        let long = "0~".repeat(MAX_CURSOR_BYTES);
        for text in ["x", "0", "256~1", "-1~1", "0~1~2", "0~é", "0~ ", &long] {
            assert!(Places::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_is_bounded_and_its_numbers_differ() {
        assert_eq!(
            Subscription::list(r#"[{"ch":0,"channel":"system"},{"ch":1,"channel":"logs"}]"#).unwrap().len(),
            2
        );
        let many: Vec<_> =
            (0..=MAX_SUBSCRIPTIONS).map(|ch| format!(r#"{{"ch":{ch},"channel":"system"}}"#)).collect();
        let many = format!("[{}]", many.join(","));
        for list in [
            "",
            "{}",
            r#"[{"ch":256,"channel":"system"}]"#,
            r#"[{"ch":0,"channel":"nothing"}]"#,
            r#"[{"ch":0,"channel":"system","extra":1}]"#,
            r#"[{"ch":0,"channel":"system"},{"ch":0,"channel":"logs"}]"#,
            &many,
            &" ".repeat(MAX_LIST_BYTES + 1),
        ] {
            assert!(Subscription::list(list).is_err(), "{list}");
        }
    }
}
