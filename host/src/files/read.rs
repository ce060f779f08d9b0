//! Reading files and listing directories.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use cap_std::fs::{Dir, DirEntry, Metadata, OpenOptions, OpenOptionsExt};
use jiff::Timestamp;

use super::{Files, FilesError, TenantPath, blocking};
use crate::auth::{Permit, act};

/// What is at a path.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File {
        /// Opened for reading.
        file: File,
        /// Its size in bytes when it was opened.
        size_bytes: u64,
    },
    /// A directory.
    Directory(Listing),
}

/// A page of a directory, by name.
#[derive(Debug)]
pub struct Listing {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The last name of this page, when more follow.
    pub next: Option<String>,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// `file`, `directory`, `symlink` or `other`.
    pub kind: &'static str,
    /// Its size in bytes; 0 for anything but a file.
    pub size_bytes: u64,
    /// When it was last written.
    pub modified_at: Timestamp,
}

impl Files {
    /// Opens the file or lists the directory at a path; of a directory, `limit` entries behind the name `after`.
    ///
    /// # Errors
    /// When nothing is there, or something that is neither.
    pub async fn read(
        &self,
        permit: &Permit<act::FileRead>,
        path: TenantPath,
        after: Option<String>,
        limit: usize,
    ) -> Result<Found, FilesError> {
        let (files, scope) = (self.clone(), permit.scope().clone());
        blocking("read a file", move || {
            let root = files.open_root(&scope)?;
            let metadata =
                root.metadata(path.relative()).map_err(|source| failed("look at a path", source))?;
            if metadata.is_dir() {
                let dir =
                    root.open_dir(path.relative()).map_err(|source| failed("open a directory", source))?;
                return list(&dir, after.as_deref(), limit).map(Found::Directory);
            }
            open(&root, &path, &metadata)
        })
        .await
    }
}

/// Never waits: a guest may have put a pipe there, also between the look and the opening.
fn open(root: &Dir, path: &TenantPath, looked: &Metadata) -> Result<Found, FilesError> {
    if !looked.is_file() {
        return Err(FilesError::NotAFile);
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(nonblocking());
    let file = root.open_with(path.relative(), &options).map_err(|source| failed("open a file", source))?;
    let metadata = file.metadata().map_err(|source| failed("look at a file", source))?;
    if !metadata.is_file() {
        return Err(FilesError::NotAFile);
    }
    Ok(Found::File { file: file.into_std(), size_bytes: metadata.len() })
}

pub(super) fn nonblocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}

/// Goes through the whole directory, and holds one page of it.
fn list(dir: &Dir, after: Option<&str>, limit: usize) -> Result<Listing, FilesError> {
    let mut page: BTreeMap<String, DirEntry> = BTreeMap::new();
    for entry in dir.entries().map_err(|source| failed("list a directory", source))? {
        let entry = entry.map_err(|source| failed("list a directory", source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if after.is_some_and(|after| name.as_str() <= after) {
            continue;
        }
        page.insert(name, entry);
        if page.len() > limit + 1 {
            page.pop_last();
        }
    }
    let more = page.len() > limit;
    if more {
        page.pop_last();
    }
    let next = if more { page.keys().next_back().cloned() } else { None };
    // What disappears meanwhile is left out.
    let entries =
        page.into_iter().filter_map(|(name, entry)| describe(name, &entry.metadata().ok()?)).collect();
    Ok(Listing { entries, next })
}

/// Describes an entry; none when its times are beyond what a timestamp can hold.
pub(super) fn describe(name: String, metadata: &Metadata) -> Option<Entry> {
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => "directory",
        kind if kind.is_file() => "file",
        kind if kind.is_symlink() => "symlink",
        _ => "other",
    };
    let modified_at = Timestamp::try_from(metadata.modified().ok()?.into_std()).ok()?;
    let size_bytes = if metadata.is_file() { metadata.len() } else { 0 };
    Some(Entry { name, kind, size_bytes, modified_at })
}

/// What the file system says, in the tenant's words.
pub(super) fn failed(attempt: &'static str, source: io::Error) -> FilesError {
    use io::ErrorKind as Kind;
    match source.kind() {
        Kind::NotFound => FilesError::NotFound,
        Kind::NotADirectory => FilesError::NotADirectory,
        Kind::IsADirectory => FilesError::NotAFile,
        Kind::AlreadyExists => FilesError::Exists,
        // cap-std's word for a path, or a link on it, that leads outside.
        Kind::PermissionDenied => FilesError::PathInvalid("it leads outside the tenant's directory"),
        Kind::InvalidInput | Kind::InvalidFilename => {
            FilesError::PathInvalid("the file system cannot hold it")
        }
        _ if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            FilesError::PathInvalid("it goes through too many links")
        }
        _ => FilesError::Refused { attempt, source },
    }
}
