//! How a run ended, and what it used.

use std::time::Duration;

/// How a run ended. What a guest may see as an errno is not here; neither is a fault of the host ([`RunError`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returned or called `exit`.
    Exited(u8),
    /// It broke a rule of WebAssembly or aborted; with the cause, in words for its author.
    Trapped(String),
    /// Its fuel was used up.
    OutOfFuel,
    /// Its CPU time was used up.
    OutOfCpuTime,
    /// Its wall time was over.
    TimedOut,
    /// It was refused memory and ended because of it, or could not start with the memory it declares.
    OutOfMemory,
    /// It was refused memory because all runs of its tenant together had used up the tenant's budget.
    TenantOutOfMemory,
    /// It wrote more than it may.
    OutputLimit,
    /// Someone ended it.
    Cancelled,
}

impl Outcome {
    /// The stable name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Trapped(_) => "trapped",
            Self::OutOfFuel => "out_of_fuel",
            Self::OutOfCpuTime => "out_of_cpu_time",
            Self::TimedOut => "timed_out",
            Self::OutOfMemory => "out_of_memory",
            Self::TenantOutOfMemory => "tenant_out_of_memory",
            Self::OutputLimit => "output_limit",
            Self::Cancelled => "cancelled",
        }
    }

    /// What a shell would see: the guest's own code, or 124 timed out, 130 cancelled, 134 trapped, 137 over a limit.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exited(code) => *code,
            Self::Trapped(_) => 134,
            Self::TimedOut => 124,
            Self::Cancelled => 130,
            Self::OutOfFuel
            | Self::OutOfCpuTime
            | Self::OutOfMemory
            | Self::TenantOutOfMemory
            | Self::OutputLimit => 137,
        }
    }

    /// A sentence for a person; `None` when the guest simply exited.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        Some(match self {
            Self::Exited(_) => return None,
            Self::Trapped(cause) => format!("the guest trapped: {cause}"),
            Self::OutOfFuel => "the guest used up its fuel".to_owned(),
            Self::OutOfCpuTime => "the guest used up its CPU time".to_owned(),
            Self::TimedOut => "the guest ran longer than its wall-time limit".to_owned(),
            Self::OutOfMemory => "the guest needed more memory than its limit".to_owned(),
            Self::TenantOutOfMemory => {
                "the guest needed more memory than the tenant's budget had left beside its other runs"
                    .to_owned()
            }
            Self::OutputLimit => "the guest wrote more output than its limit".to_owned(),
            Self::Cancelled => "the run was cancelled".to_owned(),
        })
    }
}

/// What a run used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Fuel units; `None` when not counted.
    pub fuel: Option<u64>,
    /// CPU time, summed over the slices it actually ran.
    pub cpu: Duration,
    /// Wall time, from acceptance to the end.
    pub wall: Duration,
    /// Highest sum of all memories and tables, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes read from standard input.
    pub stdin_bytes: u64,
    /// Bytes written to standard output.
    pub stdout_bytes: u64,
    /// Bytes written to standard error.
    pub stderr_bytes: u64,
}

/// A run that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
}

/// A fault of the host, not of the guest.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Every instance slot is taken.
    #[error("no free instance slot")]
    Busy(#[source] wasmtime::Error),
    /// A granted directory could not be opened.
    #[error("cannot open the directory granted as `{guest}`")]
    Directory {
        /// Where the guest would have seen it.
        guest: String,
        /// Why.
        #[source]
        source: wasmtime::Error,
    },
    /// The engine could not set the run up.
    #[error("cannot set up the run")]
    Setup(#[source] wasmtime::Error),
    /// The sandbox threads are gone: the host is stopping.
    #[error("the host is stopping")]
    Stopping,
}
