//! From the filter of a subscription to that of the log.

use serde::Deserialize;
use serde_json::Value;

use crate::api::LogParams;
use crate::console::error::ConsoleError;
use crate::console::subscription::malformed;
use crate::logs::LogFilter;

/// Reads the parameters of `GET /logs` that choose lines, as members of an object.
pub(super) fn parse(filter: Option<&Value>) -> Result<LogFilter, ConsoleError> {
    let Some(value) = filter else { return Ok(LogFilter::default()) };
    let params = LogParams::deserialize(value).map_err(|error| malformed(&format!("`filter`: {error}")))?;
    let mut names = value.as_object().into_iter().flat_map(|object| object.keys());
    // In a URL a name that is not known may belong to somebody else; here it is a mistake.
    let is_unknown = |name: &&String| LogParams::from_pairs([(name.as_str(), "x")]) == LogParams::default();
    if let Some(unknown) = names.find(is_unknown) {
        return Err(malformed(&format!("`filter`: there is no `{unknown}`")));
    }
    Ok(LogFilter::from_params(&params)?)
}
