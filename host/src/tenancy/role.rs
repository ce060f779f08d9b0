//! Roles within a tenant. What each may do is in `auth::policy`.

use serde::{Deserialize, Serialize};

/// What a member is in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, and the tenant itself.
    Owner,
    /// Everything within the tenant.
    Admin,
    /// Uploads, deploys, runs and reads.
    Developer,
    /// Runs what is deployed, and reads.
    Runner,
    /// Reads.
    Viewer,
}

impl Role {
    /// All roles, mightiest first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Developer, Self::Runner, Self::Viewer];

    /// The name in requests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Runner => "runner",
            Self::Viewer => "viewer",
        }
    }
}
