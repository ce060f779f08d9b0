//! The identity of a file, however it was reached.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;

/// Names a file within one run of the host, whatever its path.
///
/// It is the library's `metadata-hash` of the device's and the file's number: of a path the library shows nothing else.
/// A guest chooses neither number, so two files of a tenant do not meet by intent, nor by chance among the few open ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inode(u64);

impl Inode {
    /// From the numbers of the device and of the file.
    #[must_use]
    pub fn new(device: u64, number: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        (device, number).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Of an open file.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        Self::new(metadata.dev(), metadata.ino())
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    /// From the lower half of what the library computed.
    pub(crate) fn from_metadata_hash(lower: u64) -> Self {
        Self(lower)
    }
}
