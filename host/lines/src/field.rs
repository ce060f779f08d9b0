//! Looks for a field in a line of JSON, without building what the line holds.

use std::str::FromStr;

use memchr::memmem::Finder;
use serde_json::{Map, Value};

use super::search::SearchError;

/// The longest name of a field, with its dots, and the longest value, in bytes.
const MAX_PATH_BYTES: usize = 256;
const MAX_VALUE_BYTES: usize = 1024;
/// Objects and arrays within each other that are looked into; a line nested deeper has no fields.
const MAX_DEPTH: usize = 127;

/// A field that a line must have: `path=value`, or `path` for any value.
///
/// Objects and arrays are gone into by dots; a key may hold dots itself. Values are compared as they are written, texts
/// without their quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFilter {
    path: String,
    value: Option<String>,
}

impl FromStr for FieldFilter {
    type Err = SearchError;
    fn from_str(text: &str) -> Result<Self, SearchError> {
        let (path, value) = match text.split_once('=') {
            Some((path, value)) => (path, Some(value)),
            None => (text, None),
        };
        let invalid = SearchError::Field;
        if path.is_empty() || path.len() > MAX_PATH_BYTES {
            return Err(invalid(format!(
                "expected a name of 1 to {MAX_PATH_BYTES} bytes, then `=` and a value"
            )));
        }
        if value.is_some_and(|value| value.len() > MAX_VALUE_BYTES) {
            return Err(invalid(format!("the value must have at most {MAX_VALUE_BYTES} bytes")));
        }
        Ok(Self { path: path.to_owned(), value: value.map(str::to_owned) })
    }
}

/// What a line holds when it is a JSON object.
#[must_use]
pub fn parse_fields(line: &[u8]) -> Option<Map<String, Value>> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(line).ok()
}

/// A field filter made ready to run over lines.
#[derive(Debug)]
pub(super) struct FieldMatcher {
    filter: FieldFilter,
    /// Bytes that a line with the field has, unless it is written with escapes.
    needle: Finder<'static>,
}

impl FieldMatcher {
    pub(super) fn new(filter: &FieldFilter) -> Self {
        // Indices of arrays are not written; what stands first is a key of the line's object.
        let is_key = |part: &&str| !part.is_empty() && !part.bytes().all(|byte| byte.is_ascii_digit());
        let first = filter.path.split('.').next().unwrap_or_default();
        let key = filter.path.split('.').filter(is_key).max_by_key(|part| part.len()).unwrap_or(first);
        // The rarer of the two is the better to look for: mostly the value, unless it is short.
        let needle = match filter.value.as_deref() {
            Some(value) if value.len() >= key.len().clamp(1, 3) => value,
            _ => key,
        };
        Self { filter: filter.clone(), needle: Finder::new(needle.as_bytes()).into_owned() }
    }

    /// False when no line of the text has the field. Cheap.
    pub(super) fn may_match(&self, text: &[u8]) -> bool {
        self.needle.find(text).is_some() || memchr::memchr(b'\\', text).is_some()
    }

    /// True when the line is a JSON object with the field.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        let line = line.trim_ascii_start();
        if line.first() != Some(&b'{') || !self.may_match(line) {
            return false;
        }
        let mut walk = Walk { text: line, at: 0, value: self.filter.value.as_deref(), found: false };
        // What follows the field must be JSON too, so that what is found is what is shown.
        walk.value(Some(&self.filter.path), 0).is_some()
            && walk.found
            && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
    }
}

/// Walks a JSON text once. Says what it found; whether the text is JSON in full, another says.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    value: Option<&'a str>,
    found: bool,
}

impl<'a> Walk<'a> {
    /// Passes over a value; `path` is what is left of the path to the wanted one, empty when this is it.
    fn value(&mut self, path: Option<&str>, depth: usize) -> Option<()> {
        self.skip_space();
        let start = self.at;
        match self.text.get(self.at)? {
            b'{' if depth < MAX_DEPTH => self.object(path, depth)?,
            b'[' if depth < MAX_DEPTH => self.array(path, depth)?,
            b'{' | b'[' => return None,
            b'"' => {
                self.string()?;
            }
            _ => {
                let rest = &self.text[self.at..];
                let end = rest.iter().position(|byte| b",}] \t\r\n".contains(byte)).unwrap_or(rest.len());
                self.at += end;
            }
        }
        if path == Some("") && !self.found {
            self.found = self.value.is_none_or(|value| is_value(&self.text[start..self.at], value));
        }
        Some(())
    }

    fn object(&mut self, path: Option<&str>, depth: usize) -> Option<()> {
        self.at += 1;
        loop {
            self.skip_space();
            match self.text.get(self.at)? {
                b'}' => break,
                b',' => {
                    self.at += 1;
                    continue;
                }
                b'"' => {}
                _ => return None,
            }
            let key = self.string()?;
            self.skip_space();
            if self.text.get(self.at)? != &b':' {
                return None;
            }
            self.at += 1;
            let rest = path.filter(|path| !path.is_empty()).and_then(|path| below(path, key));
            self.value(rest, depth + 1)?;
        }
        self.at += 1;
        Some(())
    }

    fn array(&mut self, path: Option<&str>, depth: usize) -> Option<()> {
        self.at += 1;
        let path = path.filter(|path| !path.is_empty());
        let (index, rest) = path.map_or(("", ""), |path| path.split_once('.').unwrap_or((path, "")));
        let wanted: Option<usize> = index.parse().ok();
        let mut number = 0;
        loop {
            self.skip_space();
            match self.text.get(self.at)? {
                b']' => break,
                b',' => {
                    self.at += 1;
                    number += 1;
                    continue;
                }
                _ => {}
            }
            let before = self.at;
            self.value((wanted == Some(number)).then_some(rest), depth + 1)?;
            if self.at == before {
                return None;
            }
        }
        self.at += 1;
        Some(())
    }

    /// Passes over a text; what is between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text[at] == b'"' {
                break;
            }
            at += 2;
        }
        self.at = at + 1;
        Some(&self.text[start..at])
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }
}

/// What is left of a path below a key; `None` when it does not lead there.
fn below<'p>(path: &'p str, key: &[u8]) -> Option<&'p str> {
    let plain;
    let key = if key.contains(&b'\\') {
        plain = unescaped(key)?;
        plain.as_bytes()
    } else {
        key
    };
    let rest = path.as_bytes().strip_prefix(key)?;
    match rest.first() {
        None => Some(""),
        Some(b'.') => path.get(key.len() + 1..).filter(|rest| !rest.is_empty()),
        Some(_) => None,
    }
}

fn is_value(written: &[u8], wanted: &str) -> bool {
    let Some(text) = written.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) else {
        return written == wanted.as_bytes();
    };
    if text.contains(&b'\\') {
        unescaped(text).is_some_and(|text| text == wanted)
    } else {
        text == wanted.as_bytes()
    }
}

fn unescaped(text: &[u8]) -> Option<String> {
    serde_json::from_slice(&[b"\"", text, b"\""].concat()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn has(line: &str, field: &str) -> bool {
        FieldMatcher::new(&field.parse().unwrap()).matches(line.as_bytes())
    }

    #[test]
    fn fields_are_found_where_they_are() {
        let line = r#" {"status":500,"ok":true,"none":null,"msg":"a \"b\" c","http.method":"GET","request":{"user":{"id":"7"},
            "path":"\u002fx","deep":[1,{"k":"v"},[2]]},"tags":["x","y"],"request.id":"r1","é":"ü","empty":""}"#;
        for (field, expected) in [
            ("status=500", true),
            ("status=50", false),
            ("status=500.0", false),
            ("status", true),
            ("statu", false),
            ("ok=true", true),
            ("none=null", true),
            ("msg=a \"b\" c", true),
            ("http.method=GET", true),
            ("http=GET", false),
            ("request.user.id=7", true),
            ("request.user=7", false),
            ("request.user", true),
            ("request.path=/x", true),
            ("request.id=r1", true),
            ("request.deep.1.k=v", true),
            ("request.deep.2.0=2", true),
            ("request.deep.3", false),
            ("tags.1=y", true),
            ("tags.0=y", false),
            ("id=7", false),
            ("é=ü", true),
            ("empty=", true),
            ("missing=", false),
        ] {
            assert_eq!(has(line, field), expected, "{field}");
        }
    }

    #[test]
    fn what_is_no_json_object_has_no_fields() {
        for line in [
            "status=500",
            r#"{"status":500"#,
            r#"["status",500]"#,
            r#"{"status":500} x"#,
            r#"{"status":500,}"#,
            "",
        ] {
            assert!(!has(line, "status=500"), "{line}");
            assert_eq!(parse_fields(line.as_bytes()), None, "{line}");
        }
        assert!(!has(&format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200)), "a.a"));
    }

    /// What a field filter means, on the parsed line.
    fn wanted(value: &Value, path: &str, text: &str) -> bool {
        if path.is_empty() {
            return match value {
                Value::String(string) => string == text,
                other => serde_json::to_string(other).unwrap() == text,
            };
        }
        match value {
            Value::Object(map) => map.iter().any(|(key, value)| {
                key == path && wanted(value, "", text)
                    || path
                        .strip_prefix(key.as_str())
                        .and_then(|rest| rest.strip_prefix('.'))
                        .is_some_and(|rest| !rest.is_empty() && wanted(value, rest, text))
            }),
            Value::Array(items) => {
                let (index, rest) = path.split_once('.').unwrap_or((path, ""));
                index
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .is_some_and(|item| wanted(item, rest, text))
            }
            _ => false,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0_u32..5).prop_map(Value::from),
            "[ab\"\\\\\n é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ab.\"]{1,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_walk_finds_what_parsing_finds(
            map in proptest::collection::btree_map("[ab.\"]{1,3}", json(), 0..5),
            path in "[ab.\"0-2]{1,6}",
            text in prop_oneof![Just("null".to_owned()), Just("true".to_owned()), "[0-4]", "[ab\"\\\\\n é]{0,3}"],
        ) {
            let value = Value::Object(map.into_iter().collect());
            let filter: FieldFilter = format!("{path}={text}").parse().unwrap();
            prop_assert_eq!(
                FieldMatcher::new(&filter).matches(value.to_string().as_bytes()),
                wanted(&value, &path, &text),
                "{} {}", value, path
            );
        }

        #[test]
        fn any_bytes_are_survived(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = has(&String::from_utf8_lossy(&[b"{\"a\"", &line[..]].concat()), "a.b=1");
            let _ = FieldMatcher::new(&"a.0=1".parse().unwrap()).matches(&[b"{\"a\":[", &line[..]].concat());
        }
    }
}
