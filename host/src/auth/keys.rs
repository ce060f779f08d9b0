//! The key that signs access tokens: made at first start, private to the data directory.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use sha2::{Digest, Sha256};

use super::AuthError;

const FILE: &str = "access-token.ed25519.pk8";

/// An Ed25519 key pair in the shapes that signing needs.
pub(super) struct KeyPair {
    /// Names the key in a token's header.
    pub(super) id: String,
    /// The private key, as PKCS #8 DER.
    pub(super) private_der: Vec<u8>,
    /// The public key.
    pub(super) public: [u8; 32],
}

impl KeyPair {
    /// Reads the key of a folder, or makes it.
    pub(super) fn load_or_create(folder: &Path) -> Result<Self, AuthError> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Ok(der) => Self::from_der(&der),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let pair = Self::generate()?;
                write_private(&path, &pair.private_der)?;
                Ok(pair)
            }
            Err(_) => Err(AuthError::Key("its file cannot be read")),
        }
    }

    /// A new key that is kept nowhere.
    pub(super) fn generate() -> Result<Self, AuthError> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|_| AuthError::Internal("draw a key"))?;
        Self::from_signing_key(&SigningKey::from_bytes(&seed))
    }

    fn from_der(der: &[u8]) -> Result<Self, AuthError> {
        let key = SigningKey::from_pkcs8_der(der).map_err(|_| AuthError::Key("its file is damaged"))?;
        Self::from_signing_key(&key)
    }

    fn from_signing_key(key: &SigningKey) -> Result<Self, AuthError> {
        let der = key.to_pkcs8_der().map_err(|_| AuthError::Key("it cannot be encoded"))?;
        let public = key.verifying_key().to_bytes();
        let id = hex::encode(&Sha256::digest(public)[..8]);
        Ok(Self { id, private_der: der.as_bytes().to_vec(), public })
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), AuthError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|_| AuthError::Key("its file cannot be written"))
}

#[cfg(test)]
mod tests {

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = KeyPair::load_or_create(dir.path()).unwrap();
        let second = KeyPair::load_or_create(dir.path()).unwrap();
        assert_eq!((first.id, first.public), (second.id, second.public));
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"not a key").unwrap();
        assert!(matches!(KeyPair::load_or_create(dir.path()), Err(AuthError::Key(_))));
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), b"not a key");
    }
}
