//! Why something about tenants and their members was not done.

use crate::auth::AuthError;
use crate::config::ConfigError;
use crate::ids::TenantSlug;
use crate::store::StoreError;

/// A refusal, or a failure on the way.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// Another tenant has this name in URLs.
    #[error("the slug `{0}` is taken")]
    SlugTaken(TenantSlug),
    /// The name on screens is empty or too long.
    #[error("the name must have 1 to 100 characters")]
    NameInvalid,
    /// No such tenant, for the operator.
    #[error("there is no such tenant")]
    TenantNotFound,
    /// A setting of a tenant is not valid.
    #[error("`{field}` {rule}")]
    SettingInvalid {
        /// Which.
        field: &'static str,
        /// What it must be.
        rule: String,
    },
    /// The tenant does not stand where this can be done.
    #[error("the tenant is {status}")]
    WrongStatus {
        /// Where it stands.
        status: &'static str,
    },
    /// The operator did not repeat the slug.
    #[error("`confirm` is not the tenant's slug")]
    NotConfirmed,
    /// No such member.
    #[error("there is no such member")]
    MemberNotFound,
    /// A tenant must have an owner.
    #[error("the tenant would be left without an owner")]
    LastOwner,
    /// The invited person is a member.
    #[error("`{0}` is a member")]
    AlreadyMember(String),
    /// No such invitation.
    #[error("there is no such invitation")]
    InvitationNotFound,
    /// No such role.
    #[error("there is no role `{0}`")]
    RoleNotFound(String),
    /// Members have the role, or are invited with it.
    #[error("members or invitations have the role `{0}`")]
    RoleInUse(String),
    /// The role that was asked for cannot be.
    #[error("the role is not valid: {0}")]
    RoleInvalid(&'static str),
    /// A bound is reached.
    #[error("the tenant has {limit} {what}, as many as it may have")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// No such account.
    #[error("there is no such account")]
    UserNotFound,
    /// The caller may not, or their link does not work.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TenancyError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SlugTaken(_) => "slug_taken",
            Self::NameInvalid => "name_invalid",
            Self::TenantNotFound => "tenant_not_found",
            Self::SettingInvalid { .. } => "invalid_value",
            Self::WrongStatus { .. } => "tenant_status",
            Self::NotConfirmed => "not_confirmed",
            Self::MemberNotFound => "member_not_found",
            Self::LastOwner => "last_owner",
            Self::AlreadyMember(_) => "already_member",
            Self::InvitationNotFound => "invitation_not_found",
            Self::RoleNotFound(_) => "role_not_found",
            Self::RoleInUse(_) => "role_in_use",
            Self::RoleInvalid(_) => "role_invalid",
            Self::TooMany { .. } => "too_many",
            Self::UserNotFound => "user_not_found",
            Self::Auth(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

impl From<ConfigError> for TenancyError {
    fn from(error: ConfigError) -> Self {
        Self::SettingInvalid { field: "limits", rule: error.to_string() }
    }
}
