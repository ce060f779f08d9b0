//! Writing and removing files and directories.

use std::error::Error;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use cloister_runtime::{Held, Volume, VolumeUsage, look_at, remove_tree};
use futures_util::Stream;

use super::read::{Entry, describe, failed};
use super::{Files, FilesError, TenantPath, blocking};
use crate::auth::{Permit, TenantScope, act};
use crate::inflow::{PourError, pour};

/// Beside the tenant's directory, on the same disk, out of the guests' sight.
pub const TEMPORARY_FOLDER: &str = "incoming";

/// One name more.
const ENTRY: VolumeUsage = VolumeUsage { bytes: 0, entries: 1 };

/// A file that arrives; removed unless it was moved to its place.
struct Incoming {
    folder: Dir,
    name: String,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // It may have been moved.
        let _ = self.folder.remove_file(&self.name);
    }
}

impl Files {
    /// Writes a file whole or not at all, over an older one, and makes the directories above it.
    ///
    /// # Errors
    /// When the body ends early or is too large, or the path cannot hold a file.
    pub async fn write<S, E>(
        &self,
        permit: &Permit<act::FileWrite>,
        path: TenantPath,
        name: String,
        body: S,
    ) -> Result<Entry, FilesError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if path.is_root() {
            return Err(FilesError::NotAFile);
        }
        self.store.admit()?;
        let (files, scope, limits) = (self.clone(), permit.scope().clone(), permit.limits().of_volume());
        let (volume, incoming, file) = blocking("receive a file", move || {
            let volume = files.volume(&scope, limits)?;
            let (incoming, file) = files.incoming(&scope, name)?;
            Ok((volume, incoming, file))
        })
        .await?;
        let mut room = volume.hold();
        let take = |piece: &[u8]| Ok(room.grow(VolumeUsage { bytes: piece.len() as u64, entries: 0 })?);
        let admit = || Ok::<_, FilesError>(self.store.admit()?);
        let size_bytes = pour(body, file, self.limit_bytes, take, admit)
            .await
            .map_err(|error| refused(error, self.limit_bytes))?;
        let (files, scope) = (self.clone(), permit.scope().clone());
        blocking("keep a file", move || {
            let root = files.open_root(&scope)?;
            if let Some(parent) = path.parent() {
                make_directories(&volume, &root, &parent)?;
            }
            keep(&volume, &root, &path, &incoming, room, size_bytes)?;
            entry(&root, &path)
        })
        .await
    }

    /// Makes a directory and those above it; one that exists is as good.
    ///
    /// # Errors
    /// When something else is there.
    pub async fn make_directory(
        &self,
        permit: &Permit<act::FileWrite>,
        path: TenantPath,
    ) -> Result<Entry, FilesError> {
        self.store.admit()?;
        let (files, scope, limits) = (self.clone(), permit.scope().clone(), permit.limits().of_volume());
        blocking("make a directory", move || {
            let root = files.open_root(&scope)?;
            if !path.is_root() {
                make_directories(&files.volume(&scope, limits)?, &root, path.relative())?;
            }
            entry(&root, &path)
        })
        .await
    }

    /// Removes a file, a link, or a directory with all in it. Never follows a link.
    ///
    /// # Errors
    /// When nothing is there.
    pub async fn remove(&self, permit: &Permit<act::FileWrite>, path: TenantPath) -> Result<(), FilesError> {
        if path.is_root() {
            return Err(FilesError::PathInvalid("the tenant's directory itself cannot be removed"));
        }
        let (files, scope, limits) = (self.clone(), permit.scope().clone(), permit.limits().of_volume());
        blocking("remove a file", move || {
            let volume = files.volume(&scope, limits)?;
            let parent = parent_of(&files.open_root(&scope)?, &path)?;
            remove_tree(&volume, &parent, OsStr::new(path.name()))
                .map_err(|source| failed("remove a file", source))
        })
        .await
    }

    fn incoming(&self, scope: &TenantScope, name: String) -> Result<(Incoming, std::fs::File), FilesError> {
        let path = self.store.dir().tenant_files(scope).with_file_name(TEMPORARY_FOLDER);
        let failed = |source| FilesError::Refused { attempt: "make room for a file", source };
        std::fs::create_dir_all(&path).map_err(failed)?;
        #[expect(clippy::disallowed_methods, reason = "the one home of opening a tenant's directory")]
        let folder = Dir::open_ambient_dir(path, ambient_authority()).map_err(failed)?;
        let mut options = OpenOptions::new();
        let file = folder.open_with(&name, options.write(true).create_new(true)).map_err(failed)?;
        Ok((Incoming { folder, name }, file.into_std()))
    }
}

/// Makes a directory and those above it, one name at a time, each within the quota.
pub(crate) fn make_directories(volume: &Volume, root: &Dir, path: &Path) -> Result<(), FilesError> {
    let mut made = PathBuf::new();
    for name in path.components() {
        made.push(name);
        if is_directory(root, &made)? {
            continue;
        }
        let mut change = volume.change();
        change.reserve(ENTRY)?;
        match root.create_dir(&made) {
            Ok(()) => change.added(ENTRY),
            // Somebody else has just made it; or it is a link that leads to nothing.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !is_directory(root, &made)? {
                    return Err(FilesError::NotADirectory);
                }
            }
            Err(error) => return Err(failed("make a directory", error)),
        }
    }
    Ok(())
}

/// False when nothing is there.
fn is_directory(root: &Dir, path: &Path) -> Result<bool, FilesError> {
    match root.metadata(path) {
        Ok(found) if found.is_dir() => Ok(true),
        Ok(_) => Err(FilesError::NotADirectory),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("make a directory", error)),
    }
}

/// Moves what arrived to its place, and gives back what it replaces.
fn keep(
    volume: &Volume,
    root: &Dir,
    path: &TenantPath,
    incoming: &Incoming,
    room: Held,
    size_bytes: u64,
) -> Result<(), FilesError> {
    let parent = parent_of(root, path)?;
    let mut change = volume.change();
    room.settle(&mut change);
    let replaced =
        look_at(&parent, OsStr::new(path.name())).map_err(|source| failed("look at a path", source))?;
    let growth = VolumeUsage { bytes: size_bytes, entries: 1 };
    change.reserve(VolumeUsage { entries: u64::from(replaced.is_none()), ..growth })?;
    incoming
        .folder
        .rename(&incoming.name, &parent, path.name())
        .map_err(|source| failed("keep a file", source))?;
    if let Some(replaced) = replaced {
        change.name_gone(&replaced);
    }
    change.added(growth);
    Ok(())
}

fn parent_of(root: &Dir, path: &TenantPath) -> Result<Dir, FilesError> {
    let parent = path.parent().unwrap_or_else(|| PathBuf::from("."));
    root.open_dir(parent).map_err(|source| failed("open a directory", source))
}

fn entry(root: &Dir, path: &TenantPath) -> Result<Entry, FilesError> {
    let metadata =
        root.symlink_metadata(path.relative()).map_err(|source| failed("look at a path", source))?;
    describe(path.name().to_owned(), &metadata).ok_or(FilesError::Internal("describe a file"))
}

fn refused(error: PourError<FilesError>, limit_bytes: u64) -> FilesError {
    match error {
        PourError::TooLarge => FilesError::TooLarge { limit_bytes },
        PourError::Body(source) => FilesError::BodyIncomplete(source),
        PourError::Io(source) => FilesError::Refused { attempt: "write a file", source },
        PourError::Check(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use cloister_runtime::VolumeLimits;

    use super::*;

    #[test]
    fn directories_that_many_make_at_once_are_made_and_counted_once() {
        const THREADS: usize = 8;
        let dir = tempfile::tempdir().unwrap();
        let root = Dir::from_std_file(std::fs::File::open(dir.path()).unwrap());
        for round in 0..200 {
            let volume = Volume::new(VolumeLimits::UNLIMITED, VolumeUsage::default());
            let path = PathBuf::from(format!("{round}/a/b"));
            let together = Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        together.wait();
                        make_directories(&volume, &root, &path).unwrap();
                    });
                }
            });
            assert_eq!(volume.used(), VolumeUsage { bytes: 0, entries: 3 });
        }
        let refused = |path: &str| {
            make_directories(
                &Volume::new(VolumeLimits::UNLIMITED, VolumeUsage::default()),
                &root,
                path.as_ref(),
            )
        };
        std::fs::write(dir.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
        for path in ["file", "file/below", "link", "link/below"] {
            assert!(matches!(refused(path), Err(FilesError::NotADirectory)), "{path}");
        }
    }
}
