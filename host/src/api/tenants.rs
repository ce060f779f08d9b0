//! Tenants, as the operator creates and lists them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/operator/tenants`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// The name in URLs: 2 to 40 of `a-z`, `0-9` and `-`, starting with a letter.
    pub slug: String,
    /// The name on screens.
    pub name: String,
    /// `free`, `starter`, `professional` or `enterprise`.
    #[serde(default = "default_plan")]
    pub plan: String,
    /// Who becomes the owner; invited by a one-time link.
    pub owner_email: String,
}

fn default_plan() -> String {
    "free".to_owned()
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// `ten_...`
    pub id: String,
    /// The name in URLs.
    pub slug: String,
    /// The name on screens.
    pub name: String,
    /// The plan's name.
    pub plan: String,
    /// `active`, `suspended` or `offboarding`.
    pub status: String,
    /// RFC 3339.
    pub created_at: String,
}

/// Answer of `POST /v1/operator/tenants`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedTenant {
    /// The new tenant.
    pub tenant: Tenant,
    /// One-time sign-in link for the owner; shown once.
    pub owner_link: String,
}
