//! Deployments: command names bound to module versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SecretGrant;

/// Body of `PUT /v1/{tenant}/deployments/{name}`: makes a new version and activates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// Digest of an uploaded module.
    pub module: String,
    /// Shown in lists and in `help`.
    #[serde(default)]
    pub description: String,
    /// Limits of each run; absent ones take the plan's.
    #[serde(default)]
    pub limits: Limits,
    /// What each run may see. Empty: nothing.
    #[serde(default)]
    pub grants: Grants,
}

/// Limits of one run. An absent field takes the plan's value; a larger one than the plan's is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Instructions, in wasmtime's fuel units. Absent: not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// CPU time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Wall time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Sum of all memories and tables, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Standard output and standard error together, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

/// What a run may see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Directories of the tenant, and where the guest sees them.
    pub directories: Vec<DirectoryGrant>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Outgoing network destinations.
    pub network: Vec<NetworkGrant>,
    /// Secrets, and how the run gets them.
    pub secrets: Vec<SecretGrant>,
}

/// One directory given to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryGrant {
    /// Path inside the tenant's directory; `/` is all of it. Created when it does not exist.
    pub path: String,
    /// Where the guest sees it, for instance `/data`.
    pub guest: String,
    /// What the guest may do there.
    pub access: Access,
}

/// What a guest may do in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// One outgoing destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkGrant {
    /// A host name, `*.` before a name for all names below it, or an IP address.
    pub host: String,
    /// A port.
    pub port: u16,
}

/// A command name, its active version and its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// The command's name: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`.
    pub name: String,
    /// The active version's number.
    pub version: u32,
    /// The active version.
    pub active: DeploymentVersion,
    /// All versions, newest first. Only on `GET /v1/{tenant}/deployments/{name}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<DeploymentVersion>,
}

/// One version of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentVersion {
    /// Counts up from 1 for each name.
    pub version: u32,
    /// Digest of the module.
    pub module: String,
    /// What it is for.
    pub description: String,
    /// Limits of each run.
    pub limits: Limits,
    /// What each run may see.
    pub grants: Grants,
    /// RFC 3339.
    pub created_at: String,
    /// Who made it.
    pub created_by: String,
}

/// Body of `POST /v1/{tenant}/deployments/{name}/rollback`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The version to make active again; it becomes a new version with the same content.
    pub version: u32,
}
