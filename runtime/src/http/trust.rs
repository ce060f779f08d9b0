//! Whose certificates outgoing HTTPS accepts.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The authorities that outgoing HTTPS trusts. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

/// Why certificates cannot be used as authorities.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthorities {
    /// There is no certificate in PEM form (RFC 7468) in it.
    #[error("it has no PEM certificate")]
    Empty,
    /// It is not PEM.
    #[error("it is not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// A certificate in it is none.
    #[error("certificate {number} cannot be read")]
    Certificate {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The machine's cryptography has no protocol version that is safe.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl Trust {
    /// The authorities that browsers trust (Mozilla's list).
    ///
    /// # Errors
    /// [`InvalidAuthorities::Tls`].
    pub fn public_web() -> Result<Self, InvalidAuthorities> {
        Self::new(public_roots())
    }

    /// Those, and the certificates in a PEM file, as of an operator's own authority.
    ///
    /// # Errors
    /// When it has none, or one that cannot be read.
    pub fn with_authorities(pem: &[u8]) -> Result<Self, InvalidAuthorities> {
        let mut roots = public_roots();
        let mut number = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            number += 1;
            let certificate = certificate.map_err(InvalidAuthorities::Pem)?;
            roots.add(certificate).map_err(|source| InvalidAuthorities::Certificate { number, source })?;
        }
        if number == 0 {
            return Err(InvalidAuthorities::Empty);
        }
        Self::new(roots)
    }

    fn new(roots: RootCertStore) -> Result<Self, InvalidAuthorities> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(InvalidAuthorities::Tls)?;
        Ok(Self { config: Arc::new(builder.with_root_certificates(roots).with_no_client_auth()) })
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_authority_is_refused() {
        assert!(matches!(Trust::with_authorities(b""), Err(InvalidAuthorities::Empty)));
        assert!(matches!(Trust::with_authorities(b"hello"), Err(InvalidAuthorities::Empty)));
        let torn = b"-----BEGIN CERTIFICATE-----\nMIIB\n";
        assert!(matches!(Trust::with_authorities(torn), Err(InvalidAuthorities::Pem(_))));
        let nothing = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let refused = Trust::with_authorities(nothing);
        assert!(matches!(refused, Err(InvalidAuthorities::Certificate { number: 1, .. })), "{refused:?}");
        Trust::public_web().unwrap();
    }
}
