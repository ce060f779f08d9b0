//! Compiled code of files that were run before, in the user's own cache directory.
//!
//! The directory and its key are private to the user, who could run any machine code anyway. Without them a file is
//! compiled each time.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use cloister_runtime::CacheConfig;

use crate::cli::env;

/// Files kept; the oldest go first.
const MAX_FILES: usize = 256;

/// Where compiled code is kept, or nowhere when the directory cannot be used.
pub(super) fn cache() -> CacheConfig {
    let directory = env::cache_dir().map(|dir| dir.join("cloister"));
    let usable = directory.and_then(|dir| Some((key(&dir)?, dir.join("compiled"))));
    let (key, directory) = match usable {
        Some((key, directory)) => (key, Some(directory)),
        None => ([0; 32], None),
    };
    if let Some(directory) = &directory {
        forget_oldest(directory);
    }
    CacheConfig { directory, key, memory_bytes: u64::MAX }
}

/// Names a binary.
pub(super) fn name(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn key(directory: &Path) -> Option<[u8; 32]> {
    let path = directory.join("compiled.key");
    if let Ok(bytes) = fs::read(&path) {
        return bytes.try_into().ok();
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).ok()?;
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok()?;
    // Two first runs at once: the one that comes second goes without.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).ok()?;
    file.write_all(&key).ok()?;
    Some(key)
}

/// Keeps the directory bounded. What cannot be looked at or removed stays for another time.
fn forget_oldest(directory: &Path) {
    let versions = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = versions.flat_map(|version| fs::read_dir(version.path()).into_iter().flatten().flatten());
    let mut found: Vec<_> = files.map(|file| file.path()).take(MAX_FILES * 4).collect();
    if found.len() <= MAX_FILES {
        return;
    }
    found.sort_by_cached_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
    for path in &found[..found.len() - MAX_FILES] {
        let _ = fs::remove_file(path);
    }
}
