//! The numbers by which guests tell files apart: not the host's.

use super::inode::Inode;

/// Turns the host's numbers of files into those that one tenant's guests see.
///
/// Two names of one file have the same number, in every run and after a restart; from a number nothing can be told of the
/// host's, nor of what another tenant sees.
#[derive(Clone)]
pub(crate) struct FileKey([u8; blake3::KEY_LEN]);

impl FileKey {
    /// For one tenant, from a secret of the host.
    pub(crate) fn new(secret: &[u8; blake3::KEY_LEN], tenant: &str) -> Self {
        let of_files = blake3::derive_key("cloister 2026 numbers of files", secret);
        Self(*blake3::keyed_hash(&of_files, tenant.as_bytes()).as_bytes())
    }

    /// 128 bits, the lower half first: of preview 1, only that one is seen.
    pub(super) fn numbers(&self, inode: Inode) -> (u64, u64) {
        let hash = blake3::keyed_hash(&self.0, &inode.to_bytes());
        let half = |at: usize| {
            let bytes = hash.as_bytes()[at..].first_chunk();
            bytes.copied().map_or(0, u64::from_le_bytes)
        };
        (half(0), half(8))
    }

    /// The lower half.
    pub(super) fn number(&self, inode: Inode) -> u64 {
        self.numbers(inode).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_for_one_tenant_and_different_for_each() {
        let inode = Inode::new(1, 2);
        let of = |secret: u8, tenant: &str| FileKey::new(&[secret; 32], tenant).numbers(inode);
        assert_eq!(of(1, "acme"), of(1, "acme"));
        let (lower, upper) = of(1, "acme");
        assert_ne!(lower, upper);
        for other in [of(1, "other"), of(2, "acme")] {
            assert_ne!(other.0, lower);
            assert_ne!(other.1, upper);
        }
        assert_ne!(FileKey::new(&[1; 32], "acme").number(Inode::new(1, 3)), lower);
    }
}
