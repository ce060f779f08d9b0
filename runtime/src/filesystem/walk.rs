//! Counting what a directory takes on the disk.

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::{Errno, Result};

use super::VolumeUsage;

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkEnded {
    /// Everything was counted.
    Complete(VolumeUsage),
    /// There are more names than the bound; so much was counted.
    TooMany(VolumeUsage),
}

/// Directories are opened by one name at a time and no link is followed, so nothing outside is looked at.
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// One directory on the way down: who it is, and its own directories that are still to be counted.
struct Level {
    identity: (u64, u64),
    left: Vec<CString>,
}

/// Counts the names below a directory, at most `most_entries`, and the bytes they take. Blocks.
///
/// It has two descriptors open at a time, however deep the tree is: it goes up through `..`, and makes sure that it
/// comes to where it came from.
///
/// # Errors
/// When a directory cannot be read, or something moves directories meanwhile.
pub fn walk(root: impl AsFd, most_entries: u64) -> std::io::Result<WalkEnded> {
    Ok(Walk { most_entries, ..Walk::default() }.run(root.as_fd())?)
}

#[derive(Default)]
struct Walk {
    most_entries: u64,
    counted: VolumeUsage,
    /// Files with several names, which are counted once.
    linked: HashSet<(u64, u64)>,
}

impl Walk {
    fn run(mut self, root: BorrowedFd<'_>) -> Result<WalkEnded> {
        let mut current = openat(root, ".", DIRECTORY, Mode::empty())?;
        let mut levels = vec![self.level(&current)?];
        loop {
            if self.counted.entries > self.most_entries {
                return Ok(WalkEnded::TooMany(self.counted));
            }
            let Some(level) = levels.last_mut() else { return Ok(WalkEnded::Complete(self.counted)) };
            if let Some(name) = level.left.pop() {
                match openat(&current, name.as_c_str(), DIRECTORY, Mode::empty()) {
                    Ok(below) => {
                        levels.push(self.level(&below)?);
                        current = below;
                    }
                    // It was removed meanwhile.
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error),
                }
                continue;
            }
            levels.pop();
            if let Some(above) = levels.last() {
                current = up(&current, above)?;
            }
        }
    }

    /// Counts what is in one directory.
    fn level(&mut self, directory: &OwnedFd) -> Result<Level> {
        let mut left = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            self.counted.entries += 1;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => left.push(entry.file_name().to_owned()),
                FileType::RegularFile | FileType::Symlink => self.count(&stat),
                _ => {}
            }
            if self.counted.entries > self.most_entries {
                break;
            }
        }
        Ok(Level { identity: identity(&fstat(directory)?), left })
    }

    fn count(&mut self, stat: &Stat) {
        if stat.st_nlink <= 1 || self.linked.insert(identity(stat)) {
            self.counted.bytes += u64::try_from(stat.st_size).unwrap_or(0);
        }
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn up(current: &OwnedFd, above: &Level) -> Result<OwnedFd> {
    let parent = openat(current, "..", DIRECTORY, Mode::empty())?;
    if identity(&fstat(&parent)?) == above.identity { Ok(parent) } else { Err(Errno::STALE) }
}
