//! Log lines.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One captured line. `GET /v1/{tenant}/logs` lists them; as server-sent events (`Accept: text/event-stream`) each is
/// the data of a `line` event whose id is its cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Counts up from 1 within the tenant, without holes.
    pub seq: u64,
    /// RFC 3339 with microseconds.
    pub time: String,
    /// The run that wrote it.
    pub run: String,
    /// The command it ran.
    pub command: String,
    /// `stdout`, `stderr` or `system`.
    pub stream: String,
    /// `trace`, `debug`, `info`, `warn`, `error`; absent when the line does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The text without its line end. Bytes that are not UTF-8 are shown as `\xNN`.
    pub text: String,
    /// True when the line was cut at 64 KiB and the next one continues it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
}
