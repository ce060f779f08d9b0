//! Why a module or a command was not taken.

use crate::ids::CommandName;
use crate::store::StoreError;

/// A refusal, or a failure on the way.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No such module in this tenant.
    #[error("there is no such module")]
    ModuleNotFound,
    /// A command runs the module.
    #[error("the command `{0}` runs the module")]
    ModuleInUse(CommandName),
    /// The upload is larger than the plan allows.
    #[error("the module is larger than {limit_bytes} bytes")]
    ModuleTooLarge {
        /// The plan's bound in bytes.
        limit_bytes: u64,
    },
    /// Nothing was uploaded.
    #[error("the body is empty")]
    ModuleEmpty,
    /// The module cannot be used.
    #[error("{message}")]
    ModuleRefused {
        /// The stable name of the reason.
        code: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The plan's number of modules is reached.
    #[error("the tenant has {limit} modules")]
    TooManyModules {
        /// The plan's bound.
        limit: usize,
    },
    /// Too many modules of the tenant wait for their turn to be compiled.
    #[error("{0} modules of the tenant are being compiled or wait for it")]
    TooManyUploads(usize),
    /// The body ended early.
    #[error("the body ended early or came too slowly")]
    BodyIncomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No such command in this tenant.
    #[error("there is no such command")]
    DeploymentNotFound,
    /// The command has no such version, or forgot it.
    #[error("the command has no version {0}")]
    VersionNotFound(u32),
    /// A limit is above the plan's.
    #[error("`limits.{limit}` is {asked} and the plan allows {most}")]
    LimitAbovePlan {
        /// Which.
        limit: &'static str,
        /// What was asked for.
        asked: u64,
        /// What the plan allows.
        most: u64,
    },
    /// A limit is zero.
    #[error("`limits.{0}` must be at least 1")]
    LimitZero(&'static str),
    /// A grant is not valid.
    #[error("{0}")]
    GrantInvalid(String),
    /// A text is too long.
    #[error("`{field}` is longer than {limit_bytes} bytes")]
    TextTooLong {
        /// Which.
        field: &'static str,
        /// The bound in bytes.
        limit_bytes: usize,
    },
    /// The plan's number of commands is reached.
    #[error("the tenant has {limit} commands")]
    TooManyDeployments {
        /// The plan's bound.
        limit: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system failed.
    #[error("could not {attempt}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A worker failed.
    #[error("could not {0}")]
    Internal(&'static str),
}

impl RegistryError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ModuleNotFound => "module_not_found",
            Self::ModuleInUse(_) => "module_in_use",
            Self::ModuleTooLarge { .. } => "module_too_large",
            Self::ModuleEmpty => "module_empty",
            Self::ModuleRefused { code, .. } => code,
            Self::TooManyModules { .. } => "too_many_modules",
            Self::TooManyUploads(_) => "too_many_uploads",
            Self::BodyIncomplete(_) => "body_incomplete",
            Self::DeploymentNotFound => "deployment_not_found",
            Self::VersionNotFound(_) => "version_not_found",
            Self::LimitAbovePlan { .. } => "limit_above_plan",
            Self::LimitZero(_) | Self::TextTooLong { .. } => "invalid_value",
            Self::GrantInvalid(_) => "grant_invalid",
            Self::TooManyDeployments { .. } => "too_many_deployments",
            Self::Store(error) => error.code(),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => "disk_full",
            Self::Io { .. } | Self::Internal(_) => "internal",
        }
    }

    /// Makes a [`RegistryError::Io`] of an error of `std::io`.
    pub(super) fn io(attempt: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { attempt, source }
    }
}
