//! Why a run cannot be started, found or fed.

use cloister_runtime::{Exhausted, ModuleError};

use crate::audit::AuditError;
use crate::files::FilesError;
use crate::logs::LogError;
use crate::masking::MaskingError;
use crate::quota::QuotaError;
use crate::registry::RegistryError;
use crate::secrets::SecretsError;
use crate::store::StoreError;

/// A failure to do something with a run. How a guest ended is no failure.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No deployment has this name.
    #[error("there is no command `{0}`")]
    CommandNotFound(String),
    /// No run of the tenant has this id.
    #[error("there is no such run")]
    RunNotFound,
    /// The run is over.
    #[error("the run has ended")]
    RunAlreadyEnded,
    /// The run is not over.
    #[error("the run has not ended")]
    RunNotEnded,
    /// The request to run something is not valid.
    #[error("{0}")]
    Invalid(String),
    /// The plan's bound on concurrent runs is reached.
    #[error("{} runs are active, which is all that the plan allows", .0.used)]
    TooManyRuns(Exhausted),
    /// The tenant's runs hold all the memory that the plan allows them together.
    #[error("the active runs use {} of {} bytes of memory that the plan allows them together", .0.used, .0.limit)]
    TenantMemory(Exhausted),
    /// The tenant is suspended or being taken down.
    #[error("the tenant starts no runs at present")]
    TenantClosed,
    /// Every slot of the engine is taken.
    #[error("all slots for runs are taken")]
    Busy,
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
    /// Bytes for standard input that leave a hole.
    #[error("the next byte of standard input is {expected}, and these begin at {offset}")]
    StdinGap {
        /// Bytes taken so far.
        expected: u64,
        /// Where the request's bytes begin.
        offset: u64,
    },
    /// The run's standard input was given when it was started.
    #[error("the run was not started with `stdin: stream`")]
    StdinNotStreamed,
    /// The request's body broke off.
    #[error("the body ended early")]
    BodyIncomplete,
    /// The module cannot be loaded.
    #[error("the module of the command cannot be loaded")]
    Module(#[source] ModuleError),
    /// It starts below the top of the tenant's directory, where an absolute path would mean another file.
    #[error("`{path}`: a command that starts in {cwd} sees only what is below it")]
    AbsolutePath {
        /// The argument.
        path: String,
        /// Where it starts.
        cwd: String,
    },
    /// A part that runs stand on failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Limits or variables are not valid.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A granted secret cannot be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A granted directory cannot be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There were too many runs.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// What is masked cannot be read.
    #[error(transparent)]
    Masking(#[from] MaskingError),
    /// That it starts cannot be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl CommandError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CommandNotFound(_) => "command_not_found",
            Self::RunNotFound => "run_not_found",
            Self::RunAlreadyEnded => "run_already_ended",
            Self::RunNotEnded => "run_not_ended",
            Self::Invalid(_) => "invalid_value",
            Self::AbsolutePath { .. } => "absolute_path",
            Self::TooManyRuns(_) => "too_many_runs",
            Self::TenantMemory(_) => "tenant_memory_used_up",
            Self::TenantClosed => "tenant_suspended",
            Self::Busy => "busy",
            Self::Stopping => "not_ready",
            Self::StdinGap { .. } => "stdin_gap",
            Self::StdinNotStreamed => "stdin_not_streamed",
            Self::BodyIncomplete => "body_incomplete",
            Self::Module(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Registry(error) => error.code(),
            Self::Secrets(error) => error.code(),
            Self::Files(error) => error.code(),
            Self::Log(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Quota(error) => error.code(),
            Self::Masking(error) => error.code(),
        }
    }
}
