//! Roles within a tenant. What each may do is in `auth::policy`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{InvalidId, RoleName};

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

    /// What it is for.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Owner => "Everything, and the tenant itself",
            Self::Admin => "Everything within the tenant",
            Self::Developer => "Uploads, deploys, runs and reads",
            Self::Runner => "Runs what is deployed, and reads",
            Self::Viewer => "Reads",
        }
    }
}

/// A role that a member can have: a built-in one, or one that their tenant made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RoleRef {
    /// One that every tenant has.
    BuiltIn(Role),
    /// One of the tenant's own, a list of permissions.
    Custom(RoleName),
}

impl RoleRef {
    /// The owner's.
    pub const OWNER: Self = Self::BuiltIn(Role::Owner);

    /// The name in requests and answers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.as_str(),
            Self::Custom(name) => name.as_str(),
        }
    }
}

impl FromStr for RoleRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match Role::ALL.into_iter().find(|role| role.as_str() == text) {
            Some(role) => Ok(Self::BuiltIn(role)),
            None => text.parse().map(Self::Custom),
        }
    }
}

impl TryFrom<String> for RoleRef {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RoleRef> for String {
    fn from(role: RoleRef) -> Self {
        role.as_str().to_owned()
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
