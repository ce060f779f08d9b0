//! Why a tenant was not stopped, taken down or moved.

use crate::commands::CommandError;
use crate::files::FilesError;
use crate::logs::LogError;
use crate::registry::RegistryError;
use crate::store::StoreError;
use crate::tenancy::TenancyError;

/// A refusal, or a failure on the way.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// Some of the tenant's runs did not end in time.
    #[error("some of the tenant's runs have not ended yet")]
    RunsLeft,
    /// As many archives as may be are on their way.
    #[error("as many archives as may be are on their way")]
    Busy,
    /// The archive is not one of a tenant, or was changed.
    #[error("the archive cannot be used: {0}")]
    ArchiveInvalid(String),
    /// The archive is larger than this host takes.
    #[error("the archive holds more than {limit_bytes} bytes")]
    ArchiveTooLarge {
        /// The bound in bytes.
        limit_bytes: u64,
    },
    /// The archive ended early on its way.
    #[error("the body ended early or came too slowly")]
    BodyIncomplete,
    /// A file of the host's own cannot be written or read.
    #[error("could not {attempt}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The tenant's records refused.
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    /// The tenant's modules or deployments refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The tenant's files refused.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The log refused.
    #[error(transparent)]
    Logs(#[from] LogError),
    /// Runs refused.
    #[error(transparent)]
    Commands(#[from] CommandError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A worker failed.
    #[error("could not {0}")]
    Internal(&'static str),
}

impl LifecycleError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RunsLeft | Self::Busy => "busy",
            Self::ArchiveInvalid(_) => "archive_invalid",
            Self::ArchiveTooLarge { .. } => "archive_too_large",
            Self::BodyIncomplete => "body_incomplete",
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => "disk_full",
            Self::Io { .. } | Self::Internal(_) => "internal",
            Self::Tenancy(error) => error.code(),
            Self::Registry(error) => error.code(),
            Self::Files(error) => error.code(),
            Self::Logs(error) => error.code(),
            Self::Commands(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Makes a [`LifecycleError::Io`] of an error of `std::io`.
    pub(super) fn io(attempt: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { attempt, source }
    }
}
