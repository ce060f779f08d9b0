//! Log lines.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::Pagination;

/// One captured line. `GET /v1/{tenant}/logs` lists them; as server-sent events (`Accept: text/event-stream`) each is
/// the data of a `line` event whose id is its cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// The line's permanent id: counts up from 1 within the tenant, without holes, and is never given again.
    pub seq: u64,
    /// RFC 3339 with microseconds.
    pub time: String,
    /// The run that wrote it.
    pub run: String,
    /// The command it ran.
    pub command: String,
    /// The workflow run it was a step of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_run: Option<String>,
    /// The workflow's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// `stdout`, `stderr` or `system`.
    pub stream: String,
    /// `trace`, `debug`, `info`, `warn`, `error`; absent when the line does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The text without its line end. Bytes that are not UTF-8 are shown as `\xNN`.
    pub text: String,
    /// What the line holds, when it is a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Value>>,
    /// True when the line was cut at 64 KiB and the next one of its stream continues it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
}

/// Which lines: those for which everything that is set holds. A parameter that is empty counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct LogParams {
    /// Of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Of this workflow run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_run: Option<String>,
    /// Of this workflow step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Of this command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Of these streams: `stdout`, `stderr`, `system`, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Of these levels: `trace`, `debug`, `info`, `warn`, `error`, and `none` for lines that do not say, separated by
    /// commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// That contain this text; upper and lower case differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// That match this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// JSON lines with this field: `key=value`, or `key` for any value; `a.b.0` looks into objects and arrays. May come
    /// up to eight times.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub field: Vec<String>,
    /// Not older than this; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Older than this; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl LogParams {
    /// From the parameters of a URL; others are passed over, and of one that comes twice the last counts.
    #[must_use]
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            let place = match name {
                "run" => &mut params.run,
                "workflow_run" => &mut params.workflow_run,
                "step" => &mut params.step,
                "command" => &mut params.command,
                "stream" => &mut params.stream,
                "level" => &mut params.level,
                "text" => &mut params.text,
                "regex" => &mut params.regex,
                "from" => &mut params.from,
                "to" => &mut params.to,
                "field" => {
                    params.field.push(value.to_owned());
                    continue;
                }
                _ => continue,
            };
            *place = Some(value.to_owned());
        }
        params
    }

    /// As the parameters of a URL.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, &str)> {
        let single = [
            ("run", &self.run),
            ("workflow_run", &self.workflow_run),
            ("step", &self.step),
            ("command", &self.command),
            ("stream", &self.stream),
            ("level", &self.level),
            ("text", &self.text),
            ("regex", &self.regex),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        single.chain(self.field.iter().map(|field| ("field", field.as_str()))).collect()
    }
}

/// A list, or its only item.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::One(one) => vec![one],
        Given::Many(many) => many,
    })
}

/// Lines that are damaged, first and last: nobody can read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingLines {
    /// The first of them.
    pub first_seq: u64,
    /// The last of them.
    pub last_seq: u64,
}

/// A number of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogCount {
    /// So many match.
    pub lines: u64,
    /// False when only a part could be looked through: then there are at least so many.
    pub exact: bool,
}

/// A page of log lines, in the envelope of every list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// Always true.
    pub success: bool,
    /// The lines.
    pub data: Vec<LogLine>,
    /// The tenant they belong to.
    pub tenant_id: String,
    /// Where the page stands.
    pub pagination: Pagination,
    /// Damaged lines that the page came across.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingLines>,
    /// How many lines match in all, when `count` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<LogCount>,
}

/// Matching lines over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogHistogram {
    /// Where the first bucket begins; RFC 3339.
    pub from: String,
    /// Where the last bucket ends.
    pub to: String,
    /// How long a bucket is, in microseconds; the last may be shorter.
    pub bucket_us: u64,
    /// Oldest first, empty ones too.
    pub buckets: Vec<LogBucket>,
    /// All of them together.
    pub count: LogCount,
    /// When the count is not exact: lines older than this were not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_from: Option<String>,
    /// Damaged lines, which are not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingLines>,
}

/// Lines of one stretch of time, by level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogBucket {
    /// Where it begins; RFC 3339.
    pub from: String,
    /// Lines in it.
    pub lines: u64,
    /// Of them, those of level `trace`.
    pub trace: u64,
    /// Those of level `debug`.
    pub debug: u64,
    /// Those of level `info`.
    pub info: u64,
    /// Those of level `warn`.
    pub warn: u64,
    /// Those of level `error`.
    pub error: u64,
    /// Those that state no level.
    pub none: u64,
}

/// A line and those around it that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogContext {
    /// Lines before it, oldest first.
    pub before: Vec<LogLine>,
    /// The line, whether it matches or not.
    pub line: LogLine,
    /// Lines after it, oldest first.
    pub after: Vec<LogLine>,
    /// Where `GET /logs?order=desc` goes on before `before`; absent when nothing is left there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<String>,
    /// Where `GET /logs?order=asc` goes on after `after`, also when nothing is there yet.
    pub newer: String,
    /// Damaged lines in between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingLines>,
}

/// What deleting the lines of a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeletedLines {
    /// Lines deleted.
    pub lines: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_come_from_a_url_or_an_object() {
        let params = LogParams::from_pairs([("run", "r"), ("field", "a=1"), ("limit", "5"), ("field", "b")]);
        assert_eq!(params.field, ["a=1", "b"]);
        assert_eq!(params.pairs(), [("run", "r"), ("field", "a=1"), ("field", "b")]);
        let object = json!({"run": "r", "field": ["a=1", "b"], "limit": 5});
        assert_eq!(serde_json::from_value::<LogParams>(object).unwrap(), params);
        let one: LogParams = serde_json::from_value(json!({"field": "a=1"})).unwrap();
        assert_eq!(one.field, ["a=1"]);
    }
}
