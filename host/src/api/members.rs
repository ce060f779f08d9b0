//! Members, invitations, roles, API keys and sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One member of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantMember {
    /// `usr_...`
    pub user_id: String,
    /// The e-mail address.
    pub email: String,
    /// `owner`, `admin`, `developer`, `runner`, `viewer`, or a role of the tenant's own.
    pub role: String,
    /// Since when, RFC 3339.
    pub created_at: String,
}

/// Body of `PUT /v1/{tenant}/members/{user}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// The new role.
    pub role: String,
}

/// Body of `POST /v1/{tenant}/invitations`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: String,
}

/// An invitation that was not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// `inv_...`
    pub id: String,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: String,
    /// Who invited.
    pub invited_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// Until when it can be accepted, RFC 3339.
    pub expires_at: String,
}

/// Answer of `POST /v1/{tenant}/invitations`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// What the invited person opens, once; shown once.
    pub link: String,
}

/// Body of `POST /v1/auth/invitation`. Whoever has an account signs in to it first.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// The secret part of the link. Works once.
    pub token: String,
    /// Sets the new account's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_password: Option<String>,
}

/// One role of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleInfo {
    /// Its name.
    pub name: String,
    /// True for the roles that every tenant has.
    pub built_in: bool,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<String>,
}

/// Body of `PUT /v1/{tenant}/roles/{role}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRole {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What it allows, such as `log:read` or `run:create:report-*`: 1 to 128, none beyond what you hold.
    pub permissions: Vec<String>,
}

/// One API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// `key_...`
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// What it allows, within what its maker may do.
    pub permissions: Vec<String>,
    /// Who made it; it ends with their membership.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub expires_at: String,
    /// To the minute, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// Body of `POST /v1/{tenant}/keys`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// What a person calls it.
    pub name: String,
    /// What it allows: 1 to 128, none beyond what you hold.
    pub permissions: Vec<String>,
    /// How long it is good, in seconds; the configured time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u64>,
}

/// Answer of `POST /v1/{tenant}/keys`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKey {
    /// The key.
    pub key: ApiKey,
    /// For `Authorization: Bearer`; shown once.
    pub secret: String,
}

/// One sign-in session of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// `ses_...`
    pub id: String,
    /// True for the one that asks.
    pub current: bool,
    /// What signed in, as it named itself.
    pub agent: String,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// When its tokens were last renewed, RFC 3339.
    pub refreshed_at: String,
    /// When it ends whatever happens, RFC 3339.
    pub expires_at: String,
}

/// One account of the host, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// `usr_...`
    pub id: String,
    /// The e-mail address.
    pub email: String,
    /// True for the operator.
    pub operator: bool,
    /// False until the account has a password.
    pub has_password: bool,
    /// False while only a tenant's invitation says that the address is theirs.
    pub vouched: bool,
    /// RFC 3339.
    pub created_at: String,
}

/// A one-time sign-in link of an account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountLink {
    /// What its owner opens, once; shown once.
    pub link: String,
}
