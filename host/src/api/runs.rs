//! Runs: one execution of a command.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Limits;

/// Body of `POST /v1/{tenant}/runs`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRun {
    /// A deployment's name.
    pub command: String,
    /// Arguments after the command's name (which is argv[0]).
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables, over those of the deployment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Standard input. Absent: empty.
    #[serde(default)]
    pub stdin: Stdin,
    /// Tighter limits for this run; looser ones than the deployment's are refused.
    #[serde(default)]
    pub limits: Limits,
    /// True: the answer comes when the run has ended (200), with its output. False: at once (202).
    #[serde(default)]
    pub wait: bool,
}

/// Where a run's standard input comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// At its end from the start.
    #[default]
    Empty,
    /// This text.
    Text(String),
    /// These bytes, in standard base64.
    Base64(String),
    /// Sent later with `POST /v1/{tenant}/runs/{id}/stdin`. Not together with `wait`.
    Stream,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// `run_...`; sorts by time of creation.
    pub id: String,
    /// The command's name.
    pub command: String,
    /// The deployment's version.
    pub version: u32,
    /// Digest of the module.
    pub module: String,
    /// Arguments after the command's name.
    pub args: Vec<String>,
    /// `queued`, `running` or `ended`.
    pub status: RunStatus,
    /// How it ended; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What it used; zeros before its end.
    pub usage: Usage,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Who started it.
    pub created_by: String,
    /// Its output; only in the answer to `wait: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<RunOutput>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted, not started.
    Queued,
    /// Started.
    Running,
    /// Over; see the outcome.
    Ended,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// `exited`, `trapped`, `out_of_fuel`, `out_of_cpu_time`, `timed_out`, `out_of_memory`, `tenant_out_of_memory`, `output_limit`,
    /// `cancelled`, `interrupted` (the host stopped while it ran) or `host_error`.
    pub kind: String,
    /// What a shell would see: the guest's own code, or 124 timed out, 130 cancelled, 134 trapped, 137 over a limit.
    pub exit_code: u8,
    /// A sentence for a person, for every kind but `exited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a run used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Fuel units; absent when fuel was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// Highest sum of all memories and tables, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes read from standard input.
    pub stdin_bytes: u64,
    /// Bytes written to standard output.
    pub stdout_bytes: u64,
    /// Bytes written to standard error.
    pub stderr_bytes: u64,
    /// Bytes that outgoing HTTP sent over the wire.
    #[serde(default)]
    pub http_sent_bytes: u64,
    /// Bytes that outgoing HTTP received over the wire.
    #[serde(default)]
    pub http_received_bytes: u64,
}

/// Output of a run that was waited for: the first 1 MiB of each stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunOutput {
    /// `utf8`, or `base64` when either stream is not valid UTF-8.
    pub encoding: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// True when a stream was longer; the log has it whole.
    pub truncated: bool,
}

/// Data of a `gap` event of `GET /v1/{tenant}/runs/{id}/output`: bytes of a stream that were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputGap {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// Position of the first byte that is gone.
    pub from: u64,
    /// Position of the first byte after them.
    pub to: u64,
}

/// Data of an `output` event of `GET /v1/{tenant}/runs/{id}/output` (server-sent events).
///
/// The event's id is the cursor to resume after it (`Last-Event-ID` or `?cursor=`). The last event is `exit`, with the
/// [`Run`] as its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputEvent {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// Standard base64 of the bytes.
    pub data: String,
}

/// Answer of `POST /v1/{tenant}/runs/{id}/stdin?offset=&eof=`, whose body is raw bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StdinAccepted {
    /// Bytes taken so far, and so the `offset` of the next call. Bytes below it that come again are ignored.
    pub next_offset: u64,
    /// True after `eof=true`, or when the run has ended.
    pub closed: bool,
}
