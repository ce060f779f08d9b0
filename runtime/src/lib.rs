//! Runs one WASI guest safely.
//!
//! [`inspect`] says what a binary is, [`Runtime::prepare`] compiles and links it, and [`Runtime::start`] is the single
//! entry to a guest: WASI preview 1 commands and WASI 0.2 and 0.3 components alike. This crate knows wasmtime and
//! what guests speak, and no API, store, token or tenant record.

mod budget;
mod bulk;
mod cache;
mod clearing;
mod coarse_clock;
mod compile;
mod control;
mod engine;
mod filesystem;
mod grant;
mod help;
mod http;
mod limits;
mod linker;
mod module;
mod network;
mod outcome;
mod prepared;
mod run;
mod runtime;
mod sandbox;
mod scheduler;
mod sleep;
mod stdin_pipe;
mod stdio;
mod tenant;
mod ticker;
mod trusted_code;

pub use budget::{Budget, BudgetLimits, BudgetUse, Exhausted, Reservation, Resource};
pub use bytes::Bytes;
pub use cache::{CacheConfig, CacheStats, ModuleSource};
pub use compile::{CompileLimits, Compiler, compile_worker};
pub use engine::{Allocation, Metering, engine_config};
pub use filesystem::{
    Change, Held, Inode, Look, LookKind, OpenFile, Volume, VolumeFull, VolumeLimits, VolumeUsage, WalkEnded,
    look_at, remove_tree, walk,
};
pub use grant::{Access, DirectoryGrant, Grant, HostDirectory, NetworkGrant};
pub use help::{HELP_SECTION, MAX_HELP_BYTES, help_text};
pub use http::{HttpAnswer, HttpBody, InvalidAuthorities, InvalidHeader, SecretHeader, Trust};
pub use limits::Limits;
pub use module::{
    EntryPoint, ModuleBounds, ModuleError, ModuleInfo, ModuleKind, WasiVersion, inspect, inspect_for,
};
pub use network::{
    AddressRange, Egress, EgressRule, Host, HostPattern, InvalidHost, InvalidRange, Resolve, Resolving,
    SystemResolver,
};
pub use outcome::{Outcome, Report, RunError, Usage};
pub use prepared::Prepared;
pub use run::{Canceller, Run};
pub use runtime::{Runtime, RuntimeConfig, RuntimeStats};
pub use scheduler::{CpuShare, SchedulerStats, Share, WAIT_BOUNDS_US, Waits};
pub use stdin_pipe::{ReaderGone, STDIN_PIPE_BYTES, StdinPipe};
pub use stdio::{MAX_WRITE_BYTES, OutputSink, OutputStreamKind, StdinSource};
pub use tenant::{Admission, RunPlace, Tenant, TenantLimits};
