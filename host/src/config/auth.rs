//! Tokens, sessions and passwords.

use serde::Deserialize;

use super::{ConfigError, OidcIssuer, oidc, within};

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The `iss` and `aud` of access tokens.
    pub issuer: String,
    /// Lifetime of an access token, in seconds.
    pub access_token_ttl_s: u64,
    /// A session that is not used for this long ends, in seconds.
    pub session_idle_s: u64,
    /// A session ends after this time whatever happens, in seconds.
    pub session_max_s: u64,
    /// Lifetime of a one-time link, in seconds.
    pub link_ttl_s: u64,
    /// Lifetime of an invitation, in seconds.
    pub invitation_ttl_s: u64,
    /// Lifetime of an API key that asks for none, in seconds.
    pub api_key_ttl_s: u64,
    /// Longest lifetime of an API key, in seconds.
    pub api_key_max_s: u64,
    /// Memory of one password hash, in KiB.
    pub argon2_memory_kib: u32,
    /// Passes of one password hash.
    pub argon2_passes: u32,
    /// Password hashes computed at once; further sign-ins wait.
    pub max_hashing: usize,
    /// The e-mail address of the operator's account, made at first start.
    pub operator_email: String,
    /// Attempts to sign in, by password, link or refresh token, from one address, a minute; 0 is no bound.
    pub sign_ins_per_minute: u32,
    /// Issuers of identities that are trusted.
    pub oidc: Vec<OidcIssuer>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            issuer: "cloister".to_owned(),
            access_token_ttl_s: 600,
            session_idle_s: 7 * 24 * 3_600,
            session_max_s: 30 * 24 * 3_600,
            link_ttl_s: 24 * 3_600,
            invitation_ttl_s: 7 * 24 * 3_600,
            api_key_ttl_s: 90 * 24 * 3_600,
            api_key_max_s: 366 * 24 * 3_600,
            argon2_memory_kib: 19 * 1024,
            argon2_passes: 2,
            max_hashing: 2,
            operator_email: "operator@cloister.local".to_owned(),
            sign_ins_per_minute: 120,
            oidc: Vec::new(),
        }
    }
}

impl AuthConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("auth.access_token_ttl_s", self.access_token_ttl_s, 10..=3_600)?;
        within("auth.session_idle_s", self.session_idle_s, 60..=366 * 24 * 3_600)?;
        within("auth.session_max_s", self.session_max_s, 60..=366 * 24 * 3_600)?;
        within("auth.link_ttl_s", self.link_ttl_s, 60..=30 * 24 * 3_600)?;
        within("auth.invitation_ttl_s", self.invitation_ttl_s, 60..=90 * 24 * 3_600)?;
        within("auth.api_key_ttl_s", self.api_key_ttl_s, 60..=3_660 * 24 * 3_600)?;
        within("auth.api_key_max_s", self.api_key_max_s, self.api_key_ttl_s..=3_660 * 24 * 3_600)?;
        within("auth.argon2_memory_kib", self.argon2_memory_kib, 8..=1 << 20)?;
        within("auth.argon2_passes", self.argon2_passes, 1..=16)?;
        within("auth.max_hashing", self.max_hashing, 1..=64)?;
        oidc::check(&self.oidc)?;
        self.operator_email.parse::<crate::tenancy::Email>().map(drop).map_err(|error| ConfigError::Value {
            key: "auth.operator_email".to_owned(),
            rule: error.to_string(),
        })
    }
}
