//! What a tenant has used of what it may.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/{tenant}/usage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantUsage {
    /// The plan's name.
    pub plan: String,
    /// Each bound.
    pub items: Vec<UsageItem>,
}

/// One bound, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageItem {
    /// `requests_per_minute`, `runs_per_minute`, `uploads_per_hour`, `workflows_per_hour`, `runs_per_month`,
    /// `concurrent_runs`, `memory_bytes`, `open_files`, `output_bytes`, `host_threads`, `storage_bytes`, `storage_entries`,
    /// `modules`, `deployments`.
    pub name: String,
    /// How much is used now.
    pub used: u64,
    /// The bound; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How much of the bound is used, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
    /// `ok`, `near` from 80 %, `reached` at 100 %.
    pub state: UsageState,
    /// When all of it is there again; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
}

/// How near a bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageState {
    /// Below 80 %.
    Ok,
    /// From 80 % on.
    Near,
    /// All of it.
    Reached,
}
