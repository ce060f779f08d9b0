//! The key that signs access tokens: made at first start, private to the data directory, and replaced now and then.
//!
//! Of a key that was replaced, only the public half is kept, in a file whose name says until when it is accepted.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use sha2::{Digest, Sha256};

use super::AuthError;

const FILE: &str = "access-token.ed25519.pk8";
/// Names of retired keys' files begin so; the time in seconds since the Unix epoch and `.pub` follow.
const RETIRED: &str = "access-token.retired.";
/// Retired keys that are accepted at once, however often keys are replaced.
const MAX_RETIRED: usize = 16;

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// Names the key in a token's header.
    pub(super) id: String,
    /// The key itself.
    pub(super) bytes: [u8; 32],
    /// When it stops being accepted, in seconds since the Unix epoch; `None` while it signs.
    pub(super) until_s: Option<u64>,
}

impl PublicKey {
    /// True while tokens signed with it are accepted.
    pub(super) fn is_good(&self, now_s: u64) -> bool {
        self.until_s.is_none_or(|until_s| now_s < until_s)
    }
}

/// The key that signs, and those it replaced.
pub(super) struct KeyRing {
    pub(super) current: KeyPair,
    pub(super) retired: Vec<PublicKey>,
}

impl KeyRing {
    /// Reads the keys of a folder, or makes the first.
    pub(super) fn load_or_create(folder: &Path) -> Result<Self, AuthError> {
        Ok(Self { current: KeyPair::load_or_create(folder)?, retired: retired(folder)? })
    }

    /// Replaces the key of a folder; the old one is accepted until `until_s`.
    pub(super) fn rotate(folder: &Path, until_s: u64) -> Result<Self, AuthError> {
        let old = KeyPair::load_or_create(folder)?;
        let next = KeyPair::generate()?;
        // In this order, so that a crash in between loses no key that tokens are signed with.
        let name = format!("{RETIRED}{until_s:012}.{}.pub", old.id);
        write_private(&folder.join(name), &old.public)?;
        write_private(&folder.join(FILE), &next.private_der)?;
        Self::load_or_create(folder)
    }
}

/// The retired keys of a folder, latest first; older ones than are accepted are removed.
fn retired(folder: &Path) -> Result<Vec<PublicKey>, AuthError> {
    let unreadable = |_| AuthError::Key("the folder of keys cannot be read");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let times = name.strip_prefix(RETIRED).and_then(|rest| rest.strip_suffix(".pub"));
        let Some(until_s) = times.and_then(|rest| rest.split('.').next()).and_then(|text| text.parse().ok())
        else {
            continue;
        };
        let bytes = fs::read(entry.path()).map_err(unreadable)?;
        let bytes: [u8; 32] =
            bytes.try_into().map_err(|_| AuthError::Key("the file of a retired key is damaged"))?;
        found.push((PublicKey { id: key_id(&bytes), bytes, until_s: Some(until_s) }, entry.path()));
    }
    found.sort_by_key(|(key, _)| std::cmp::Reverse(key.until_s));
    for (_, path) in found.iter().skip(MAX_RETIRED) {
        fs::remove_file(path).map_err(unreadable)?;
    }
    Ok(found.into_iter().take(MAX_RETIRED).map(|(key, _)| key).collect())
}

/// The name of a public key.
fn key_id(public: &[u8; 32]) -> String {
    hex::encode(&Sha256::digest(public)[..8])
}

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
    /// The public half, while it signs.
    pub(super) fn public_key(&self) -> PublicKey {
        PublicKey { id: self.id.clone(), bytes: self.public, until_s: None }
    }

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
        Ok(Self { id: key_id(&public), private_der: der.as_bytes().to_vec(), public })
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
    fn a_replaced_key_is_kept_in_public_and_for_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = KeyRing::load_or_create(dir.path()).unwrap();
        let second = KeyRing::rotate(dir.path(), 1_000).unwrap();
        assert_ne!(first.current.id, second.current.id);
        assert_eq!(second.retired.len(), 1);
        assert_eq!(second.retired[0].bytes, first.current.public);
        assert!(second.retired[0].is_good(999) && !second.retired[0].is_good(1_000));
        for round in 0..MAX_RETIRED as u64 + 3 {
            KeyRing::rotate(dir.path(), 2_000 + round).unwrap();
        }
        let ring = KeyRing::load_or_create(dir.path()).unwrap();
        assert_eq!(ring.retired.len(), MAX_RETIRED);
        assert_eq!(ring.retired[0].until_s, Some(2_000 + MAX_RETIRED as u64 + 2));
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"not a key").unwrap();
        assert!(matches!(KeyPair::load_or_create(dir.path()), Err(AuthError::Key(_))));
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), b"not a key");
    }
}
