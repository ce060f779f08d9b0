//! Whether a tenant may work.

use serde::{Deserialize, Serialize};

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// Works.
    Active,
    /// Nothing runs and nothing changes; its owner may read.
    Suspended,
    /// Is being taken down.
    Offboarding,
}

impl TenantStatus {
    /// The name in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Offboarding => "offboarding",
        }
    }
}
