//! Audit records.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One record of a chain: who did or wanted to do what, and how it went. Nothing in it changes once it is written.
///
/// `hash` covers every other field and the chain's name; `previous` is the hash of the record before. `docs/audit.md`
/// says how it is computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// Counts up from 1 within the chain, without holes.
    pub seq: u64,
    /// RFC 3339 with microseconds.
    pub time: String,
    /// Who: a principal's id, `anonymous` before one is known, or `host` for what the host does by itself.
    pub actor: String,
    /// In which session, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What: a permission's name such as `run:create`, or method and route.
    pub action: String,
    /// To what.
    pub resource: String,
    /// `done`, `failed`, `denied`, or `unknown` when the caller went away before the answer.
    pub outcome: String,
    /// Why it was denied or failed: a problem's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What else there is to say: the run's id, the operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The address of the other end of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Equal events that this record stands for; above 1 for refusals that come in floods.
    pub times: u64,
    /// Hash of the record before, in hex; 64 zeros in the first.
    pub previous: String,
    /// Hash of this record, in hex.
    pub hash: String,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The chain's name, which every hash covers: the tenant's id, or `@host` for the operator's chain.
    pub chain: String,
    /// Sequence number of the last record; 0 before the first.
    pub seq: u64,
    /// Its hash, in hex; 64 zeros before the first.
    pub hash: String,
}
