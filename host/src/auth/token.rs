//! Access tokens: JWTs signed with EdDSA, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use serde::{Deserialize, Serialize};

use super::AuthError;
use super::keys::KeyPair;
use crate::ids::{SessionId, TenantId, UserId};

/// Largest token that is looked at, in bytes.
pub(super) const MAX_TOKEN_BYTES: usize = 4_096;
/// How far the clock of whoever made a token may be off, in seconds.
const LEEWAY_S: u64 = 5;

/// What an access token says (RFC 7519, section 4.1). Every field is required, save the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Who issued it.
    pub(super) iss: String,
    /// For whom it is meant.
    pub(super) aud: String,
    /// Who acts.
    pub(super) sub: UserId,
    /// The only tenant it is good for, when it is bound to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tid: Option<TenantId>,
    /// The session it belongs to.
    pub(super) sid: SessionId,
    /// Names this token.
    pub(super) jti: String,
    /// When it ends, in seconds since the Unix epoch.
    pub(super) exp: u64,
    /// From when on it is good, likewise.
    pub(super) nbf: u64,
    /// When it was made, likewise.
    pub(super) iat: u64,
}

/// Signs and checks access tokens.
pub(super) struct Signer {
    key_id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    issuer: String,
}

impl Signer {
    /// Makes a signer, and proves that it works: jsonwebtoken panics at the first signature when it was built with
    /// other features than it expects.
    pub(super) fn new(pair: &KeyPair, issuer: &str) -> Result<Self, AuthError> {
        // Fails when it was chosen before, which is as good.
        let _ = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared below, with the host's own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let signer = Self {
            key_id: pair.id.clone(),
            encoding: EncodingKey::from_ed_der(&pair.private_der),
            decoding: DecodingKey::from_ed_der(&pair.public),
            validation,
            issuer: issuer.to_owned(),
        };
        signer.self_test()?;
        Ok(signer)
    }

    /// The `iss` and `aud` of tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, AuthError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| AuthError::Internal("sign a token"))
    }

    /// The claims of a token that this signer made and that is good at `now_s`.
    pub(super) fn verify(&self, token: &str, now_s: u64) -> Result<Claims, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TokenInvalid);
        }
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| AuthError::TokenInvalid)?;
        if decoded.header.kid.as_deref() != Some(self.key_id.as_str()) {
            return Err(AuthError::TokenInvalid);
        }
        check_times(&decoded.claims, now_s)?;
        Ok(decoded.claims)
    }

    fn self_test(&self) -> Result<(), AuthError> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let signature = crypto::sign(b"self-test", &self.encoding, Algorithm::EdDSA)?;
            crypto::verify(&signature, b"self-test", &self.decoding, Algorithm::EdDSA)
        }));
        match outcome {
            Ok(Ok(true)) => Ok(()),
            _ => Err(AuthError::Key("a signature made with it does not verify")),
        }
    }
}

/// Refuses a token outside its time.
pub(super) fn check_times(claims: &Claims, now_s: u64) -> Result<(), AuthError> {
    if claims.exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(AuthError::TokenExpired);
    }
    let earliest_s = claims.nbf.max(claims.iat);
    if earliest_s > now_s.saturating_add(LEEWAY_S) { Err(AuthError::TokenInvalid) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
