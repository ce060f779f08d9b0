//! What a tenant's runs use together, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What all of a tenant's runs use at this moment, and what the plan allows them together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantUsage {
    /// Runs that were admitted and have not ended.
    pub runs: ResourceUsage,
    /// Memories and tables, in bytes.
    pub memory_bytes: ResourceUsage,
    /// Files, directories and sockets held open.
    pub open_files: ResourceUsage,
    /// Output that waits to be logged, in bytes.
    pub output_bytes: ResourceUsage,
    /// Threads of the host at work for runs.
    pub host_threads: ResourceUsage,
}

/// One resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceUsage {
    /// In use now.
    pub used: u64,
    /// The most that may be.
    pub limit: u64,
    /// The most that was since the tenant last was idle for long.
    pub peak: u64,
    /// How often more was asked for and refused in that time.
    pub refused: u64,
}
