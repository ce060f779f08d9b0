//! Access tokens: JWTs signed with EdDSA, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::AuthError;
use super::keys::{KeyRing, PublicKey};
use crate::api::{JsonWebKey, JsonWebKeySet};
use crate::ids::{SessionId, TenantId, UserId};

/// Largest token that is looked at, in bytes.
pub(super) const MAX_TOKEN_BYTES: usize = 4_096;
/// How far the clock of whoever made a token may be off, in seconds.
pub(super) const LEEWAY_S: u64 = 5;

/// What an access token says (RFC 7519, section 4.1). Every field is required, save the tenant of who has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Who issued it.
    pub(super) iss: String,
    /// For whom it is meant.
    pub(super) aud: String,
    /// Who acts.
    pub(super) sub: UserId,
    /// The only tenant it is good for; absent for a user without any.
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
    keys: RwLock<Arc<Keys>>,
    validation: Validation,
    issuer: String,
}

/// The key that signs, and all that tokens may be signed with.
struct Keys {
    key_id: String,
    encoding: EncodingKey,
    accepted: Vec<Accepted>,
}

struct Accepted {
    public: PublicKey,
    decoding: DecodingKey,
}

impl Keys {
    fn of(ring: &KeyRing) -> Self {
        let accept = |public: &PublicKey| Accepted {
            decoding: DecodingKey::from_ed_der(&public.bytes),
            public: public.clone(),
        };
        Self {
            key_id: ring.current.id.clone(),
            encoding: EncodingKey::from_ed_der(&ring.current.private_der),
            accepted: std::iter::once(ring.current.public_key())
                .chain(ring.retired.iter().cloned())
                .map(|public| accept(&public))
                .collect(),
        }
    }
}

impl Signer {
    /// Makes a signer, and proves that it works: jsonwebtoken panics at the first signature when it was built with
    /// other features than it expects.
    pub(super) fn new(ring: &KeyRing, issuer: &str) -> Result<Self, AuthError> {
        // Fails when it was chosen before, which is as good.
        let _ = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared below, with the host's own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let keys = Keys::of(ring);
        self_test(&keys)?;
        Ok(Self { keys: RwLock::new(Arc::new(keys)), validation, issuer: issuer.to_owned() })
    }

    /// The `iss` and `aud` of tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, AuthError> {
        let keys = self.keys();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(keys.key_id.clone());
        jsonwebtoken::encode(&header, claims, &keys.encoding).map_err(|_| AuthError::Internal("sign a token"))
    }

    /// The claims of a token that this signer made and that is good at `now_s`.
    pub(super) fn verify(&self, token: &str, now_s: u64) -> Result<Claims, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TokenInvalid);
        }
        // The header is not trusted: it only says which of our own keys to try.
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::TokenInvalid)?;
        let keys = self.keys();
        let key = keys.accepted.iter().find(|key| header.kid.as_deref() == Some(key.public.id.as_str()));
        let key = key.filter(|key| key.public.is_good(now_s)).ok_or(AuthError::TokenInvalid)?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation)
            .map_err(|_| AuthError::TokenInvalid)?;
        check_times(&decoded.claims, now_s)?;
        Ok(decoded.claims)
    }

    /// The public keys that are good at `now_s`, the one that signs first.
    pub(super) fn jwks(&self, now_s: u64) -> JsonWebKeySet {
        let keys = self.keys();
        let good = keys.accepted.iter().filter(|key| key.public.is_good(now_s));
        let shown = good.map(|key| JsonWebKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(key.public.bytes),
            kid: key.public.id.clone(),
            alg: "EdDSA".to_owned(),
            usage: "sig".to_owned(),
        });
        JsonWebKeySet { keys: shown.collect() }
    }

    /// Makes a new key in `folder` and signs with it from now on; the old one is accepted until `until_s`. Blocks.
    pub(super) fn rotate(&self, folder: &Path, until_s: u64) -> Result<(), AuthError> {
        // One rotation at a time: the lock is held while the files change.
        let mut current = self.keys.write();
        let keys = Keys::of(&KeyRing::rotate(folder, until_s)?);
        self_test(&keys)?;
        *current = Arc::new(keys);
        Ok(())
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read())
    }
}

fn self_test(keys: &Keys) -> Result<(), AuthError> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let signature = crypto::sign(b"self-test", &keys.encoding, Algorithm::EdDSA)?;
        crypto::verify(&signature, b"self-test", &keys.accepted[0].decoding, Algorithm::EdDSA)
    }));
    match outcome {
        Ok(Ok(true)) => Ok(()),
        _ => Err(AuthError::Key("a signature made with it does not verify")),
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
