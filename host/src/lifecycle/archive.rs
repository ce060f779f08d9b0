//! The shape of a tenant's archive: a gzipped tar whose last entry lists all others with their digests.
//!
//! `cloister.json` comes first; then `roles/`, `members/`, `modules/` (lines, then the binaries), `deployments/`, `runs/`,
//! `history/` and `logs/`, each as numbered files of JSON lines; then the tenant's directory below `files/`; then `manifest.json`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LifecycleError;
use crate::api::{Branding, Deploy, MissingLines};
use crate::auth::Permission;
use crate::ids::{CommandName, ModuleDigest, RoleName, RunId, TenantSlug, WorkflowRunId};
use crate::logs::{Line, LineBatch, LineSource, LogLevel, LogStream, Mark};
use crate::tenancy::{Email, PlanName, RoleRef};

/// The version of the shape.
pub(super) const FORMAT: u32 = 1;
/// The first entry.
pub(super) const HEAD: &str = "cloister.json";
/// The last entry.
pub(super) const MANIFEST: &str = "manifest.json";
/// Entries of one archive.
pub(super) const MAX_ENTRIES: usize = 200_000;
/// Bytes of an entry that is read as a whole: lines, the head, the manifest.
pub(super) const MAX_TEXT_BYTES: u64 = 128 << 20;

/// What the first entry says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) format: u32,
    pub(super) slug: TenantSlug,
    pub(super) name: String,
    pub(super) plan: PlanName,
    pub(super) region: String,
    pub(super) limits: serde_json::Map<String, serde_json::Value>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) features: BTreeMap<String, bool>,
    pub(super) branding: Branding,
    pub(super) exported_at: String,
}

/// What the last entry says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// All other entries, in their order.
    pub(super) entries: Vec<Entry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size_bytes: u64,
    /// In hex; of nothing, for a directory.
    pub(super) sha256: String,
}

/// A role of the tenant's own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleLine {
    pub(super) name: RoleName,
    pub(super) description: String,
    pub(super) permissions: Vec<Permission>,
}

/// A member. Passwords stay where they are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberLine {
    pub(super) email: Email,
    pub(super) role: RoleRef,
}

/// A line that a member typed on the console.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryLine {
    pub(super) email: Email,
    pub(super) line: String,
    pub(super) at: Timestamp,
}

/// What a module was called.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleLine {
    pub(super) digest: ModuleDigest,
    pub(super) name: String,
}

/// A command and its versions, oldest first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeploymentLine {
    pub(super) name: CommandName,
    pub(super) versions: Vec<Deploy>,
}

/// A line of the log, or where lines could not be read when the archive was made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum LogRecord {
    /// Lines that are not there.
    Missing(MissingEntry),
    /// A line.
    Line(LogEntry),
}

/// Lines that could not be read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MissingEntry {
    missing: MissingLines,
}

impl MissingEntry {
    pub(super) fn of((first_seq, last_seq): (u64, u64)) -> Self {
        Self { missing: MissingLines { first_seq, last_seq } }
    }

    /// Adds a line of the host's own that says so, beside the line at whose time it stands.
    pub(super) fn push_to(&self, batch: &mut LineBatch, beside: &LogEntry) -> Result<(), LifecycleError> {
        let MissingLines { first_seq, last_seq } = self.missing;
        let text = format!("lines {first_seq} to {last_seq} were damaged where this log comes from");
        let mark = Mark::new(LogStream::System, Some(LogLevel::Warn));
        let is_line = batch.push_line(beside.time_us, mark, text.as_bytes());
        if is_line { Ok(()) } else { Err(LifecycleError::Internal("write a line of the log")) }
    }
}

/// A line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogEntry {
    time_us: u64,
    run: RunId,
    command: CommandName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow_run: Option<WorkflowRunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<Box<str>>,
    /// Stream, level and flags, as they are stored.
    mark: u8,
    /// In base64: a line is any bytes.
    bytes: String,
}

impl LogEntry {
    pub(super) fn of(line: &Line) -> Self {
        Self {
            time_us: line.time_us,
            run: line.source.run.clone(),
            command: line.source.command.clone(),
            workflow_run: line.source.workflow_run.clone(),
            step: line.source.step.clone(),
            mark: line.mark.byte(),
            bytes: STANDARD.encode(&line.bytes),
        }
    }

    pub(super) fn source(&self) -> LineSource {
        LineSource {
            run: self.run.clone(),
            command: self.command.clone(),
            workflow_run: self.workflow_run.clone(),
            step: self.step.clone(),
        }
    }

    /// Adds the line to a batch.
    pub(super) fn push_to(&self, batch: &mut LineBatch) -> Result<(), LifecycleError> {
        let invalid = || LifecycleError::ArchiveInvalid("a line of the log is not valid".to_owned());
        let mark = Mark::from_byte(self.mark).ok_or_else(invalid)?;
        let bytes = STANDARD.decode(&self.bytes).map_err(|_| invalid())?;
        if batch.push_line(self.time_us, mark, &bytes) { Ok(()) } else { Err(invalid()) }
    }
}
