//! How a tenant is stopped, taken down and moved: what reaches everything that a tenant has.
//!
//! Records of tenants are changed in `tenancy`; here their runs are ended, and their modules, lines and files go.

mod archive;
mod check;
mod clean;
mod erase;
mod error;
mod export;
mod import;
mod retention;
mod status;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::config::TenancyConfig;
use crate::files::Files;
use crate::logs::LogWriter;
use crate::registry::Registry;
use crate::store::Store;
use crate::tenancy::Tenancy;

pub use error::LifecycleError;
pub use export::ArchiveStream;
pub use import::ImportAs;

/// The parts that a tenant's life depends on. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    /// Records.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Who acts.
    pub auth: Auth,
    /// Tenants and members.
    pub tenancy: Tenancy,
    /// Modules and deployments.
    pub registry: Registry,
    /// Tenants' files.
    pub files: Files,
    /// The log.
    pub logs: LogWriter,
    /// Runs.
    pub commands: Commands,
    /// Settings.
    pub config: TenancyConfig,
    /// Archives that are written or read at once; each takes a thread. See [`transfers`].
    pub transfers: Arc<Semaphore>,
}

/// Archives that are written or read at once.
const MAX_TRANSFERS: usize = 4;

/// Turns for archives.
#[must_use]
pub fn transfers() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_TRANSFERS))
}
