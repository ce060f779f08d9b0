//! Removing a tree of any depth: guests make directories deeper than any stack, and than any path can name.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat, fstat, openat, unlinkat};
use rustix::io::{Errno, Result};

/// A directory is opened by one name at a time, and no link is followed.
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory on the way down: who it is, its name in the one above, and its own directories that are still there.
struct Level {
    identity: (u64, u64),
    name: CString,
    left: Vec<CString>,
}

/// Removes a directory and all that is in it. Never follows a link. Blocks.
///
/// It has three descriptors open at a time, however deep the tree is: it goes up through `..`, and makes sure that it
/// comes to where it came from.
///
/// # Errors
/// When the file system refuses, or somebody adds to the tree or moves it meanwhile. A part of it may be gone then.
pub(super) fn remove_tree(parent: impl AsFd, name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    let top = identity(&fstat(parent.as_fd())?);
    let mut current = openat(parent, name.as_c_str(), DIRECTORY, Mode::empty())?;
    let mut levels = vec![empty(&current, name)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.left.pop() {
            current = openat(&current, name.as_c_str(), DIRECTORY, Mode::empty())?;
            levels.push(empty(&current, name)?);
            continue;
        }
        let above = levels.iter().rev().nth(1).map_or(top, |above| above.identity);
        let emptied = levels.pop();
        current = up(&current, above)?;
        if let Some(Level { name, .. }) = emptied {
            unlinkat(&current, name.as_c_str(), AtFlags::REMOVEDIR)?;
        }
    }
    Ok(())
}

/// Removes all but the directories from a directory.
fn empty(directory: &OwnedFd, name: CString) -> Result<Level> {
    let mut left = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        match unlinkat(directory, entry.file_name(), AtFlags::empty()) {
            // Linux says the first of a directory, POSIX the second.
            Err(Errno::ISDIR | Errno::PERM) => left.push(entry.file_name().to_owned()),
            // It was removed meanwhile.
            Err(Errno::NOENT) => {}
            removed => removed?,
        }
    }
    Ok(Level { identity: identity(&fstat(directory)?), name, left })
}

fn up(current: &OwnedFd, above: (u64, u64)) -> Result<OwnedFd> {
    let parent = openat(current, "..", DIRECTORY, Mode::empty())?;
    if identity(&fstat(&parent)?) == above { Ok(parent) } else { Err(Errno::STALE) }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::mkdirat;

    use super::*;

    #[test]
    fn a_tree_deeper_than_any_stack_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = File::open(dir.path()).unwrap();
        let mut at = OwnedFd::from(top.try_clone().unwrap());
        for _ in 0..20_000 {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(&top, "d").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("tree/a/b")).unwrap();
        std::fs::create_dir(dir.path().join("kept")).unwrap();
        std::fs::write(dir.path().join("kept/file"), "kept").unwrap();
        for (target, link) in
            [("../kept", "tree/out"), ("../../../kept/file", "tree/a/b/file"), ("nowhere", "tree/x")]
        {
            std::os::unix::fs::symlink(target, dir.path().join(link)).unwrap();
        }
        std::fs::write(dir.path().join("tree/a/own"), "own").unwrap();
        let top = File::open(dir.path()).unwrap();
        remove_tree(&top, "tree").unwrap();
        assert!(!dir.path().join("tree").exists());
        assert_eq!(std::fs::read(dir.path().join("kept/file")).unwrap(), b"kept");
    }

    #[test]
    fn a_link_is_no_tree() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("kept")).unwrap();
        std::os::unix::fs::symlink("kept", dir.path().join("link")).unwrap();
        let top = File::open(dir.path()).unwrap();
        assert!(remove_tree(&top, "link").is_err());
        assert!(dir.path().join("kept").is_dir());
    }
}
