//! Adding to the end of a file, as it comes.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use bytes::Bytes;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use cloister_runtime::{Inode, Look, LookKind, OpenFile, Volume, VolumeUsage};
use futures_util::{Stream, StreamExt as _};

use super::read::{failed, nonblocking};
use super::{Files, FilesError, TenantPath, blocking};
use crate::auth::{Permit, act};

impl Files {
    /// Adds bytes to the end of a file, which is made when it is missing. What was added before a failure stays, as with
    /// any program that appends.
    ///
    /// # Errors
    /// When the path cannot hold a file, or the file, the directory or the disk is full.
    pub async fn append<S, E>(
        &self,
        permit: &Permit<act::FileWrite>,
        path: TenantPath,
        name: String,
        body: S,
    ) -> Result<(), FilesError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if path.is_root() {
            return Err(FilesError::NotAFile);
        }
        let (files, scope, limits) = (self.clone(), permit.scope().clone(), permit.limits().of_volume());
        let target = path.clone();
        let limit_bytes = self.limit_bytes;
        let opened = blocking("open a file", move || {
            let volume = files.volume(&scope, limits)?;
            match AtEnd::open(volume, &files.open_root(&scope)?, &target, limit_bytes) {
                Ok(at_end) => Ok(Some(at_end)),
                Err(FilesError::NotFound) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let Some(mut at_end) = opened.await? else {
            self.write(permit, path, name, body).await?;
            return Ok(());
        };
        let mut body = std::pin::pin!(body);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| FilesError::BodyIncomplete(error.into()))?;
            self.store.admit()?;
            at_end = blocking("write a file", move || {
                at_end.add(&piece)?;
                Ok(at_end)
            })
            .await?;
        }
        Ok(())
    }
}

/// A file that grows within its tenant's quota.
struct AtEnd {
    file: File,
    /// While it lives, the file is counted as one that is open. After the file.
    open: OpenFile,
    volume: Volume,
    limit_bytes: u64,
}

impl AtEnd {
    /// Never waits: a guest may have put a pipe there.
    fn open(volume: Volume, root: &Dir, path: &TenantPath, limit_bytes: u64) -> Result<Self, FilesError> {
        let looked = root.metadata(path.relative()).map_err(|source| failed("look at a path", source))?;
        if !looked.is_file() {
            return Err(FilesError::NotAFile);
        }
        let mut options = OpenOptions::new();
        options.append(true).custom_flags(nonblocking());
        // From before it is opened until it is counted as open, nobody changes its length.
        let mut change = volume.change();
        let file =
            root.open_with(path.relative(), &options).map_err(|source| failed("open a file", source))?;
        let file = file.into_std();
        let metadata = file.metadata().map_err(|source| failed("look at a file", source))?;
        if !metadata.is_file() {
            return Err(FilesError::NotAFile);
        }
        let look = Look {
            inode: Inode::of(&metadata),
            kind: LookKind::File,
            bytes: metadata.len(),
            links: metadata.nlink(),
        };
        let open = change.opened(&look, look.bytes);
        drop(change);
        Ok(Self { file, open, volume, limit_bytes })
    }

    fn add(&mut self, piece: &[u8]) -> Result<(), FilesError> {
        let refused = |source| FilesError::Refused { attempt: "write a file", source };
        let mut change = self.volume.change();
        let length = change.length(&self.open);
        let growth = VolumeUsage { bytes: piece.len() as u64, entries: 0 };
        if length.saturating_add(growth.bytes) > self.limit_bytes {
            return Err(FilesError::TooLarge { limit_bytes: self.limit_bytes });
        }
        change.reserve(growth)?;
        let written = self.file.write_all(piece);
        let length = self.file.metadata().map_err(refused)?.len();
        change.resized(&self.open, length);
        written.map_err(refused)
    }
}
