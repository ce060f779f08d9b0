//! Compiled code of local runs, kept for the next run of the same file.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cloister_runtime::CacheConfig;

const KEY_BYTES: usize = 32;
/// What is kept on disk at most, before the oldest is removed.
const MAX_DISK_BYTES: u64 = 512 << 20;

/// A private directory and the key that authenticates what is in it. Without a directory that can be used, compiled
/// code is kept in memory only: a cache costs time, never a run.
pub(super) fn open(cache_dir: Option<PathBuf>) -> CacheConfig {
    let opened = cache_dir.and_then(|dir| private(&dir).and_then(|()| key(&dir)).ok().map(|key| (dir, key)));
    let (directory, key) = match opened {
        Some((dir, key)) => (Some(dir.join("code")), key),
        None => (None, [0; KEY_BYTES]),
    };
    CacheConfig { directory, key, memory_bytes: u64::MAX }
}

/// Makes the directory; refuses one that others own or can write to.
fn private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let metadata = fs::metadata(dir)?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if own && metadata.mode() & 0o022 == 0 { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// The key of this directory; drawn at random the first time, by whichever process comes first.
fn key(dir: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = dir.join("code.key");
    if let Some(key) = read_key(&path) {
        return Ok(key);
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Made readable by its owner only.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&key)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        Err(_) => read_key(&path).ok_or_else(|| io::ErrorKind::InvalidData.into()),
    }
}

fn read_key(path: &Path) -> Option<[u8; KEY_BYTES]> {
    fs::read(path).ok()?.try_into().ok()
}

/// Removes the oldest code until the rest fits; for use after something was added.
pub(super) fn trim(directory: &Path) {
    let Ok(versions) = fs::read_dir(directory) else { return };
    let files =
        versions.flatten().filter_map(|version| fs::read_dir(version.path()).ok()).flatten().flatten();
    let mut found: Vec<(SystemTime, u64, PathBuf)> = files
        .filter_map(|file| {
            let metadata = file.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), file.path()))
        })
        .collect();
    found.sort();
    let mut total: u64 = found.iter().map(|(_, len, _)| len).sum();
    for (_, len, path) in found {
        if total <= MAX_DISK_BYTES {
            return;
        }
        // Another process may have removed it, or still read it: both are harmless.
        let _ = fs::remove_file(path);
        total -= len;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_kept_private() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("cloister");
        let (first, second) = (open(Some(dir.clone())), open(Some(dir.clone())));
        assert_eq!(first.key, second.key);
        assert_ne!(first.key, [0; KEY_BYTES]);
        assert_eq!(fs::metadata(dir.join("code.key")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(open(Some(home.path().to_owned())).directory, None);
        assert_eq!(open(None).directory, None);
    }

    #[test]
    fn the_oldest_code_goes_first() {
        let home = tempfile::tempdir().unwrap();
        let version = home.path().join("v1");
        fs::create_dir(&version).unwrap();
        for (name, age_s) in [("old", 100), ("new", 1)] {
            let file = fs::File::create(version.join(name)).unwrap();
            file.set_len(MAX_DISK_BYTES / 2 + 1).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 - age_s)).unwrap();
        }
        trim(home.path());
        assert!(version.join("new").exists() && !version.join("old").exists());
    }
}
