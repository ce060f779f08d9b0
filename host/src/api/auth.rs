//! Signing in, tokens, and who one is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/auth/sign-in`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The user's e-mail address.
    pub email: String,
    /// The user's password.
    pub password: String,
    /// The tenant that the access token is to be good for, by slug or id. Left out: the user's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Body of `POST /v1/auth/link`: exchanges a one-time sign-in link for tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInLink {
    /// The secret part of the link. Works once.
    pub token: String,
    /// Sets the account's password at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_password: Option<String>,
}

/// Body of `POST /v1/auth/oidc`: exchanges an identity token of a trusted issuer for tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInOidc {
    /// The issuer's ID token (OpenID Connect Core 1.0, section 2), meant for this host.
    pub id_token: String,
}

/// Body of `POST /v1/auth/refresh`. A browser leaves the token out: it has a cookie.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token of the last answer. Works once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The tenant that the new access token is to be good for, by slug or id. Left out: the one that a request of this session
    /// was last refused for, else the one of the last token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Body of `POST /v1/auth/sign-out`. A browser leaves the token out: it has a cookie.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    /// The refresh token of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// Body of `POST /v1/auth/password`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// Required when the account has a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<String>,
    /// At least 12 characters.
    pub new_password: String,
}

/// What a sign-in answers.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// Signed JWT (EdDSA) for `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Lifetime of the access token in seconds.
    pub expires_in_s: u64,
    /// Opaque; rotated at each use. Also set as an HttpOnly cookie.
    pub refresh_token: String,
    /// The tenant that the access token is good for, its claim `tid`; absent for a user without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Who signed in.
    pub principal: Principal,
}

/// Who acts. Answer of `GET /v1/auth/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Principal {
    /// `usr_...`
    pub id: String,
    /// The e-mail address.
    pub email: String,
    /// True for the operator of the whole host.
    pub operator: bool,
    /// False until the account has a password.
    pub has_password: bool,
    /// The tenants this principal belongs to.
    pub memberships: Vec<Membership>,
}

/// One tenant a principal belongs to, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// `ten_...`
    pub tenant_id: String,
    /// The tenant's name in URLs.
    pub slug: String,
    /// The tenant's name on screens.
    pub name: String,
    /// `owner`, `admin`, `developer`, `runner`, `viewer`, or a role of the tenant's own.
    pub role: String,
    /// What that role allows now, such as `log:read` or `run:create:report-*`.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// Answer of `GET /.well-known/jwks.json` (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKeySet {
    /// The key that signs now, then those that tokens may still be signed with.
    pub keys: Vec<JsonWebKey>,
}

/// An Ed25519 public key (RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The public key, base64url.
    pub x: String,
    /// Names it in a token's header.
    pub kid: String,
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}
