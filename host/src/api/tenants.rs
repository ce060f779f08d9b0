//! Tenants, as the operator and their owners see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/operator/tenants`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
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
    /// Where its data is meant to be.
    #[serde(default)]
    pub region: String,
    /// Limits of its own, by the names they have in a plan.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// Notes of the operator: up to 64 keys.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Features that are switched on or off for it: up to 64.
    #[serde(default)]
    pub features: BTreeMap<String, bool>,
    /// How it looks.
    #[serde(default)]
    pub branding: Branding,
}

/// How a tenant looks to its members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Branding {
    /// The product's name, when it is not the tenant's; at most 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A `data:` URL of a PNG, JPEG or WebP image of at most 32 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Colours; each must stand out against the background (WCAG 2.2, 1.4.3: 4.5 to 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colors: Option<Colors>,
}

/// Colours as `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Colors {
    /// Behind everything.
    pub background: String,
    /// Text.
    pub text: String,
    /// Links and buttons.
    pub accent: String,
}

/// Body of `PATCH /v1/operator/tenants/{id}`. What is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeTenant {
    /// Why; kept in the audit log of the host and of the tenant.
    pub reason: String,
    /// The name on screens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `free`, `starter`, `professional` or `enterprise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Where its data is meant to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Limits of its own, by the names they have in a plan. Replaces all that were set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub limits: Option<serde_json::Map<String, serde_json::Value>>,
    /// Replaces all notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Replaces all switches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<BTreeMap<String, bool>>,
    /// Replaces how it looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branding: Option<Branding>,
}

/// Body of `PATCH /v1/{tenant}/settings`. What is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSettings {
    /// The name on screens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces how it looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branding: Option<Branding>,
}

/// Body of what the operator does to a tenant: suspending, resuming, making an account's link.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why; kept in the audit log of the host and of the tenant. 1 to 500 characters.
    pub reason: String,
}

/// Body of `POST /v1/operator/users/recover`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// Whose account.
    pub email: String,
    /// Why; kept in the audit log of the host.
    pub reason: String,
}

/// Body of `POST /v1/operator/signing-keys/rotate`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotateKeys {
    /// True when the old key may have been stolen: its tokens stop working now, and everybody renews theirs.
    pub at_once: bool,
}

/// Body of `POST /v1/operator/tenants/{id}/offboard`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offboard {
    /// Why.
    pub reason: String,
    /// From now until everything is erased, in seconds; the configured time when absent. Its owner can export until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
}

/// Body of `POST /v1/operator/tenants/{id}/erase`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// Why.
    pub reason: String,
    /// The tenant's slug once more, since there is no way back.
    pub confirm: String,
}

/// What was erased of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// `rcp_...`
    pub id: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The tenant's name in URLs, which is free again.
    pub slug: String,
    /// Why.
    pub reason: String,
    /// Records removed.
    pub records: u64,
    /// Members whose access ended.
    pub members: u64,
    /// Accounts removed, since they belonged to no other tenant.
    pub accounts: u64,
    /// Modules removed from the tenant.
    pub modules: u64,
    /// Of these, modules whose bytes and compiled code were removed, since no other tenant has them.
    pub module_files: u64,
    /// Bytes of log lines removed.
    pub log_bytes: u64,
    /// Files and directories removed.
    pub files: u64,
    /// RFC 3339.
    pub erased_at: String,
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
    /// Where its data is meant to be.
    #[serde(default)]
    pub region: String,
    /// Limits of its own.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub limits: serde_json::Map<String, serde_json::Value>,
    /// Notes of the operator; only for the operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Features that are switched on or off for it.
    #[serde(default)]
    pub features: BTreeMap<String, bool>,
    /// How it looks.
    #[serde(default)]
    pub branding: Branding,
    /// Why it is suspended or being taken down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// When everything of it is erased, RFC 3339; while it is being taken down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erase_at: Option<String>,
}

/// Answer of `POST /v1/operator/tenants`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedTenant {
    /// The new tenant.
    pub tenant: Tenant,
    /// One-time sign-in link for the owner; shown once.
    pub owner_link: String,
}
