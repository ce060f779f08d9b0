//! From the filter of a subscription to that of the log.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::console::error::ConsoleError;
use crate::console::subscription::malformed;
use crate::logs::LogFilter;

/// Streams or levels named in one filter.
const MAX_WORDS: usize = 8;

/// The parameters of `GET /logs` that choose lines.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    run: Option<String>,
    command: Option<String>,
    stream: Option<String>,
    level: Option<String>,
    text: Option<String>,
    regex: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

pub(super) fn parse(filter: Option<&Value>) -> Result<LogFilter, ConsoleError> {
    let params: Params = match filter {
        Some(value) => {
            Params::deserialize(value).map_err(|error| malformed(&format!("`filter`: {error}")))?
        }
        None => Params::default(),
    };
    Ok(LogFilter {
        run: one("run", params.run.as_deref())?,
        command: one("command", params.command.as_deref())?,
        streams: words("stream", params.stream.as_deref())?,
        levels: words("level", params.level.as_deref())?,
        text: filled(params.text.as_deref()).map(str::to_owned),
        regex: filled(params.regex.as_deref()).map(str::to_owned),
        from_us: one("from", params.from.as_deref())?.map(unix_us),
        to_us: one("to", params.to.as_deref())?.map(unix_us),
        ..LogFilter::default()
    })
}

/// A parameter that is there and not empty: forms send empty ones.
fn filled(value: Option<&str>) -> Option<&str> {
    value.filter(|text| !text.is_empty())
}

fn one<T: FromStr<Err: Display>>(name: &str, value: Option<&str>) -> Result<Option<T>, ConsoleError> {
    filled(value).map(str::parse).transpose().map_err(|error: T::Err| invalid(name, &error))
}

fn words<T: FromStr<Err: Display>>(name: &str, value: Option<&str>) -> Result<Vec<T>, ConsoleError> {
    let words = filled(value).into_iter().flat_map(|words| words.split(',')).take(MAX_WORDS);
    words.map(|word| word.trim().parse().map_err(|error: T::Err| invalid(name, &error))).collect()
}

fn invalid(name: &str, why: &dyn Display) -> ConsoleError {
    ConsoleError::Part { code: "invalid_value", detail: format!("`{name}`: {why}") }
}

/// Microseconds since the Unix epoch; 0 before it.
fn unix_us(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}
