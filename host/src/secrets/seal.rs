//! Sealing: XChaCha20-Poly1305 with the key of the data directory, bound to tenant and name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};

use super::SecretsError;
use crate::auth::TenantScope;
use crate::ids::SecretName;

/// Bytes of a nonce: long enough to be drawn at random (draft-irtf-cfrg-xchacha, 2.1).
const NONCE_BYTES: usize = 24;

/// Seals and opens secrets.
pub(super) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&key.into()))
    }

    /// Nonce and sealed text, in base64.
    pub(super) fn seal(
        &self,
        scope: &TenantScope,
        name: &SecretName,
        text: &str,
    ) -> Result<String, SecretsError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SecretsError::Internal("draw a nonce"))?;
        let bound_to = bound_to(scope, name);
        let payload = Payload { msg: text.as_bytes(), aad: &bound_to };
        let sealed = self.0.encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| SecretsError::Internal("seal a secret"))?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// The text; an error when it was sealed with another key, for another tenant or name, or changed since.
    pub(super) fn open(
        &self,
        scope: &TenantScope,
        name: &SecretName,
        sealed: &str,
    ) -> Result<String, SecretsError> {
        let damaged = || SecretsError::Damaged(name.clone());
        let bytes = STANDARD.decode(sealed).map_err(|_| damaged())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        let bound_to = bound_to(scope, name);
        let text = self.0.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &bound_to });
        text.ok().and_then(|text| String::from_utf8(text).ok()).ok_or_else(damaged)
    }
}

/// Neither part can hold the zero byte between them.
fn bound_to(scope: &TenantScope, name: &SecretName) -> Vec<u8> {
    [scope.tenant().as_str().as_bytes(), &[0], name.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::ids::TenantId;

    fn scope() -> TenantScope {
        TenantScope::for_test(TenantId::generate(&Clock::system()))
    }

    #[test]
    fn a_sealed_secret_opens_only_for_its_tenant_and_name_and_key() {
        let (seal, mine, name) = (Seal::new([1; 32]), scope(), "KEY".parse().unwrap());
        let sealed = seal.seal(&mine, &name, "hush").unwrap();
        assert_eq!(seal.open(&mine, &name, &sealed).unwrap(), "hush");
        assert_ne!(seal.seal(&mine, &name, "hush").unwrap(), sealed, "each has a nonce of its own");
        assert!(seal.open(&scope(), &name, &sealed).is_err());
        assert!(seal.open(&mine, &"KEY2".parse().unwrap(), &sealed).is_err());
        assert!(Seal::new([2; 32]).open(&mine, &name, &sealed).is_err());
        let mut changed = STANDARD.decode(&sealed).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        assert!(seal.open(&mine, &name, &STANDARD.encode(changed)).is_err());
        assert!(seal.open(&mine, &name, "").is_err());
    }
}
