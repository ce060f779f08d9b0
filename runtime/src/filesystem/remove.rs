//! Removing what a tenant asked its host to remove, name by name, so that each is given back.

use std::ffi::{CStr, CString, OsStr};
use std::io::{Error, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::{Inode, Look, LookKind, Volume};

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Names that are looked for in a directory at a time.
const BATCH: usize = 1024;

/// One directory on the way down: who it is, and its name in the one above.
struct Level {
    identity: (u64, u64),
    name: CString,
}

/// Removes a name of a directory, and all below it. No link is followed. The volume's lock is held for one name at a
/// time. Blocks.
///
/// # Errors
/// When nothing is there, or a guest adds or moves something meanwhile. What was removed until then stays removed.
pub fn remove_tree(volume: &Volume, parent: impl AsFd, name: &OsStr) -> Result<()> {
    let name = CString::new(name.as_bytes()).map_err(|_| Error::from(Errno::INVAL))?;
    let mut current = openat(parent, ".", DIRECTORY, Mode::empty())?;
    if !remove_name(volume, &current, &name)? {
        return Ok(());
    }
    let mut levels = vec![Level { identity: identity(&fstat(&current)?), name }];
    current = openat(&current, levels[0].name.as_c_str(), DIRECTORY, Mode::empty())?;
    while let Some(level) = levels.last() {
        match remove_files(volume, &current)? {
            Some(directory) => {
                let below = openat(&current, directory.as_c_str(), DIRECTORY, Mode::empty())?;
                levels.push(Level { identity: identity(&fstat(&current)?), name: directory });
                current = below;
            }
            None => {
                let above = openat(&current, "..", DIRECTORY, Mode::empty())?;
                if identity(&fstat(&above)?) != level.identity {
                    return Err(Errno::STALE.into());
                }
                remove_directory(volume, &above, &level.name)?;
                levels.pop();
                current = above;
            }
        }
    }
    Ok(())
}

/// Removes what is no directory; the name of a directory, when one is left.
fn remove_files(volume: &Volume, directory: &OwnedFd) -> Result<Option<CString>> {
    loop {
        let mut names = Vec::new();
        for entry in Dir::read_from(directory)?.take(BATCH + 2) {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        if names.is_empty() {
            return Ok(None);
        }
        for name in names {
            if remove_name(volume, directory, &name)? {
                return Ok(Some(name));
            }
        }
    }
}

/// Removes one name, unless it is a directory's: true then.
fn remove_name(volume: &Volume, directory: &OwnedFd, name: &CStr) -> Result<bool> {
    let mut change = volume.change();
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let look = look(&stat);
    if look.kind == LookKind::Directory {
        return Ok(true);
    }
    unlinkat(directory, name, AtFlags::empty())?;
    change.name_gone(&look);
    Ok(false)
}

fn remove_directory(volume: &Volume, above: &OwnedFd, name: &CStr) -> Result<()> {
    let mut change = volume.change();
    let look = look(&statat(above, name, AtFlags::SYMLINK_NOFOLLOW)?);
    unlinkat(above, name, AtFlags::REMOVEDIR)?;
    change.name_gone(&look);
    Ok(())
}

fn look(stat: &Stat) -> Look {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => LookKind::Directory,
        FileType::RegularFile => LookKind::File,
        FileType::Symlink => LookKind::Symlink,
        _ => LookKind::Special,
    };
    let counted = matches!(kind, LookKind::File | LookKind::Symlink);
    Look {
        inode: Inode::new(stat.st_dev, stat.st_ino),
        kind,
        bytes: if counted { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        links: stat.st_nlink,
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// What a name of an open directory leads to, without following it; none when nothing is there.
///
/// # Errors
/// When it cannot be looked at.
pub fn look_at(directory: impl AsFd, name: &OsStr) -> Result<Option<Look>> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(look(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
