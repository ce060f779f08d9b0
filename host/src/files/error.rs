//! Why a file was not read or written.

use std::io;

use crate::store::StoreError;

/// A refusal, or a failure on the way.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The path cannot name a file of the tenant.
    #[error("the path is not valid: {0}")]
    PathInvalid(&'static str),
    /// Nothing is there.
    #[error("there is no such file or directory")]
    NotFound,
    /// Something other than a regular file is there.
    #[error("the path is not a regular file")]
    NotAFile,
    /// Something other than a directory is there, or above it.
    #[error("the path is not a directory")]
    NotADirectory,
    /// Something is there already.
    #[error("there is something at this path already")]
    Exists,
    /// The file is larger than allowed.
    #[error("the file is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The bound in bytes.
        limit_bytes: u64,
    },
    /// The tenant's directory may not hold as much.
    #[error("the tenant's directory is full: its plan allows no more bytes or no more files")]
    StorageFull,
    /// The body ended early.
    #[error("the body ended early or came too slowly")]
    BodyIncomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file system refused what the tenant asked for.
    #[error("the file system refused to {attempt}")]
    Refused {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A worker failed.
    #[error("could not {0}")]
    Internal(&'static str),
}

impl From<cloister_runtime::VolumeFull> for FilesError {
    fn from(_: cloister_runtime::VolumeFull) -> Self {
        Self::StorageFull
    }
}

impl FilesError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::PathInvalid(_) => "path_invalid",
            Self::NotFound => "file_not_found",
            Self::NotAFile => "not_a_file",
            Self::NotADirectory => "not_a_directory",
            Self::Exists => "file_exists",
            Self::TooLarge { .. } => "file_too_large",
            Self::StorageFull => "storage_full",
            Self::BodyIncomplete(_) => "body_incomplete",
            Self::Refused { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk_full",
            Self::Refused { .. } => "file_refused",
            Self::Store(error) => error.code(),
            Self::Internal(_) => "internal",
        }
    }
}
