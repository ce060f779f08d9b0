//! From the parameters of a request to a filter: the same for pages, followers, exports and the console.

use std::fmt::Display;
use std::str::FromStr;

use cloister_lines::{FieldFilter, LogLevel, LogStream};
use jiff::Timestamp;

use super::error::LogError;
use super::query::LogFilter;
use crate::api::LogParams;

/// Streams or levels named in one query.
const MAX_WORDS: usize = 8;
/// Fields named in one query.
const MAX_FIELDS: usize = 8;
/// Stands among levels for lines that state none.
const NO_LEVEL: &str = "none";

impl LogFilter {
    /// Reads a filter. Text and regular expression are looked at when the filter is used.
    ///
    /// # Errors
    /// `invalid_value`, which names the parameter.
    pub fn from_params(params: &LogParams) -> Result<Self, LogError> {
        let levels: Vec<&str> = words("level", params.level.as_deref())?;
        let fields: Vec<&String> = params.field.iter().filter(|field| !field.is_empty()).collect();
        if fields.len() > MAX_FIELDS {
            return Err(invalid("field", &format!("expected {MAX_FIELDS} at most")));
        }
        Ok(Self {
            run: parse("run", params.run.as_deref())?,
            command: parse("command", params.command.as_deref())?,
            workflow_run: parse("workflow_run", params.workflow_run.as_deref())?,
            step: filled(params.step.as_deref()).map(str::to_owned),
            streams: parse_all::<LogStream>("stream", &words("stream", params.stream.as_deref())?)?,
            unlevelled: levels.contains(&NO_LEVEL),
            levels: parse_all::<LogLevel>("level", &levels)?,
            text: filled(params.text.as_deref()).map(str::to_owned),
            regex: filled(params.regex.as_deref()).map(str::to_owned),
            fields: fields
                .into_iter()
                .map(|field| field.parse::<FieldFilter>().map_err(|error| invalid("field", &error)))
                .collect::<Result<_, LogError>>()?,
            from_us: parse("from", params.from.as_deref())?.map(unix_us),
            to_us: parse("to", params.to.as_deref())?.map(unix_us),
        })
    }
}

/// A parameter that is there and not empty: forms send empty ones.
fn filled(value: Option<&str>) -> Option<&str> {
    value.filter(|text| !text.is_empty())
}

fn parse<T: FromStr<Err: Display>>(name: &'static str, value: Option<&str>) -> Result<Option<T>, LogError> {
    filled(value).map(str::parse).transpose().map_err(|error: T::Err| invalid(name, &error))
}

fn words<'a>(name: &'static str, value: Option<&'a str>) -> Result<Vec<&'a str>, LogError> {
    let words: Vec<&str> = filled(value)
        .into_iter()
        .flat_map(|words| words.split(','))
        .map(str::trim)
        .take(MAX_WORDS + 1)
        .collect();
    if words.len() > MAX_WORDS {
        return Err(invalid(name, &format!("expected {MAX_WORDS} at most")));
    }
    Ok(words)
}

fn parse_all<T: FromStr<Err: Display>>(name: &'static str, words: &[&str]) -> Result<Vec<T>, LogError> {
    let words = words.iter().filter(|word| **word != NO_LEVEL || name != "level");
    words.map(|word| word.parse().map_err(|error: T::Err| invalid(name, &error))).collect()
}

fn invalid(name: &'static str, why: &dyn Display) -> LogError {
    LogError::InvalidParameter { name, why: why.to_string() }
}

/// Microseconds since the Unix epoch; 0 before it.
fn unix_us(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(pairs: &[(&str, &str)]) -> String {
        match LogFilter::from_params(&LogParams::from_pairs(pairs.iter().copied())) {
            Ok(filter) => format!("{filter:?}"),
            Err(error) => format!("{}: {error}", error.code()),
        }
    }

    #[test]
    fn words_fields_and_times_are_read() {
        let pairs = [
            ("stream", "stdout, stderr"),
            ("level", "error,none"),
            ("field", "a.b=1"),
            ("field", ""),
            ("from", "2026-01-01T00:00:00Z"),
            ("text", ""),
            ("workflow_run", "wfr_00000000000000000000000001"),
        ];
        let filter = LogFilter::from_params(&LogParams::from_pairs(pairs)).unwrap();
        assert_eq!(filter.streams, [LogStream::Stdout, LogStream::Stderr]);
        assert_eq!((filter.levels, filter.unlevelled), (vec![LogLevel::Error], true));
        assert_eq!(filter.fields, ["a.b=1".parse().unwrap()]);
        assert_eq!(filter.from_us, Some(1_767_225_600_000_000));
        assert_eq!(filter.text, None);
        assert_eq!(filter.workflow_run.unwrap().as_str(), "wfr_00000000000000000000000001");
    }

    #[test]
    fn what_is_wrong_names_its_parameter() {
        for (pairs, name) in [
            (vec![("run", "1")], "run"),
            (vec![("stream", "none")], "stream"),
            (vec![("level", "loud")], "level"),
            (vec![("level", "info,info,info,info,info,info,info,info,info")], "level"),
            (vec![("from", "yesterday")], "from"),
            (vec![("workflow_run", "run_00000000000000000000000001")], "workflow_run"),
            (vec![("field", "=1")], "field"),
            (vec![("field", "a"); 9], "field"),
        ] {
            let said = code_of(&pairs);
            assert!(said.starts_with(&format!("invalid_value: `{name}`")), "{said}");
        }
    }
}
