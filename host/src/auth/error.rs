//! Why someone may not act.

use crate::store::StoreError;

/// A refusal, or a failure on the way to a decision.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The request has no token.
    #[error("the request carries no access token")]
    Unauthenticated,
    /// The token is not one of ours, or its session has ended. Says no more, since it may come from anybody.
    #[error("the access token is not valid")]
    TokenInvalid,
    /// The token's time is over.
    #[error("the access token has expired")]
    TokenExpired,
    /// Unknown e-mail address or wrong password; which of them is not said.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// The link was used, has expired or never existed.
    #[error("the sign-in link is not valid: it was used before, or it has expired")]
    LinkInvalid,
    /// The refresh token was used, has expired or never existed.
    #[error("the refresh token is not valid")]
    RefreshInvalid,
    /// A refresh token came back after it was exchanged: someone has a copy, and the session is over.
    #[error("the refresh token was used before, so the session was ended")]
    RefreshReused,
    /// A refresh token came back a moment after it was exchanged, as when two windows refresh at once.
    #[error("the refresh token was exchanged a moment ago")]
    RefreshSuperseded,
    /// A browser's request lacks the header that other sites cannot send.
    #[error("the request lacks the header X-Cloister-CSRF")]
    CsrfMissing,
    /// Too many failed attempts.
    #[error("too many failed attempts")]
    TooManyAttempts {
        /// When the next attempt is looked at, in seconds.
        retry_after_s: u64,
    },
    /// Too many passwords are being checked.
    #[error("too many sign-ins are under way")]
    Busy,
    /// A new password does not meet the rule.
    #[error("the new password must have 12 to 256 characters")]
    PasswordInvalid,
    /// No such tenant, or not the caller's: the same answer for both.
    #[error("there is no such tenant among those you belong to")]
    TenantNotFound,
    /// The tenant is the caller's, and their token is good for another one.
    #[error("the access token is good for another of your tenants")]
    TokenOfOtherTenant,
    /// The tenant of the path is not the one of the header or the query.
    #[error("the request names two different tenants")]
    TenantMismatch,
    /// The tenant may not work at present.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The caller's role does not allow it.
    #[error("the role `{role}` may not do `{action}`")]
    Denied {
        /// The caller's role.
        role: String,
        /// What was to be done.
        action: &'static str,
    },
    /// Somebody would hand on what they do not hold.
    #[error("nobody can grant more than they hold, and you do not hold `{0}`")]
    GrantsTooMuch(String),
    /// An API key did what only a person who signed in may do.
    #[error("an API key cannot do this")]
    SessionRequired,
    /// The invitation's account exists, and the caller has not signed in to it.
    #[error("the invitation is for an account that exists")]
    SignInFirst,
    /// The token of an issuer is not valid, not for this host, or of an issuer that is not trusted.
    #[error("the identity token is not valid")]
    IdentityInvalid,
    /// A trusted issuer cannot be asked for its keys.
    #[error("the issuer's keys cannot be had: {0}")]
    IssuerFailed(&'static str),
    /// The identity has no place in a tenant here.
    #[error("the identity has no role in a tenant of this host")]
    IdentityWithoutPlace,
    /// The identity's address is that of another account.
    #[error("an account with the identity's e-mail address exists")]
    AccountExists,
    /// The API key that was asked for cannot be.
    #[error("the API key is not valid: {0}")]
    KeyInvalid(&'static str),
    /// No such API key of the tenant.
    #[error("there is no such API key")]
    KeyNotFound,
    /// The tenant has as many API keys as it may.
    #[error("the tenant has {limit} API keys, as many as it may have")]
    TooManyKeys {
        /// The bound.
        limit: usize,
    },
    /// No such session of the caller.
    #[error("there is no such session")]
    SessionNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing key cannot be used.
    #[error("the signing key cannot be used: {0}")]
    Key(&'static str),
    /// The system's randomness or a worker failed.
    #[error("could not {0}")]
    Internal(&'static str),
}

impl AuthError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::WrongCredentials => "wrong_credentials",
            Self::LinkInvalid => "link_invalid",
            Self::RefreshInvalid => "refresh_invalid",
            Self::RefreshReused => "refresh_reused",
            Self::RefreshSuperseded => "refresh_superseded",
            Self::CsrfMissing => "csrf_missing",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Busy => "busy",
            Self::PasswordInvalid => "password_invalid",
            Self::TenantNotFound => "tenant_not_found",
            Self::TokenOfOtherTenant => "token_of_other_tenant",
            Self::TenantMismatch => "tenant_mismatch",
            Self::TenantSuspended => "tenant_suspended",
            Self::Denied { .. } => "permission_denied",
            Self::GrantsTooMuch(_) => "grants_too_much",
            Self::SessionRequired => "session_required",
            Self::SignInFirst => "sign_in_first",
            Self::IdentityInvalid => "identity_invalid",
            Self::IssuerFailed(_) => "issuer_failed",
            Self::IdentityWithoutPlace => "identity_without_place",
            Self::AccountExists => "account_exists",
            Self::KeyInvalid(_) => "key_invalid",
            Self::KeyNotFound => "key_not_found",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::SessionNotFound => "session_not_found",
            Self::Store(error) => error.code(),
            Self::Key(_) => "signing_key_damaged",
            Self::Internal(_) => "internal",
        }
    }
}
