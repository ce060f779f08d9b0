//! What can go wrong between a record and the disk.

use std::io;

/// A failure of the store. Says what was attempted; the source says why it failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the data directory.
    #[error("the data directory is in use by another process{}", owner.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The other process, when its lock file says so.
        owner: Option<u32>,
    },
    /// The data directory was written by a newer Cloister.
    #[error("the data directory has format {found}, and this version of Cloister reads up to {known}")]
    Newer {
        /// The directory's format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Something in the data directory is not what Cloister wrote.
    #[error("the data directory is damaged: {what} cannot be read")]
    Damaged {
        /// What is damaged.
        what: &'static str,
        /// How that showed, when something said so.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The disk is full, or nearly.
    #[error("the disk is nearly full: {available_bytes} bytes are left and {needed_bytes} are kept free")]
    DiskFull {
        /// Free space in bytes.
        available_bytes: u64,
        /// Head-room that is kept, in bytes.
        needed_bytes: u64,
    },
    /// A value is larger than a record may be.
    #[error("a record of {size_bytes} bytes is larger than the {limit_bytes} a record may have")]
    TooLarge {
        /// Its size in bytes.
        size_bytes: usize,
        /// The bound in bytes.
        limit_bytes: usize,
    },
    /// A value cannot be written as JSON.
    #[error("could not encode a record")]
    Encode(#[source] serde_json::Error),
    /// The file system refused.
    #[error("could not {attempt}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// sled refused.
    #[error("could not {attempt}")]
    Database {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: sled::Error,
    },
    /// An earlier write did not reach the disk; the store takes no more until it is opened again.
    #[error("the store has stopped after a failed write")]
    Failed,
    /// The work was cut short, because the host is stopping or the work panicked.
    #[error("the store's work was interrupted")]
    Interrupted,
}

impl StoreError {
    /// The stable name of the failure, for problems and for the terminal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "data_dir_in_use",
            Self::Newer { .. } => "data_dir_newer",
            Self::Damaged { .. } => "data_dir_damaged",
            Self::DiskFull { .. } => "disk_full",
            Self::TooLarge { .. } => "record_too_large",
            Self::Database { source: sled::Error::Corruption { .. }, .. } => "data_dir_damaged",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk_full",
            _ => "store_failed",
        }
    }

    /// Makes an [`StoreError::Io`] of an error of `std::io`.
    pub(super) fn io(attempt: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { attempt, source }
    }

    /// Makes a [`StoreError::Database`] of an error of sled.
    pub(super) fn database(attempt: &'static str) -> impl FnOnce(sled::Error) -> Self {
        move |source| Self::Database { attempt, source }
    }
}
