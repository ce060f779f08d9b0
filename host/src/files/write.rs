//! Writing and removing files and directories.

use std::error::Error;
use std::path::PathBuf;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use futures_util::Stream;

use super::read::{Entry, describe, failed};
use super::remove::remove_tree;
use super::{Files, FilesError, TenantPath, blocking};
use crate::auth::{Permit, TenantScope, act};
use crate::inflow::{PourError, pour};
use crate::store::StoreError;

/// Beside the tenant's directory, on the same disk, out of the guests' sight.
pub const TEMPORARY_FOLDER: &str = "incoming";

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
        let (files, scope) = (self.clone(), permit.scope().clone());
        let (incoming, file) = blocking("receive a file", move || files.incoming(&scope, name)).await?;
        pour(body, file, self.limit_bytes, |_| (), || self.store.admit())
            .await
            .map_err(|error| refused(error, self.limit_bytes))?;
        let (files, scope) = (self.clone(), permit.scope().clone());
        blocking("keep a file", move || {
            let root = files.open_root(&scope)?;
            if let Some(parent) = path.parent() {
                root.create_dir_all(&parent).map_err(|source| failed("make a directory", source))?;
            }
            incoming
                .folder
                .rename(&incoming.name, &root, path.relative())
                .map_err(|source| failed("keep a file", source))?;
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
        let (files, scope) = (self.clone(), permit.scope().clone());
        blocking("make a directory", move || {
            let root = files.open_root(&scope)?;
            if !path.is_root() {
                root.create_dir_all(path.relative()).map_err(|source| failed("make a directory", source))?;
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
        let (files, scope) = (self.clone(), permit.scope().clone());
        blocking("remove a file", move || {
            let root = files.open_root(&scope)?;
            let looked =
                root.symlink_metadata(path.relative()).map_err(|source| failed("look at a path", source))?;
            let removed = if looked.is_dir() {
                let parent = path.parent().unwrap_or_else(|| PathBuf::from("."));
                root.open_dir(parent).and_then(|parent| remove_tree(parent, path.name()))
            } else {
                root.remove_file(path.relative())
            };
            removed.map_err(|source| failed("remove a file", source))
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

fn entry(root: &Dir, path: &TenantPath) -> Result<Entry, FilesError> {
    let metadata =
        root.symlink_metadata(path.relative()).map_err(|source| failed("look at a path", source))?;
    describe(path.name().to_owned(), &metadata).ok_or(FilesError::Internal("describe a file"))
}

fn refused(error: PourError<StoreError>, limit_bytes: u64) -> FilesError {
    match error {
        PourError::TooLarge => FilesError::TooLarge { limit_bytes },
        PourError::Body(source) => FilesError::BodyIncomplete(source),
        PourError::Io(source) => FilesError::Refused { attempt: "write a file", source },
        PourError::Check(error) => FilesError::Store(error),
    }
}
